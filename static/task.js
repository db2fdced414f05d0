// A task's page: follows its events, shows steps and log, and acts on it.

import { act, announce, api, ask, call, duration, element, refresh, say, tell, texts } from "./console.js";
import { saveSbom, showScan } from "./findings.js";
import { Log } from "./log.js";

const { task } = document.getElementById("task").dataset;
const get = (id) => document.getElementById(id);
const stageNames = new Map([...get("log-stage").options].map((option) => [option.value, option.textContent]));
const log = new Log(get("log"), {
	stage: get("log-stage"), search: get("log-search"), matches: get("log-matches"), previous: get("log-previous"),
	next: get("log-next"), follow: get("log-follow"), wrap: get("log-wrap"), note: get("log-note"), stageNames,
});
const wasEnded = get("summary").dataset.ended === "true";
const stepWords = { waiting: texts.step_waiting, running: texts.step_running, cached: texts.cached, done: texts.step_done, failed: texts.step_failed };
const steps = new Map();
const transfers = new Map();
let refreshTimer = null;
let shownState = get("summary").dataset.state;

function refreshSoon() {
	if (refreshTimer) return;
	refreshTimer = setTimeout(async () => {
		refreshTimer = null;
		await refresh();
		const summary = get("summary");
		if (summary.dataset.state !== shownState) {
			shownState = summary.dataset.state;
			announce(summary.dataset.label);
			if (shownState === "PUSH_SUCCESS") showScan(task);
		}
	}, 250);
}

function showStep({ id, name, status, duration_ms: millis }) {
	let item = steps.get(id);
	if (!item) {
		item = element("li", {}, element("span", { class: "bullet", "aria-hidden": "true" }),
			element("span", { class: "label" }), element("span", { class: "sub figures" }));
		steps.set(id, item);
		get("steps-list").append(item);
		get("steps").hidden = false;
	}
	const [, label, state] = item.children;
	item.className = status;
	label.textContent = name;
	label.title = name;
	state.textContent = stepWords[status] + (millis !== undefined && status !== "cached" ? ` · ${duration(millis)}` : "");
	const done = [...steps.values()].filter((step) => ["done", "cached"].includes(step.className)).length;
	const bar = get("steps-progress");
	bar.max = steps.size;
	bar.value = done;
	get("steps-count").textContent = say(texts.steps, { done, total: steps.size });
	if (status === "running") get("steps-list").scrollTop = item.offsetTop - get("steps-list").clientHeight / 2;
	const overall = get("overall");
	if (get("summary").querySelector("[data-stage=build].now")) overall.value = 3 + done / steps.size;
}

function size(bytes) {
	if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
	return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1e3)} KB`;
}

function showBytes({ stage, item, current, total }) {
	const key = `${stage} ${item}`;
	let row = transfers.get(key);
	if (!row) {
		row = element("li", {}, element("span", { class: "mono", title: item }, `${stageNames.get(stage)} ${item.replace(/^sha256:/, "").slice(0, 12)}`),
			element("progress", { "aria-label": item }), element("span", { class: "figures" }));
		transfers.set(key, row);
		get("transfers").append(row);
		get("steps").hidden = false;
	}
	const [, bar, words] = row.children;
	if (total > 0) {
		bar.max = total;
		bar.value = Math.min(current, total);
	}
	// A layer is packed on the way, so that more bytes than it has may have moved.
	words.textContent = total > current ? `${size(current)} / ${size(total)}` : size(current);
}

/** A task without a journal, such as one of an old service, may have its log files all the same. */
async function readFiles() {
	for (const stage of stageNames.keys()) {
		if (!stage) continue;
		const { data } = await call(`${api}/task/log?task_id=${task}&stage=${stage}&after=0`);
		for (const { text } of data.lines) log.add(stage, text, false);
	}
}

function listen() {
	const events = new EventSource(`${api}/task/events?task_id=${task}`);
	const on = (kind, work) => events.addEventListener(kind, (event) => {
		get("log-note").textContent = "";
		work(JSON.parse(event.data));
	});
	on("log", (event) => log.add(event.stage, event.text, event.is_error === true));
	on("step", showStep);
	on("bytes", showBytes);
	on("state", () => { if (!wasEnded) refreshSoon(); });
	on("stage", () => { if (!wasEnded) refreshSoon(); });
	on("interrupted", () => { get("log-note").textContent = texts.interrupted; });
	on("end", () => {
		events.close();
		if (log.count + log.waiting.length === 0) readFiles();
		if (!wasEnded) refreshSoon();
	});
	events.addEventListener("error", () => {
		if (events.readyState === EventSource.CONNECTING) get("log-note").textContent = texts.connection_lost;
	});
}

const actions = {
	async cancel(button) {
		if (await ask({ title: texts.cancel_task, hint: texts.cancel_task_hint, yes: button.textContent }) === null) return;
		await act(button, async () => {
			await call(`${api}/task/cancel-task?task_id=${task}`, { method: "POST" });
			tell(texts.cancelled);
			refreshSoon();
		});
	},
	async rebuild(button) {
		if (await ask({ title: texts.rebuild_task, hint: texts.rebuild_task_hint, yes: button.textContent, isDangerous: false }) === null) return;
		await act(button, async () => {
			const { data } = await call(`${api}/task/rebuild-task?task_id=${task}`, { method: "POST" });
			tell(texts.rebuilding);
			location.assign(`/console/tasks/${data.task_id}`);
		});
	},
	async delete(button) {
		if (await ask({ title: texts.delete_task, hint: texts.delete_task_hint, yes: button.textContent }) === null) return;
		await act(button, async () => {
			await call(`${api}/task/delete-task-by-task-id?task_id=${task}`, { method: "DELETE" });
			tell(texts.deleted);
			location.assign("/");
		});
	},
};

document.addEventListener("click", (event) => {
	const sbom = event.target.closest("[data-sbom]");
	if (sbom) {
		event.preventDefault();
		saveSbom(sbom, task);
		return;
	}
	const button = event.target.closest("[data-action]");
	if (button) actions[button.dataset.action](button);
});

if (shownState === "PUSH_SUCCESS") showScan(task);
listen();
