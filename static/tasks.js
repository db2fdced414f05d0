// Keeps the list of tasks live while anything in it moves.

import { announce, refresh } from "./console.js";

const BUSY_MILLIS = 2500;
const CALM_MILLIS = 15000;

function states() {
	const rows = document.querySelectorAll("#task-list [data-task]");
	return new Map([...rows].map((row) => [row.dataset.task, {
		name: row.querySelector(".name").textContent,
		state: row.querySelector("[data-state]").textContent.trim(),
	}]));
}

async function look() {
	if (!document.hidden) {
		const before = states();
		await refresh();
		const changes = [];
		for (const [task, now] of states()) {
			const then = before.get(task);
			if (then && then.state !== now.state) changes.push(`${now.name}: ${now.state}`);
		}
		if (changes.length) announce(changes.join("; "));
	}
	plan();
}

function plan() {
	const isMoving = document.querySelector("#task-list[data-moving]") !== null;
	setTimeout(look, isMoving ? BUSY_MILLIS : CALM_MILLIS);
}

plan();
