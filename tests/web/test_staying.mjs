// test_staying.mjs -- live, over every kind of gap.

import { Daemon, connected, equal, open, ok, row, rowIn, test, until }
	from "./harness.mjs";

const LONG = { duration_ms: 600000 };

// Every row is a job of the daemon, in its state, and none is missing.
async function agrees(page, daemon) {
	const { json } = await daemon.ask("GET", "/v1/jobs?limit=50");
	const wanted = json.jobs.map((job) => `${job.id} ${job.state}`);
	const shown = await page.locator("tr[data-job-id]").evaluateAll((all) =>
		all.map((tr) => `${tr.dataset.jobId} ${tr.dataset.state}`));
	return JSON.stringify(shown) === JSON.stringify(wanted);
}

const agreesSoon = (page, daemon) =>
	until(() => agrees(page, daemon), "that the rows are the daemon's jobs");

test("a killed daemon is said to be gone, and its return is noticed", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	await connected(page);
	const ids = [];
	for (let i = 0; i < 5; i++)
		ids.push((await daemon.submit({ simulate: LONG })).id);
	for (const id of ids)
		await rowIn(page, id, "running");
	await daemon.kill();
	await connected(page, "offline");
	const banner = await page.locator("#banner").innerText();
	ok(/^disconnected, as of \d\d:\d\d:\d\d$/.test(banner), banner);
	await daemon.start();
	await daemon.submit({ title: "Meanwhile" });
	await daemon.ask("POST", `/v1/jobs/${ids[0]}:cancel`);
	await daemon.ask("POST", `/v1/jobs/${ids[1]}:pause`);
	await connected(page);
	equal(await page.locator("#banner").isVisible(), false, "the banner");
	await agreesSoon(page, daemon);
	const { id } = await daemon.submit({ simulate: { duration_ms: 300 } });
	await rowIn(page, id, "completed");
});

test("a daemon that was stopped properly and comes back is followed on", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	await connected(page);
	const { id } = await daemon.submit({ simulate: LONG });
	await rowIn(page, id, "running");
	await daemon.stop();
	await connected(page, "offline");
	await daemon.start();
	await connected(page);
	await agreesSoon(page, daemon);
});

test("a new store behind the old address leaves no stale row", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	await connected(page);
	for (let i = 0; i < 3; i++)
		await daemon.submit({ title: "Old", simulate: { duration_ms: 1 } });
	await until(async () =>
		await page.locator("tr[data-state=completed]").count() === 3,
	"that three are done");
	await daemon.kill();
	await connected(page, "offline");
	await daemon.startAnew();
	await connected(page);
	await page.getByText("No jobs yet.").waitFor();
	await daemon.submit({ title: "New", simulate: LONG });
	await agreesSoon(page, daemon);
});

test("a row that only the focus keeps goes when its job is gone", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	await connected(page);
	const { id } = await daemon.submit({ title: "Old",
		simulate: { duration_ms: 1 } });
	await rowIn(page, id, "completed");
	await page.getByRole("link", { name: "Old" }).focus();
	await daemon.kill();
	await connected(page, "offline");
	await daemon.startAnew();
	const other = await daemon.submit({ title: "New", simulate: LONG });
	await connected(page);
	await rowIn(page, other.id, "running");
	await row(page, id).waitFor({ state: "detached" });
	// one that the filter left out and the focus kept, removed meanwhile
	await page.check("[name=state][value=running]");
	await page.getByRole("link", { name: "New" }).focus();
	const third = await daemon.submit({ title: "Third", simulate: LONG });
	await rowIn(page, third.id, "running");
	await daemon.ask("POST", `/v1/jobs/${other.id}:cancel`);
	await rowIn(page, other.id, "canceled");
	await daemon.ask("DELETE", `/v1/jobs/${other.id}`);
	await row(page, other.id).waitFor({ state: "detached" });
	await agreesSoon(page, daemon);
});

test("the page of a job that lives anew tells its new life only", async () => {
	const daemon = await Daemon.start({ "status.default_job": "start" });
	await daemon.reaches("default", "completed");
	const page = await open(daemon, "/#/jobs/default");
	const told = () => page.locator("#job-history li").count();
	await until(async () => await told() > 2, "its history");
	await daemon.kill();
	await connected(page, "offline");
	await daemon.startAnew();
	await daemon.reaches("default", "completed");
	const { json } = await daemon.ask("GET", "/v1/jobs/default/events");
	await connected(page);
	await until(async () => await told() === json.events.length &&
		await page.locator("#job-history time").first()
			.getAttribute("datetime") === json.events[0].at,
	"the history of the new one");
});

test("a daemon that stands still is said to be gone, and its return is noticed", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	await connected(page);
	const { id } = await daemon.submit({ simulate: { duration_ms: 8000 } });
	await rowIn(page, id, "running");
	daemon.signal("SIGSTOP");
	try {
		await connected(page, "offline");
		ok(await page.locator("#banner").isVisible(), "the banner");
	} finally {
		daemon.signal("SIGCONT");
	}
	await connected(page);
	await rowIn(page, id, "completed");
	await agreesSoon(page, daemon);
});

test("a stream whose words are kept back is no stream", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon, "/", { prepare: (context) =>
		context.addInitScript(() => {
			const { fetch } = window;
			window.fetch = (where, how) => (where === "/v1/events" &&
				how.headers.Accept === "text/event-stream"
				? Promise.resolve(new Response(new ReadableStream({
					start(controller) {
						how.signal.addEventListener("abort", () =>
							controller.error(how.signal.reason));
					} }), { headers:
					{ "Content-Type": "text/event-stream" } }))
				: fetch(where, how));
		}) });
	await connected(page, "polling");
	const { id } = await daemon.submit({ simulate: { duration_ms: 1 } });
	await rowIn(page, id, "completed");
});

test("a removed job leaves a table that is filtered by its tag", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon, "/#/?tag=demo");
	await connected(page);
	const { id } = await daemon.submit({ tags: ["demo"],
		simulate: { duration_ms: 1 } });
	const kept = await daemon.submit({ tags: ["demo"], simulate: LONG });
	await rowIn(page, id, "completed");
	await rowIn(page, kept.id, "running");
	await daemon.ask("PATCH", `/v1/jobs/${id}`, { ttl_s: 1 });
	await row(page, id).waitFor({ state: "detached" });
	await agreesSoon(page, daemon);
});

test("a browser that keeps nothing is no hindrance", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon, "/", { prepare: (context) =>
		context.addInitScript(() => {
			for (const name of ["localStorage", "sessionStorage"])
				Object.defineProperty(window, name, { get() {
					throw new DOMException("Denied.", "SecurityError");
				} });
		}) });
	await connected(page);
	await page.fill("[name=title]", "Launch");
	await page.getByRole("button", { name: "Submit" }).click();
	await page.waitForSelector("tr[data-state=completed]");
	await page.reload();
	await connected(page);
	await page.waitForSelector("tr[data-state=completed]");
});

test("without a stream the page asks, and takes the stream when it can", async () => {
	const daemon = await Daemon.start();
	let refused = true;
	const page = await open(daemon, "/", { prepare: (context) =>
		context.route("**/v1/events*", (route) => (refused
			? route.fulfill({ status: 503, headers: { "Retry-After": "3" },
				contentType: "application/problem+json",
				body: '{"status":503,"detail":"No room.","code":"busy"}' })
			: route.continue())) });
	await connected(page, "polling");
	const { id } = await daemon.submit({ title: "Launch",
		simulate: { duration_ms: 500 } });
	await rowIn(page, id, "completed");
	await page.getByRole("button", { name: "Remove Launch" }).click();
	await page.getByRole("button", { name: "Remove job" }).click();
	await row(page, id).waitFor({ state: "detached" });
	refused = false;
	await connected(page);
	const next = await daemon.submit({ simulate: { duration_ms: 1 } });
	await rowIn(page, next.id, "completed");
});

test("a page that asks for hours leaves nothing behind each time", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon, "/", { prepare: async (context) => {
		await context.addInitScript(() => {
			window.slept = 0;
			window.listening = 0;
			const { addEventListener, removeEventListener } =
				AbortSignal.prototype;
			AbortSignal.prototype.addEventListener = function(...all) {
				window.slept++;
				window.listening++;
				addEventListener.apply(this, all);
			};
			AbortSignal.prototype.removeEventListener = function(...all) {
				window.listening--;
				removeEventListener.apply(this, all);
			};
		});
		await context.route("**/v1/events*", (route) => route.fulfill(
			{ status: 503, headers: { "Retry-After": "60" },
				contentType: "application/problem+json",
				body: '{"status":503,"detail":"No room.","code":"busy"}' }));
	} });
	await connected(page, "polling");
	await until(() => page.evaluate(() => window.slept >= 3),
		"that it has asked three times");
	equal(await page.evaluate(() => window.listening), 1, "listeners");
});

test("what happens while a page of jobs is under way is not lost", async () => {
	const daemon = await Daemon.start();
	let asked = 0;
	let answered = 0;
	const page = await open(daemon, "/", { prepare: (context) =>
		context.route("**/v1/jobs?limit=*", async (route) => {
			if (++asked > 2)
				return route.continue();
			const answer = await route.fetch();	// so far: nothing
			const { id } = await daemon.submit({ simulate: LONG });
			await daemon.reaches(id, "running");
			await route.fulfill({ response: answer });
			return answered++;
		}) });
	await connected(page);
	await until(() => answered === 2, "two answers from before");
	await agreesSoon(page, daemon);
});

test("a network that goes and comes back is survived", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	await connected(page);
	await page.context().setOffline(true);
	await connected(page, "offline");
	const { id } = await daemon.submit({ simulate: { duration_ms: 1 } });
	await daemon.reaches(id, "completed");
	await page.context().setOffline(false);
	await connected(page);
	await rowIn(page, id, "completed");
	await agreesSoon(page, daemon);
});

test("jobs that come and go in a crowd leave the table right", async () => {
	const daemon = await Daemon.start({ "jobs.slots": 50 });
	const page = await open(daemon);
	await connected(page);
	for (let round = 0; round < 8; round++) {
		const { json } = await daemon.ask("POST", "/v1/jobs:batch", { jobs:
			Array.from({ length: 40 }, (_, i) => ({ tags: [`r${round}`],
				simulate: { duration_ms: 50 + 40 * (i % 7) } })) });
		await daemon.ask("POST", "/v1/jobs:cancel", { ids:
			json.jobs.slice(0, 5).map((job) => job.id) });
	}
	await until(async () => {
		const { counts } = (await daemon.ask("GET", "/v1/queue")).json;
		return counts.queued + counts.running === 0;
	}, "that all have ended");
	await agreesSoon(page, daemon);
});

test("an answer with an injected fault does not break the page", async () => {
	const daemon = await Daemon.start({ "faults.http_error_rate": 0.3 });
	const page = await open(daemon);
	let id = null;
	await until(async () => {
		const { status, json } = await daemon.ask("POST", "/v1/jobs",
			{ simulate: { duration_ms: 200 } });
		id = status === 202 ? json.id : null;
		return id;
	}, "a submission that gets through");
	await rowIn(page, id, "completed");
});

test("a clock that was wrong for a moment spoils the plot for a moment", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon, "/", { prepare: (context) =>
		context.addInitScript(() => {
			const wall = Date.now;
			const now = performance.now.bind(performance);
			window.wrong_ms = 0;
			window.later_ms = 0;
			Date.now = () => wall() + window.wrong_ms;
			performance.now = () => now() + window.later_ms;
		}) });
	await connected(page);
	const drawn = async () => await page.locator(".drop.fill-completed")
		.getAttribute("d") !== "M0 0";
	const ends = async () => {
		const { id } = await daemon.submit({ simulate: { duration_ms: 1 } });
		await rowIn(page, id, "completed");
	};
	await page.evaluate(() => { window.wrong_ms = -3600000; });
	await ends();
	await until(drawn, "that its end is drawn");
	await page.evaluate(() => { window.wrong_ms = 0; });
	await until(async () => !await drawn(), "that it is past");
	await page.evaluate(() => { window.later_ms += 16000; });
	await ends();		// the first of a new while
	await page.evaluate(() => { window.later_ms += 16000; });
	await ends();
	await until(drawn, "that ends are drawn again");
});

test("events of a job that is gone meanwhile do not bring it back", async () => {
	const daemon = await Daemon.start({ "jobs.ttl_completed_s": 1 });
	let held = null;
	const page = await open(daemon, "/", { prepare: (context) =>
		context.route("**/v1/events*", async (route) => {
			await held;
			await route.continue();
		}) });
	await connected(page);
	const keep = await daemon.submit({ title: "Kept", simulate: LONG });
	await rowIn(page, keep.id, "running");
	let letGo;
	held = new Promise((done) => { letGo = done; });
	await page.context().setOffline(true);
	await connected(page, "offline");
	const { id } = await daemon.submit({ simulate: { duration_ms: 1 } });
	await until(async () => (await daemon.ask("GET", `/v1/jobs/${id}`))
		.status === 410, "that it is removed");
	letGo();
	await page.context().setOffline(false);
	await connected(page);
	await agreesSoon(page, daemon);
	equal(await row(page, id).count(), 0, "rows of the removed job");
});
