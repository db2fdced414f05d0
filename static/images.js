// The list of images: adds bases and deletes images.

import { act, api, ask, call, mark, refresh, tell, texts } from "./console.js";

const form = document.getElementById("add-base");

form?.addEventListener("submit", (event) => {
	event.preventDefault();
	const name = form.elements.image_name.value.trim();
	mark(form, "image_name", name ? null : texts.required);
	if (!name) return;
	const button = form.querySelector("button");
	const label = button.textContent;
	button.textContent = texts.adding;
	act(button, async () => {
		try {
			await call(`${api}/image/add-base-image?image_name=${encodeURIComponent(name)}`, { method: "POST" });
			form.reset();
			tell(texts.added);
			await refresh();
		} catch (error) {
			mark(form, "image_name", error.message);
			form.elements.image_name.focus();
		}
	}).finally(() => { button.textContent = label; });
});

document.addEventListener("click", async (event) => {
	const button = event.target.closest("[data-delete-image]");
	if (!button) return;
	const name = button.dataset.deleteImage;
	const { deleteTitle, deleteHint, deleteRemote, delete: label } = document.getElementById("image-list").dataset;
	const option = "customized" in button.dataset ? deleteRemote : null;
	const answer = await ask({ title: deleteTitle, hint: `${name} — ${deleteHint}`, yes: label, option });
	if (answer === null) return;
	await act(button, async () => {
		const query = new URLSearchParams({ image_name: name });
		if (answer) query.set("remote", "true");
		const { data } = await call(`${api}/image/delete-image-by-image-name?${query}`, { method: "DELETE" });
		tell(typeof data === "string" ? data : texts.deleted);
		await refresh();
	});
});
