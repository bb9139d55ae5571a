// api.js -- one request to the server.  It alone knows the key, and turns
// whatever is not success into an Error whose message can be shown as it is.

import { forget, keep, recall } from "./keep.js";

const KEY = "heygend-key";
const TIMEOUT_MS = 10000;

export const key = {
	get: () => recall(KEY),
	set: (value) => keep(KEY, value),
	drop: () => forget(KEY),
};

// The server said no: its own sentence, and where it points.
export class Refusal extends Error {
	constructor(status, problem, retryAfter) {
		super(problem.detail || problem.title ||
			`The server answered ${status}.`);
		this.status = status;
		this.code = problem.code;
		this.fields = problem.errors ?? [];
		this.retry_ms = retryAfter > 0 ? retryAfter * 1000 : null;
		this.problem = problem;
	}
}

// The server said nothing.
export class Silence extends Error {
	constructor(cause) {
		super(cause?.name === "TimeoutError"
			? "The server did not answer in time."
			: "The server cannot be reached.");
	}
}

const listeners = new Set();
export const onKeyRefused = (listener) => listeners.add(listener);

export function keyHeaders() {
	const value = key.get();
	return value ? { "X-Api-Key": value } : {};
}

// The Refusal that a response with a bad status means.  One of a key that has
// been replaced meanwhile is not told to those who would ask for a key.
export async function refusalOf(response, headers) {
	let problem = {};
	try {
		problem = await response.json();
	} catch {
		// not from heygend: a proxy's page, say; the status must do
	}
	const refusal = new Refusal(response.status, problem ?? {},
		Number(response.headers.get("Retry-After")));
	if (response.status === 401 &&
			headers["X-Api-Key"] === keyHeaders()["X-Api-Key"])
		listeners.forEach((listener) => listener(refusal));
	return refusal;
}

function init(method, body, { headers, timeout_ms }) {
	const all = { ...keyHeaders(), ...headers };
	if (body !== undefined)
		all["Content-Type"] ??= "application/json";
	return {
		method,
		headers: all,
		body: body === undefined ? undefined : JSON.stringify(body),
		signal: AbortSignal.timeout(timeout_ms ?? TIMEOUT_MS),
		cache: "no-store",
	};
}

// more: { headers, timeout_ms }
export async function call(method, path, body, more = {}) {
	const asked = init(method, body, more);
	let response;
	try {
		response = await fetch(path, asked);
		if (response.ok)
			return response.status === 204 ? null : await response.json();
	} catch (error) {
		throw new Silence(error);
	}
	throw await refusalOf(response, asked.headers);
}

export const get = (path, more) => call("GET", path, undefined, more);
export const post = (path, body, more) => call("POST", path, body, more);
export const jobPath = (id) => `/v1/jobs/${encodeURIComponent(id)}`;
