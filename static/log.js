// The log of a task: many lines, appended in batches, searched and filtered where they stand.

import { element, say, texts } from "./console.js";

const CHUNK_LINES = 200;
const KEPT_LINES = 40000;

export class Log {
	constructor(box, { stage, search, matches, previous, next, follow, wrap, note, stageNames }) {
		Object.assign(this, { box, search, matches, follow, note, stageNames });
		this.waiting = [];
		this.count = 0;
		this.hits = [];
		this.current = -1;
		this.needle = "";
		stage.addEventListener("change", () => {
			if (stage.value) box.dataset.stage = stage.value;
			else delete box.dataset.stage;
			this.find();
			this.toEnd();
		});
		wrap.addEventListener("change", () => box.classList.toggle("wrap", wrap.checked));
		follow.addEventListener("change", () => this.toEnd());
		// Only a person's own scrolling decides whether the log follows; growing lines move it, too.
		let touched = 0;
		for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) {
			box.addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
		}
		box.addEventListener("scroll", () => {
			if (Date.now() - touched < 1000) follow.checked = box.scrollHeight - box.scrollTop - box.clientHeight < 30;
		}, { passive: true });
		let timer;
		search.addEventListener("input", () => {
			clearTimeout(timer);
			timer = setTimeout(() => this.find(), 150);
		});
		search.addEventListener("keydown", (event) => {
			if (event.key !== "Enter") return;
			event.preventDefault();
			this.go(event.shiftKey ? -1 : 1);
		});
		previous.addEventListener("click", () => this.go(-1));
		next.addEventListener("click", () => this.go(1));
	}

	/** Takes a line; it is shown with the next frame. */
	add(stage, text, isError) {
		this.waiting.push([stage, text, isError]);
		if (this.waiting.length === 1) setTimeout(() => this.flush(), 30);
	}

	flush() {
		const lines = this.waiting;
		this.waiting = [];
		if (this.count === 0) this.box.replaceChildren();
		for (const [stage, text, isError] of lines) {
			if (this.count % CHUNK_LINES === 0) {
				this.box.lastElementChild?.classList.add("whole");
				this.box.append(element("div", { class: "chunk" }));
			}
			const words = element("span", { class: isError ? "text error" : "text" }, text);
			const line = element("div", { class: "line", "data-stage": stage },
				element("span", { class: "stage" }, this.stageNames.get(stage) ?? stage), words);
			this.box.lastElementChild.append(line);
			this.count += 1;
			if (this.needle && this.isShown(line)) this.markLine(words);
		}
		while (this.box.childElementCount > KEPT_LINES / CHUNK_LINES) {
			this.box.firstElementChild.remove();
			this.note.textContent = texts.lines_dropped;
		}
		if (this.needle) this.showMatches();
		this.toEnd();
	}

	toEnd() {
		if (!this.follow.checked) return;
		this.box.scrollTop = this.box.scrollHeight;
	}

	isShown(line) {
		return !this.box.dataset.stage || this.box.dataset.stage === line.dataset.stage;
	}

	/** Marks every place where the searched text stands. */
	find() {
		for (const marked of this.box.querySelectorAll(".text:has(mark)")) marked.textContent = marked.textContent;
		this.box.querySelector(".hit")?.classList.remove("hit");
		this.needle = this.search.value.toLowerCase();
		this.hits = [];
		this.current = -1;
		if (this.needle) {
			for (const line of this.box.querySelectorAll(".line")) {
				if (this.isShown(line)) this.markLine(line.lastElementChild);
			}
			if (this.hits.length) this.go(1);
		}
		this.showMatches();
	}

	markLine(words) {
		const text = words.textContent;
		const lower = text.toLowerCase();
		let at = lower.indexOf(this.needle);
		if (at < 0) return;
		const parts = [];
		let from = 0;
		while (at >= 0) {
			const mark = element("mark", {}, text.slice(at, at + this.needle.length));
			parts.push(text.slice(from, at), mark);
			this.hits.push(mark);
			from = at + this.needle.length;
			at = lower.indexOf(this.needle, from);
		}
		words.replaceChildren(...parts, text.slice(from));
	}

	go(step) {
		this.hits = this.hits.filter((hit) => hit.isConnected);
		if (!this.hits.length) return;
		this.box.querySelector(".hit")?.classList.remove("hit");
		this.current = (this.current + step + this.hits.length) % this.hits.length;
		const line = this.hits[this.current].closest(".line");
		line.classList.add("hit");
		this.follow.checked = false;
		this.box.scrollTop += line.getBoundingClientRect().top - this.box.getBoundingClientRect().top - this.box.clientHeight / 2;
		this.showMatches();
	}

	showMatches() {
		if (!this.needle) this.matches.textContent = "";
		else if (!this.hits.length) this.matches.textContent = texts.no_match;
		else this.matches.textContent = say(texts.matches, { current: this.current + 1, total: this.hits.length });
	}
}
