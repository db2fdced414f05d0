// The form of a new build: inspects the base, previews the Dockerfile while one types, submits.

import { act, api, call, element, leadToError, mark, Refusal, refuse, say, tell, texts, unmark } from "./console.js";
import { LineProblem, readPackages, writePackages } from "./packages.js";

const PREVIEW_DELAY_MILLIS = 500;
const PYTHON_PREFIX = "/usr/local/dros/python";
const form = document.getElementById("build");
const get = (id) => document.getElementById(id);
const field = form.elements;
let descriptor = null;
let previewTimer = null;
let previewAbort = null;

/** Where the API's names of fields stand in this form. */
const places = [
	[/image_data\.target_image_name|image_data\.tag/, "target_image_name"],
	[/image_data\.task_name/, "task_name"],
	[/image_data\.image_desc/, "image_desc"],
	[/image_data\.callback_url/, "callback_url"],
	[/webSSHSecret/, "ssh"],
	[/jupyterLabSecret/, "jupyter"],
	[/dockerfile_json\.base_image/, "base_image"],
	[/dockerfile_json\.maintainer/, "maintainer"],
	[/package_manager_installer_config\.source/, "os.source"],
	[/package_manager_installer_config/, "os.software"],
	[/pip_installer_config\.source/, "pip.source"],
	[/pip_installer_config\.install\b/, "pip.target"],
	[/pip_installer_config/, "pip.software"],
	[/conda_installer_config\.source/, "conda.source"],
	[/conda_installer_config\.install\b/, "conda.target"],
	[/conda_installer_config/, "conda.software"],
	[/python_env/, "python.target"],
];

function readField(name, text, tool, problems) {
	try {
		return readPackages(text, tool);
	} catch (error) {
		if (!(error instanceof LineProblem)) throw error;
		problems.push([name, error.message]);
		return { software: [], lines: [] };
	}
}

function installer(name, target, source, packages) {
	const [type, ...file] = source.split("/");
	return {
		installer_name: name,
		install: { present: "", target, install_loc: "" },
		source: { installer_name: source ? name : "", type: source ? type : "", file_name: file.join("/") },
		software_list: packages.software,
		delimiter: "",
		python_version: [],
	};
}

/** The request as the form has it, without passwords, and what is wrong with its lines. */
function read() {
	const problems = [];
	const os = readField("os.software", field.os_packages.value, "os", problems);
	const pip = readField("pip.software", field.pip_packages.value, "pip", problems);
	const conda = readField("conda.software", field.conda_packages.value, "conda", problems);
	const manager = os.software.length || field.os_source.value ? field.os_manager.value : "";
	const request = {
		image_data: {
			task_name: field.task_name.value.trim(),
			callback_url: field.callback_url.value.trim(),
			target_image_name: field.target.value.trim(),
			image_desc: field.description.value.trim(),
			webSSHSecret: "",
			jupyterLabSecret: "",
		},
		dockerfile_json: {
			base_image: field.base_image.value.trim(),
			maintainer: field.maintainer.value.trim(),
			image_installer_config: {
				python_env: { present: "", target: field.python.value, install_loc: field.python.value ? PYTHON_PREFIX : "" },
				package_manager_installer_config: installer(manager, "", field.os_source.value, os),
				pip_installer_config: installer("pip", field.pip_installer.value, field.pip_source.value, pip),
				conda_installer_config: installer("conda", field.conda_installer.value, field.conda_source.value, conda),
			},
		},
	};
	return { request, problems, lines: { "os.software": os.lines, "pip.software": pip.lines, "conda.software": conda.lines } };
}

async function withSecrets(request) {
	const ssh = field.ssh.value;
	const jupyter = field.jupyter.value;
	if (ssh || jupyter) {
		const { data } = await call("/console/secrets", { method: "POST", body: { ssh, jupyter } });
		Object.assign(request.image_data, data);
	}
	return request;
}

/** The refused fields of an answer, [path, words]: a 422 lists them, a refusal strings them together. */
function refusals(error) {
	const listed = (error.detail ?? []).map(({ loc, msg }) => [loc.slice(1).join("."), msg]);
	const beginning = /(?:^|[;；]\s*)((?:image_data|task_data|dockerfile_json|webSSHSecret|jupyterLabSecret)[\w.[\]]*) /g;
	const found = [...error.message.matchAll(beginning)];
	const strung = found.map((match, index) => {
		const end = found[index + 1]?.index ?? error.message.length;
		return [match[1], error.message.slice(match.index + match[0].length, end)];
	});
	return [...listed, ...strung];
}

/** Puts the service's words beside the fields they are about; gives whether any found its place. */
function place(error, lines) {
	let isPlaced = false;
	const words = new Map();
	for (const [path, problem] of refusals(error)) {
		const name = places.find(([pattern]) => pattern.test(path))?.[1];
		if (!name) continue;
		const line = lines[name]?.[path.match(/software_list[.[](\d+)/)?.[1]];
		const text = line ? say(texts.line, { line, problem }) : problem;
		words.set(name, words.has(name) ? `${words.get(name)}\n${text}` : text);
	}
	for (const [name, text] of words) isPlaced = mark(form, name, text) || isPlaced;
	return isPlaced;
}

/** Refusals that name a chosen value belong to the field that holds it. */
function placeByValue(words) {
	const candidates = [
		["os.source", field.os_source.value.split("/").pop()],
		["python.target", field.python.value],
		["conda.target", field.conda_installer.value],
		["pip.source", field.pip_source.value.split("/").pop()],
		["conda.source", field.conda_source.value.split("/").pop()],
		["target_image_name", field.target.value.trim()],
		["base_image", field.base_image.value.trim()],
	];
	const found = candidates.find(([, value]) => value && words.includes(value));
	return found ? mark(form, found[0], words) : false;
}

function show(list, items) {
	list.replaceChildren(...items.map((item) => element("li", {}, typeof item === "string" ? item : JSON.stringify(item))));
}

function textsOf(value) {
	if (value === null || value === undefined || value === "") return [];
	if (Array.isArray(value)) return value.map((item) => (typeof item === "object" ? item.message ?? item.text ?? JSON.stringify(item) : String(item)));
	if (typeof value === "object") return Object.entries(value).map(([key, item]) => `${key}: ${typeof item === "object" ? JSON.stringify(item) : item}`);
	return String(value).split("\n").filter(Boolean);
}

function showPreview({ dockerfile, plan, warnings }) {
	const code = get("preview-dockerfile");
	code.textContent = dockerfile;
	code.hidden = false;
	const notes = textsOf(warnings);
	get("preview-warnings").hidden = notes.length === 0;
	show(get("preview-warnings").querySelector("ul"), notes);
	const steps = textsOf(plan);
	get("preview-plan").hidden = steps.length === 0;
	show(get("preview-plan").querySelector("ul"), steps);
	get("preview-state").textContent = notes.length ? "" : texts.no_warnings;
}

async function preview() {
	clearTimeout(previewTimer);
	previewAbort?.abort();
	if (!field.base_image.value.trim()) return;
	const { request, problems, lines } = read();
	unmark(form);
	for (const [name, words] of problems) mark(form, name, words);
	if (problems.length) return;
	if (!request.image_data.target_image_name) request.image_data.target_image_name = "preview:latest";
	const abort = new AbortController();
	previewAbort = abort;
	const state = get("preview-state");
	state.textContent = texts.previewing;
	try {
		const body = await withSecrets(request);
		const { data } = await call(`${api}/task/preview-dockerfile`, { method: "POST", body, signal: abort.signal });
		if (abort.signal.aborted) return;
		showPreview(data);
	} catch (error) {
		if (abort.signal.aborted || error.name === "AbortError") return;
		const isPlaced = place(error, lines) || placeByValue(error.message);
		state.textContent = isPlaced ? `${texts.preview_failed}: ${texts.check_fields}` : `${texts.preview_failed}: ${error.message}`;
	}
}

function previewSoon() {
	clearTimeout(previewTimer);
	previewTimer = setTimeout(preview, PREVIEW_DELAY_MILLIS);
}

function finding(name, part, version = part?.version) {
	const words = (Array.isArray(version) ? version.join("\n") : version) || "";
	const has = part?.available === true;
	const text = has ? words || texts.yes : texts.no;
	const sources = part?.source?.length ? ` (${part.source.join(", ")})` : "";
	return element("div", { class: has ? "has" : "lacks" }, element("dt", {}, name), element("dd", {}, text + sources));
}

/** Marks mirror files whose numbers the system's version does not have. */
function fitMirrors() {
	const manager = field.os_manager.value;
	const version = descriptor?.os?.version ?? "";
	for (const group of field.os_source.querySelectorAll("optgroup")) {
		group.hidden = group.dataset.manager !== manager;
		for (const option of group.children) {
			option.hidden = group.hidden;
			const file = option.value.split("/").pop();
			const number = file.match(/\d+(\.\d+)?/)?.[0];
			option.disabled = version !== "" && number !== undefined && !version.includes(number);
			option.textContent = option.textContent.split(" — ")[0] + (option.disabled ? ` — ${texts.fits_not}` : "");
		}
	}
	const chosen = field.os_source.selectedOptions[0];
	if (chosen?.parentElement.hidden) field.os_source.value = "";
}

function showInspection(found) {
	descriptor = found;
	const tool = found.package_manager?.name ?? "";
	if (found.package_manager?.available) field.os_manager.value = tool === "apt" ? "apt" : "yum";
	fitMirrors();
	const facts = element("dl", { class: "findings" },
		finding(texts.os, found.os, `${found.os?.name ?? ""} ${found.os?.version ?? ""}`.trim()),
		finding(texts.package_manager, found.package_manager),
		finding("Python", found.python),
		finding("pip", found.pip),
		finding("conda", found.conda),
		finding("sshd", found.sshd),
		finding("JupyterLab", found.jupyter_lab));
	const architecture = found.details?.architecture;
	if (architecture) facts.append(finding(texts.architecture, { available: true }, architecture));
	get("inspection").replaceChildren(facts);
}

async function inspect() {
	const name = field.base_image.value.trim();
	mark(form, "base_image", name ? null : texts.inspect_first);
	if (!name) {
		field.base_image.focus();
		return;
	}
	const box = get("inspection");
	box.replaceChildren(element("p", { class: "sub" }, texts.inspecting));
	try {
		const { data } = await call(`${api}/task/check-image?image_name=${encodeURIComponent(name)}`, { method: "POST" });
		showInspection(data);
	} catch (error) {
		box.replaceChildren();
		mark(form, "base_image", error.message);
	}
}

async function submit() {
	clearTimeout(previewTimer);
	previewAbort?.abort();
	unmark(form);
	const { request, problems, lines } = read();
	if (!request.dockerfile_json.base_image) problems.push(["base_image", texts.required]);
	if (!request.image_data.target_image_name) problems.push(["target_image_name", texts.required]);
	for (const [name, words] of problems) mark(form, name, words);
	if (problems.length) {
		leadToError(form);
		return;
	}
	const button = get("submit");
	const label = button.textContent;
	button.textContent = texts.submitting;
	await act(button, async () => {
		try {
			const body = await withSecrets(request);
			const { data } = await call(`${api}/task/build-image`, { method: "POST", body });
			location.assign(`/console/tasks/${data.task_id}`);
		} catch (error) {
			if (!(error instanceof Refusal)) throw error;
			if (!place(error, lines) && !placeByValue(error.message)) refuse(form, error.message);
			leadToError(form);
		}
	});
	button.textContent = label;
}

function choose(select, value) {
	if (value && [...select.options].some((option) => option.value === value)) select.value = value;
}

/** Fills the form in from the request of an earlier task. */
function fill(request) {
	const image = request.image_data ?? request.task_data ?? {};
	const dockerfile = request.dockerfile_json ?? {};
	const config = dockerfile.image_installer_config ?? {};
	const first = (value) => (Array.isArray(value) ? value[0] : value) ?? "";
	const source = (part) => (part?.source?.type ? `${part.source.type}/${part.source.file_name}` : "");
	const os = config.package_manager_installer_config;
	field.base_image.value = dockerfile.base_image ?? "";
	field.maintainer.value = dockerfile.maintainer ?? "";
	field.target.value = image.target_image_name ?? "";
	field.task_name.value = image.task_name ?? "";
	field.description.value = image.image_desc ?? "";
	field.callback_url.value = image.callback_url ?? "";
	choose(field.os_manager, os?.installer_name === "dnf" ? "yum" : os?.installer_name);
	choose(field.os_source, source(os));
	field.os_packages.value = writePackages(os?.software_list);
	choose(field.python, first(config.python_env?.target));
	choose(field.pip_installer, first(config.pip_installer_config?.install?.target));
	choose(field.pip_source, source(config.pip_installer_config));
	field.pip_packages.value = writePackages(config.pip_installer_config?.software_list);
	choose(field.conda_installer, first(config.conda_installer_config?.install?.target));
	choose(field.conda_source, source(config.conda_installer_config));
	field.conda_packages.value = writePackages(config.conda_installer_config?.software_list);
}

get("requirements").addEventListener("change", async (event) => {
	const [file] = event.target.files;
	if (!file) return;
	const text = await file.text();
	const typed = field.pip_packages.value.trim();
	field.pip_packages.value = typed ? `${typed}\n${text.trim()}` : text.trim();
	event.target.value = "";
	preview();
});
get("inspect").addEventListener("click", (event) => act(event.target, inspect));
get("refresh").addEventListener("click", preview);
field.os_manager.addEventListener("change", fitMirrors);
field.base_image.addEventListener("change", () => {
	descriptor = null;
	get("inspection").replaceChildren();
	fitMirrors();
});
form.addEventListener("input", previewSoon);
form.addEventListener("submit", (event) => {
	event.preventDefault();
	submit();
});

if (form.dataset.request) {
	try {
		fill(JSON.parse(form.dataset.request));
	} catch {
		tell(texts.failed, true);
	}
}
fitMirrors();
if (field.base_image.value) preview();
