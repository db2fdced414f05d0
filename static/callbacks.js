// Callbacks: sends one again and shows what the receiver answered.

import { act, api, call, refresh, texts } from "./console.js";

const result = document.getElementById("result");

function show(words, tone) {
	result.textContent = words;
	result.className = tone ? `note ${tone}` : "note";
	result.hidden = false;
}

async function send(button, work) {
	show(texts.resending, "");
	await act(button, async () => {
		try {
			show(await work(), "good");
		} catch (error) {
			show(error.message, "bad");
		}
		await refresh();
	});
}

function words(data) {
	if (data === null || data === undefined) return texts.resent;
	return typeof data === "string" ? data : JSON.stringify(data);
}

document.getElementById("test")?.addEventListener("click", (event) => send(event.target, async () => {
	const { data } = await call(`${api}/callback/test-callback`, { method: "POST" });
	return words(data);
}));

document.addEventListener("click", (event) => {
	const button = event.target.closest("[data-resend]");
	if (!button) return;
	send(button, async () => {
		const body = { task_id: Number(button.dataset.resend) };
		const { words: answer } = await call("/console/callbacks/resend", { method: "POST", body });
		return answer;
	});
});
