// test_finding.mjs -- filters, pages, a job's own page.

import { Daemon, button, connected, equal, ok, open, row, rowIn, test, until }
	from "./harness.mjs";

const LONG = { duration_ms: 600000 };

const titles = (page) => page.locator("#rows a.title").allInnerTexts();

const showsTitles = (page, wanted) => until(async () =>
	JSON.stringify(await titles(page)) === JSON.stringify(wanted),
	`that the rows are ${wanted}`);

async function given(settings) {
	const daemon = await Daemon.start({ "jobs.workers": 1, "jobs.slots": 2,
		...settings });
	await daemon.submit({ title: "Keynote", tags: ["demo"], simulate: LONG });
	await daemon.submit({ title: "Launch", tags: ["demo", "spring"],
		source_language: "en", simulate: LONG });
	await daemon.submit({ title: "Town hall", tags: ["spring"],
		simulate: LONG });
	return daemon;
}

test("the table is narrowed by state, by tag and by text", async () => {
	const page = await open(await given());
	await showsTitles(page, ["Town hall", "Launch", "Keynote"]);
	await page.check("[name=state][value=running]");
	await showsTitles(page, ["Launch", "Keynote"]);
	await page.fill("[name=tag]", "spring");
	await showsTitles(page, ["Launch"]);
	await page.uncheck("[name=state][value=running]");
	await showsTitles(page, ["Town hall", "Launch"]);
	await page.fill("[name=tag]", "");
	await page.fill("[name=text]", "LAUN");
	await showsTitles(page, ["Launch"]);
	await page.reload();
	await showsTitles(page, ["Launch"]);
	await page.fill("[name=text]", "nowhere");
	await page.getByText("No job matches the filters.").waitFor();
	await button(page, "Show all jobs").click();
	await showsTitles(page, ["Town hall", "Launch", "Keynote"]);
});

test("a job enters and leaves a filtered table as its state changes", async () => {
	const daemon = await given();
	const page = await open(daemon, "/#/?state=queued");
	await connected(page);
	await showsTitles(page, ["Town hall"]);
	const { json } = await daemon.ask("GET", "/v1/jobs?state=running");
	await daemon.ask("POST", `/v1/jobs/${json.jobs[1].id}:cancel`);
	await page.getByText("No job matches the filters.").waitFor();
	await daemon.submit({ title: "Webinar" });
	await showsTitles(page, ["Webinar"]);
});

test("an id finds its job", async () => {
	const daemon = await given();
	const { json } = await daemon.ask("GET", "/v1/jobs");
	const page = await open(daemon);
	await page.fill("[name=text]", json.jobs[2].id);
	await showsTitles(page, ["Keynote"]);
});

test("an id leaves no search to go on with", async () => {
	const daemon = await given();
	const page = await open(daemon, "/", { prepare: (context) =>
		context.route("**/v1/jobs?limit=500*", (route) => route.fulfill({ json:
			{ jobs: Array(500).fill({ id: "other" }),
				next_page_token: "on" } })) });
	await page.fill("[name=text]", "nowhere");
	await page.locator("#searched").waitFor();
	await page.fill("[name=text]", "00000000-0000-7000-8000-000000000000");
	await page.locator("#searched").waitFor({ state: "hidden" });
	await page.getByText("No job matches the filters.").waitFor();
	equal(await page.locator("#searched").isVisible(), false, "its button");
});

test("older jobs are on further pages, fifty on each", async () => {
	const daemon = await Daemon.start();
	await daemon.ask("POST", "/v1/queue:pause");
	await daemon.ask("POST", "/v1/jobs:batch", { jobs:
		Array.from({ length: 120 }, (_, i) => ({ title: `Job ${i + 1}` })) });
	const page = await open(daemon);
	const first = (n) => until(async () =>
		(await titles(page))[0] === `Job ${n}`, `that Job ${n} comes first`);
	await first(120);
	equal(await page.locator("#rows tr").count(), 50, "rows of page one");
	await button(page, "Older").click();
	await first(70);
	await button(page, "Older").click();
	await first(20);
	equal(await page.locator("#rows tr").count(), 20, "rows of page three");
	await daemon.submit({ title: "Job 121" });
	await button(page, "Newer").click();
	await first(70);
	await button(page, "Newer").click();
	await first(121);
	equal(await page.locator("#rows tr").count(), 50, "rows of page one");
});

test("the counts are the daemon's", async () => {
	const daemon = await given();
	const page = await open(daemon);
	await until(async () => (await page.locator("#counts").innerText())
		.replace(/\s+/g, " ").startsWith("1 queued 2 running 0 paused"),
		"the counts");
	await page.getByText("2 of 2 slots busy").waitFor();
	equal(await page.locator("#workers tr").count(), 1, "workers listed");
});

test("a job's page tells its history, its error, and the curl line", async () => {
	const daemon = await Daemon.start();
	const { id } = await daemon.submit({ title: "Launch", simulate:
		{ duration_ms: 1000, fail_at: 0.7 } });
	const page = await open(daemon);
	await rowIn(page, id, "error");
	await page.getByRole("link", { name: "Launch" }).click();
	await page.getByRole("heading", { name: "Launch" }).waitFor();
	ok(page.url().endsWith(`#/jobs/${id}`), "the address");
	const job = await daemon.job(id);
	await page.getByText(job.error.message).waitFor();
	const { json } = await daemon.ask("GET", `/v1/jobs/${id}/events`);
	await until(async () => await page.locator("#job-history li").count() ===
		json.events.length, "an entry for each event");
	equal(await page.locator("#job-history li").evaluateAll((all) =>
		all.map((li) => li.dataset.kind)), json.events.map((e) => e.kind),
	"the kinds");
	equal(await page.locator("#job-curl").innerText(),
		`curl -s ${daemon.url}/v1/jobs/${id}`, "the curl line");
	await button(page, "Restart Launch").click();
	await page.locator("#job-history [data-kind=restarted]").waitFor();
	await until(async () => (await daemon.job(id)).attempt === 2 &&
		await page.locator("#job-history [data-kind=failed]").count() === 2,
	"that the second attempt is told as well");
});

test("a job's page follows the job, and links the result", async () => {
	const daemon = await Daemon.start();
	await daemon.ask("POST", "/v1/queue:pause");
	const { id } = await daemon.submit({ simulate: { duration_ms: 8000 } });
	const page = await open(daemon, `/#/jobs/${id}`);
	await page.locator("#job-now[data-state=queued]").waitFor();
	await connected(page);
	await daemon.ask("POST", "/v1/queue:resume");
	await page.locator("#job-now[data-state=running]").waitFor();
	await page.locator("#job-now[data-state=completed]").waitFor();
	const link = page.getByRole("link", { name: "translated video" });
	equal(await link.getAttribute("href"), (await daemon.job(id)).result_url,
		"the link");
});

test("the page of a job that is not there says so", async () => {
	const daemon = await Daemon.start();
	const where = "/v1/jobs/00000000-0000-7000-8000-000000000000";
	const { json } = await daemon.ask("GET", where);
	const page = await open(daemon, where.replace("/v1", "/#"));
	await page.getByText(json.detail).waitFor();
	await page.getByRole("link", { name: "All jobs" }).click();
	await page.getByText("No jobs yet.").waitFor();
});

test("an address that makes no sense is no job", async () => {
	const page = await open(await Daemon.start(), "/#/jobs/%");
	await page.getByRole("heading", { name: "No such job" }).waitFor();
});

test("a title that looks like markup is text", async () => {
	const daemon = await Daemon.start();
	const title = "<img src=x onerror=\"document.title='owned'\">";
	const { id } = await daemon.submit({ title, source_language: title.slice(0, 10),
		source_url: "https://example.com/?<b>", tags: ["demo"] });
	const page = await open(daemon);
	await rowIn(page, id, "completed");
	equal(await row(page, id).locator("a.title").innerText(), title, "the row");
	await row(page, id).locator("a.title").click();
	await page.getByRole("heading", { name: title }).waitFor();
	equal(await page.locator("img").count(), 0, "images in the page");
	ok(!(await page.title()).startsWith("owned"), "nothing ran");
});
