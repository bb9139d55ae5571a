// feed.js -- what changes on the server, as it changes.
//
// One cursor: Server-Sent Events while they can be had, read with fetch so
// that the key can be sent; else the page asks every two seconds.  After any
// gap the stream goes on from the last id seen, and the page is told to load
// anew, so nothing is lost and nothing stays stale.

import { keyHeaders, refusalOf } from "./api.js";
import { breathe, sleep } from "./dom.js";

const OPEN_MS = 5000;		// for the first words
const SILENT_MS = 40000;	// two heartbeats of 15 s, and some
const POLL_MS = 2000;
const AGAIN_MS = 10000;		// until a refused stream is asked for again
const OFFLINE_MS = 1000;
const LOCKED_MS = 60000;	// a key wakes us sooner
const SHORT_MS = 1000;		// a stream not worth asking for at once again
const SLICE_MS = 8;		// of reading, before the page may paint

export class Feed {
	#page;			// { event, reload, poll, state }
	#lastId = null;
	#state = "";
	#waking = new AbortController();
	#reading = null;
	#doubted = false;
	heard = Date.now();	// when the server last spoke

	constructor(page) {
		this.#page = page;
	}

	get state() { return this.#state; }

	#become(state) {
		if (state === this.#state)
			return;
		this.#state = state;
		this.#page.state(state);
	}

	// Something else found the server silent: look again now.
	doubt() {
		this.#doubted = true;
		this.again();
	}

	// Another stream, now.
	again() {
		this.#reading?.abort();
		this.wake();
	}

	wake() {
		this.#waking.abort();
		this.#waking = new AbortController();
	}

	async run() {
		this.#become("connecting");
		for (;;) {
			const end = await this.#stream();
			if (end.lived_ms > SHORT_MS) {	// it was closed: once more
				this.#become(this.#doubted ? "offline" : "connecting");
				await sleep(100);
				continue;
			}
			await this.#poll(end.retry_ms ?? AGAIN_MS);
		}
	}

	// Polls until it is time to ask for the stream again, or until nothing
	// answers: then the stream is what is tried.
	async #poll(ms) {
		const until = Date.now() + ms;
		do {
			const waking = this.#waking.signal;	// also while asking
			const answer = await this.#page.poll(this.#lastId);
			if (answer !== "heard") {
				const locked = answer === "locked";
				this.#become(locked ? "connecting" : "offline");
				await sleep(locked ? LOCKED_MS : OFFLINE_MS, waking);
				return;
			}
			this.heard = Date.now();
			this.#become("polling");
			await sleep(POLL_MS, waking);
		} while (Date.now() < until);
	}

	// One stream, from its request to its end.
	async #stream() {
		const reading = new AbortController();
		this.#reading = reading;
		let timer = setTimeout(() => reading.abort(), OPEN_MS);
		const end = { lived_ms: 0, retry_ms: null };
		let since = null;
		try {
			const headers = keyHeaders();
			const response = await this.#open(headers, reading.signal);
			if (!response.ok)
				throw await refusalOf(response, headers);
			if (!response.headers.get("Content-Type")
				?.startsWith("text/event-stream"))
				throw new Error("not a stream");
			// its first words come at once, or somebody keeps them back
			const alive = () => {
				this.heard = Date.now();
				clearTimeout(timer);
				timer = setTimeout(() => reading.abort(), SILENT_MS);
				if (since !== null)
					return;
				since = performance.now();
				this.#doubted = false;
				this.#become("live");
				this.#page.reload();
			};
			await this.#read(response.body, alive);
		} catch (error) {
			end.retry_ms = error.retry_ms;
		}
		clearTimeout(timer);
		reading.abort();
		if (since !== null)
			end.lived_ms = performance.now() - since;
		return end;
	}

	#open(keyed, signal) {
		const headers = { Accept: "text/event-stream", ...keyed };
		if (this.#lastId !== null)
			headers["Last-Event-ID"] = this.#lastId;
		return fetch("/v1/events", { headers, signal, cache: "no-store" });
	}

	async #read(body, alive) {
		const reader = body.pipeThrough(new TextDecoderStream()).getReader();
		let rest = "";
		for (;;) {
			const { value, done } = await reader.read();
			if (done)
				return;
			alive();
			rest = await this.#take(rest + value);
		}
	}

	// Every whole block of the text; what is left of it is returned.
	async #take(text) {
		let from = 0;
		let since = performance.now();
		for (;;) {
			const to = text.indexOf("\n\n", from);
			if (to < 0)
				return text.slice(from);
			this.#block(text.slice(from, to));
			from = to + 2;
			if (performance.now() - since > SLICE_MS) {
				await breathe();
				since = performance.now();
			}
		}
	}

	#block(block) {
		let id = null;
		let kind = "message";
		let data = "";
		for (const line of block.split("\n")) {
			const colon = line.indexOf(":");
			const value = line.slice(colon + 1).trimStart();
			if (line.startsWith("id:"))
				id = value;
			else if (line.startsWith("event:"))
				kind = value;
			else if (line.startsWith("data:"))
				data += value;
		}
		if (id !== null)
			this.#lastId = id;
		if (kind === "reset") {	// ours is too old, or of another store
			this.#lastId = id;
			this.#page.reload(true);
		} else if (kind === "state") {
			this.#page.event(JSON.parse(data));
		}
	}

	// From now on.
	forget() {
		this.#lastId = null;
	}

	// The same cursor, moved by a polled answer.
	moved(seq) {
		this.#lastId = String(seq);
	}
}
