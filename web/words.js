// words.js -- the closed lists of the wire, and how values are read aloud.

export const STATES =
	["queued", "running", "paused", "completed", "error", "canceled"];
export const LIVE = ["queued", "running", "paused"];
export const ENDS = ["completed", "error", "canceled"];
export const isFinal = (state) => ENDS.includes(state);

export const VERBS = {
	pause: { name: "Pause", done: "paused" },
	resume: { name: "Resume", done: "resumed" },
	restart: { name: "Restart", done: "restarted" },
	cancel: { name: "Cancel", done: "canceled" },
	remove: { name: "Remove", done: "removed" },
};

// What a state offers: the rest would be refused or change nothing.
export const OFFERED = {
	queued: ["pause", "cancel"],
	running: ["pause", "cancel"],
	paused: ["resume", "cancel"],
	completed: ["restart", "remove"],
	error: ["restart", "remove"],
	canceled: ["restart", "remove"],
};

export const nameOf = (job) => job.title || job.id;
export const shortId = (id) => (id.length === 36 ? `…${id.slice(-12)}` : id);

const pad = (n, digits = 2) => String(n).padStart(digits, "0");

export function clock(time) {
	const t = new Date(time);
	return `${pad(t.getHours())}:${pad(t.getMinutes())}:${pad(t.getSeconds())}`;
}

export const clockMs = (time) =>
	`${clock(time)}.${pad(new Date(time).getMilliseconds(), 3)}`;

// A moment of another day says which.
export function moment(time) {
	const t = new Date(time);
	if (t.toDateString() === new Date().toDateString())
		return clock(t);
	return `${t.getFullYear()}-${pad(t.getMonth() + 1)}-${pad(t.getDate())} ` +
		clock(t);
}

export function duration(ms) {
	const s = Math.max(0, Math.round(ms / 1000));
	if (s < 60)
		return `${s} s`;
	if (s < 3600)
		return `${Math.floor(s / 60)} min ${pad(s % 60)} s`;
	if (s < 172800)
		return `${Math.floor(s / 3600)} h ${pad(Math.floor(s % 3600 / 60))} min`;
	return `${Math.floor(s / 86400)} days`;
}

export function span(ms) {
	return ms < 10000 ? `${(Math.max(0, ms) / 1000).toFixed(2)} s` : duration(ms);
}

// Rounded down: 100 % is for what is done.
export const percent = (progress) => `${Math.floor(progress * 100)} %`;

export const count = (n) => n.toLocaleString("en-US");
export const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;

// Not randomUUID: that is for secure contexts only.
export const randomName = () =>
	[...crypto.getRandomValues(new Uint8Array(16))]
		.map((byte) => byte.toString(16).padStart(2, "0")).join("");
