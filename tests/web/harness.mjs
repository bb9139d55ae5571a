// harness.mjs -- what the dashboard's tests stand on.
//
// Daemon   the real heygend in a fresh directory, on a free port which it
//          keeps over a restart; stopped and looked at when its test ends.
// test()   declares a test by its sentence; run() runs them all, prints TAP.
// Pages    come from open(); each is watched for errors and CSP reports.
//
// Tests wait on conditions with a deadline, never on time.

import { spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import process from "node:process";

const BUILDDIR = process.env.HG_BUILDDIR ?? path.resolve("build");
const require = createRequire(path.join(BUILDDIR, "tests/web/npm/"));
const { chromium } = require("playwright-core");
export const AXE = require.resolve("axe-core/axe.min.js");

const sanitized = !["", "no", undefined].includes(process.env.HG_SANITIZER);
export const SLOW = sanitized ? 5 : 1;
export const DEADLINE_MS = 15000 * SLOW;
const TEST_MS = 90000 * SLOW;

// --- conditions ---------------------------------------------------------------

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export async function until(condition, what, deadline_ms = DEADLINE_MS) {
	const end = Date.now() + deadline_ms;
	for (;;) {
		const value = await condition();
		if (value)
			return value;
		if (Date.now() > end)
			throw new Error(`${what} did not hold within ${deadline_ms} ms`);
		await sleep(25);
	}
}

export function equal(got, wanted, what) {
	const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
	if (a !== b)
		throw new Error(`${what}: got ${a}, wanted ${b}`);
}

export function ok(condition, what) {
	if (!condition)
		throw new Error(what);
}

// --- the daemon -----------------------------------------------------------------

const HEYGEND = process.env.HEYGEND ?? path.join(BUILDDIR, "heygend");
const ENV = { HEYGEN_WORKER: path.join(BUILDDIR, "heygen-worker"),
	...process.env };

const FAST = {
	"simulation.distribution": "fixed",
	"simulation.mean_ms": 1000,
	"simulation.min_ms": 1,
	"simulation.max_ms": 3600000,
	"simulation.error_rate": 0,
	"simulation.progress_interval_ms": 200,
	"status.default_job": "off",
};

// Whatever is started is ended, also when a run breaks off.
const started = new Set();
process.on("exit", () => {
	for (const daemon of started)
		daemon.end();
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
	process.on(signal, () => process.exit(1));

export class Daemon {
	#process = null;

	constructor(settings = {}) {
		this.settings = { ...FAST, ...settings };
		this.dir = fs.mkdtempSync(path.join(os.tmpdir(), "heygend-web-"));
		fs.mkdirSync(path.join(this.dir, "state"), { mode: 0o750 });
		this.port = 0;
		this.headers = {};
		started.add(this);
	}

	static async start(settings) {
		const daemon = new Daemon(settings);
		await daemon.start();
		return daemon;
	}

	get url() { return `http://127.0.0.1:${this.port}`; }
	get log() { return fs.readFileSync(path.join(this.dir, "log"), "utf8"); }

	#write() {
		const all = { "http.listen": `127.0.0.1:${this.port}`,
			"store.state_dir": path.join(this.dir, "state"),
			...this.settings };
		const sections = {};
		for (const [name, value] of Object.entries(all)) {
			const [section, key] = name.split(".");
			(sections[section] ??= []).push(`${key} = ${value}`);
		}
		const file = path.join(this.dir, "heygend.ini");
		fs.writeFileSync(file, Object.entries(sections).map(([section, lines]) =>
			`[${section}]\n${lines.join("\n")}\n`).join(""));
		return file;
	}

	async start() {
		const log = fs.openSync(path.join(this.dir, "log"), "a");
		const child = spawn(HEYGEND, ["--config", this.#write()],
			{ env: ENV, stdio: ["ignore", "pipe", log], cwd: this.dir });
		fs.closeSync(log);
		this.#process = child;
		child.ended = new Promise((done) => child.once("exit",
			(code, signal) => done(signal ?? code)));
		let said = "";
		child.stdout.on("data", (data) => { said += data; });
		const match = await until(() =>
			said.match(/^heygend: ready http:\/\/127\.0\.0\.1:(\d+)$/m) ??
			(child.exitCode !== null && []), "the ready line");
		if (!match[1])
			throw new Error(`heygend exited ${child.exitCode}:\n${this.log}`);
		this.port = Number(match[1]);
	}

	async kill(signal = "SIGKILL") {
		const child = this.#process;
		this.#process = null;
		if (!child)
			return null;
		child.kill(signal);
		const late = sleep(DEADLINE_MS).then(() => "late");
		const end = await Promise.race([child.ended, late]);
		if (end === "late")
			child.kill("SIGKILL");
		return end;
	}

	// Without waiting for what it does.
	signal(signal) {
		this.#process.kill(signal);
	}

	// As if it had never been: for a store of its own again.
	async startAnew() {
		const state = path.join(this.dir, "state");
		fs.rmSync(state, { recursive: true });
		fs.mkdirSync(state, { mode: 0o750 });
		await this.start();
	}

	async stop() {
		const end = await this.kill("SIGTERM");
		if (end !== null)
			equal(end, 0, `the daemon's exit status; log:\n${this.log}`);
	}

	// All at once, for an exit that waits for nothing.
	end() {
		this.#process?.kill("SIGKILL");
		fs.rmSync(this.dir, { recursive: true, force: true });
	}

	remove() {
		started.delete(this);
		fs.rmSync(this.dir, { recursive: true, force: true });
	}

	// One connection a request: an old one may be closed as it is used.
	ask(method, where, body, headers = {}) {
		const data = body === undefined ? "" : JSON.stringify(body);
		const all = { ...this.headers, ...headers,
			"Content-Length": Buffer.byteLength(data) };
		if (body !== undefined)
			all["Content-Type"] = "application/json";
		return new Promise((done, fail) => {
			http.request(this.url + where, { method, headers: all,
				agent: false }, async (response) => {
				let text = "";
				for await (const chunk of response.setEncoding("utf8"))
					text += chunk;
				const isJson = /json/.test(response.headers["content-type"]);
				done({ status: response.statusCode,
					headers: response.headers,
					json: isJson && text ? JSON.parse(text) : null });
			}).on("error", fail).end(data);
		});
	}

	async submit(body = {}) {
		const { status, json } = await this.ask("POST", "/v1/jobs", body);
		equal(status, 202, "status of a submission");
		return json;
	}

	async job(id) {
		return (await this.ask("GET", `/v1/jobs/${id}`)).json;
	}

	async reaches(id, state) {
		return until(async () => {
			const job = await this.job(id);
			return job.state === state && job;
		}, `that ${id} is ${state}`);
	}
}

// --- the browser ------------------------------------------------------------------

let browser = null;
const contexts = [];
const complaints = [];

// What a refused or failed request prints is the browser's own, and wanted in
// some tests; everything else on the console is a fault.
const isOurs = (text) => !text.startsWith("Failed to load resource");

export async function open(daemon, where = "/", options = {}) {
	const context = await browser.newContext({
		viewport: { width: 1280, height: 900 }, ...options });
	contexts.push(context);
	context.setDefaultTimeout(DEADLINE_MS);
	await context.addInitScript(() => {
		addEventListener("securitypolicyviolation", (event) =>
			console.error(`CSP: ${event.violatedDirective} ` +
				`${event.blockedURI} ${event.sample}`));
	});
	await options.prepare?.(context);
	const page = await context.newPage();
	page.on("console", (message) => {
		if (["error", "warning"].includes(message.type()) &&
		    isOurs(message.text()))
			complaints.push(message.text());
	});
	page.on("pageerror", (error) => complaints.push(String(error.stack)));
	page.on("request", (request) => {
		const { host, protocol } = new URL(request.url());
		if (protocol !== "blob:" && host !== `127.0.0.1:${daemon.port}`)
			complaints.push(`a request to another host: ${request.url()}`);
	});
	await page.goto(daemon.url + where, { waitUntil: options.waitUntil });
	return page;
}

export const connected = (page, state = "live") =>
	page.waitForSelector(`#connection[data-state=${state}]`);

export const row = (page, id) => page.locator(`tr[data-job-id="${id}"]`);

export const rowIn = (page, id, state) => page.waitForSelector(
	`tr[data-job-id="${id}"][data-state=${state}]`, { state: "attached" });

export const button = (page, name) =>
	page.getByRole("button", { name, exact: true });

// --- TAP --------------------------------------------------------------------------

const tests = [];

export const test = (sentence, body) => tests.push({ sentence, body });
export const note = (text) => console.log(`# ${text}`);

async function tidy(failed) {
	for (const context of contexts.splice(0))
		await context.close();
	for (const daemon of [...started]) {
		if (failed)
			await daemon.kill();
		else
			await daemon.stop();
		daemon.remove();
	}
}

async function one({ body }) {
	complaints.length = 0;
	let timer;
	const late = new Promise((_, fail) => {
		timer = setTimeout(() => fail(new Error("the test took too long")),
			TEST_MS);
	});
	try {
		await Promise.race([body(), late]);
		equal(complaints, [], "the console");
		await tidy(false);
		return null;
	} catch (error) {
		await tidy(true);
		return error;
	} finally {
		clearTimeout(timer);
	}
}

export async function run() {
	const only = process.env.HG_WEB_TEST;
	const chosen = tests.filter((t) => !only || t.sentence.includes(only));
	browser = await chromium.launch({
		executablePath: process.env.HG_CHROMIUM, args: ["--no-sandbox"] });
	console.log(`1..${chosen.length}`);
	let failed = 0;
	for (const [i, t] of chosen.entries()) {
		const error = await one(t);
		console.log(`${error ? "not ok" : "ok"} ${i + 1} - ${t.sentence}`);
		if (error) {
			failed++;
			note(String(error.stack).replaceAll("\n", "\n# "));
		}
	}
	await browser.close();
	process.exit(failed > 0 ? 1 : 0);
}
