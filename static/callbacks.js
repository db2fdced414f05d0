// Callbacks: sends one again and shows what the receiver answered.

import { act, api, call, Refusal, refresh, texts } from "./console.js";

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

/** What the receiver answered, in the form of the list below. */
function words({ status_code: status, body }) {
	const text = [status ? `HTTP ${status}` : "", body].filter(Boolean).join(": ");
	if (status !== 200) throw new Refusal(text || texts.failed);
	return text;
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
