// The configuration: tests, saves, rolls back.

import { act, api, ask, call, leadToError, mark, refresh, refuse, tell, texts, unmark } from "./console.js";

const form = document.getElementById("configure");
const headers = document.getElementById("headers");

/** The field that a refusal names. */
function place(error) {
	let isPlaced = false;
	for (const { loc, msg } of error.detail ?? []) isPlaced = mark(form, String(loc[loc.length - 1]), msg) || isPlaced;
	if (isPlaced) return true;
	const names = [...form.querySelectorAll("[data-field]")].map((field) => field.dataset.field);
	const named = names.sort((one, other) => other.length - one.length).find((name) => error.message.includes(name));
	return named ? mark(form, named, error.message) : false;
}

form.addEventListener("submit", (event) => {
	event.preventDefault();
	unmark(form);
	const missing = [...form.querySelectorAll("[required]")].filter((input) => !input.value.trim());
	for (const input of missing) mark(form, input.name, texts.required);
	if (missing.length) {
		leadToError(form);
		return;
	}
	const body = new FormData(form);
	for (const [name, value] of [...body]) {
		if (value instanceof File ? value.size === 0 : value.trim() === "") body.delete(name);
	}
	const state = document.getElementById("save-state");
	state.textContent = texts.saving;
	act(form.querySelector("button.primary"), async () => {
		try {
			const { data } = await call(`${api}/config/config-fastbuild`, { method: "POST", body });
			tell(typeof data === "string" ? data : texts.saved);
			form.elements.harbor_password.value = "";
			await refresh();
		} catch (error) {
			if (!place(error)) refuse(form, error.message);
			leadToError(form);
		}
	}).finally(() => { state.textContent = ""; });
});

headers.addEventListener("submit", (event) => {
	event.preventDefault();
	let body;
	try {
		body = JSON.parse(headers.elements.headers.value);
	} catch {
		body = null;
	}
	if (body === null || typeof body !== "object" || Array.isArray(body)) {
		mark(headers, "headers", texts.not_json);
		headers.elements.headers.focus();
		return;
	}
	mark(headers, "headers", null);
	act(headers.querySelector("button"), async () => {
		try {
			await call(`${api}/callback/update-headers`, { method: "POST", body });
			headers.reset();
			tell(texts.saved);
			await refresh();
		} catch (error) {
			mark(headers, "headers", error.detail.map(({ msg }) => msg).join("\n") || error.message);
		}
	});
});

async function test(button) {
	const result = button.closest(".part").querySelector(".test-result");
	result.className = "test-result";
	result.textContent = texts.testing;
	button.disabled = true;
	try {
		const { words } = await call("/console/configuration/test", { method: "POST", body: { part: button.dataset.test } });
		result.textContent = words;
		result.classList.add("good");
	} catch (error) {
		result.textContent = error.message;
		result.classList.add("bad");
	} finally {
		button.disabled = false;
	}
}

async function rollBack(button) {
	const answer = await ask({ title: texts.roll_back, hint: texts.roll_back_hint, yes: button.textContent, isDangerous: false });
	if (answer === null) return;
	await act(button, async () => {
		const body = { part: button.dataset.rollBack, primary_id: Number(button.dataset.row) };
		const { words } = await call("/console/configuration/rollback", { method: "POST", body });
		tell(words);
		await refresh();
	});
}

document.addEventListener("click", (event) => {
	const button = event.target.closest("[data-test], [data-roll-back]");
	if (button?.dataset.test) test(button);
	if (button?.dataset.rollBack) rollBack(button);
});
