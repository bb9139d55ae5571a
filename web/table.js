// table.js -- the rows on screen.  Each is made once and then changed where
// it differs; a row is never moved, so focus stays where it is.

import { $, h, icon, setAttr, setHidden, setIcon, setText } from "./dom.js";
import { OFFERED, VERBS, clock, duration, isFinal, moment, nameOf, percent,
	shortId } from "./words.js";

// Milliseconds left as of now, or null where nobody promised anything.
export function left(job) {
	if (job.remaining_ms === null || isFinal(job.state))
		return null;
	if (!job.estimated_completion_at)
		return job.remaining_ms;
	return Math.max(0, job.remaining_ms - (performance.now() - job.heard));
}

export function timeWords(job) {
	if (isFinal(job.state)) {
		const took = job.started_at === null ? null
			: Date.parse(job.finished_at) - Date.parse(job.started_at);
		return [took === null ? "never started" : `took ${duration(took)}`,
			job.finished_at ? `ended ${moment(job.finished_at)}` : ""];
	}
	const ms = left(job);
	const eta = job.estimated_completion_at;
	if (ms === null)
		return ["unknown", ""];
	if (job.state === "paused")
		return [`${duration(ms)} to go`, "once resumed"];
	return eta ? [`${duration(ms)} left`, `done ${clock(eta)}`]
		: [`${duration(ms)} to go`, "end unknown"];
}

// What there is to say beside the bar.
export function stepWords(job) {
	switch (job.state) {
	case "queued":
		if (job.eligible_at)
			return `not before ${moment(job.eligible_at)}`;
		return job.queue_position === null ? "waiting"
			: `number ${job.queue_position} in the queue`;
	case "error":
		return (job.error?.code ?? "error").replaceAll("_", " ");
	case "completed":
		return "";
	case "canceled":
		return "stopped by hand";
	case "paused":
		return (job.stage ?? "not started").replaceAll("_", " ");
	default:
		return (job.stage ?? "starting").replaceAll("_", " ");
	}
}

// The usual one needs no number.
const priorityWords = (job) => (job.priority_name
	? [job.priority_name, job.priority === 0 ? "" : String(job.priority)]
	: [String(job.priority), ""]);

function origin(job) {
	const words = job.title ? [shortId(job.id)] : [];
	if (job.source_language || job.output_language)
		words.push(`${job.source_language ?? "auto"} → ` +
			`${job.output_language ?? "?"}`);
	return words.join(" · ");
}

const cell = (name, label, ...children) =>
	h("td", { class: `c-${name}`, role: "cell", "data-label": label },
		...children);

// Three places, each for its own verbs: what lies under a finger never turns
// into something else, but for a pair that undoes or asks first.
const PLACES = { flow: ["pause", "resume"], end: ["cancel", "remove"],
	again: ["restart"] };

// In a row what is live and what is over stand close together; with labels the
// worst comes last.
export function verbPlaces(labelled) {
	const order = labelled ? ["flow", "again", "end"] : ["flow", "end", "again"];
	return order.map((place) => h("button", { type: "button",
		class: labelled ? "verb" : "verb bare", "data-place": place,
	}, icon("pause"), h("span", { class: labelled ? "" : "unseen" })));
}

export function updateVerbs(buttons, job) {
	buttons.forEach((button) => {
		const verb = PLACES[button.dataset.place]
			.find((v) => OFFERED[job.state]?.includes(v));
		setHidden(button, !verb);
		if (!verb)
			return;
		const { name } = VERBS[verb];
		setAttr(button, "data-verb", verb);
		setAttr(button, "aria-label", `${name} ${nameOf(job)}`);
		setAttr(button, "title", name);
		setIcon(button.firstChild, verb);
		setText(button.lastChild, name);
	});
}

class Row {
	constructor(job) {
		this.check = h("input", { type: "checkbox", name: "ids" });
		this.link = h("a", { class: "title" });
		this.origin = h("span", { class: "sub" });
		this.tags = h("span", { class: "tags" });
		this.icon = icon("queued");
		this.word = h("span");
		this.bar = h("progress", { max: "1" });
		this.part = h("span", { class: "percent" });
		this.step = h("span", { class: "sub" });
		this.time = h("span");
		this.clock = h("span", { class: "sub" });
		this.priority = h("span");
		this.number = h("span", { class: "sub" });
		this.attempt = h("span");
		this.most = h("span", { class: "sub" });
		this.verbs = verbPlaces(false);
		this.element = h("tr", { role: "row", "data-job-id": job.id },
			cell("select", "", h("label", { class: "hit" }, this.check)),
			cell("job", "", this.link, h("span", { class: "under" },
				this.origin, this.tags)),
			cell("state", "State", h("span", { class: "state" },
				this.icon, this.word)),
			cell("progress", "Progress", h("span", { class: "bar" },
				this.bar, this.part), this.step),
			cell("time", "Time", this.time, this.clock),
			cell("priority", "Priority", this.priority, this.number),
			cell("attempt", "Attempt", this.attempt, this.most),
			cell("verbs", "", h("span", { class: "verbs" }, ...this.verbs)));
		this.update(job);
	}

	update(job) {
		const focused = this.verbs.includes(document.activeElement)
			? document.activeElement : null;
		this.job = job;
		setAttr(this.element, "data-state", job.state);
		this.#identity(job);
		setIcon(this.icon, job.state);
		setText(this.word, job.state);
		this.bar.value !== job.progress && (this.bar.value = job.progress);
		setText(this.part, percent(job.progress));
		const [name, number] = priorityWords(job);
		setText(this.priority, name);
		setText(this.number, number);
		setAttr(this.priority, "class", job.priority === 0 ? "usual" : null);
		setText(this.attempt, job.attempt);
		setText(this.most, job.on_error === "restart"
			? `of ${job.max_attempts}` : "");
		updateVerbs(this.verbs, job);
		this.tick();
		if (focused?.hidden)
			this.link.focus();
	}

	#identity(job) {
		const name = nameOf(job);
		if (this.name === name && this.tagged === job.tags?.join())
			return;
		this.name = name;
		this.tagged = job.tags?.join();
		setText(this.link, name);
		setAttr(this.link, "class", job.title ? "title" : "title plain");
		setAttr(this.link, "href", `#/jobs/${encodeURIComponent(job.id)}`);
		setText(this.origin, origin(job));
		setAttr(this.check, "aria-label", `Select ${name}`);
		setAttr(this.bar, "aria-label", `Progress of ${name}`);
		this.tags.replaceChildren(...(job.tags ?? []).map((tag) =>
			h("span", { class: "tag" }, tag)));
	}

	// what changes with the clock alone
	tick() {
		const [time, at] = timeWords(this.job);
		setText(this.time, time);
		setText(this.clock, at);
		setText(this.step, stepWords(this.job));
	}
}

export class Table {
	#body;
	#rows = new Map();

	// act(verb, job, button); choose(id, on)
	constructor(body, act, choose) {
		this.#body = body;
		body.addEventListener("click", (event) => {
			const button = event.target.closest("button[data-verb]");
			const row = event.target.closest("tr");
			if (button)
				act(button.dataset.verb, this.#rows.get(row.dataset.jobId).job);
		});
		body.addEventListener("change", (event) => {
			const row = event.target.closest("tr");
			choose(row.dataset.jobId, event.target.checked);
		});
	}

	get ids() { return [...this.#rows.keys()]; }
	get unfinished() {
		return this.ids.filter((id) => !isFinal(this.#rows.get(id).job.state));
	}

	// Rows for these jobs, newest first.  One that has the focus stays, also
	// when it no longer belongs, until the focus has left; unless it is gone.
	show(order, selected, gone) {
		const held = document.activeElement?.closest("tr[data-job-id]");
		const wanted = new Map(order.map((job) => [job.id, job]));
		const heldId = held?.dataset.jobId;
		const keep = this.#rows.get(heldId);
		if (keep && !wanted.has(heldId) && !gone.has(heldId) && order.length)
			order = [...order, keep.job].sort((a, b) => b.seq - a.seq);
		else if (keep && !wanted.has(heldId))
			this.#moveFocus(held, wanted);
		this.#sync(order, selected);
	}

	#sync(order, selected) {
		const wanted = new Set(order.map((job) => job.id));
		for (const [id, row] of this.#rows) {
			if (wanted.has(id))
				continue;
			row.element.remove();
			this.#rows.delete(id);
		}
		let at = this.#body.firstElementChild;
		for (const job of order) {
			let row = this.#rows.get(job.id);
			if (!row) {
				row = new Row(job);
				this.#rows.set(job.id, row);
				this.#body.insertBefore(row.element, at);
			} else {
				if (row.job !== job)
					row.update(job);
				at = row.element.nextElementSibling;
			}
			row.check.checked = selected.has(job.id);
		}
	}

	// To the nearest row that stays.
	#moveFocus(held, wanted) {
		let row = held.nextElementSibling;
		while (row && !wanted.has(row.dataset.jobId))
			row = row.nextElementSibling;
		row ??= held.previousElementSibling;
		(row ? $("a.title", row) : $("#jobs-title")).focus();
	}

	update(job) {
		this.#rows.get(job.id)?.update(job);
	}

	// A job that left the page but whose row is still held by the focus.
	holds(id) {
		return this.#rows.has(id);
	}

	tick() {
		for (const row of this.#rows.values())
			row.tick();
	}
}
