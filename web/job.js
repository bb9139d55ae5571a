// job.js -- the page of one job: what it is now, what became of it until
// now, and the same for a terminal.

import { Refusal, call, get, jobPath, key, keyHeaders, refusalOf } from "./api.js";
import { $, h, icon, s, setAttr, setHidden, setIcon, setText } from "./dom.js";
import { changes, clearRefusal, give, showRefusal } from "./form.js";
import { announce, complain } from "./say.js";
import { stepWords, timeWords, updateVerbs, verbPlaces } from "./table.js";
import { LIVE, clockMs, isFinal, moment, nameOf, percent, span } from "./words.js";

const HISTORY_STEP = 500;
const HISTORY_MAX = 5000;
const AGAIN_MS = 2000;
const NARROWEST = 5;		// of 1000: a moment on the strip

const words = (code) => (code ?? "").replaceAll("_", " ");

const SENTENCES = {
	submitted: () => "submitted",
	started: (e) => `started, attempt ${e.attempt}`,
	stage: (e) => words(e.detail),
	paused: (e) => `paused at ${percent(e.progress)}`,
	resumed: () => "resumed: back in the queue",
	canceled: (e) => `canceled at ${percent(e.progress)}`,
	completed: () => "completed",
	failed: (e) => `failed at ${percent(e.progress)}: ${words(e.detail)}`,
	requeued: (e) => `queued again at ${percent(e.progress)}` +
		(e.detail ? `: ${words(e.detail)}` : ""),
	restarted: (e) => `restarted as attempt ${e.attempt}`,
	changed: (e) => `changed: ${words(e.detail)}`,
};

const sentence = (e) => SENTENCES[e.kind]?.(e) ?? e.kind;

// An event bears the mark of what it brought.
const GLYPHS = { submitted: "queued", started: "running", paused: "paused",
	resumed: "queued", canceled: "canceled", completed: "completed",
	failed: "error", requeued: "queued", restarted: "queued" };

// The stretches between events: { from, to, state, stage }.
function stretches(events, end) {
	const spans = [];
	let state = "queued";
	let stage = null;
	events.forEach((e, i) => {
		state = e.to ?? state;
		if (e.kind === "stage")
			stage = e.detail;
		else if (e.kind !== "changed")
			stage = e.kind === "started" ? stage : null;
		const to = events[i + 1] ? Date.parse(events[i + 1].at) : end;
		spans.push({ from: Date.parse(e.at), to, state, stage });
	});
	return spans;
}

export class JobPage {
	id = null;
	job = null;
	#events = [];
	#drawn = 0;
	#loading = false;
	#again = false;
	#epoch = 0;		// grows when what is known counts no more
	#root; #form; #rows; #parts = {};

	// act(verb, job); changed(job): it was edited here
	constructor(root, form, act, changed) {
		this.#root = root;
		this.#form = form;
		this.#furnish(act);
		form.addEventListener("submit", (event) => {
			event.preventDefault();
			this.#save(changed);
		});
	}

	#furnish(act) {
		const p = this.#parts;
		p.title = $("#job-title");
		p.missing = $("#job-missing");
		p.body = $("#job-body");
		p.icon = icon("queued");
		p.word = h("span");
		p.verbs = verbPlaces(true);
		p.bar = h("progress", { max: "1" });
		p.part = h("span", { class: "percent" });
		p.step = h("span", { class: "step" });
		p.time = h("span");
		p.clock = h("span", { class: "sub" });
		p.error = $("#job-error");
		p.edit = $("#edit");
		$("#job-now").append(
			h("div", { class: "now-line" },
				h("span", { class: "state" }, p.icon, p.word), p.step,
				h("span", { class: "now-time" }, p.time, p.clock)),
			h("div", { class: "bar" }, p.bar, p.part),
			h("div", { class: "verbs" }, ...p.verbs));
		this.#root.addEventListener("click", (event) => {
			const button = event.target.closest("button[data-verb]");
			if (button)
				act(button.dataset.verb, this.job);
		});
		$("#job-copy").addEventListener("click", () => this.#copy());
		$("#job-facts").addEventListener("click", (event) => {
			if (event.target.closest("a.result") && key.get()) {
				event.preventDefault();
				this.#fetchResult();
			}
		});
	}

	// --- loading ------------------------------------------------------

	open(id) {
		this.id = id;
		this.job = null;
		this.#name("Loading…");
		setHidden(this.#parts.missing, true);
		setHidden(this.#parts.body, true);
		setHidden(this.#parts.edit, true);
		for (const control of this.#form.elements)
			delete control.dataset.given;
		this.#form.reset();
		clearRefusal(this.#form);
		this.#begin();
		return this.load();
	}

	#begin() {
		this.#epoch++;
		this.#events = [];
		this.#drawn = 0;
		$("#job-history").replaceChildren();
	}

	close() {
		this.id = null;
		this.#epoch++;
	}

	#name(text) {
		setText(this.#parts.title, text);
		document.title = `${text} · heygend`;
	}

	// One load at a time; what is asked for meanwhile is loaded after it.
	async load() {
		if (this.#loading) {
			this.#again = true;
			return;
		}
		this.#loading = true;
		do {
			this.#again = false;
			await this.#loadOnce(this.id, this.#epoch);
		} while (this.#again && this.id !== null);
		this.#loading = false;
	}

	async #loadOnce(id, epoch) {
		try {
			const job = await get(jobPath(id));
			const events = await this.#history(id);
			if (epoch !== this.#epoch)
				return;
			this.#events.push(...events);
			this.apply(job);
		} catch (error) {
			if (epoch === this.#epoch)
				this.#miss(error, epoch);
		}
	}

	async #history(id) {
		const got = [];
		let after = this.#events.at(-1)?.seq ?? 0;
		for (;;) {
			const { events } = await get(`${jobPath(id)}/events` +
				`?after=${after}&limit=${HISTORY_STEP}`);
			got.push(...events);
			if (events.length < HISTORY_STEP || got.length >= HISTORY_MAX)
				return got;
			after = events.at(-1).seq;
		}
	}

	#miss(error, epoch) {
		const gone = error instanceof Refusal &&
			(error.status === 404 || error.status === 410);
		if (!gone)
			setTimeout(() => epoch === this.#epoch && this.load(), AGAIN_MS);
		if (this.job && !gone) {
			complain(`Job ${nameOf(this.job)}`, error);
			return;
		}
		const { state, finished_at: at } = error.problem ?? {};
		this.#name(gone ? "No such job" : "Not loaded");
		setText(this.#parts.missing, error.message +
			(state && at ? ` It was ${state} at ${moment(at)}.` : ""));
		setHidden(this.#parts.missing, false);
		setHidden(this.#parts.body, true);
		setHidden(this.#parts.edit, true);
	}

	// --- showing ------------------------------------------------------

	apply(job) {
		if (job.id !== this.id)
			return;
		const before = this.job;
		if (before && job.submitted_at !== before.submitted_at) {
			this.#begin();	// another store gave the id another life
			this.load();
		} else if (before && job.version < before.version &&
		    job.updated_at <= before.updated_at) {
			return;
		}
		job.heard = performance.now();
		this.job = job;
		setHidden(this.#parts.missing, true);
		setHidden(this.#parts.body, false);
		setHidden(this.#parts.edit, false);
		this.#showNow(job);
		this.#showError(job);
		this.#showFacts(job);
		this.#showHistory();
		give(this.#form, job);
		if (before && before.state !== job.state)
			announce(`${nameOf(job)} is ${job.state}`);
	}

	#showNow(job) {
		const p = this.#parts;
		this.#name(nameOf(job));
		setAttr($("#job-now"), "data-state", job.state);
		setIcon(p.icon, job.state);
		setText(p.word, job.state);
		p.bar.value = job.progress;
		setAttr(p.bar, "aria-label", `Progress of ${nameOf(job)}`);
		setText(p.part, percent(job.progress));
		const focused = p.verbs.includes(document.activeElement)
			? document.activeElement : null;
		updateVerbs(p.verbs, job);
		if (focused?.hidden)
			p.title.focus();
		const auth = key.get() ? ' -H "X-Api-Key: $KEY"' : "";
		setText($("#job-curl"),
			`curl -s${auth} ${location.origin}${jobPath(job.id)}`);
		this.tick();
	}

	#showError(job) {
		const { error: box } = this.#parts;
		const error = job.error ?? job.last_error;
		setHidden(box, !error);
		if (!error)
			return;
		setAttr(box, "data-past", !job.error);
		setText($("h3", box), job.error ? `Ended: ${words(error.code)}`
			: `Attempt ${error.attempt} failed: ${words(error.code)}`);
		setText($("p", box), error.message);
	}

	#showFacts(job) {
		const link = (url, name, text) => (/^https?:\/\//i.test(url ?? "")
			? h("a", { href: url, class: name, rel: "noreferrer noopener",
				target: "_blank" }, text ?? url)
			: url);
		const at = (time) => (time ? moment(time) : null);
		const facts = {
			"Id": job.id,
			"Result": job.result_url &&
				link(job.result_url, "result", "translated video"),
			"Source": link(job.source_url, "source"),
			"Languages": job.source_language || job.output_language
				? `${job.source_language ?? "detected"} to ` +
					`${job.output_language ?? "unsaid"}` : null,
			"Tags": job.tags?.join(" "),
			"Priority": job.priority_name
				? `${job.priority_name} (${job.priority})` : job.priority,
			"On error": job.on_error === "restart"
				? `restart, up to ${job.max_attempts} attempts` : "stop",
			"Attempt": job.attempt,
			"Submitted": at(job.submitted_at),
			"Not before": at(job.not_before),
			"Started": at(job.started_at),
			"Finished": at(job.finished_at),
			"Removed": at(job.expires_at) ??
				(job.ttl_s === -1 ? "never by itself" : null),
			"Simulation": job.simulate && Object.entries(job.simulate)
				.map(([name, value]) => `${name} ${value}`).join(", "),
			"Version": job.version,
		};
		this.#fillFacts(facts);
	}

	// Made anew only when a fact has changed, or a link would lose the focus.
	#fillFacts(facts) {
		const there = Object.entries(facts)
			.filter(([, fact]) => fact !== null && fact !== undefined && fact !== "");
		const text = there.map(([name, fact]) =>
			`${name}\t${fact.href ?? fact}`).join("\n");
		if (text === this.#rows)
			return;
		this.#rows = text;
		$("#job-facts").replaceChildren(...there.map(([name, fact]) =>
			h("div", null, h("dt", null, name), h("dd", null, fact))));
	}

	#showHistory() {
		const list = $("#job-history");
		for (; this.#drawn < this.#events.length; this.#drawn++) {
			const e = this.#events[this.#drawn];
			const before = this.#events[this.#drawn - 1];
			const delta = before
				? `+${span(Date.parse(e.at) - Date.parse(before.at))}` : "";
			list.append(h("li", { class: e.kind === "stage" ? "stage" : "",
				"data-kind": e.kind },
				icon(GLYPHS[e.kind] ?? "dot"),
				h("span", { class: "what" }, sentence(e)),
				h("time", { datetime: e.at }, clockMs(e.at)),
				h("span", { class: "delta" }, delta)));
		}
		this.#showStrip();
	}

	// The whole life to scale; a finished job's rest before a restart is not
	// work and takes no room.
	#showStrip() {
		const strip = $("#job-strip");
		const { job } = this;
		if (!job || this.#events.length === 0)
			return;
		const now = Date.parse(this.#events.at(-1).at) +
			(isFinal(job.state) ? 0 : this.#sinceLast());
		const spans = stretches(this.#events, now)
			.filter((part) => !isFinal(part.state));
		const whole = spans.reduce((sum, p) => sum + p.to - p.from, 0) || 1;
		const room = 1000 - NARROWEST * spans.length;
		while (strip.childElementCount > spans.length)
			strip.lastChild.remove();
		while (strip.childElementCount < spans.length)
			strip.append(s("rect", { y: 0, height: 20 }));
		let x = 0;
		spans.forEach((part, i) => {
			const width = NARROWEST + Math.max(0, room) *
				(part.to - part.from) / whole;
			const rect = strip.children[i];
			setAttr(rect, "x", x.toFixed(1));
			setAttr(rect, "width", Math.max(1, width - 1.5).toFixed(1));
			setAttr(rect, "class", `fill-${part.state}`);
			x += width;
		});
		const sums = LIVE.map((state) => [state, spans.reduce((sum, p) =>
			sum + (p.state === state ? p.to - p.from : 0), 0)])
			.filter(([, ms]) => ms > 0)
			.map(([state, ms]) => `${span(ms)} ${state}`).join(", ");
		setText($("#job-sums"), sums);
		setAttr(strip, "aria-label", `Its life to scale: ${sums}`);
	}

	#sinceLast() {
		return Math.max(0, Date.now() - Date.parse(this.#events.at(-1).at));
	}

	tick() {
		if (!this.job)
			return;
		const [time, at] = timeWords(this.job);
		setText(this.#parts.time, time);
		setText(this.#parts.clock, at);
		setText(this.#parts.step, stepWords(this.job));
		this.#showStrip();
	}

	// --- doing --------------------------------------------------------

	async #save(changed) {
		clearRefusal(this.#form);
		const body = changes(this.#form);
		if (Object.keys(body).length === 0) {
			announce("Nothing to save");
			return;
		}
		try {
			const job = await call("PATCH", jobPath(this.id), body,
				{ headers: { "Content-Type":
					"application/merge-patch+json" } });
			for (const control of this.#form.elements)
				if (control.name in body)
					control.dataset.given = control.value.trim();
			changed(job);
			announce(`Saved ${nameOf(job)}`);
		} catch (error) {
			showRefusal(this.#form, error);
		}
	}

	async #copy() {
		const line = $("#job-curl");
		try {
			await navigator.clipboard.writeText(line.textContent);
			announce("Copied");
		} catch {
			// not allowed here: then it is at least ready to be copied
			getSelection().selectAllChildren(line);
			announce("Selected: press Ctrl+C to copy");
		}
	}

	// A link cannot carry the key, so the page fetches the file itself.
	async #fetchResult() {
		try {
			const headers = keyHeaders();
			const response = await fetch(`${jobPath(this.id)}/result`,
				{ headers });
			if (!response.ok)
				throw await refusalOf(response, headers);
			const url = URL.createObjectURL(await response.blob());
			h("a", { href: url, download: `${this.id}.mp4` }).click();
			setTimeout(() => URL.revokeObjectURL(url), 60000);
		} catch (error) {
			complain("Result", error);
		}
	}
}
