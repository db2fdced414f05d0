// What is in a pushed image: the list of packages, saved as a file, and what Harbor's scanner found.

import { api, call, Refusal, say, tell, texts } from "./console.js";

const pauseMillis = 10000;
const words = { pending: texts.scan_pending, running: texts.scan_running, error: texts.scan_error, stopped: texts.scan_stopped };
const get = (id) => document.getElementById(id);

/** Fetches the list, which may have to be made first, and saves it; a refusal is told and not saved. */
export async function saveSbom(link, task) {
	if (link.ariaBusy === "true") return;
	link.ariaBusy = "true";
	tell(texts.listing);
	try {
		const response = await fetch(link.href, { headers: { "Accept-Language": document.documentElement.lang } });
		const type = response.headers.get("Content-Type") ?? "";
		if (!response.ok || !type.startsWith("application/vnd.cyclonedx+json")) {
			const answer = await response.json().catch(() => null);
			throw new Refusal(answer?.msg || `${texts.failed} (HTTP ${response.status})`);
		}
		const address = URL.createObjectURL(await response.blob());
		const save = document.createElement("a");
		save.href = address;
		save.download = `${task}.cdx.json`;
		save.click();
		setTimeout(() => URL.revokeObjectURL(address), 1000);
	} catch (error) {
		tell(error instanceof Refusal ? error.message : texts.unreachable, true);
	} finally {
		link.ariaBusy = "false";
	}
}

function show(scan) {
	get("scan").hidden = false;
	get("scan-status").textContent = words[scan.status] ?? "";
	get("scan-facts").hidden = scan.status !== "success";
	get("scan-severity").textContent = texts[`severity_${scan.severity ?? "unknown"}`];
	const each = Object.entries(scan.counts).map(([severity, count]) => `${texts[`severity_${severity}`] ?? severity} ${count}`);
	get("scan-counts").textContent = [say(texts.scan_counts, scan), ...each].join(" · ");
	get("scan-scanner").textContent = scan.scanner ?? "–";
	get("scan-time").textContent = scan.report_time?.slice(0, 19).replace("T", " ") ?? "–";
}

/** Shows what Harbor found, and asks again while it scans. Nothing is shown where there is no scan. */
export async function showScan(task, asked = 0) {
	let scan;
	try {
		scan = (await call(`${api}/task/scan?task_id=${task}`)).data;
	} catch {
		return;
	}
	if (scan.status !== "not_scanned") show(scan);
	// A scan that was asked for a moment ago begins in the next.
	const isComing = ["pending", "running"].includes(scan.status) || (scan.status === "not_scanned" && asked === 0);
	if (isComing && asked < 180) setTimeout(() => showScan(task, asked + 1), pauseMillis);
}
