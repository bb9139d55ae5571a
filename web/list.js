// list.js -- the jobs of the page in view, newest first.  Owns the filter and
// the paging; knows nothing of elements.
//
// Fifty jobs are held, never all of them: events change these at once, and a
// page whose make-up has changed is asked for again, at most every second and
// a half.  The server filters by state and tag; text is looked for here, page
// by page through the newest jobs.

import { get } from "./api.js";
import { breathe } from "./dom.js";

export const ROWS = 50;
const RELOAD_MS = 1500;
const SEARCH_RELOAD_MS = 5000;
const SEARCH_STEP = 500;
export const SEARCH_MAX = 10000;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

// An answer may have been overtaken by an event; a new store begins anew.
const isOlder = (job, known) =>
	job.version < known.version && job.updated_at <= known.updated_at;

const newestFirst = (a, b) => b.seq - a.seq;

export class List {
	filter = { states: [], tag: "", text: "" };
	jobs = new Map();
	loaded = false;
	problem = null;		// why the last load failed
	searched = 0;		// jobs looked at for the text
	more = false;		// the search has older jobs to look at

	#page = 0;
	#tokens = [null];	// of the pages up to the next one
	#upper = Infinity;	// seq of the page's first job, but on page 0
	#run = 0;
	#since = null;		// what happened while a load was under way
	#timer = null;
	#loadedAt = 0;
	#limit = SEARCH_MAX;
	#strange = false;	// versions known do not compare with new ones
	#changed;

	// changed(structure): jobs came or went, or only changed
	constructor(changed) {
		this.#changed = changed;
	}

	get order() { return [...this.jobs.values()].sort(newestFirst); }
	get page() { return this.#page; }
	get hasOlder() { return this.#tokens.length > this.#page + 1; }

	setFilter(filter) {
		this.filter = filter;
		this.#limit = SEARCH_MAX;
		this.#goto(0);
	}

	turn(step) {
		this.#goto(this.#page + step);
	}

	searchFurther() {
		this.#limit += SEARCH_MAX;
		this.load();
	}

	#goto(page) {
		this.#page = page;
		this.#tokens.length = page + 1;
		this.loaded = false;
		this.jobs.clear();
		this.load();
	}

	matches(job) {
		const { states, tag, text } = this.filter;
		if (states.length && !states.includes(job.state))
			return false;
		if (tag && !job.tags?.includes(tag))
			return false;
		return !text || this.#says(job, text.toLowerCase());
	}

	#says(job, text) {
		return [job.id, job.title, job.source_url, job.source_language,
			job.output_language, ...(job.tags ?? [])]
			.some((word) => word?.toLowerCase().includes(text));
	}

	// --- loading ------------------------------------------------------

	async load() {
		const run = ++this.#run;
		clearTimeout(this.#timer);
		this.#timer = null;
		this.#since = new Map();
		this.#loadedAt = performance.now();
		try {
			const got = await this.#ask(run);
			if (run !== this.#run)
				return;
			this.problem = null;
			this.loaded = true;
			this.#replace(got);
		} catch (error) {
			if (run !== this.#run)
				return;
			this.problem = error;
			if (error.status !== 401)	// a key loads anew
				this.#reloadSoon();
		}
		this.#changed(true);
	}

	#ask(run) {
		const text = this.filter.text.trim();
		if (UUID.test(text) || text === "default")
			return this.#lookUp(text);
		return text ? this.#search(run) : this.#fetch();
	}

	#query(limit, token) {
		const query = new URLSearchParams({ limit });
		if (this.filter.states.length)
			query.set("state", this.filter.states.join(","));
		if (this.filter.tag)
			query.set("tag", this.filter.tag);
		if (token)
			query.set("page_token", token);
		return get(`/v1/jobs?${query}`);
	}

	async #fetch() {
		const page = this.#page;
		const answer = await this.#query(ROWS, this.#tokens[page]);
		this.#tokens.length = page + 1;
		if (answer.next_page_token)
			this.#tokens.push(answer.next_page_token);
		this.searched = 0;
		this.more = false;
		return answer.jobs;
	}

	async #lookUp(id) {
		const answer = await get(`/v1/jobs?ids=${id.toLowerCase()}`);
		this.#tokens.length = this.#page + 1;
		this.searched = 0;
		this.more = false;
		return answer.jobs.filter((job) => job.version && this.matches(job));
	}

	// The page's share of all matches; tokens here only count pages.
	async #search(run) {
		const first = this.#page * ROWS;
		const found = [];
		let token = null;
		let searched = 0;
		do {
			const answer = await this.#query(SEARCH_STEP, token);
			if (run !== this.#run)
				return [];
			found.push(...answer.jobs.filter((job) => this.matches(job)));
			searched += answer.jobs.length;
			token = answer.next_page_token;
			await breathe();
		} while (token && found.length <= first + ROWS && searched < this.#limit);
		this.#tokens.length = this.#page + 1;
		if (found.length > first + ROWS)
			this.#tokens.push("more");
		this.searched = searched;
		this.more = token !== null;
		return found.slice(first, first + ROWS);
	}

	// What was asked for, and on top of it what has happened since.
	#replace(jobs) {
		const since = this.#since;
		const known = this.jobs;
		this.#since = null;
		this.jobs = new Map();
		for (const job of jobs) {
			job.heard = performance.now();
			const old = this.#strange ? null : known.get(job.id);
			this.jobs.set(job.id, old && isOlder(job, old) ? old : job);
		}
		this.#strange = false;
		this.#upper = this.#page === 0 ? Infinity : jobs[0]?.seq ?? Infinity;
		since?.forEach((job, id) => (job ? this.apply(job) : this.drop(id)));
	}

	// A new store may have given old ids a new life.
	forget() {
		this.#strange = true;
		return this.load();
	}

	#reloadSoon() {
		if (this.#timer !== null)
			return;
		const period = this.filter.text ? SEARCH_RELOAD_MS : RELOAD_MS;
		const wait = this.#loadedAt + period - performance.now();
		this.#timer = setTimeout(() => this.load(), Math.max(200, wait));
	}

	// --- changing -----------------------------------------------------

	apply(job) {
		const known = this.jobs.get(job.id);
		job.heard = performance.now();
		this.#since?.set(job.id, job);
		if (known && !this.#strange && isOlder(job, known))
			return;
		if (!this.matches(job)) {
			if (known)
				this.#remove(job.id);
		} else if (known) {
			this.jobs.set(job.id, job);
			this.#changed(false, job.id);
		} else if (this.#belongs(job)) {
			this.#insert(job);
		}
	}

	// A verb's bare result: the rest follows with the event.
	drop(id) {
		this.#since?.set(id, null);
		if (this.jobs.has(id))
			this.#remove(id);
	}

	#belongs(job) {
		if (!this.loaded || job.seq > this.#upper)
			return false;
		if (!this.hasOlder && this.jobs.size < ROWS)
			return true;
		for (const other of this.jobs.values())
			if (other.seq < job.seq)
				return true;
		return false;
	}

	#insert(job) {
		this.jobs.set(job.id, job);
		if (this.jobs.size > ROWS) {
			const last = this.order.at(-1);
			this.jobs.delete(last.id);
		}
		this.#changed(true);
		this.#reloadSoon();
	}

	#remove(id) {
		this.jobs.delete(id);
		this.#changed(true);
		this.#reloadSoon();
	}
}
