// test_looking.mjs -- for everybody: by eye, by ear, by keyboard, on any screen.

import { AXE, DEADLINE_MS, Daemon, button, connected, equal, ok, open, row, rowIn, sleep,
	test, until } from "./harness.mjs";

const LONG = { duration_ms: 600000 };

// A job in every state there is.
async function given() {
	const daemon = await Daemon.start({ "jobs.workers": 1, "jobs.slots": 2 });
	const submit = (title, simulate) => daemon.submit({ title, tags: ["demo"],
		source_language: "en", output_language: "es", simulate });
	const verb = (job, name) => daemon.ask("POST", `/v1/jobs/${job.id}:${name}`);
	const done = await submit("Completed", { duration_ms: 1 });
	const failed = await submit("Failed", { duration_ms: 1, fail_at: 0.5 });
	await daemon.reaches(done.id, "completed");
	await daemon.reaches(failed.id, "error");
	await verb(await submit("Canceled", LONG), "cancel");
	await verb(await submit("Paused", LONG), "pause");
	await submit("Running", LONG);
	await submit("Running too", LONG);
	const queued = await submit("Queued", LONG);
	return { daemon, done, failed, queued };
}

async function axe(page, what) {
	await page.addScriptTag({ path: AXE }).catch(() => null);
	const found = await page.evaluate(async () => (await axe.run()).violations
		.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" ")}`));
	equal(found, [], `axe on ${what}`);
}

const SCREENS = ["light", "dark"].flatMap((colorScheme) =>
	[320, 1280].map((width) => ({ colorScheme,
		viewport: { width, height: 800 }, bypassCSP: true })));

for (const screen of SCREENS) {
	const name = `${screen.colorScheme} at ${screen.viewport.width} px`;
	test(`axe finds nothing in ${name}`, async () => {
		const { daemon, failed } = await given();
		const page = await open(daemon, "/", screen);
		await connected(page);
		await rowIn(page, failed.id, "error");
		await axe(page, "the table");
		await page.getByRole("checkbox", { name: "Select Queued" }).check();
		await page.fill("[name=text]", "e");
		await axe(page, "a selection");
		await button(page, "Cancel Queued").click();
		await axe(page, "the question");
		await button(page, "Keep").click();
		await page.evaluate((id) => { location.hash = `#/jobs/${id}`; },
			failed.id);
		await page.getByRole("heading", { name: "Failed", exact: true })
			.waitFor();
		await page.locator("#job-history li").first().waitFor();
		await axe(page, "a job's page");
	});

	test(`axe finds nothing in what is rare, in ${name}`, async () => {
		const daemon = await Daemon.start();
		const page = await open(daemon, "/", screen);
		await connected(page);
		await page.getByText("No jobs yet.").waitFor();
		await axe(page, "the empty page");
		await button(page, "Pause queue").click();
		await page.getByText("queue paused", { exact: true }).waitFor();
		await page.fill("[name=max_attempts]", "1000");
		await button(page, "Submit").click();
		await page.locator("#new-form .refusal").waitFor();
		await axe(page, "a refusal and a paused queue");
		await page.evaluate(() => { location.hash = "#/jobs/none"; });
		await page.getByRole("heading", { name: "No such job" }).waitFor();
		await axe(page, "a job that is not there");
		await daemon.kill();
		await connected(page, "offline");
		await page.evaluate(() => { location.hash = "#/?tag=x"; });
		await page.getByText("The jobs could not be loaded.").waitFor();
		await button(page, "Resume queue").click();
		await button(page, "Dismiss").first().waitFor();
		await axe(page, "an error");
		await page.evaluate(() => document.querySelector("#key").showModal());
		await axe(page, "the question for the key");
	});

	test(`nothing is wider than the screen, in ${name}`, async () => {
		const { daemon, failed } = await given();
		await daemon.submit({ title: "W".repeat(200), tags: ["t".repeat(64)] });
		const page = await open(daemon, "/", screen);
		await rowIn(page, failed.id, "error");
		const width = () => page.evaluate(() =>
			document.documentElement.scrollWidth);
		ok(await width() <= screen.viewport.width, `table: ${await width()}`);
		await page.evaluate((id) => { location.hash = `#/jobs/${id}`; },
			failed.id);
		await page.locator("#job-history li").first().waitFor();
		ok(await width() <= screen.viewport.width, `job: ${await width()}`);
	});
}

test("on a small screen the form is one press away", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon, "/",
		{ viewport: { width: 320, height: 640 } });
	await connected(page);
	await button(page, "New job").click();
	await page.keyboard.type("Launch");
	await page.keyboard.press("Enter");
	await page.getByRole("link", { name: "Launch" }).waitFor();
});

const smallTargets = (page) => page.evaluate(() =>
	[...document.querySelectorAll("button, a, input, select, summary")]
		.filter((e) => e.checkVisibility() && !e.matches(".skip"))
		.flatMap((e) => {
			const hit = e.type === "checkbox" ? e.closest("label") : e;
			const { width: w, height: h } = hit.getBoundingClientRect();
			return w >= 24 && h >= 23.99 ? [] : [`${e.outerHTML} ${w}x${h}`];
		}));

test("every target is at least 24 px in both directions", async () => {
	const { daemon, failed, done } = await given();
	for (const width of [320, 1280]) {
		const page = await open(daemon, "/",
			{ viewport: { width, height: 800 } });
		await rowIn(page, failed.id, "error");
		await page.getByRole("checkbox", { name: "Select Queued" }).check();
		await page.fill("[name=text]", "e");
		await button(page, "Clear filters").waitFor();
		equal(await smallTargets(page), [], `small targets at ${width} px`);
		await button(page, "Cancel Queued").click();
		equal(await smallTargets(page), [], `in the question at ${width} px`);
		await button(page, "Keep").click();
		await page.evaluate((id) => { location.hash = `#/jobs/${id}`; },
			done.id);
		await page.getByRole("link", { name: "translated video" }).waitFor();
		equal(await smallTargets(page), [], `on a job's page at ${width} px`);
	}
});

test("the plot can be read by keyboard, moment by moment", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	await connected(page);
	await daemon.submit({ simulate: LONG });
	await page.getByText(/^now {2}0 queued, 1 running/).waitFor();
	await tabTo(page, "#waterline");
	ok(await visiblyFocused(page), "the focus can be seen");
	const told = () => page.locator("#waterline")
		.getAttribute("aria-valuetext");
	ok(/^now {2}0 queued, 1 running/.test(await told()), await told());
	await page.keyboard.press("Home");
	ok(/^\d\d:\d\d:\d\d {2}not watched/.test(await told()), await told());
	equal(await page.locator("#waterline").getAttribute("aria-valuenow"),
		"-300", "the position");
	await page.keyboard.press("End");
	ok(/^now/.test(await told()), await told());
});

// Tab until the wanted element has the focus.
async function tabTo(page, selector) {
	for (let i = 0; i < 150; i++) {
		await page.keyboard.press("Tab");
		if (await page.evaluate((s) => document.activeElement?.matches(s),
			selector))
			return;
	}
	throw new Error(`${selector} cannot be reached with Tab`);
}

const visiblyFocused = (page) => page.evaluate(() => {
	const style = getComputedStyle(document.activeElement);
	return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
});

test("the whole way can be gone by keyboard alone", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon);
	await connected(page);
	await tabTo(page, "[name=title]");
	await page.keyboard.type("Launch");
	await tabTo(page, "[name=duration_ms]");
	await page.keyboard.type("600000");
	await page.keyboard.press("Enter");
	await page.waitForSelector("tr[data-state=running]");
	await tabTo(page, "tr [data-verb=pause]");
	ok(await visiblyFocused(page), "the focus can be seen");
	await page.keyboard.press("Enter");
	await page.waitForSelector("tr[data-state=paused]");
	await page.keyboard.press("Space");
	await page.waitForSelector("tr[data-state=running]");
	await tabTo(page, "tr [data-verb=cancel]");
	await page.keyboard.press("Enter");
	await tabTo(page, "dialog [value=yes]");
	await page.keyboard.press("Enter");
	await page.waitForSelector("tr[data-state=canceled]");
	await page.keyboard.press("Tab");
	ok(await page.evaluate(() => document.activeElement.dataset.verb ===
		"restart"), "back in the row after the question");
	await tabTo(page, "tr [name=ids]");
	await page.keyboard.press("Space");
	await page.getByText("1 selected").waitFor();
	await tabTo(page, "tr a.title");
	await page.keyboard.press("Enter");
	await page.getByRole("heading", { name: "Launch" }).waitFor();
	equal(await page.evaluate(() => document.activeElement.id), "job-title",
		"the focus on the job's page");
	await tabTo(page, "[data-verb=restart]");
	await page.keyboard.press("Enter");
	await page.locator("#job-now[data-state=running]").waitFor();
	await tabTo(page, "#edit-form [name=title]");
	await page.keyboard.press("Control+A");
	await page.keyboard.type("Landing");
	await page.keyboard.press("Enter");
	await page.getByRole("heading", { name: "Landing" }).waitFor();
	await page.goBack();
	await page.waitForSelector("tr[data-job-id]");
	await tabTo(page, "#queue-toggle");
	await page.keyboard.press("Enter");
	await button(page, "Resume queue").waitFor();
	await tabTo(page, "[name=state][value=completed]");
	await page.keyboard.press("Space");
	await page.getByText("No job matches the filters.").waitFor();
});

test("the focus survives live updates", async () => {
	const daemon = await Daemon.start({ "jobs.slots": 20 });
	const page = await open(daemon);
	await connected(page);
	const { id } = await daemon.submit({ title: "Held", simulate: LONG });
	await rowIn(page, id, "running");
	const held = () => page.evaluate(() =>
		document.activeElement?.getAttribute("aria-label"));
	await row(page, id).getByRole("button", { name: "Cancel Held" }).focus();
	for (let i = 0; i < 3; i++) {
		await daemon.ask("POST", "/v1/jobs:batch", { jobs: Array.from(
			{ length: 30 }, () => ({ simulate: { duration_ms: 200 } })) });
		const newest = (await daemon.ask("GET", "/v1/jobs?limit=1")).json.jobs[0];
		await page.waitForSelector(`tr[data-job-id="${newest.id}"]`);
		equal(await held(), "Cancel Held", `the focus after batch ${i + 1}`);
	}
	await daemon.ask("POST", `/v1/jobs/${id}:cancel`);
	await rowIn(page, id, "canceled");
	equal(await page.evaluate(() => document.activeElement
		.closest("tr")?.dataset.jobId), id, "the row with the focus");
	await page.fill("[name=text]", "x");
	await page.fill("[name=text]", "");
	await page.locator("[name=text]").focus();
	await daemon.submit({});
	await sleep(1200);
	equal(await page.evaluate(() => document.activeElement.name), "text",
		"the focus in the filter");
});

test("the state is told by word and mark, not by colour alone", async () => {
	const { daemon, queued } = await given();
	const page = await open(daemon);
	await rowIn(page, queued.id, "queued");
	const told = await page.locator("tr[data-job-id]").evaluateAll((all) =>
		all.map((tr) => [tr.dataset.state,
			tr.querySelector(".state").textContent.trim(),
			tr.querySelector(".state use").getAttribute("href")]));
	for (const [state, word, mark] of told)
		equal([word, mark], [state, `#i-${state}`], "word and mark");
	equal(new Set(told.map(([state]) => state)).size, 6, "states seen");
});

test("the status line speaks at most once in five seconds", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon, "/", { prepare: (context) =>
		context.addInitScript(() => {
			window.spoken = [];
			addEventListener("DOMContentLoaded", () => new MutationObserver(() =>
				window.spoken.push(performance.now())).observe(
				document.querySelector("[role=status]"),
				{ childList: true, characterData: true, subtree: true }));
		}) });
	await connected(page);
	let i = 0;
	await until(async () => {
		await page.fill("[name=title]", `Job ${++i}`);
		await button(page, "Submit").click();
		return await page.evaluate(() => window.spoken.length) >= 3;
	}, "that it has spoken three times", 2 * DEADLINE_MS);
	const spoken = await page.evaluate(() => window.spoken);
	for (let n = 1; n < spoken.length; n++)
		ok(spoken[n] - spoken[n - 1] > 4900,
			`only ${spoken[n] - spoken[n - 1]} ms between two sentences`);
});

test("the status line says the same again when it is true again", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon, "/", { prepare: (context) =>
		context.addInitScript(() => {
			window.spoken = [];
			addEventListener("DOMContentLoaded", () => new MutationObserver(
				(all) => all.forEach((record) => record.addedNodes.forEach(
					(node) => window.spoken.push(node.textContent)))).observe(
				document.querySelector("[role=status]"), { childList: true }));
		}) });
	await connected(page);
	const submitted = async (times) => {
		await page.fill("[name=title]", "Launch");
		await button(page, "Submit").click();
		await until(async () => (await page.evaluate(() => window.spoken))
			.filter((text) => text === "Submitted Launch").length === times,
		`that it has been said ${times} times`);
	};
	await submitted(1);
	await submitted(2);
});

test("who wants less motion gets none", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon, "/", { reducedMotion: "reduce" });
	await connected(page);
	const { id } = await daemon.submit({ simulate: { duration_ms: 8000 } });
	await rowIn(page, id, "running");
	let moving = 0;
	await until(async () => {
		moving += await page.evaluate(() => document.getAnimations().length);
		return (await daemon.job(id)).state === "completed";
	}, "its end");
	equal(moving, 0, "animations seen");
});

test("without scripts the page names the command line", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon, "/", { javaScriptEnabled: false });
	ok((await page.locator(".noscript").innerText())
		.includes("heygenctl list"), "the sentence");
	equal(await page.locator("main").isVisible(), false, "what cannot work");
});
