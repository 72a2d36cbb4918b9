// Teach: the reader learns a person's own hand.

import { ask, models } from "./api.js";
import { check, mine } from "./mine.js";
import { KEYS, Pad } from "./pad.js";
import { news } from "./runs.js";
import { attempt, bytes, card, digitPicture, download, h, intro, notice, percent, refill } from "./ui.js";

/** @typedef {import("./api.js").Run} Run */
/** @typedef {import("./api.js").Compared} Compared */

export class TeachView {
  constructor() {
    /** The digit that is to be written next. */
    this.wanted = 0;
    /** @type {number | null} */
    this.id = null;
    this.decided = false;
    this.pad = new Pad({ width: 400, height: 400, square: true, label: `Sheet for one digit. ${KEYS} Enter keeps it.`, changed: () => {} });
    this.tiles = h("div", { class: "tiles" });
    this.summary = h("p", { class: "soft small" });
    this.ask = h("h2", null);
    this.go = h("button", { class: "primary", id: "teach-go", title: "Train the chosen network further on them", onclick: () => attempt(() => this.teach()) }, "Teach my digits");
    this.result = h("div", { class: "stack", role: "status", "aria-live": "polite" });
    const file = h("input", { type: "file", accept: ".json,application/json", hidden: true, onchange: () => attempt(() => this.load(file)) });
    const next = h("button", { class: "primary", title: "It joins your digits", onclick: () => attempt(() => this.keep()) }, "Keep this one");
    this.pad.canvas.addEventListener("keydown", (event) => event.key === "Enter" && next.click());
    this.root = h("div", null,
      intro("Teach it your hand", "Every hand is different. Show the network yours; it trains further on your digits, mixed with built-in ones so that it forgets little, and you see whether it helped before you decide."),
      h("ol", { class: "steps card" },
        h("li", null, h("span", null, "Collect digits: write some here, or click a misread digit under Read and say what it is.")),
        h("li", null, h("span", null, "Teach. It takes a second or two. A quarter of your digits is held back to measure with.")),
        h("li", null, h("span", null, "Compare before and after, and keep the new reader or drop it."))),
      h("div", { class: "grid wide-right", style: { "margin-top": "20px" } },
        h("section", { class: "card stack", "aria-label": "Write digits" }, this.ask, h("div", { class: "stage" }, this.pad.canvas),
          h("div", { class: "row" }, next, h("button", { title: "An empty sheet", onclick: () => this.pad.clear() }, "Clear"), h("button", { class: "quiet", title: "Write the next digit instead", onclick: () => this.skip() }, "Skip")), h("p", { class: "soft small keys" }, KEYS)),
        h("div", { class: "stack-l" },
          card("My digits", this.summary, this.tiles, h("div", { class: "row", style: { "margin-top": "16px" } }, this.go, h("span", { class: "grow" }),
            h("button", { title: "Your digits as a file", onclick: () => download("my-digits.json", JSON.stringify({ version: 1, digits: mine.digits }), "application/json") }, "Save"),
            h("button", { title: "Digits from a file that was saved here", onclick: () => file.click() }, "Load"), h("button", { class: "quiet", title: "This browser forgets them", onclick: () => confirm("Forget all your digits?") && mine.clear() }, "Forget all"), file)),
          card("What it was good for", this.result))));
    mine.listeners.add(() => this.list());
    news.listeners.add(() => this.report());
    this.list();
    this.report();
  }

  show() {
    requestAnimationFrame(() => this.pad.fit());
    // A lesson that was not decided on before the page was loaded anew.
    attempt(async () => {
      await news.listen();
      const last = news.runs.filter((run) => run.kind === "teach").at(-1);
      if (this.id || !last || last.model === models.name || !models.list.some(({ name }) => name === last.model)) return;
      this.id = last.id;
      this.report();
    });
  }

  list() {
    const n = mine.digits.length;
    this.ask.textContent = `Write a ${this.wanted}`;
    this.go.disabled = n === 0;
    this.summary.textContent = n === 0 ? "None yet. Ten or twenty are a start; the more the better." : `${n} ${n === 1 ? "digit" : "digits"}${n < 4 ? "; from four on some are held back to measure with" : `, of which ${Math.floor(n / 4)} will be held back to measure with`}. They stay in this browser.`;
    refill(this.tiles, ...mine.digits.map(({ label, pixels }, i) => h("div", { class: "tile" }, digitPicture(bytes(pixels), 48, `A ${label}`), label, h("button", { "aria-label": `Remove this ${label}`, onclick: () => mine.remove(i) }, "×"))));
  }

  async keep() {
    if (this.pad.empty) throw new Error(`Write a ${this.wanted} first.`);
    const reading = await ask("/v1/read?single=true&glyphs=true", { body: await this.pad.png() });
    if (!reading.glyphs.length) throw new Error("There is too little ink to be a digit.");
    const pixels = reading.glyphs[0].pixels;
    const label = this.wanted;
    this.skip();
    mine.add({ label, pixels });
  }

  skip() {
    this.wanted = (this.wanted + 1) % 10;
    this.pad.clear();
    this.list();
  }

  /** @param {HTMLInputElement} file */
  async load(file) {
    const text = await file.files?.[0]?.text();
    file.value = "";
    if (!text) return;
    let digits;
    try {
      digits = check(JSON.parse(text)?.digits);
    } catch {
      throw new Error("This file is not JSON; load one that was saved here.");
    }
    if (!digits.length) throw new Error("There are no digits in this file.");
    mine.add(...digits);
    notice(`${digits.length} digits loaded.`);
  }

  async teach() {
    this.go.disabled = true;
    try {
      await news.listen();
      const run = await ask("/v1/teach", { json: { model: models.name, digits: { version: 1, digits: mine.digits } } });
      this.id = run.id;
      this.decided = false;
      news.add(run);
    } finally {
      this.go.disabled = mine.digits.length === 0;
    }
  }

  report() {
    const run = news.runs.find((one) => one.id === this.id);
    if (!run) {
      this.result.replaceChildren(h("p", { class: "soft" }, "Here you will see how many of the digits it reads, before and after the lesson."));
      return;
    }
    if (run.status === "running") {
      this.result.replaceChildren(h("p", null, `Learning from ${run.train_count} of your digits …`), h("div", { class: "progress" }, h("i", { style: { width: `${100 * run.done}%` } })));
      return;
    }
    if (!run.lesson) {
      this.result.replaceChildren(h("p", { class: "down" }, run.error ?? "The lesson was broken off."));
      return;
    }
    const { mine: own, others, learned_from: count } = run.lesson;
    this.result.replaceChildren(
      h("div", { class: "versus" },
        own ? figure(`Your ${own.count} held-back ${own.count === 1 ? "digit" : "digits"}`, own) : h("div", { class: "figure soft small" }, "Too few of your digits to hold some back. From four on you see here what the lesson was good for."),
        figure(`${others.count} built-in digits`, others)),
      h("p", { class: "soft small" }, `Learned from ${count} of your digits. The built-in ones show whether something was forgotten.`),
      this.decided
        ? h("p", { class: "note" }, models.name === run.model ? "Kept: this is the reader now." : "Dropped: the reader is as it was.")
        : h("div", { class: "row" }, h("button", { class: "primary", title: "It reads from now on", onclick: () => attempt(() => this.decide(run, true)) }, "Keep it"), h("button", { title: "The reader stays as it was", onclick: () => attempt(() => this.decide(run, false)) }, "Drop it")));
  }

  /** @param {Run} run @param {boolean} keep */
  async decide(run, keep) {
    if (keep) {
      await ask(`/v1/models/${run.model}/use`, { method: "POST" });
      models.name = run.model;
    } else {
      await ask(`/v1/models/${run.model}`, { method: "DELETE" });
    }
    await models.refresh();
    this.decided = true;
    this.report();
  }
}

/** @param {string} title @param {Compared} compared */
function figure(title, { count, before, after }) {
  const change = Math.round((after - before) * count);
  const words = change === 0 ? "no change" : `${Math.abs(change)} ${change > 0 ? "more" : "fewer"} right`;
  return h("div", { class: "figure" }, h("h3", null, title), h("div", { class: "value" }, h("small", null, `${percent(before)} → `), percent(after)), h("span", { class: `small ${change > 0 ? "up" : change < 0 ? "down" : "soft"}` }, words));
}
