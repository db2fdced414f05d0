// Packages as people paste them: a name a line, a version behind ==, or a whole requirements.txt.

import { say, texts } from "./console.js";

/** A line that holds no package. */
export class LineProblem extends Error {}

function refuse(line, text, problem) {
	throw new LineProblem(say(texts.line, { line, problem: say(problem, { text }) }));
}

/** Joins lines that a backslash continues; keeps the number of the first. */
function* logicalLines(text) {
	let held = "";
	let first = 0;
	const lines = text.split(/\r?\n/);
	for (const [index, line] of lines.entries()) {
		if (!held) first = index + 1;
		if (line.endsWith("\\") && index + 1 < lines.length) {
			held += `${line.slice(0, -1)} `;
			continue;
		}
		yield [first, held + line];
		held = "";
	}
}

/** Gives [{name, version}] and the line of each. */
export function readPackages(text, tool) {
	const software = [];
	const lines = [];
	for (const [number, raw] of logicalLines(text)) {
		let line = raw.replace(/(^|\s)#.*$/, "").replace(/\s--hash[= ]\S+/g, "").trim();
		if (tool === "conda") line = line.replace(/^-\s+/, "");
		if (!line) continue;
		if (line.startsWith("-")) refuse(number, line.split(/\s/)[0], texts.line_option);
		if (/:\/\/|^\.|^\/|\s@\s/.test(line)) refuse(number, line, texts.line_url);
		const parts = tool === "pip" ? [line] : line.split(/[\s,]+(?![<>=!\d])/).filter(Boolean);
		for (const part of parts) {
			software.push(split(part, tool));
			lines.push(number);
		}
	}
	return { software, lines };
}

function split(text, tool) {
	const [head, marker] = text.split(/;(.*)/s, 2);
	const exact = head.match(/^([^=<>!~]+?)\s*={2}\s*([^=,\s]+)$/);
	const single = tool === "pip" ? null : head.match(/^([^=<>!~]+?)\s*=\s*([^=,\s]+)$/);
	const found = exact ?? single;
	const behind = marker === undefined ? "" : `; ${marker.trim()}`;
	if (!found) return { name: head.trim() + behind, version: "" };
	return { name: found[1].trim() + behind, version: found[2] };
}

/** Writes packages back as lines. */
export function writePackages(software) {
	return (software ?? []).map(({ name, version }) => {
		const [head, marker] = String(name ?? "").split(/\s*;\s*(.*)/s, 2);
		const behind = version ? `==${String(version).replace(/^==?/, "")}` : "";
		return head + behind + (marker === undefined ? "" : `; ${marker}`);
	}).join("\n");
}
