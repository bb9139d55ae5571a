// say.js -- what the page tells: sentences that stay until they are put away,
// and one quiet line that is read aloud, at most once in five seconds.

import { $, h, icon, setText } from "./dom.js";

const QUIET_MS = 5000;
const KEPT = 4;

let pending = null;
let spokenAt = -QUIET_MS;
let timer = null;

function speak() {
	timer = null;
	spokenAt = performance.now();
	$("#status").replaceChildren(pending);	// new, so that it is read again
	pending = null;
}

// The latest wins: who is told late wants to know what is.
export function announce(text) {
	pending = text;
	timer ??= setTimeout(speak,
		Math.max(0, spokenAt + QUIET_MS - performance.now()));
}

// What was tried, and the server's own sentence.
export function complain(what, error) {
	const problems = $("#problems");
	const text = `${what}: ${error.message}`;
	for (const old of [...problems.children])
		if (old.firstChild.textContent === text)
			old.remove();
	const close = h("button", { type: "button", class: "bare",
		"aria-label": "Dismiss", onclick: () => item.remove() },
		icon("close"));
	const item = h("div", { class: "problem" }, h("p", null, text), close);
	problems.append(item);
	while (problems.childElementCount > KEPT)
		problems.firstChild.remove();
}

// Asks in a dialog; true if the answer is yes.
export function ask(title, text, yes) {
	const dialog = $("#ask");
	setText($("h2", dialog), title);
	setText($("p", dialog), text);
	setText($("button[value=yes]", dialog), yes);
	dialog.returnValue = "";
	dialog.showModal();
	return new Promise((resolve) => {
		dialog.addEventListener("close",
			() => resolve(dialog.returnValue === "yes"), { once: true });
	});
}
