// queue.js -- the queue's line and the workers' list.

import { $, h, setAttr, setText } from "./dom.js";
import { count, duration, moment, plural } from "./words.js";

function queueWords(queue) {
	const busy = `${count(queue.running)} of ${plural(queue.slots, "slot")} busy`;
	const wait = queue.oldest_wait_ms === null || queue.queued === 0 ? "nobody waits"
		: `oldest wait ${duration(queue.oldest_wait_ms)}`;
	return `${busy} · ${wait} · ${plural(queue.workers.length, "worker")}`;
}

function showWorkers(workers) {
	const body = $("#workers");
	while (body.childElementCount > workers.length)
		body.lastChild.remove();
	while (body.childElementCount < workers.length)
		body.append(h("tr", null, h("th", { scope: "row" }), h("td", null,
			h("meter", { min: "0" }), h("span")), h("td"), h("td")));
	workers.forEach((worker, i) => {
		const [pid, load, since, restarts] = body.children[i].children;
		const [meter, words] = load.children;
		setText(pid, worker.pid);
		setAttr(meter, "max", worker.slots);
		setAttr(meter, "aria-label", `Busy slots of worker ${worker.pid}`);
		if (meter.value !== worker.running)
			meter.value = worker.running;
		setText(words, `${count(worker.running)}/${count(worker.slots)}`);
		setText(since, worker.since ? moment(worker.since) : "–");
		setText(restarts, count(worker.restarts));
	});
	setText($("#no-workers"), workers.length === 0
		? "No worker is alive: nothing runs until one is back." : "");
}

export function showQueue(queue) {
	const toggle = $("#queue-toggle");
	setText($("#queue-words"), queueWords(queue));
	setText($("#queue-state"), queue.paused ? "queue paused" : "queue open");
	setAttr($("#queue"), "data-paused", String(queue.paused));
	setText(toggle, queue.paused ? "Resume queue" : "Pause queue");
	showWorkers(queue.workers);
}
