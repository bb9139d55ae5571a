// form.js -- forms into the wire's bodies, and refusals back to the fields.
//
// The server is the one judge of values: what does not look like a number is
// sent as it was typed, and its sentence is shown where it belongs.

import { $, h, setHidden, setText } from "./dom.js";

const NUMBERS = ["max_attempts", "ttl_s", "duration_ms", "error_rate",
	"fail_at", "fail_attempts", "seed"];
const SIMULATE = ["duration_ms", "error_rate", "fail_at", "fail_attempts",
	"seed"];
const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

function valueOf(name, text) {
	if (name === "tags")
		return text.split(/[\s,]+/).filter(Boolean);
	if (name === "not_before") {
		const time = new Date(text);
		return isNaN(time) ? text : time.toISOString();
	}
	if (NUMBERS.includes(name) || name === "priority")
		return NUMBER.test(text) ? Number(text) : text;
	return text;
}

const controls = (form) => [...form.elements].filter((e) => e.name);

// Every field that was filled in.
export function submission(form) {
	const body = {};
	for (const { name, value } of controls(form)) {
		const text = value.trim();
		if (text === "")
			continue;
		const into = SIMULATE.includes(name) ? (body.simulate ??= {}) : body;
		into[name] = valueOf(name, text);
	}
	return body;
}

// Every field that differs from what it was given; empty: the default again.
export function changes(form) {
	const body = {};
	for (const { name, value, dataset } of controls(form)) {
		const text = value.trim();
		if (text !== dataset.given)
			body[name] = text === "" ? null : valueOf(name, text);
	}
	return body;
}

// Shows the job's values, but never over what somebody has typed.
export function give(form, job) {
	for (const control of controls(form)) {
		const value = job[control.name];
		const text = Array.isArray(value) ? value.join(" ")
			: String(value ?? "");
		const { given } = control.dataset;
		const typed = given !== undefined && control.value.trim() !== given;
		control.dataset.given = text;
		if (!typed)
			control.value = text;
	}
}

export function clearRefusal(form) {
	setHidden($(".refusal", form), true);
	for (const control of controls(form)) {
		control.removeAttribute("aria-invalid");
		control.removeAttribute("aria-describedby");
	}
	form.querySelectorAll(".field-refusal").forEach((e) => e.remove());
}

// "simulate.error_rate", "jobs[0].tags[1]": the control is the last name.
const controlName = (field) =>
	field.split(".").map((part) => part.replace(/\[\d+\]$/, ""))
		.findLast((part) => part !== "");

export function showRefusal(form, error) {
	clearRefusal(form);
	const summary = $(".refusal", form);
	setText(summary, error.message);
	setHidden(summary, false);
	let first = null;
	for (const { field, message } of error.fields ?? []) {
		const control = form.elements[controlName(field ?? "")];
		if (!control?.name || control.hasAttribute("aria-invalid"))
			continue;
		const id = `${form.id}-${control.name}-refusal`;
		control.setAttribute("aria-invalid", "true");
		control.setAttribute("aria-describedby", id);
		control.closest("label").append(
			h("span", { class: "field-refusal", id }, message));
		first ??= control;
	}
	first?.focus();
}
