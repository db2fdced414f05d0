// What every page shares: texts, calls to the service, words to the person, questions, live regions.

export const texts = JSON.parse(document.body.dataset.texts);
export const api = "/api/fast-build";

/** A text with its {placeholders} filled in. */
export function say(text, values = {}) {
	return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** An element with attributes and children. */
export function element(name, attributes = {}, ...children) {
	const made = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) {
		if (value !== null && value !== undefined) made.setAttribute(key, value);
	}
	made.append(...children);
	return made;
}

/** A refusal in the service's words; `detail` holds refused fields. */
export class Refusal extends Error {
	constructor(message, detail = []) {
		super(message);
		this.detail = detail;
	}
}

/** Calls the service and gives the envelope's data, or throws a Refusal. */
export async function call(path, options = {}) {
	const headers = new Headers(options.headers);
	headers.set("Accept-Language", document.documentElement.lang);
	if (document.body.dataset.csrf) headers.set("X-CSRF-Token", document.body.dataset.csrf);
	let body = options.body;
	if (body !== undefined && !(body instanceof FormData)) {
		headers.set("Content-Type", "application/json");
		body = JSON.stringify(body);
	}
	let response;
	let answer;
	try {
		response = await fetch(path, { ...options, headers, body });
	} catch (error) {
		if (error.name === "AbortError") throw error;
		throw new Refusal(texts.unreachable);
	}
	if (response.status === 401) {
		// The session has ended; the page is found again after the login.
		location.assign(`/console/login?back=${encodeURIComponent(location.pathname + location.search)}`);
	}
	try {
		answer = await response.json();
	} catch (error) {
		if (error.name === "AbortError") throw error;
		throw new Refusal(response.ok ? texts.failed : `${texts.failed} (HTTP ${response.status})`);
	}
	if (answer?.code === 0) return { data: answer.data, words: answer.msg };
	if (Array.isArray(answer?.detail)) throw new Refusal(texts.check_fields, answer.detail);
	throw new Refusal(answer?.msg || answer?.message || `${texts.failed} (HTTP ${response.status})`);
}

/** Tells a screen reader. */
export function announce(words) {
	document.getElementById("announcements").textContent = words;
}

/** Tells everybody. */
export function tell(words, isBad = false) {
	const toast = element("div", { class: isBad ? "toast bad" : "toast" }, words);
	document.getElementById("toasts").append(toast);
	announce(words);
	setTimeout(() => toast.remove(), isBad ? 9000 : 4000);
}

/** Asks a question; gives null for no, else whether the option was ticked. */
export function ask({ title, hint, yes = texts.confirm, option = null, isDangerous = true }) {
	const dialog = document.getElementById("confirmation");
	dialog.querySelector("h2").textContent = title;
	dialog.querySelector("p").textContent = hint;
	const choice = document.getElementById("confirmation-option");
	choice.hidden = option === null;
	choice.querySelector("span").textContent = option ?? "";
	const box = choice.querySelector("input");
	box.checked = false;
	const confirm = document.getElementById("confirmation-yes");
	confirm.textContent = yes;
	confirm.classList.toggle("danger", isDangerous);
	confirm.classList.toggle("primary", !isDangerous);
	document.getElementById("confirmation-no").textContent = texts.keep;
	dialog.returnValue = "";
	dialog.showModal();
	document.getElementById("confirmation-no").focus();
	return new Promise((resolve) => {
		dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? box.checked : null), { once: true });
	});
}

/** Runs an action of a button: disabled meanwhile, its failure told. */
export async function act(button, work) {
	button.disabled = true;
	try {
		return await work();
	} catch (error) {
		tell(error.message, true);
		return undefined;
	} finally {
		button.disabled = false;
	}
}

/** Fetches this page again and puts its live regions in place of the old ones, keeping focus and open details. */
export async function refresh() {
	let html;
	try {
		const response = await fetch(location.href, { headers: { Accept: "text/html" } });
		if (response.redirected) location.reload();
		if (!response.ok || response.redirected) return false;
		html = await response.text();
	} catch {
		return false;
	}
	const fresh = new DOMParser().parseFromString(html, "text/html");
	for (const old of document.querySelectorAll("[data-live]")) {
		const next = fresh.getElementById(old.id);
		if (!next) continue;
		old.querySelectorAll("details").forEach((details, index) => {
			const twin = next.querySelectorAll("details")[index];
			if (twin && details.open) twin.open = true;
		});
		if (plain(old) === plain(next)) continue;
		const focused = old.contains(document.activeElement) ? pathTo(document.activeElement, old) : null;
		next.replaceWith(element("i"));
		old.replaceWith(next);
		if (focused) follow(focused, next)?.focus({ preventScroll: true });
	}
	tick();
	return true;
}

function plain(region) {
	const copy = region.cloneNode(true);
	copy.querySelectorAll("[data-since]").forEach((since) => { since.textContent = ""; });
	return copy.outerHTML;
}

function pathTo(node, root) {
	const path = [];
	for (let at = node; at !== root; at = at.parentElement) path.unshift([...at.parentElement.children].indexOf(at));
	return path;
}

function follow(path, root) {
	return path.reduce((at, index) => at?.children[index], root);
}

/** A duration as the pages write it. */
export function duration(millis) {
	const seconds = Math.max(0, Math.floor(millis / 1000));
	const two = (number) => String(number).padStart(2, "0");
	if (seconds < 60) return `${seconds} s`;
	if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
	return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
}

function tick() {
	for (const since of document.querySelectorAll("[data-since]")) {
		const text = duration(Date.now() - Number(since.dataset.since));
		if (since.textContent !== text) since.textContent = text;
	}
}

/** Shows what is wrong with a field, or with null that nothing is. */
export function mark(form, name, words) {
	const field = form.querySelector(`[data-field="${name}"]`);
	if (!field) return false;
	const error = field.querySelector(".error");
	const input = field.querySelector("input:not([type=file].hidden-visually), select, textarea");
	error.hidden = words === null;
	error.textContent = words ?? "";
	if (words === null) input.removeAttribute("aria-invalid");
	else input.setAttribute("aria-invalid", "true");
	return true;
}

/** Takes all marks off. */
export function unmark(form) {
	for (const field of form.querySelectorAll("[data-field]")) mark(form, field.dataset.field, null);
	const error = form.querySelector("#form-error");
	if (error) error.hidden = true;
}

/** Shows what is wrong with the form as a whole. */
export function refuse(form, words) {
	const error = form.querySelector("#form-error");
	error.querySelector("p").textContent = words;
	error.hidden = false;
}

/** Leads to the first marked field. */
export function leadToError(form) {
	const first = form.querySelector("[aria-invalid=true]") ?? form.querySelector("#form-error:not([hidden])");
	first?.scrollIntoView({ block: "center" });
	first?.focus?.({ preventScroll: true });
}

async function copy(text) {
	if (navigator.clipboard?.writeText) {
		try {
			await navigator.clipboard.writeText(text);
			tell(texts.copied);
			return;
		} catch {
			// The clipboard may be closed to pages over plain HTTP; a selection works there.
		}
	}
	const area = element("textarea", { class: "hidden-visually" });
	area.value = text;
	document.body.append(area);
	area.select();
	if (document.execCommand("copy")) tell(texts.copied);
	area.remove();
}

document.addEventListener("click", (event) => {
	const button = event.target.closest("[data-copy], [data-copy-from], [data-reveal]");
	if (!button) return;
	if (button.dataset.copy) copy(button.dataset.copy);
	if (button.dataset.copyFrom) copy(document.querySelector(button.dataset.copyFrom).textContent);
	if (button.dataset.reveal) {
		const input = document.getElementById(button.dataset.reveal);
		const isShown = input.type === "password";
		input.type = isShown ? "text" : "password";
		button.setAttribute("aria-pressed", String(isShown));
	}
});

const here = document.querySelector(".bar nav [aria-current]");
if (here) here.parentElement.scrollLeft = here.offsetLeft - 40;
tick();
setInterval(tick, 1000);
