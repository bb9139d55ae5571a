// waterline.js -- the page's one picture.  Above the line lies the work that
// is still to be done: what waits, on top of what is held, on top of what
// runs.  Below it hangs what came out, by the second.  Time goes to the right.

import { h, s, setAttr, setText } from "./dom.js";
import { keep, recall } from "./keep.js";
import { ENDS, clock, count } from "./words.js";

const WINDOW_MS = 300000;
const BIN_MS = 5000;
const GAP_MS = 15000;		// longer without a sample: nothing is drawn
const SKEW_MS = 15000;		// twice this, and a clock that was wrong is forgotten
const KEPT = "heygend-waterline";
const ABOVE = 104;
const BELOW = 44;
const AXIS = 18;
const GUTTER = 92;		// to the right, for what the layers are
const LINE = 15;		// from one name to the next
const STACK = ["running", "paused", "queued"];	// from the line upwards
const STEPS = [1, 1.5, 2, 3, 4, 5, 6, 8];
const KEYS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1,
	PageDown: -6, PageUp: 6, Home: -Infinity, End: Infinity, Escape: Infinity };

// The next round number, so that the scale does not twitch.
function roundUp(n) {
	let scale = 1;
	for (;;) {
		for (const step of STEPS)
			if (step * scale >= n)
				return step * scale;
		scale *= 10;
	}
}

const emptyBin = () => ({ completed: 0, error: 0, canceled: 0 });

export class Waterline {
	#samples = [];		// { at, queued, running, paused }
	#bins = new Map();	// number of the bin -> ends in it
	#skews = [Infinity, Infinity];	// our clock minus the server's, lately
	#skewsSince = 0;
	#gutter = 0;
	#width = 0;		// of the five minutes, without the gutter
	#pointer = null;	// px from the left; null: now
	#frame = null;
	#svg; #caption; #areas = {}; #drops = {}; #texts = {}; #centres = {};

	constructor(svg, caption) {
		this.#svg = svg;
		this.#caption = caption;
		this.#furnish();
		this.#remember();
		addEventListener("pagehide", () => this.#keep());
		new ResizeObserver(([entry]) => {
			const all = Math.round(entry.contentRect.width);
			this.#gutter = all > 520 ? GUTTER : 0;
			this.#width = all - this.#gutter;
			setAttr(svg, "viewBox", `0 0 ${all} ${ABOVE + BELOW + AXIS}`);
			this.draw();
		}).observe(svg);
		svg.addEventListener("pointermove",
			(event) => this.#point(Math.min(event.offsetX, this.#width)));
		svg.addEventListener("pointerleave", () => this.#point(null));
		svg.addEventListener("blur", () => this.#point(null));
		svg.addEventListener("focus", () => this.#read());
		svg.addEventListener("keydown", (event) => this.#key(event));
	}

	#point(x) {
		this.#pointer = x;
		this.#frame ??= requestAnimationFrame(() => {
			this.#frame = null;
			this.#say(Date.now());
		});
	}

	#key(event) {
		const bins = KEYS[event.key];
		if (bins === undefined)
			return;
		event.preventDefault();
		const x = (this.#pointer ?? this.#width) +
			bins * this.#width * BIN_MS / WINDOW_MS;
		this.#pointer = x >= this.#width ? null : Math.max(0, x);
		this.#say(Date.now());
		this.#read();
	}

	// What the caption says, for who hears it: only when asked, not each second.
	#read() {
		const age = this.#pointer === null ? 0
			: WINDOW_MS / 1000 * (this.#pointer / this.#width - 1);
		setAttr(this.#svg, "aria-valuenow", Math.round(age));
		setAttr(this.#svg, "aria-valuetext", this.#caption.textContent);
	}

	#furnish() {
		const path = (kind, name) =>
			s("path", { class: `${kind} fill-${name}` });
		const text = (name, anchor) =>
			s("text", { class: "label", "text-anchor": anchor ?? "start",
				"data-of": name });
		for (const state of STACK) {
			this.#areas[state] = path("area", state);
			this.#texts[state] = text(state);
		}
		for (const state of ENDS)
			this.#drops[state] = path("drop", state);
		this.unknown = s("path", { class: "unknown" });
		this.unseen = text("unknown", "middle");
		this.grid = s("path", { class: "grid" });
		this.line = s("path", { class: "water" });
		this.rule = s("path", { class: "rule" });
		this.top = text("top");
		this.bottom = text("bottom");
		this.minutes = s("g", {});
		this.#svg.append(this.unknown, this.unseen, this.grid, ...Object.values(this.#areas),
			...Object.values(this.#drops), this.line, this.rule,
			...Object.values(this.#texts), this.top, this.bottom,
			this.minutes);
	}

	// --- what is known --------------------------------------------------

	sample(counts) {
		const now = Date.now();
		this.#samples.push({ at: now, queued: counts.queued ?? 0,
			running: counts.running ?? 0, paused: counts.paused ?? 0 });
		this.#forget(now);
		this.draw();
	}

	// What is past, and what will be once more: our clock was set back.
	#forget(now) {
		this.#samples = this.#samples.filter((p) => p.at <= now &&
			p.at >= now - WINDOW_MS - GAP_MS);
		for (const number of this.#bins.keys())
			if (number * BIN_MS > now ||
					number * BIN_MS < now - WINDOW_MS - BIN_MS)
				this.#bins.delete(number);
	}

	ended(state, at) {
		const time = Date.parse(at);
		const number = Math.floor((time + this.#skew(time)) / BIN_MS);
		const bin = this.#bins.get(number) ?? emptyBin();
		bin[state]++;
		this.#bins.set(number, bin);
	}

	// The least that was seen lately: what comes late has waited on its way.
	// Not the least ever: either clock may have been wrong for a moment.
	#skew(time) {
		const now = performance.now();
		if (now - this.#skewsSince > SKEW_MS) {
			this.#skews = [this.#skews[1], Infinity];
			this.#skewsSince = now;
		}
		this.#skews[1] = Math.min(this.#skews[1], Date.now() - time);
		return Math.min(...this.#skews);
	}

	// Kept over a reload of the page, for what a tab has seen.
	#remember() {
		const kept = recall(KEPT);
		if (kept === null)
			return;
		try {
			const { samples, bins } = JSON.parse(kept);
			this.#bins = new Map(bins);
			this.#samples = [...samples];
		} catch {
			// of another version of this page: begin anew
		}
	}

	#keep() {
		keep(KEPT, JSON.stringify({
			samples: this.#samples, bins: [...this.#bins] }));
	}

	// --- how it is drawn --------------------------------------------------

	draw() {
		if (this.#width === 0 || document.hidden)
			return;
		const now = Date.now();
		const x = (at) => this.#width * (1 - (now - at) / WINDOW_MS);
		this.#drawUnknown(x, now);
		this.#drawAbove(x);
		this.#drawBelow(x);
		this.#drawAxis(x, now);
		this.#say(now);
	}

	// Nothing known is not nothing to do: what was not watched looks so.
	#drawUnknown(x, now) {
		const ends = [...this.#samples.map((p) => p.at), now];
		let from = now - WINDOW_MS;
		let d = "";
		let widest = [0, 0];
		for (const to of ends) {
			if (to - from > GAP_MS) {
				const [left, right] = [Math.max(0, x(from)), x(to)];
				d += `M${left.toFixed(1)} 14H${right.toFixed(1)}` +
					`V${ABOVE + BELOW}H${left.toFixed(1)}z`;
				if (right - left > widest[1] - widest[0])
					widest = [left, right];
			}
			from = Math.max(from, to);
		}
		setAttr(this.unknown, "d", d || "M0 0");
		const [left, right] = widest;
		setText(this.unseen, right - left > 110 ? "not watched" : "");
		setAttr(this.unseen, "x", ((left + right) / 2).toFixed(1));
		setAttr(this.unseen, "y", ABOVE / 2 + 8);
	}

	#drawAbove(x) {
		const most = this.#samples.reduce((max, p) =>
			Math.max(max, p.running + p.paused + p.queued), 0);
		const full = roundUp(Math.max(most, 5));
		const y = (n) => ABOVE - n / full * (ABOVE - 14);
		const base = this.#samples.map(() => 0);
		for (const state of STACK) {
			const top = this.#samples.map((p, i) => base[i] + p[state]);
			setAttr(this.#areas[state], "d", this.#area(x, y, base, top));
			this.#centres[state] = y(((base.at(-1) ?? 0) + (top.at(-1) ?? 0)) / 2);
			top.forEach((n, i) => { base[i] = n; });
		}
		this.#drawNames();
		setText(this.top, `${count(full)} jobs to do`);
		setAttr(this.top, "x", "6");
		setAttr(this.top, "y", "11");
		setAttr(this.grid, "d", `M0 14H${this.#width}` +
			`M0 ${ABOVE + BELOW}H${this.#width}`);
		setAttr(this.line, "d", `M0 ${ABOVE}H${this.#width}`);
	}

	// There and back again, in one run for each stretch without a gap.
	#area(x, y, base, top) {
		const at = this.#samples;
		let d = "";
		for (let from = 0; from < at.length;) {
			let to = from + 1;
			while (to < at.length && at[to].at - at[to - 1].at < GAP_MS)
				to++;
			const point = (i, n) => `${x(at[i].at).toFixed(1)} ${y(n).toFixed(1)}`;
			d += `M${point(from, base[from])}`;
			for (let i = from; i < to; i++)
				d += `L${point(i, top[i])}`;
			for (let i = to - 1; i >= from; i--)
				d += `L${point(i, base[i])}`;
			d += "Z";
			from = to;
		}
		return d || "M0 0";
	}

	// What the layers are, beside their ends: from the line upwards, none over
	// another, and none for what is not there.
	#drawNames() {
		const last = this.#samples.at(-1);
		let floor = ABOVE;
		for (const state of STACK) {
			const label = this.#texts[state];
			const n = last?.[state] ?? 0;
			const there = n > 0 && this.#gutter > 0;
			setText(label, there ? `${count(n)} ${state}` : "");
			if (!there)
				continue;
			const y = Math.min(this.#centres[state] + 4, floor - 3);
			floor = y - LINE + 3;
			setAttr(label, "x", this.#width + 8);
			setAttr(label, "y", y.toFixed(1));
		}
	}

	#drawBelow(x) {
		let most = 0;
		for (const bin of this.#bins.values())
			most = Math.max(most, bin.completed + bin.error + bin.canceled);
		const full = roundUp(Math.max(most, 5));
		const paths = { completed: "", error: "", canceled: "" };
		const width = Math.max(1, this.#width * BIN_MS / WINDOW_MS - 1);
		for (const [number, bin] of this.#bins) {
			const left = Math.max(0, x(number * BIN_MS));
			const right = Math.min(this.#width, x(number * BIN_MS) + width);
			let y = ABOVE + 1;
			for (const state of ENDS) {
				const height = bin[state] / full * (BELOW - 2);
				if (height > 0)
					paths[state] += `M${left.toFixed(1)} ` +
						`${y.toFixed(1)}H${right.toFixed(1)}` +
						`v${height.toFixed(1)}H${left.toFixed(1)}z`;
				y += height;
			}
		}
		for (const state of ENDS)
			setAttr(this.#drops[state], "d", paths[state] || "M0 0");
		setText(this.bottom, `${count(full * 1000 / BIN_MS)} finished/s`);
		setAttr(this.bottom, "x", "6");
		setAttr(this.bottom, "y", ABOVE + BELOW - 5);
	}

	#drawAxis(x, now) {
		const first = Math.ceil((now - WINDOW_MS) / 60000) * 60000;
		const labels = [];
		for (let at = first; at <= now; at += 60000) {
			const left = x(at);
			if (left > 20 && left < this.#width - 20)
				labels.push([left.toFixed(1), clock(at).slice(0, 5)]);
		}
		while (this.minutes.childElementCount > labels.length)
			this.minutes.lastChild.remove();
		while (this.minutes.childElementCount < labels.length)
			this.minutes.append(s("text", { class: "label",
				"text-anchor": "middle", y: ABOVE + BELOW + 14 }));
		labels.forEach(([left, words], i) => {
			setAttr(this.minutes.children[i], "x", left);
			setText(this.minutes.children[i], words);
		});
	}

	// In words: the moment under the pointer, else now.
	#say(now) {
		const pointed = this.#pointer !== null && this.#width > 0;
		const at = pointed
			? now - WINDOW_MS * (1 - this.#pointer / this.#width) : now;
		setAttr(this.rule, "d", pointed
			? `M${this.#pointer} 0V${ABOVE + BELOW}` : "M0 0");
		const p = this.#samples.findLast((sample) => sample.at <= at + 500);
		if (!p || at - p.at > GAP_MS) {
			setText(this.#caption, this.#samples.length === 0
				? "waiting for the first count"
				: `${pointed ? clock(at) : "now"}  not watched`);
			return;
		}
		// the bin that is over, when it is about now
		const number = Math.floor(at / BIN_MS) - (pointed ? 0 : 1);
		const bin = this.#bins.get(number) ?? emptyBin();
		const rate = (n) => (n * 1000 / BIN_MS).toFixed(1);
		const failed = bin.error > 0 ? `, ${rate(bin.error)} failed/s` : "";
		setText(this.#caption, `${pointed ? clock(at) : "now"}  ` +
			`${count(p.queued)} queued, ${count(p.running)} running, ` +
			`${count(p.paused)} paused · ${rate(bin.completed)} completed/s` +
			failed);
	}
}

// The six counts, each a filter.
export class Counts {
	#numbers = {};
	#boxes = {};
	#band; #slices = {};

	constructor(root, band, states, makeIcon, changed) {
		this.#band = band;
		for (const state of states) {
			const box = h("input", { type: "checkbox", name: "state",
				value: state });
			const number = h("span", { class: "number" }, "–");
			root.append(h("label", { class: `count of-${state}` }, box,
				makeIcon(state), number, h("span", { class: "word" }, state)));
			this.#numbers[state] = number;
			this.#boxes[state] = box;
			this.#slices[state] = s("rect", { class: `fill-${state}`,
				y: 0, height: 8 });
			band.append(this.#slices[state]);
		}
		root.addEventListener("change", changed);
	}

	get chosen() {
		return Object.keys(this.#boxes).filter((s) => this.#boxes[s].checked);
	}

	choose(states) {
		for (const state in this.#boxes)
			this.#boxes[state].checked = states.includes(state);
	}

	// Shares of the whole; whatever is there can be seen.
	show(counts) {
		const states = Object.keys(this.#numbers);
		const all = states.reduce((sum, s) => sum + (counts[s] ?? 0), 0);
		const least = 6;
		const there = states.filter((s) => counts[s] > 0).length;
		let left = 0;
		for (const state of states) {
			const n = counts[state] ?? 0;
			const width = n === 0 ? 0
				: least + (1000 - least * there) * n / all;
			setText(this.#numbers[state], count(n));
			setAttr(this.#numbers[state].parentNode, "data-none", n === 0);
			setAttr(this.#slices[state], "x", left.toFixed(1));
			setAttr(this.#slices[state], "width", Math.max(0, width - 2).toFixed(1));
			left += width;
		}
	}
}
