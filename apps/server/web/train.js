// Train: build a network and watch it learn.

import { ask } from "./api.js";
import { Builder, short } from "./builder.js";
import { HUES, columns, legend, lines } from "./charts.js";
import { RunCard } from "./run.js";
import { news } from "./runs.js";
import { attempt, bytes, card, digitPicture, field, h, intro, percent } from "./ui.js";

/** @typedef {import("./api.js").Run} Run */

/** Time that a form must rest before the digits are drawn anew, in milliseconds. */
const REST = 400;

export class TrainView {
  constructor() {
    /** @type {{name: string, description: string, toml: string, recipe: any}[]} */
    this.recipes = [];
    this.asText = false;
    /** Cards of runs, kept so that a slider being moved is not replaced. @type {Map<number, RunCard>} */
    this.cards = new Map();
    this.recipe = h("select", { id: "recipe", onchange: () => this.choose() });
    this.about = h("p", { class: "soft small" });
    this.builder = new Builder(() => this.write());
    this.text = h("textarea", { rows: 16, spellcheck: false, "aria-label": "The recipe's text", title: "What the form says, as a recipe file; it can be changed here too", oninput: () => {
      this.asText = true;
      this.showSoon();
    } });
    this.epochs = h("input", { type: "number", min: 1, max: 1000, value: 12 });
    this.seed = h("input", { type: "number", min: 0, value: 1 });
    this.curves = h("div", { class: "grid two" });
    this.rest = 0;
    this.examples = h("div", { class: "chips" });
    this.kinds = h("div", { class: "stack" });
    this.list = h("div", { class: "stack-l", id: "runs" });
    this.empty = h("div", { class: "card soft" }, "No runs yet. Start one, and another with something changed: their curves are drawn side by side.");
    this.curveCard = card("Curves", this.curves);
    this.root = h("div", null,
      intro("Train a network", "Choose a recipe or build your own, start it, and watch it learn. Change its rate and more while it runs, stop after each epoch, compare several side by side."),
      h("div", { class: "grid wide-right" },
        h("section", { class: "card stack", "aria-label": "New run" }, h("h2", null, "New run"),
          field("Begin with the recipe", this.recipe, "Fills the form below, where all can be changed"), this.about,
          this.builder.root,
          h("div", { class: "fields" }, field("Epochs", this.epochs, "How often it goes through all digits"), field("Seed", this.seed, "What all chance follows from: the same seed gives the same network")),
          h("details", null, h("summary", null, "The recipe as text"), this.text),
          h("div", { class: "row" }, h("button", { class: "primary grow", id: "start", title: "Train a network as the form says", onclick: () => attempt(() => this.start(false)) }, "Start"), h("button", { title: "Start, but wait before the first epoch", onclick: () => attempt(() => this.start(true)) }, "Start paused"))),
        h("div", { class: "stack-l" }, this.curveCard, this.empty, this.list,
          card("What it learns from", h("p", { class: "soft small" }, "The first digits as the recipe on the left shows them to the network; another epoch distorts them in another way."), this.examples, this.kinds))));
    news.listeners.add(() => this.root.isConnected && this.draw());
    attempt(() => this.load());
  }

  async show() {
    await attempt(() => news.listen());
    this.draw();
  }

  async load() {
    this.recipes = await ask("/v1/recipes");
    this.recipe.replaceChildren(...this.recipes.map(({ name }) => h("option", { value: name, selected: name === "tutorial-97" }, name)));
    this.choose();
    await this.showKinds();
  }

  choose() {
    const chosen = this.recipes.find(({ name }) => name === this.recipe.value);
    if (!chosen) return;
    this.about.textContent = chosen.description;
    this.builder.set(chosen.recipe);
    this.epochs.value = chosen.recipe.training.epochs;
    this.text.value = chosen.toml;
    this.asText = this.changed = false;
    this.showExamples();
  }

  write() {
    this.text.value = this.builder.toml();
    this.changed = true;
    this.asText = false;
    this.showSoon();
  }

  showSoon() {
    clearTimeout(this.rest);
    this.rest = window.setTimeout(() => this.showExamples(), REST);
  }

  /** The recipe as the form has it. */
  get wanted() {
    return this.changed || this.asText ? { toml: this.text.value } : { recipe: this.recipe.value };
  }

  async showExamples() {
    const wanted = this.wanted;
    try {
      /** @type {{label: number, pixels: string}[]} */
      const digits = await ask("/v1/train/preview", { json: wanted });
      if (JSON.stringify(wanted) !== JSON.stringify(this.wanted)) return;
      const name = (/** @type {number} */ label) => (label < 10 ? String(label) : "none");
      this.examples.replaceChildren(...digits.map(({ label, pixels }) => h("figure", { class: "chip" }, digitPicture(bytes(pixels), 44, label < 10 ? `A ${label}` : "No digit"), h("small", null, name(label)))));
    } catch (error) {
      // While a form is being filled, much is wrong for a moment: said here, not at the bottom.
      this.examples.replaceChildren(h("p", { class: "down small" }, error instanceof Error ? error.message : String(error)));
    }
  }

  async showKinds() {
    /** @type {{set: string, total: number, digits: {digit: number, count: number, mean: string}[], pixels: number[]}} */
    const { set, total, digits, pixels } = await ask("/v1/digits/training");
    this.kinds.replaceChildren(
      h("p", { class: "soft small" }, `${total.toLocaleString("en")} ${set}; how many of each, and what they look like on average:`),
      h("div", { class: "chips" }, digits.map(({ digit, count, mean }) => h("figure", { class: "chip" }, digitPicture(bytes(mean), 44, `The mean of all ${digit}s`), h("small", null, `${digit}: ${count.toLocaleString("en")}`)))),
      h("figure", { class: "narrow" }, h("figcaption", null, "How dark their pixels are"), columns({ label: "How dark pixels are", counts: pixels, hue: HUES[0], from: "paper", to: "ink" })));
  }

  /** @param {boolean} paused */
  async start(paused) {
    const run = await ask("/v1/train", { json: { ...this.wanted, epochs: Number(this.epochs.value), seed: Number(this.seed.value), paused } });
    news.add(run);
  }

  /** Another try. @param {number} rate */
  again(rate) {
    this.builder.rate.value = short(rate);
    this.write();
    this.builder.rate.scrollIntoView({ block: "center" });
    this.builder.rate.focus();
  }

  /** A colour that no other run has, while there are enough. @param {Run} run */
  freeHue(run) {
    const taken = [...this.cards.values()].map((card) => card.hue);
    return HUES.find((hue) => !taken.includes(hue)) ?? HUES[run.id % HUES.length];
  }

  draw() {
    const runs = news.runs.filter((run) => run.kind === "train");
    this.empty.hidden = runs.length > 0;
    this.curveCard.hidden = runs.length === 0;
    for (const [id, card] of this.cards) {
      if (runs.some((run) => run.id === id)) continue;
      card.root.remove();
      this.cards.delete(id);
    }
    for (const run of runs) {
      const card = this.cards.get(run.id) ?? new RunCard(run, this.freeHue(run), (rate) => this.again(rate));
      this.cards.set(run.id, card);
      card.update(run);
    }
    const hue = (/** @type {Run} */ run) => this.cards.get(run.id)?.hue ?? HUES[0];
    const name = (/** @type {Run} */ run) => `${run.id} · ${run.name}`;
    const loss = runs.map((run) => ({ name: name(run), hue: hue(run), points: run.points.map(({ epoch, loss }) => /** @type {[number, number]} */ ([epoch, loss])) }));
    const right = runs.map((run) => ({ name: name(run), hue: hue(run), dots: true, points: run.points.filter((p) => p.accuracy !== undefined).map(({ epoch, accuracy }) => /** @type {[number, number]} */ ([epoch, accuracy ?? 0])) }));
    this.curves.replaceChildren(
      h("div", null, lines({ label: "Loss over epochs", series: loss, x: "epochs", y: "Loss" })),
      h("div", null, lines({ label: "Accuracy on held-back digits over epochs", series: right, x: "epochs", y: "Held-back digits read right", format: (v) => percent(v) })),
      legend(loss));
    const cards = runs.map((run) => /** @type {RunCard} */ (this.cards.get(run.id)).root).reverse();
    if (cards.some((root, i) => this.list.children[i] !== root)) this.list.replaceChildren(...cards);
  }
}
