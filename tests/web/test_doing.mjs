// test_doing.mjs -- everything that can be done, done in the browser.

import { writeFileSync } from "node:fs";

import { Daemon, button, connected, equal, ok, open, row, rowIn, test, until }
	from "./harness.mjs";

const LONG = { duration_ms: 600000 };

test("an empty daemon says that there are no jobs yet", async () => {
	const page = await open(await Daemon.start());
	await page.getByText("No jobs yet.").waitFor();
	await connected(page);
});

test("a job submitted with all fields is the job that was meant", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	await connected(page);
	const fields = { title: "Launch", source_url: "https://example.com/a.mp4",
		source_language: "en", output_language: "es", tags: "demo, first",
		priority: "urgent", ttl_s: "1000", max_attempts: "7",
		not_before: "2020-01-02T03:04:05", duration_ms: "700",
		error_rate: "0", fail_at: "0.5", fail_attempts: "0", seed: "42" };
	for (const [name, value] of Object.entries(fields))
		await page.fill(`[name=${name}]`, value);
	await page.selectOption("[name=on_error]", "restart");
	await button(page, "Submit").click();
	const element = await page.waitForSelector("tr[data-job-id]");
	const job = await daemon.job(await element.getAttribute("data-job-id"));
	equal({ title: job.title, source_url: job.source_url,
		source_language: job.source_language,
		output_language: job.output_language, tags: job.tags,
		priority: job.priority, ttl_s: job.ttl_s,
		max_attempts: job.max_attempts, on_error: job.on_error,
		not_before: Date.parse(job.not_before), simulate: job.simulate },
	{ title: "Launch", source_url: "https://example.com/a.mp4",
		source_language: "en", output_language: "es",
		tags: ["demo", "first"], priority: 20, ttl_s: 1000, max_attempts: 7,
		on_error: "restart",
		not_before: new Date("2020-01-02T03:04:05").getTime(),
		simulate: { duration_ms: 700, error_rate: 0, fail_at: 0.5,
			fail_attempts: 0, seed: 42 } }, "the job");
	equal(await page.inputValue("[name=title]"), "", "the form afterwards");
	await rowIn(page, job.id, "completed");
});

test("a job can be watched from its submission to its end", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	await connected(page);
	const { id } = await daemon.submit({ title: "Launch",
		simulate: { duration_ms: 5000 } });
	await rowIn(page, id, "running");
	const bar = row(page, id).locator("progress");
	await until(async () => {
		const value = await bar.evaluate((e) => e.value);
		return value > 0.1 && value < 1;
	}, "that the bar moves");
	await rowIn(page, id, "completed");
	equal(await bar.evaluate((e) => e.value), 1, "the bar at the end");
	ok((await row(page, id).innerText()).includes("100 %"), "it says 100 %");
});

test("a running job is paused and resumed", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	const { id } = await daemon.submit({ title: "Launch", simulate: LONG });
	await rowIn(page, id, "running");
	await button(page, "Pause Launch").click();
	await rowIn(page, id, "paused");
	equal((await daemon.job(id)).state, "paused", "the daemon's state");
	await button(page, "Resume Launch").click();
	await rowIn(page, id, "running");
});

test("cancel asks first, and does nothing if the answer is no", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	const { id } = await daemon.submit({ title: "Launch", simulate: LONG });
	await rowIn(page, id, "running");
	await button(page, "Cancel Launch").click();
	await button(page, "Keep").click();
	equal((await daemon.job(id)).state, "running", "the state after no");
	await button(page, "Cancel Launch").click();
	await button(page, "Cancel job").click();
	await rowIn(page, id, "canceled");
	await button(page, "Restart Launch").click();
	await rowIn(page, id, "running");
	equal((await daemon.job(id)).attempt, 2, "the attempt after the restart");
});

test("a finished job is removed, after asking", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	const { id } = await daemon.submit({ title: "Launch",
		simulate: { duration_ms: 1 } });
	await rowIn(page, id, "completed");
	await button(page, "Remove Launch").click();
	await button(page, "Remove job").click();
	await row(page, id).waitFor({ state: "detached" });
	equal((await daemon.ask("GET", `/v1/jobs/${id}`)).status, 410,
		"the status of its id");
});

test("the priority of a waiting job is changed on its page", async () => {
	const daemon = await Daemon.start();
	await daemon.ask("POST", "/v1/queue:pause");
	const { id } = await daemon.submit({ title: "Launch" });
	const page = await open(daemon, `/#/jobs/${id}`);
	await page.fill("[name=priority]", "high");
	await button(page, "Save").click();
	await page.getByText("high (10)").waitFor();
	equal((await daemon.job(id)).priority, 10, "the daemon's priority");
	await page.fill("[name=title]", "Later");
	await page.fill("[name=tags]", "a b");
	await button(page, "Save").click();
	await page.getByRole("heading", { name: "Later" }).waitFor();
	equal((await daemon.job(id)).tags, ["a", "b"], "the daemon's tags");
});

test("a change changes nothing but what was changed", async () => {
	const daemon = await Daemon.start();
	await daemon.ask("POST", "/v1/queue:pause");
	const { id } = await daemon.submit({ title: "Launch", on_error: "restart",
		max_attempts: 9, priority: 7, ttl_s: 60, tags: ["a"] });
	const page = await open(daemon, `/#/jobs/${id}`);
	await until(async () => await page.inputValue("[name=on_error]") ===
		"restart", "the form's value");
	await page.fill("[name=priority]", "");
	const [sent] = await Promise.all([
		page.waitForRequest((request) => request.method() === "PATCH"),
		button(page, "Save").click()]);
	equal(sent.postDataJSON(), { priority: null }, "what is sent");
	await until(async () => (await daemon.job(id)).priority === 0,
		"the default priority");
	equal((await daemon.job(id)).on_error, "restart", "on_error");
});

test("a refusal is shown in the server's own words", async () => {
	const daemon = await Daemon.start();
	const { id } = await daemon.submit({ title: "Launch", simulate: LONG });
	await daemon.reaches(id, "running");
	const page = await open(daemon, `/#/jobs/${id}`);
	const { json } = await daemon.ask("PATCH", `/v1/jobs/${id}`,
		{ priority: 3 });
	await page.fill("[name=priority]", "3");
	await button(page, "Save").click();
	await until(async () => await page.locator("#edit-form .refusal")
		.innerText() === json.detail, "the sentence");
});

test("every verb that is refused says so in the server's words", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	const { id } = await daemon.submit({ title: "Launch", simulate: LONG });
	await rowIn(page, id, "running");
	const sentence = "The server has a reason of its own.";
	await page.route("**/v1/jobs/*:pause", (route) => route.fulfill({
		status: 409, contentType: "application/problem+json",
		body: JSON.stringify({ status: 409, detail: sentence }) }));
	await page.route("**/v1/queue:pause", (route) => route.fulfill({
		status: 503, contentType: "application/problem+json",
		body: JSON.stringify({ status: 503, detail: sentence }) }));
	await button(page, "Pause Launch").click();
	await page.getByText(`Pause Launch: ${sentence}`).waitFor();
	await button(page, "Pause queue").click();
	await page.getByText(`Pause queue: ${sentence}`).waitFor();
	await page.getByRole("button", { name: "Dismiss" }).first().click();
	await page.getByText(`Pause Launch: ${sentence}`)
		.waitFor({ state: "detached" });
});

// What every control says that is refused: its own sentence from the server.
test("no control keeps a refusal to itself", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	await connected(page);
	const make = async (title, state, verb) => {
		const { id } = await daemon.submit({ title, simulate:
			state === "completed" ? { duration_ms: 1 } : LONG });
		await daemon.reaches(id, state === "completed" ? state : "running");
		if (verb)
			await daemon.ask("POST", `/v1/jobs/${id}:${verb}`);
		await rowIn(page, id, state);
		return id;
	};
	await make("Runs", "running");
	await make("Rests", "paused", "pause");
	const done = await make("Done", "completed");
	await daemon.ask("POST", "/v1/queue:pause");
	await button(page, "Resume queue").waitFor();
	let n = 0;
	await page.route("**/v1/**", (route) => (route.request().method() === "GET"
		&& !route.request().url().includes("limit=") ? route.continue()
		: route.fulfill({ status: 409,
			contentType: "application/problem+json",
			body: JSON.stringify({ detail: `Reason ${++n}.` }) })));
	const says = async (what) => page.getByText(
		new RegExp(`^${what}: Reason ${n}\\.$`)).waitFor();
	for (const [name, sure] of [["Pause Runs"], ["Resume Rests"],
		["Cancel Runs", "Cancel job"], ["Restart Done"],
		["Remove Done", "Remove job"], ["Resume queue"]]) {
		const before = n;
		await button(page, name).click();
		if (sure)
			await button(page, sure).click();
		await until(() => n > before, `a request for ${name}`);
		await says(name);
	}
	await page.getByRole("checkbox", { name: "Select Done" }).check();
	for (const [name, sure] of [["Pause"], ["Resume"], ["Restart"],
		["Cancel", "Cancel jobs"], ["Remove", "Remove jobs"]]) {
		await button(page, name).click();
		if (sure)
			await button(page, sure).click();
		await page.getByText(new RegExp(`^${name} 1 job: Reason`)).waitFor();
	}
	await button(page, "Submit").click();
	await page.locator("#new-form .refusal", { hasText: /^Reason \d+\.$/ })
		.waitFor();
	await page.fill("[name=tag]", "x");
	await page.locator("#note-error-text", { hasText: /^Reason \d+\.$/ })
		.waitFor();
	await page.evaluate((id) => { location.hash = `#/jobs/${id}`; }, done);
	await page.locator("#job-missing", { hasText: /^Reason \d+\.$/ }).waitFor();
});

test("a field that is refused is marked, and the words are the server's", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	const bad = { max_attempts: 1000, simulate: { error_rate: 2 } };
	const { json } = await daemon.ask("POST", "/v1/jobs", bad);
	await page.fill("[name=max_attempts]", "1000");
	await page.fill("[name=error_rate]", "2");
	await button(page, "Submit").click();
	await until(async () => await page.locator("#new-form .refusal")
		.innerText() === json.detail, "the sentence");
	const name = json.errors[0].field.split(".").at(-1);
	const control = page.locator(`#new-form [name=${name}]`);
	equal(await control.getAttribute("aria-invalid"), "true", "the mark");
	ok((await page.locator(".field-refusal").first().innerText())
		.includes(json.errors[0].message), "the field's sentence");
	equal(await page.inputValue("[name=max_attempts]"), "1000",
		"what was typed");
	await page.fill("[name=max_attempts]", "twelve");
	await page.fill("[name=error_rate]", "");
	await button(page, "Submit").click();
	const again = await daemon.ask("POST", "/v1/jobs",
		{ max_attempts: "twelve" });
	await until(async () => await page.locator("#new-form .refusal")
		.innerText() === again.json.detail, "the sentence about a word");
});

test("several jobs are steered at once by their checkboxes", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	await connected(page);
	const ids = [];
	for (const title of ["One", "Two", "Three"])
		ids.push((await daemon.submit({ title, simulate: LONG })).id);
	for (const id of ids)
		await rowIn(page, id, "running");
	await page.getByRole("checkbox", { name: "Select One" }).check();
	await page.getByRole("checkbox", { name: "Select Two" }).check();
	await page.getByText("2 selected").waitFor();
	await button(page, "Pause").click();
	await rowIn(page, ids[0], "paused");
	await rowIn(page, ids[1], "paused");
	equal((await daemon.job(ids[2])).state, "running", "the third");
	await page.getByRole("checkbox", { name: /Select all/ }).check();
	await button(page, "Cancel").click();
	await button(page, "Cancel jobs").click();
	for (const id of ids)
		await rowIn(page, id, "canceled");
	await button(page, "Pause").click();
	const { json } = await daemon.ask("POST", `/v1/jobs/${ids[0]}:pause`);
	await page.getByText("Pause 3 jobs: 3 were refused (invalid_state). " +
		json.detail).waitFor();
	await button(page, "Remove").click();
	await button(page, "Remove jobs").click();
	await page.getByText("No jobs yet.").waitFor();
	equal(await page.locator("#bulk").isVisible(), false, "the bar at the end");
});

test("the queue is paused and resumed, and says which it is", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	await button(page, "Pause queue").click();
	await page.getByText("queue paused", { exact: true }).waitFor();
	equal((await daemon.ask("GET", "/v1/queue")).json.paused, true, "paused");
	const { id } = await daemon.submit({ title: "Launch", simulate: LONG });
	await rowIn(page, id, "queued");
	await button(page, "Resume queue").click();
	await rowIn(page, id, "running");
});

test("a submission that nobody answered is not doubled when sent again", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	await connected(page);
	let lost = true;
	await page.route("**/v1/jobs", async (route) => {
		await route.fetch();	// it arrives, but its answer does not
		return lost ? route.abort() : route.continue();
	});
	await page.fill("[name=title]", "Launch");
	await button(page, "Submit").click();
	await page.getByText("The server cannot be reached.").waitFor();
	lost = false;
	await button(page, "Submit").click();
	await until(async () => await page.inputValue("[name=title]") === "",
		"an answer");
	const { json } = await daemon.ask("GET", "/v1/jobs");
	equal(json.jobs.length, 1, "jobs");
	await page.unroute("**/v1/jobs");
	await page.fill("[name=title]", "Launch");
	await button(page, "Submit").click();
	await until(async () => (await daemon.ask("GET", "/v1/jobs"))
		.json.jobs.length === 2, "another job of the same make");
});

const KEY = "sesame-sesame-sesame";

async function guarded() {
	const daemon = new Daemon();
	const file = `${daemon.dir}/keys`;
	writeFileSync(file, `${KEY}\n`, { mode: 0o600 });
	daemon.settings["http.api_key_file"] = file;
	await daemon.start();
	return daemon;
}

async function giveKey(page, key) {
	await page.fill("[name=api_key]", key);
	await page.keyboard.press("Enter");
}

test("the key serves for the page also where the browser keeps nothing", async () => {
	const daemon = await guarded();
	const page = await open(daemon, "/", { prepare: (context) =>
		context.addInitScript(() => Object.defineProperty(window,
			"sessionStorage", { value: null })) });
	await giveKey(page, KEY);
	await connected(page);
});

test("a refusal of a key that was replaced meanwhile asks for none", async () => {
	const daemon = await guarded();
	const page = await open(daemon);
	const late = [];
	await page.route("**/v1/queue", (route) => {
		if (route.request().headers()["x-api-key"] === "not-the-key-not-the-key")
			late.push(route);
		else
			route.continue();
	});
	await giveKey(page, "not-the-key-not-the-key");
	await until(async () => late.length > 0 &&
		await page.locator("#key").isVisible(), "that it asks again");
	await giveKey(page, KEY);
	const refused = page.waitForResponse((r) => r.status() === 401 &&
		r.url().endsWith("/v1/queue"));
	late.forEach((route) => route.continue());
	await refused;
	await connected(page);
	daemon.headers = { "X-Api-Key": KEY };
	const { id } = await daemon.submit({ title: "Launch" });
	await rowIn(page, id, "completed");
	equal(await page.locator("#key").isVisible(), false, "asked again");
});

// The counts, the workers and the plot are asked for again and again.
async function beats(page) {
	let asked = 0;
	const count = (request) => {
		asked += request.url().endsWith("/v1/queue");
	};
	page.on("request", count);
	await until(() => asked >= 3, "that it goes on asking");
	page.off("request", count);
}

test("a refused key that is taken later needs nobody to give it again", async () => {
	const daemon = await Daemon.start();
	let refused = true;
	const page = await open(daemon, "/", { prepare: (context) =>
		context.route("**/v1/*", (route) => (refused
			? route.fulfill({ status: 401,
				contentType: "application/problem+json",
				body: '{"status":401,"detail":"No.","code":"key"}' })
			: route.continue())) });
	await page.getByText("waiting for the key").waitFor();
	await page.keyboard.press("Escape");
	refused = false;
	// the network came back: no need to wait for a minute
	await page.evaluate(() => dispatchEvent(new Event("online")));
	await connected(page);
	await daemon.submit({ simulate: { duration_ms: 600000 } });
	await beats(page);
});

test("a key refused beside a stream that goes on is tried again", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon, "/", { prepare: (context) =>
		context.addInitScript(() => {
			const now = performance.now.bind(performance);
			window.later_ms = 0;
			performance.now = () => now() + window.later_ms;
		}) });
	await connected(page);
	await page.route("**/v1/queue", (route) => route.fulfill({ status: 401,
		contentType: "application/problem+json",
		body: '{"status":401,"detail":"No.","code":"key"}' }));
	await page.locator("#key").waitFor();
	await page.keyboard.press("Escape");
	await page.unroute("**/v1/queue");
	await page.evaluate(() => { window.later_ms = 60000; });
	await beats(page);
	equal(await page.locator("#connection").innerText(), "live", "the badge");
});

test("the question for another key, put away, changes nothing", async () => {
	const daemon = await guarded();
	const page = await open(daemon);
	await giveKey(page, KEY);
	await connected(page);
	await page.locator("#key-button").click();
	await page.locator("#key").waitFor();
	await page.keyboard.press("Escape");
	await beats(page);
});

test("the key is asked for, refused, used, and kept for the tab", async () => {
	const daemon = await guarded();
	const page = await open(daemon);
	await page.getByText("waiting for the key").waitFor();
	await giveKey(page, "not-the-key-not-the-key");
	await until(async () => await page.locator("#key").isVisible() &&
		await page.locator("#key-refusal").innerText() !== "",
		"that it asks again");
	const { json } = await daemon.ask("GET", "/v1/queue");
	equal(await page.locator("#key-refusal").innerText(), json.detail,
		"the sentence");
	await giveKey(page, KEY);
	await connected(page);
	daemon.headers = { "X-Api-Key": KEY };
	const { id } = await daemon.submit({ title: "Launch" });
	await rowIn(page, id, "completed");
	await page.reload();
	await connected(page);
	await rowIn(page, id, "completed");
});
