// keep.js -- what a tab remembers over a reload.  Where the browser keeps
// nothing (then the very name may throw), memory serves until the page is left.

const memory = new Map();

function attempt(use) {
	try {
		return use(sessionStorage);
	} catch {
		return null;	// forbidden, full, or not there
	}
}

export const recall = (name) =>
	memory.get(name) ?? attempt((kept) => kept.getItem(name));

export function keep(name, value) {
	memory.set(name, value);
	attempt((kept) => kept.setItem(name, value));
}

export function forget(name) {
	memory.delete(name);
	attempt((kept) => kept.removeItem(name));
}
