// dom.js -- making and changing elements.  Values reach the page as text or
// as attributes, never as markup; nothing is touched that already is so.

const SVG = "http://www.w3.org/2000/svg";

export const $ = (selector, root = document) => root.querySelector(selector);

function put(element, key, value) {
	if (key.startsWith("on"))
		element.addEventListener(key.slice(2), value);
	else if (key === "data")
		Object.assign(element.dataset, value);
	else if (value === true)
		element.setAttribute(key, "");
	else if (value !== false && value !== null && value !== undefined)
		element.setAttribute(key, value);
}

function build(element, props, children) {
	for (const key in props)
		put(element, key, props[key]);
	element.append(...children.filter((c) => c !== null && c !== undefined));
	return element;
}

export const h = (tag, props, ...children) =>
	build(document.createElement(tag), props, children);

export const s = (tag, props, ...children) =>
	build(document.createElementNS(SVG, tag), props, children);

// A drawing out of the sprite in index.html; silent, its neighbour speaks.
export const icon = (name) =>
	s("svg", { class: "icon", "aria-hidden": "true" },
		s("use", { href: `#i-${name}` }));

export function setIcon(svg, name) {
	setAttr(svg.firstChild, "href", `#i-${name}`);
}

export function setText(node, text) {
	const value = String(text ?? "");
	if (node.textContent !== value)
		node.textContent = value;
}

export function setAttr(element, key, value) {
	if (value === null || value === undefined || value === false) {
		if (element.hasAttribute(key))
			element.removeAttribute(key);
		return;
	}
	const text = value === true ? "" : String(value);
	if (element.getAttribute(key) !== text)
		element.setAttribute(key, text);
}

export function setHidden(element, hidden) {
	if (element.hidden !== hidden)
		element.hidden = hidden;
}

// Lets the browser paint and answer keys in the middle of long work.
const turns = new MessageChannel();
const waiting = [];
turns.port1.onmessage = () => waiting.shift()();
export const breathe = () => new Promise((resolve) => {
	waiting.push(resolve);
	turns.port2.postMessage(0);
});

export const sleep = (ms, signal) => new Promise((resolve) => {
	if (signal?.aborted) {
		resolve();
		return;
	}
	const end = () => {
		clearTimeout(timer);
		signal?.removeEventListener("abort", end);	// it may live for days
		resolve();
	};
	const timer = setTimeout(end, ms);
	signal?.addEventListener("abort", end);
});
