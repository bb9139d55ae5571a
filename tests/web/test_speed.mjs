// test_speed.mjs -- small, quick to paint, and fluid under load.  Bounds are
// generous where they are the machine's; what was measured is printed.

import zlib from "node:zlib";
import { Daemon, SLOW, connected, equal, note, ok, open, test, until }
	from "./harness.mjs";

const PAINTS = 7;
const JOBS = 10000;
const LONG_MS = 50;
const WATCHED_MS = 5000;
const WINDOWS = 4;		// a busy machine lengthens tasks: the best counts
const TRACED = ["disabled-by-default-devtools.timeline"];

test("the page with all it needs is under 120 KB, and compressed", async () => {
	const daemon = await Daemon.start();
	const seen = new Map();
	const page = await open(daemon, "/", { prepare: (context) =>
		context.on("response", (response) => {
			const { pathname } = new URL(response.url());
			if (!pathname.startsWith("/v1"))
				seen.set(pathname, response);
		}) });
	await connected(page);
	let bytes = 0;
	for (const [pathname, response] of seen) {
		equal(response.status(), 200, `status of ${pathname}`);
		const headers = response.headers();
		equal(headers["content-encoding"], "gzip", `encoding of ${pathname}`);
		ok(/^default-src 'self'/.test(headers["content-security-policy"]) &&
			!headers["content-security-policy"].includes("unsafe"),
		`policy of ${pathname}`);
		bytes += zlib.gzipSync(await response.body(), { level: 9 }).length;
		const again = await daemon.ask("GET", pathname, undefined,
			{ "If-None-Match": headers.etag });
		equal(again.status, 304, `${pathname} asked again`);
	}
	note(`${seen.size} files, ${bytes} bytes compressed`);
	ok(bytes < 120 * 1024, `${bytes} bytes`);
});

test("a form without compression is there for who wants it", async () => {
	const daemon = await Daemon.start();
	const answer = await daemon.ask("GET", "/app.js");
	equal(answer.status, 200, "status");
	equal(answer.headers["content-encoding"], undefined, "encoding");
});

async function firstPaint(daemon, where) {
	const page = await open(daemon, where);
	const at = await until(() => page.evaluate(() => performance
		.getEntriesByName("first-contentful-paint")[0]?.startTime),
	"a first paint");
	await page.close();
	return at;
}

// On a machine that is busy even a page of one word takes long: ours is
// bounded by that one then, both taken in turns and the best of each.
test("the first paint takes less than 100 ms", async () => {
	const daemon = await Daemon.start();
	const nothing = [];
	const ours = [];
	for (let i = 0; i < PAINTS; i++) {
		nothing.push(await firstPaint(daemon, "/healthz"));
		ours.push(await firstPaint(daemon, "/"));
	}
	const [least, best] = [Math.min(...nothing), Math.min(...ours)];
	note(`first paint: ${best.toFixed(0)} ms, a page of one word ` +
		`${least.toFixed(0)} ms, best of ${PAINTS} each`);
	ok(best < Math.max(100, 4 * least) * SLOW, `${ours} ms`);
});

test("the first paint waits for one answer", async () => {
	const daemon = await Daemon.start();
	const page = await open(daemon, "/", { waitUntil: "commit",
		prepare: (context) => context.route(/\.(js|css|svg)$/, () => null) });
	await until(() => page.evaluate(() => performance
		.getEntriesByName("first-contentful-paint").length),
	"a paint while nothing else is answered");
	ok(await page.getByRole("heading", { name: "New job" }).isVisible(),
		"what is painted");
});

// Ten thousand jobs run; their stages change some 500 times a second.
async function crowd() {
	const daemon = await Daemon.start({ "jobs.workers": 2, "jobs.slots": 5000,
		"http.max_batch_bytes": 16777216, "log.level": "warning" });
	for (let i = 0; i < JOBS / 1000; i++)
		equal((await daemon.ask("POST", "/v1/jobs:batch", { jobs: Array.from(
			{ length: 1000 }, (_, k) => ({ title: `Job ${i * 1000 + k}`,
				simulate: { duration_ms: 60000 + 13 * ((i * 1000 + k) % 9000) } }))
		})).status, 202, "a batch");
	return daemon;
}

test("with 10000 live jobs and hundreds of changes a second it stays fluid", async () => {
	const daemon = await crowd();
	const page = await open(daemon);
	await connected(page);
	await page.waitForSelector("tr[data-job-id]");
	await page.evaluate(() => {
		window.touched = new Set();
		new MutationObserver((changes) => changes.forEach(({ target }) => {
			const row = (target.closest ? target : target.parentElement)
				?.closest("tr[data-job-id]");
			if (row)
				window.touched.add(row.dataset.jobId);
		})).observe(document.querySelector("#rows"), { subtree: true,
			childList: true, characterData: true, attributes: true });
	});
	// the first stages end some seconds after the start
	const begin = await position(daemon);
	await until(async () => await position(daemon) > begin + 500,
		"stages that change", 60000);
	let best = await watch(daemon, page);
	for (let i = 1; i < WINDOWS && best.wall > LONG_MS; i++)
		best = less(best, await watch(daemon, page));
	const touched = await page.evaluate(() => window.touched.size);
	note(`longest task ${best.wall} ms, of which ${best.cpu} ms of work; ` +
		`${touched} rows touched`);
	equal(await page.locator("tr[data-job-id]").count(), 50,
		"rows in the page");
	ok(touched <= 50, `${touched} rows touched`);
	// Work is ours.  What a task waits for a processor is the machine's: told
	// above, and bounded here only against a page that hangs.
	ok(best.cpu <= LONG_MS, `a task of ${best.cpu} ms of work`);
	ok(best.wall <= 10 * LONG_MS * SLOW, `a task of ${best.wall} ms`);
});

async function position(daemon) {
	return (await daemon.ask("GET", "/v1/events")).json.next;
}

const less = (a, b) => ({ wall: Math.min(a.wall, b.wall),
	cpu: Math.min(a.cpu, b.cpu) });

// The longest task of the next few seconds, by the clock and by the work in it.
async function watch(daemon, page) {
	const browser = page.context().browser();
	const first = await position(daemon);
	await browser.startTracing(page, { categories: TRACED });
	await page.waitForTimeout(WATCHED_MS);
	const trace = JSON.parse(await browser.stopTracing()).traceEvents;
	const rate = (await position(daemon) - first) * 1000 / WATCHED_MS;
	const tasks = mainTasks(trace);
	const longest = (key) => Math.round(Math.max(0,
		...tasks.map((task) => task[key] ?? 0)) / 100) / 10;
	const found = { wall: longest("dur"), cpu: longest("tdur") };
	note(`${rate.toFixed(0)} changes/s, ${tasks.length} tasks, ` +
		`the longest ${found.wall} ms, the most work ${found.cpu} ms`);
	ok(rate > 20 && tasks.length > 20 && found.cpu > 0, "this says nothing");
	return found;
}

// The page's own: tasks of every thread that renders, longest included.
function mainTasks(trace) {
	const renderers = new Set(trace.filter((e) => e.name === "thread_name" &&
		e.args.name === "CrRendererMain").map((e) => `${e.pid} ${e.tid}`));
	return trace.filter((e) => e.ph === "X" && e.name === "RunTask" &&
		renderers.has(`${e.pid} ${e.tid}`));
}
