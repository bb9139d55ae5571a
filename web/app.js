// app.js -- the page: ties what the server says to what is on screen, and
// what is pressed to what the server is asked.

import { Refusal, Silence, get, jobPath, key, onKeyRefused, post, call }
	from "./api.js";
import { $, icon, setAttr, setHidden, setText, sleep } from "./dom.js";
import { Feed } from "./feed.js";
import { clearRefusal, showRefusal, submission } from "./form.js";
import { JobPage } from "./job.js";
import { List, ROWS, SEARCH_MAX } from "./list.js";
import { announce, ask, complain } from "./say.js";
import { showQueue } from "./queue.js";
import { Table } from "./table.js";
import { STATES, VERBS, clock, count, nameOf, plural, randomName }
	from "./words.js";
import { Counts, Waterline } from "./waterline.js";

const BEAT_MS = 1000;
const IDLE_MS = 5000;
const DRAW_MS = 100;		// rows that only changed
const SHIFT_MS = 500;		// rows that came or went
const BULK_MAX = 1000;
const PULSE_MS = 5000;		// for the smallest of all answers
const LOCKED_MS = 60000;	// until a refused key is tried again

const selected = new Set();
const gone = new Set();		// removed while their rows may have the focus
const dirty = new Set();
let shifted = false;
let queue = null;
let busyUntil = 0;
let lockedAt = null;		// when the key was refused; null: none was

const list = new List((structure, id) => {
	if (structure)
		shifted = true;
	else
		dirty.add(id);
	drawSoon();
});
const table = new Table($("#rows"), act, choose);
const jobPage = new JobPage($("#job"), $("#edit-form"), act, applyJob);
const waterline = new Waterline($("#waterline"), $("#waterline-now"));
const counts = new Counts($("#counts"), $("#band"), STATES, icon, filterChanged);
const feed = new Feed({ event: onEvent, reload, poll, state: onState });

// --- drawing ---------------------------------------------------------------

let drawTimer = null;
let drawnAt = 0;
let shiftedAt = 0;

function drawSoon() {
	if (drawTimer !== null)
		return;
	const now = performance.now();
	const due = shifted ? shiftedAt + SHIFT_MS : drawnAt + DRAW_MS;
	drawTimer = setTimeout(draw, Math.max(0, Math.min(due - now, SHIFT_MS)));
}

function draw() {
	drawTimer = null;
	drawnAt = performance.now();
	if (shifted && drawnAt - shiftedAt >= SHIFT_MS - 1) {
		shifted = false;
		shiftedAt = drawnAt;
		dirty.clear();
		table.show(list.order, selected, gone);
		gone.clear();
		showNote();
		comeBack();
		showSelection();
	}
	for (const id of dirty) {
		const job = list.jobs.get(id);
		if (job)
			table.update(job);
	}
	dirty.clear();
	if (shifted)
		drawSoon();
}

// From a job's page to its row, if the row is there and nothing else took
// the focus meanwhile.
let cameFrom = null;
function comeBack() {
	if (cameFrom === null || !list.loaded)
		return;
	if (document.activeElement === document.body)
		$(`tr[data-job-id="${CSS.escape(cameFrom)}"] a.title`)?.focus();
	cameFrom = null;
}

function showNote() {
	const { filter } = list;
	const filtered = filter.states.length || filter.tag || filter.text;
	const empty = list.loaded && list.jobs.size === 0;
	$("#list").setAttribute("aria-busy", String(!list.loaded && !list.problem));
	setHidden($("#note-loading"), list.loaded || list.problem !== null);
	setHidden($("#note-error"), list.problem === null);
	setText($("#note-error-text"), list.problem?.message);
	setHidden($("#note-empty"), !empty || Boolean(filtered));
	setHidden($("#note-unmatched"), !empty || !filtered);
	setHidden($("#table"), list.jobs.size === 0);
	const first = list.page * ROWS;
	setText($("#range"), list.jobs.size === 0 ? ""
		: `${count(first + 1)}–${count(first + list.jobs.size)}, newest first`);
	setHidden($("#newer"), list.page === 0 && !list.hasOlder);
	setHidden($("#older"), list.page === 0 && !list.hasOlder);
	setAttr($("#newer"), "aria-disabled", list.page === 0 ? "true" : null);
	setAttr($("#older"), "aria-disabled", list.hasOlder ? null : "true");
	const part = filter.text !== "" && list.more && !list.hasOlder;
	setHidden($("#searched"), !part);
	setText($("#searched-text"), part
		? `Looked through the newest ${count(list.searched)} jobs.` : "");
	setText($("#further"), `Look through ${count(SEARCH_MAX)} more`);
}

function showSelection() {
	const ids = table.ids;
	const here = ids.filter((id) => selected.has(id)).length;
	const all = $("#select-all");
	all.checked = here > 0 && here === ids.length;
	all.indeterminate = here > 0 && here < ids.length;
	setHidden($("#bulk"), selected.size === 0);
	const elsewhere = selected.size - here;
	setText($("#bulk-count"), `${count(selected.size)} selected` +
		(elsewhere > 0 ? `, ${count(elsewhere)} not on this page` : ""));
}

function choose(id, on) {
	if (on)
		selected.add(id);
	else
		selected.delete(id);
	showSelection();
}

// --- what the server says ----------------------------------------------------

function applyJob(job) {
	if (gone.has(job.id))	// said before it was removed
		return;
	list.apply(job);
	if (!list.jobs.has(job.id) && table.holds(job.id))
		table.update(job);
	jobPage.apply(job);
}

function dropJob(id) {
	if (selected.delete(id))
		showSelection();
	list.drop(id);
	if (!table.holds(id))
		return;
	gone.add(id);		// also a row that only the focus kept
	shifted = true;
	drawSoon();
}

function onEvent(record) {
	const { job } = record;
	busyUntil = performance.now() + IDLE_MS;
	if (job.version === undefined)	// gone by now, whatever happened then
		dropJob(job.id);
	else
		applyJob(job);
	if (job.id === jobPage.id)
		jobPage.load();
	const end = endOf(record.kind, job);
	if (end)
		waterline.ended(end, record.at);
}

// The final state that an event led to.  An attempt that failed may not have
// been the last one.
function endOf(kind, job) {
	if (kind === "completed" || kind === "canceled")
		return kind;
	const ended = job.state === "error" || job.state === "gone";
	return kind === "failed" && ended ? "error" : null;
}

// After a gap in what was heard; anew: it may be another store.
function reload(anew = false) {
	if (jobPage.id !== null)
		jobPage.load();
	Promise.all([refreshQueue(), loadRows(anew)]).catch((error) => {
		if (error instanceof Silence)
			feed.doubt();
	});
}

// The page of jobs; rows that stay for their focus alone are on none.
async function loadRows(anew) {
	await (anew ? list.forget() : list.load());
	await refreshRows(table.ids.filter((id) => !list.jobs.has(id)));
}

async function refreshQueue() {
	queue = await get("/v1/queue", { timeout_ms: PULSE_MS });
	feed.heard = Date.now();
	unlock();
	showQueue(queue);
	counts.show(queue.counts);
	waterline.sample(queue.counts);
}

const inSight = () => (jobPage.id !== null ? [jobPage.id] : table.unfinished);

// Jobs that have not ended: their progress and place move without an event.
async function refreshRows(ids = inSight()) {
	if (ids.length === 0)
		return;
	const query = ids.map(encodeURIComponent).join(",");
	const { jobs } = await get(`/v1/jobs?ids=${query}`);
	for (const job of jobs) {
		if (job.version === undefined)
			dropJob(job.id);
		else if (table.holds(job.id) || job.id === jobPage.id)
			applyJob(job);	// else it left the page since we asked
	}
}

// One look at everything, for want of a stream: heard, silent or locked.
async function poll(lastId) {
	try {
		await refreshQueue();
		await Promise.all([pollEvents(lastId), pollView()]);
		return "heard";
	} catch (error) {
		if (error instanceof Silence)
			return "silent";
		return error.status === 401 ? "locked" : "heard";
	}
}

const pollView = () =>
	(jobPage.id !== null ? jobPage.load() : loadRows(false));

// The stream's cursor by plain requests, for the plot below the line.  The
// page itself is loaded beside it, so a refusal here costs nothing else.
async function pollEvents(lastId) {
	try {
		const after = lastId === null ? "" : `?after=${lastId}`;
		const { events, next, reset } = await get(`/v1/events${after}`);
		feed.moved(next);
		if (reset)
			reload(true);
		events.forEach(onEvent);
	} catch (error) {
		if (error.status < 500)		// not a position any more
			feed.forget();
	}
}

// The state's own word, but for one that waits for somebody.
function showConnection() {
	const badge = $("#connection");
	const { state } = feed;
	setAttr(badge, "data-state", state);
	setText($("span", badge), lockedAt !== null && state === "connecting"
		? "waiting for the key" : state);
	setAttr(badge, "title", state === "polling"
		? "No stream of events to be had: asking every 2 seconds" : null);
}

function onState(state) {
	showConnection();
	const offline = state === "offline";
	document.body.classList.toggle("stale", offline);
	setHidden($("#banner"), !offline);
	setText($("#banner"), offline
		? `disconnected, as of ${clock(feed.heard)}` : "");
	if (state !== "connecting")
		announce(offline ? "The server is not heard any more"
			: `The connection is ${state}`);
}

// --- what is pressed ---------------------------------------------------------

const MAY_LOSE = {
	cancel: { noun: "Cancel", text: (what) =>
		`${what} will stop where it is. It can be restarted later, from the ` +
		"beginning." },
	remove: { noun: "Remove", text: (what) =>
		`${what} will be forgotten, with its history and its result.` },
};

function askFirst(verb, what, many) {
	const danger = MAY_LOSE[verb];
	if (!danger)
		return true;
	return ask(`${danger.noun} ${what}?`, danger.text(many ? "Each" : "It"),
		`${danger.noun} ${many ? "jobs" : "job"}`);
}

// One verb on one job: the job as it is now, null once it is removed.
const order = (verb, id) => (verb === "remove" ? call("DELETE", jobPath(id))
	: post(`${jobPath(id)}:${verb}`));

async function act(verb, job) {
	const { name, done } = VERBS[verb];
	if (!await askFirst(verb, nameOf(job), false))
		return;
	try {
		const now = await order(verb, job.id);
		if (now)
			applyJob(now);
		else
			dropJob(job.id);
		if (!now && jobPage.id === job.id)
			location.hash = "#/";
		announce(`${nameOf(job)} ${done}`);
	} catch (error) {
		complain(`${name} ${nameOf(job)}`, error);
		refreshRows().catch(() => feed.doubt());
	}
}

async function actOnMany(verb) {
	const ids = [...selected];
	const { name, done } = VERBS[verb];
	if (!await askFirst(verb, plural(ids.length, "job"), true))
		return;
	try {
		const results = [];
		for (let i = 0; i < ids.length; i += BULK_MAX)
			results.push(...(await post(
				`/v1/jobs:${verb === "remove" ? "delete" : verb}`,
				{ ids: ids.slice(i, i + BULK_MAX) })).results);
		const bad = results.filter((r) => r.status >= 300);
		results.filter((r) => r.status === 204 || r.status === 404 ||
			r.status === 410).forEach((r) => dropJob(r.id));
		if (bad.length > 0)
			complain(`${name} ${plural(ids.length, "job")}`,
				new Error(await refusals(verb, bad)));
		announce(`${plural(results.length - bad.length, "job")} ${done}`);
	} catch (error) {
		complain(`${name} ${plural(ids.length, "job")}`, error);
	}
	list.load();
}

// The answer for many names codes only.  The first job of each is asked for
// again alone, for the sentence; should it go well now, so much the better.
async function refusals(verb, bad) {
	const codes = new Map();
	for (const { id, code } of bad)
		codes.set(code, [...(codes.get(code) ?? []), id]);
	const sentences = [];
	for (const [code, [first, ...rest]] of codes) {
		const n = rest.length + 1;
		const why = await order(verb, first).then(() => "", (e) => e.message);
		sentences.push(`${count(n)} ${n === 1 ? "was" : "were"} ` +
			`refused (${code}). ${why}`);
	}
	return sentences.join(" ");
}

async function toggleQueue() {
	const verb = queue?.paused ? "resume" : "pause";
	try {
		await post(`/v1/queue:${verb}`);
		await refreshQueue();
		announce(`Queue ${verb}d`);
	} catch (error) {
		complain(verb === "pause" ? "Pause queue" : "Resume queue", error);
	}
}

// A submission that nobody answered may have arrived: pressed again, the same
// one bears the same key, and is not doubled.
let unanswered = { text: null, name: null };
function nameOfSubmission(body) {
	const text = JSON.stringify(body);
	if (unanswered.text !== text)
		unanswered = { text, name: randomName() };
	return unanswered.name;
}

let submitting = false;
async function submit(event) {
	event.preventDefault();
	const form = event.target;
	if (submitting)
		return;
	submitting = true;
	clearRefusal(form);
	try {
		const body = submission(form);
		const job = await post("/v1/jobs", body, { headers:
			{ "Idempotency-Key": nameOfSubmission(body) } });
		unanswered.text = null;
		applyJob(job);
		form.reset();
		announce(`Submitted ${nameOf(job)}`);
	} catch (error) {
		if (!(error instanceof Silence))
			unanswered.text = null;
		showRefusal(form, error);
	}
	submitting = false;
}

// --- where we are ------------------------------------------------------------

function readFilter() {
	const form = $("#filter");
	return { states: counts.chosen, tag: form.elements.tag.value.trim(),
		text: form.elements.text.value.trim() };
}

function filterHash({ states, tag, text }) {
	const query = new URLSearchParams();
	if (states.length)
		query.set("state", states.join(","));
	if (tag)
		query.set("tag", tag);
	if (text)
		query.set("text", text);
	return query.size ? `#/?${query}` : "#/";
}

function filterChanged() {
	const filter = readFilter();
	history.replaceState(null, "", filterHash(filter));
	setHidden($("#clear"), filterHash(filter) === "#/");
	list.setFilter(filter);
}

function clearFilter() {
	counts.choose([]);
	$("#filter").reset();
	filterChanged();
}

// One form at a time is in the page: that of the list, or that of the job.
const forms = { list: $("#new"), job: $("#edit") };
function showForm(view) {
	for (const other in forms)
		if (other !== view)
			forms[other].remove();
	$("aside").prepend(forms[view]);
}

function route(moved) {
	const [path, query] = location.hash.slice(1).split("?");
	const id = path.startsWith("/jobs/")
		? decoded(path.slice("/jobs/".length)) : null;
	document.body.dataset.view = id === null ? "list" : "job";
	showForm(document.body.dataset.view);
	if (id !== null) {
		if (jobPage.id !== id)
			jobPage.open(id);
		if (moved) {
			scrollTo(0, 0);
			$("#job-title").focus({ preventScroll: true });
		}
		return;
	}
	document.title = "heygend";
	cameFrom = jobPage.id;
	jobPage.close();
	openList(new URLSearchParams(query));
}

// An address may be typed by hand.
function decoded(text) {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

function openList(query) {
	const form = $("#filter");
	counts.choose((query.get("state") ?? "").split(","));
	form.elements.tag.value = query.get("tag") ?? "";
	form.elements.text.value = query.get("text") ?? "";
	const filter = readFilter();
	setHidden($("#clear"), filterHash(filter) === "#/");
	if (filterHash(filter) === filterHash(list.filter) && list.loaded)
		list.load();
	else
		list.setFilter(filter);
}

// --- the key -----------------------------------------------------------------

function wantKey(why) {
	setHidden($("#key-button"), false);
	setText($("#key-refusal"), why);
	if (!$("#key").open && !$("#ask").open)
		$("#key").showModal();
}

function keyRefused(refusal) {
	lockedAt = performance.now();
	showConnection();
	wantKey(refusal.message);
}

// Also without a new key: a refusal may have been a passing one.
function unlock() {
	if (lockedAt === null)
		return;
	lockedAt = null;
	showConnection();
}

function keyGiven(event) {
	const input = event.target.elements.api_key;
	const value = input.value.trim();
	if (value)
		key.set(value);
	else
		key.drop();
	input.value = "";
	unlock();
	setHidden($("#key-button"), !value);
	feed.again();
	reload(true);
}

// --- beginning ---------------------------------------------------------------

let misses = 0;
async function beat() {
	for (;;) {
		const idle = document.hidden ||
			(!queue?.counts.running && performance.now() > busyUntil);
		await sleep(idle ? IDLE_MS : BEAT_MS);
		if (feed.state !== "live" || (lockedAt !== null &&
				performance.now() < lockedAt + LOCKED_MS))
			continue;
		try {
			await Promise.all([refreshQueue(),
				document.hidden ? null : refreshRows()]);
			misses = 0;
		} catch (error) {
			if (error instanceof Silence)
				feed.doubt();
			else if (++misses === 3)	// one may be chance
				complain("Refresh", error);
		}
	}
}

function listen() {
	const on = (selector, type, listener) =>
		$(selector).addEventListener(type, listener);
	let timer = null;
	on("#filter", "input", () => {
		clearTimeout(timer);
		timer = setTimeout(filterChanged, 200);
	});
	on("#filter", "submit", (event) => event.preventDefault());
	on("#clear", "click", clearFilter);
	on("#clear-too", "click", clearFilter);
	on("#again", "click", () => list.load());
	on("#further", "click", () => list.searchFurther());
	on("#newer", "click", () => list.page > 0 && list.turn(-1));
	on("#older", "click", () => list.hasOlder && list.turn(1));
	on("#select-all", "change", (event) => {
		const on = event.target.checked;
		table.ids.forEach((id) => (on ? selected.add(id) : selected.delete(id)));
		table.show(list.order, selected, gone);
		showSelection();
	});
	on("#bulk", "click", (event) => {
		const verb = event.target.closest("button")?.dataset.verb;
		if (verb === "none") {
			selected.clear();
			table.show(list.order, selected, gone);
			showSelection();
			$("#select-all").focus();
		} else if (verb) {
			actOnMany(verb);
		}
	});
	on(".skip", "click", (event) => {	// the hash is for our own places
		event.preventDefault();
		$(document.body.dataset.view === "job" ? "#job-title"
			: "#jobs-title").focus();
	});
	on("#new-button", "click", () => {	// where the form is far below
		forms.list.open = true;
		$("#new-form [name=title]").focus();
	});
	on("#queue-toggle", "click", toggleQueue);
	on("#new-form", "submit", submit);
	on("#key form", "submit", keyGiven);
	on("#key-button", "click", () => wantKey(""));
	addEventListener("hashchange", () => route(true));
	addEventListener("online", () => feed.wake());
	addEventListener("offline", () => feed.doubt());
	document.addEventListener("visibilitychange", () => {
		if (!document.hidden && feed.state === "live")
			reload();
	});
	onKeyRefused(keyRefused);
}

listen();
setHidden($("#key-button"), !key.get());
route(false);
refreshQueue().catch((error) => {
	if (error instanceof Refusal && error.status !== 401)
		complain("Queue", error);	// silence: the feed says it
});
feed.run();
beat();
setInterval(() => {
	table.tick();
	jobPage.tick();
}, 1000);
