// Train: build a network and watch it learn.

import { ask, models } from "./api.js";
import { Builder } from "./builder.js";
import { HUES, legend, lines } from "./charts.js";
import { news } from "./runs.js";
import { attempt, card, field, h, intro, notice, percent, signedPicture } from "./ui.js";

/** @typedef {import("./api.js").Run} Run */

/** Time between two looks at a running network's weights, in milliseconds. */
const LOOK = 700;

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
    this.text = h("textarea", { rows: 16, spellcheck: false, "aria-label": "The recipe's text", oninput: () => (this.asText = true) });
    this.epochs = h("input", { type: "number", min: 1, max: 1000, value: 12 });
    this.seed = h("input", { type: "number", min: 0, value: 1 });
    this.curves = h("div", { class: "grid two" });
    this.list = h("div", { class: "stack-l", id: "runs" });
    this.empty = h("div", { class: "card soft" }, "No runs yet. Start one, and another with something changed: their curves are drawn side by side.");
    this.curveCard = card("Curves", this.curves);
    this.root = h("div", null,
      intro("Train a network", "Choose a recipe or build your own, start it, and watch it learn. Change the rate while it runs, stop after each epoch, compare several side by side."),
      h("div", { class: "grid wide-right" },
        h("section", { class: "card stack", "aria-label": "New run" }, h("h2", null, "New run"),
          field("Begin with the recipe", this.recipe), this.about,
          this.builder.root,
          h("div", { class: "fields" }, field("Epochs", this.epochs), field("Seed", this.seed)),
          h("details", null, h("summary", null, "The recipe as text"), this.text),
          h("div", { class: "row" }, h("button", { class: "primary grow", id: "start", onclick: () => attempt(() => this.start(false)) }, "Start"), h("button", { title: "Start, but wait before the first epoch", onclick: () => attempt(() => this.start(true)) }, "Start paused"))),
        h("div", { class: "stack-l" }, this.curveCard, this.empty, this.list)));
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
  }

  choose() {
    const chosen = this.recipes.find(({ name }) => name === this.recipe.value);
    if (!chosen) return;
    this.about.textContent = chosen.description;
    this.builder.set(chosen.recipe);
    this.epochs.value = chosen.recipe.training.epochs;
    this.text.value = chosen.toml;
    this.asText = false;
    this.changed = false;
  }

  write() {
    this.text.value = this.builder.toml();
    this.changed = true;
    this.asText = false;
  }

  /** @param {boolean} paused */
  async start(paused) {
    const own = this.changed || this.asText;
    const what = own ? { toml: this.text.value } : { recipe: this.recipe.value };
    const run = await ask("/v1/train", { json: { ...what, epochs: Number(this.epochs.value), seed: Number(this.seed.value), paused } });
    news.add(run);
  }

  draw() {
    const runs = news.runs.filter((run) => run.kind === "train");
    this.empty.hidden = runs.length > 0;
    this.curveCard.hidden = runs.length === 0;
    const hue = (/** @type {Run} */ run) => HUES[(run.id - 1) % HUES.length];
    const name = (/** @type {Run} */ run) => `${run.id} · ${run.name}`;
    const loss = runs.map((run) => ({ name: name(run), hue: hue(run), points: run.points.map(({ epoch, loss }) => /** @type {[number, number]} */ ([epoch, loss])) }));
    const right = runs.map((run) => ({ name: name(run), hue: hue(run), dots: true, points: run.points.filter((p) => p.accuracy !== undefined).map(({ epoch, accuracy }) => /** @type {[number, number]} */ ([epoch, accuracy ?? 0])) }));
    this.curves.replaceChildren(
      h("div", null, lines({ label: "Loss over epochs", series: loss, x: "epochs", y: "Loss" })),
      h("div", null, lines({ label: "Accuracy on held-back digits over epochs", series: right, x: "epochs", y: "Held-back digits read right", format: (v) => percent(v) })),
      legend(loss));
    for (const run of runs) {
      const card = this.cards.get(run.id) ?? new RunCard(run, hue(run));
      this.cards.set(run.id, card);
      card.update(run);
    }
    for (const [id, card] of this.cards) {
      if (runs.some((run) => run.id === id)) continue;
      card.root.remove();
      this.cards.delete(id);
    }
    const cards = runs.map((run) => /** @type {RunCard} */ (this.cards.get(run.id)).root).reverse();
    if (cards.some((root, i) => this.list.children[i] !== root)) this.list.replaceChildren(...cards);
  }
}

/** One run: how it stands, and its buttons. */
class RunCard {
  /** @param {Run} run @param {string} hue */
  constructor(run, hue) {
    this.run = run;
    this.looked = 0;
    this.epoch = this.waiting = 0;
    this.status = h("span", { class: "status" });
    this.bar = h("i");
    this.facts = h("div", { class: "facts" });
    this.weights = h("div", { class: "weights" });
    this.error = h("p", { class: "down small", hidden: true });
    this.rateText = h("output", { class: "small" });
    // The slider is logarithmic: the middle is the recipe's own rate.
    this.rate = h("input", { type: "range", min: -2, max: 1, step: 0.05, value: 0, "aria-label": "Learning rate, times the recipe's", oninput: () => this.showRate(), onchange: () => this.steer({ rate: this.factor }) });
    const button = (/** @type {string} */ text, /** @type {() => unknown} */ work, title = "") => h("button", { onclick: () => attempt(work), title }, text);
    this.pause = button("Pause", () => this.steer({ do: this.run.status === "paused" ? "go" : "pause" }));
    this.step = button("One epoch", () => this.steer({ do: "step" }), "Go on to the end of the epoch, then wait");
    this.stop = button("Stop", () => this.steer({ do: "stop" }));
    this.use = button("Read with it", () => this.read());
    this.save = h("a", { class: "button", href: `/v1/models/${run.model}/file`, download: `${run.model}.safetensors` }, "Save");
    this.steering = h("div", { class: "row" }, h("span", { class: "small soft" }, "Rate"), h("span", { class: "grow" }, this.rate), this.rateText);
    this.root = h("section", { class: "card stack run", style: { "--hue": hue }, "aria-label": `Run ${run.id}` },
      h("div", { class: "row" }, h("h2", null, `Run ${run.id} · ${run.name}`), this.status, h("span", { class: "grow" }), h("button", { class: "quiet", "aria-label": `Forget run ${run.id}`, onclick: () => attempt(() => ask(`/v1/runs/${run.id}`, { method: "DELETE" })) }, "×")),
      h("div", { class: "progress" }, this.bar), this.facts, this.error, this.steering,
      h("div", { class: "row" }, this.pause, this.step, this.stop, h("span", { class: "grow" }), this.use, this.save),
      h("details", { open: true, ontoggle: () => this.look() }, h("summary", null, "Weights of the first layer"), this.weights));
    this.showRate();
  }

  get factor() {
    return Number((10 ** Number(this.rate.value)).toPrecision(2));
  }

  showRate() {
    this.rateText.textContent = `× ${this.factor}`;
  }

  /** @param {{do?: string, rate?: number}} order */
  async steer(order) {
    await ask(`/v1/runs/${this.run.id}`, { json: order });
  }

  async read() {
    await ask(`/v1/models/${this.run.model}/use`, { method: "POST" });
    models.name = this.run.model;
    await models.refresh();
    notice(`From now on run ${this.run.id} reads.`);
  }

  /** @param {Run} run */
  update(run) {
    this.run = run;
    const over = !["running", "paused"].includes(run.status);
    this.status.textContent = run.status;
    this.status.className = `status ${run.status}`;
    this.bar.style.width = `${100 * run.done}%`;
    this.pause.textContent = run.status === "paused" ? "Go on" : "Pause";
    this.pause.hidden = this.step.hidden = this.stop.hidden = this.steering.hidden = over;
    this.error.hidden = !run.error;
    this.error.textContent = run.error ?? "";
    const last = run.points[run.points.length - 1];
    const ends = run.points.filter((point) => point.accuracy !== undefined);
    const end = ends[ends.length - 1];
    const dead = end?.dead?.slice(0, -1).reduce((a, b) => a + b, 0);
    const fact = (/** @type {string} */ name, /** @type {string | number} */ value) => h("div", null, h("b", null, value), name);
    this.facts.replaceChildren(
      fact("epoch", `${run.epoch} / ${run.epochs}`), fact("loss", last ? last.loss.toFixed(4) : "–"),
      fact("held-back right", end ? percent(end.accuracy ?? 0, 2) : "–"), fact("dead values", dead ?? "–"),
      fact("seconds", end?.seconds !== undefined ? end.seconds.toFixed(2) : "–"), fact("digits", run.train_count.toLocaleString("en")));
    this.use.disabled = !ends.length;
    if (ends.length > this.epoch && !this.waiting) {
      this.epoch = ends.length;
      // The last look of a flurry of epochs must not be lost.
      this.waiting = window.setTimeout(() => this.look(), Math.max(0, this.looked + LOOK - performance.now()));
    }
  }

  look() {
    this.waiting = 0;
    if (!this.weights.parentElement || !(/** @type {HTMLDetailsElement} */ (this.weights.parentElement).open)) return;
    this.looked = performance.now();
    ask(`/v1/models/${this.run.model}/weights?layer=0&count=32`).then(
      ({ weights }) => this.weights.replaceChildren(...weights.map((/** @type {number[]} */ w) => signedPicture(w, Math.round(Math.sqrt(w.length))))),
      () => {}, // there is no model before the first epoch
    );
  }
}
