// Tokens: makes one and shows it this once, revokes others.

import { act, ask, call, leadToError, mark, refresh, tell, texts, unmark } from "./console.js";

const form = document.getElementById("create");

form.addEventListener("submit", (event) => {
	event.preventDefault();
	unmark(form);
	const { name, user, role, expires_days: days } = form.elements;
	if (!name.value.trim()) {
		mark(form, "name", texts.required);
		leadToError(form);
		return;
	}
	act(form.querySelector("button"), async () => {
		try {
			const body = { name: name.value, user: user.value, role: role.value, expires_days: days.value ? Number(days.value) : null };
			const { data } = await call("/console/tokens/create", { method: "POST", body });
			form.reset();
			document.getElementById("made-token").textContent = data.token;
			const made = document.getElementById("made");
			made.hidden = false;
			made.scrollIntoView({ block: "nearest" });
			await refresh();
		} catch (error) {
			mark(form, "name", error.message);
			leadToError(form);
		}
	});
});

document.addEventListener("click", async (event) => {
	const button = event.target.closest("[data-revoke]");
	if (!button) return;
	const answer = await ask({ title: texts.revoke_token, hint: `${button.dataset.name} — ${texts.revoke_token_hint}`, yes: button.textContent });
	if (answer === null) return;
	await act(button, async () => {
		const { words } = await call("/console/tokens/revoke", { method: "POST", body: { primary_id: Number(button.dataset.revoke) } });
		tell(words);
		await refresh();
	});
});
