// The card of one training run: how it stands, what to do with it, and what its weights look like.

import { ask, models } from "./api.js";
import { HUES, columns, legend, lines } from "./charts.js";
import { attempt, h, notice, percent, signedPicture } from "./ui.js";

/** @typedef {import("./api.js").Run} Run */
/** @typedef {{layer: number, mean: number, deviation: number, reach: number, counts: number[]}} Spread */

/** Time between two looks at a running network's weights, in milliseconds. */
const LOOK = 700;
/** Epochs without progress after which more of the same will not help. */
const IDLE = 5;

export class RunCard {
  /** @param {Run} run @param {string} hue */
  constructor(run, hue) {
    this.run = run;
    this.hue = hue;
    this.looked = 0;
    this.epoch = -1;
    this.waiting = 0;
    /** How the first weights were spread. @type {Spread[] | null} */
    this.first = null;
    this.status = h("span", { class: "status" });
    this.bar = h("i");
    this.facts = h("div", { class: "facts" });
    this.hint = h("p", { class: "note small", hidden: true });
    this.weights = h("div", { class: "weights" });
    this.spreads = h("div", { class: "spreads" });
    this.moved = h("div", null);
    this.error = h("p", { class: "down small", hidden: true });
    this.rateText = h("output", { class: "small" });
    // The slider is logarithmic: the middle is the recipe's own rate.
    this.rate = h("input", { type: "range", min: -2, max: 1, step: 0.05, value: 0, "aria-label": "Learning rate, times the recipe's", oninput: () => this.showRate(), onchange: () => attempt(() => this.steer({ rate: this.factor })) });
    const button = (/** @type {string} */ text, /** @type {() => unknown} */ work, title = "") => h("button", { onclick: () => attempt(work), title }, text);
    this.pause = button("Pause", () => this.steer({ do: this.run.status === "paused" ? "go" : "pause" }));
    this.step = button("One epoch", () => this.steer({ do: "step" }), "Go on to the end of the epoch, then wait");
    this.stop = button("Stop", () => this.steer({ do: "stop" }));
    this.use = button("Read with it", () => this.read());
    this.save = h("a", { class: "button", href: `/v1/models/${run.model}/file`, download: `${run.model}.safetensors` }, "Save");
    this.steering = h("div", { class: "row" }, h("span", { class: "small soft" }, "Rate"), h("span", { class: "grow" }, this.rate), this.rateText);
    const details = (/** @type {string} */ title, /** @type {boolean} */ open, /** @type {HTMLElement[]} */ ...all) => h("details", { open, ontoggle: () => this.look() }, h("summary", null, title), all);
    this.firstLayer = details("Weights of the first layer", ["running", "paused"].includes(run.status), this.weights);
    this.allLayers = details("All layers: how weights are spread, and how far they move", false, h("p", { class: "soft small" }, "Columns: how many weights lie where (heights are roots). Line: before the first step."), this.spreads, this.moved);
    this.root = h("section", { class: "card stack run", style: { "--hue": hue }, "aria-label": `Run ${run.id}` },
      h("div", { class: "row" }, h("h2", null, `Run ${run.id} · ${run.name}`), this.status, h("span", { class: "grow" }), h("button", { class: "quiet", "aria-label": `Forget run ${run.id}`, title: "Forget this run and its network", onclick: () => attempt(() => this.forget()) }, "×")),
      h("div", { class: "progress" }, this.bar), this.facts, this.error, this.hint, this.steering,
      h("div", { class: "row" }, this.pause, this.step, this.stop, h("span", { class: "grow" }), this.use, this.save),
      this.firstLayer, this.allLayers);
    this.showRate(run.rate);
  }

  get factor() {
    return Number((10 ** Number(this.rate.value)).toPrecision(2));
  }

  /** @param {number} [factor] what the slider is put to */
  showRate(factor) {
    if (factor !== undefined) this.rate.value = String(Math.log10(factor || 0.01));
    this.rateText.textContent = `× ${this.factor}`;
  }

  /** @param {{do?: string, rate?: number}} order */
  async steer(order) {
    await ask(`/v1/runs/${this.run.id}`, { json: order });
  }

  /** The network goes too, unless it reads. */
  async forget() {
    await ask(`/v1/runs/${this.run.id}`, { method: "DELETE" });
    await models.refresh();
    const model = models.list.find(({ name }) => name === this.run.model);
    if (!model || model.reads) return;
    await ask(`/v1/models/${model.name}`, { method: "DELETE" });
    await models.refresh();
  }

  async read() {
    await ask(`/v1/models/${this.run.model}/use`, { method: "POST" });
    models.name = this.run.model;
    await models.refresh();
    notice(`From now on run ${this.run.id} reads.`);
  }

  /** @param {Run} run */
  update(run) {
    // Also who steers elsewhere, or loads the page anew, sees the rate as it is.
    if (run.rate !== this.run.rate) this.showRate(run.rate);
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
    const hint = advice(ends);
    this.hint.hidden = !hint;
    this.hint.textContent = hint;
    this.use.disabled = !ends.length;
    if (ends.length > this.epoch && !this.waiting) {
      this.epoch = ends.length;
      // The last look of a flurry of epochs must not be lost.
      this.waiting = window.setTimeout(() => this.look(), Math.max(0, this.looked + LOOK - performance.now()));
    }
  }

  /** Looks at the weights, as far as they are shown. */
  async look() {
    this.waiting = 0;
    this.looked = performance.now();
    const path = `/v1/models/${this.run.model}`;
    try {
      if (this.firstLayer.open) {
        const [model, { weights }] = await Promise.all([ask(path), ask(`${path}/weights?layer=0&count=32`)]);
        const across = model.layers[0].window ? model.layers[0].weights[1] : 28;
        this.weights.replaceChildren(...weights.map((/** @type {number[]} */ w) => signedPicture(w, across)));
      }
      /** @type {Spread[]} */
      const now = this.first && !this.allLayers.open ? [] : await ask(`${path}/spread`);
      this.first ??= now;
      if (this.allLayers.open) this.showAll(now);
    } catch {
      // The server may have dropped the model; what is shown stays.
    }
  }

  /** @param {Spread[]} now */
  showAll(now) {
    this.spreads.replaceChildren(...now.map(({ layer, deviation, reach, counts }, i) => {
      const before = this.first?.[i];
      return h("figure", null,
        h("figcaption", null, `Layer ${layer + 1}: deviation ${before ? `${before.deviation.toFixed(3)} → ` : ""}${deviation.toFixed(3)}`),
        columns({ label: `How the weights of layer ${layer + 1} are spread`, counts, hue: this.hue, before: before && rescaled(before, reach), from: `−${reach.toFixed(2)}`, to: reach.toFixed(2) }));
    }));
    const ends = this.run.points.filter((point) => point.moved);
    const series = (ends[0]?.moved ?? []).map(({ layer }, i) => ({ name: `layer ${layer + 1}`, hue: HUES[i % HUES.length], dots: true, points: ends.map(({ epoch, moved }) => /** @type {[number, number]} */ ([epoch, moved?.[i].share ?? 0])) }));
    this.moved.replaceChildren(...(ends.length ? [lines({ label: "How far each epoch moved each layer", series, x: "epochs", y: "How far an epoch moved the weights, by their size", format: (v) => percent(v) }), legend(series)] : []));
  }
}

/** The counts of a spread in steps of another reach. @param {Spread} spread @param {number} reach */
function rescaled({ counts, reach: from }, reach) {
  const steps = counts.length;
  const to = Array(steps).fill(0);
  counts.forEach((n, i) => {
    const middle = ((i + 0.5) / steps) * 2 - 1;
    const step = Math.floor(((middle * from) / reach + 1) / 2 * steps);
    if (step >= 0 && step < steps) to[step] += n;
  });
  return to;
}

/** What looks wrong with a run, and what may help; empty if nothing does. @param {Run["points"]} ends its epochs */
function advice(ends) {
  const end = ends[ends.length - 1];
  if (!end || ends.length < 2) return "";
  const accuracy = ends.map((point) => point.accuracy ?? 0);
  if (accuracy[accuracy.length - 1] < 0.2) return "It reads hardly better than chance. Try a smaller rate if the loss jumps about, a larger one if it does not move, or other first weights.";
  const best = accuracy.indexOf(Math.max(...accuracy));
  const falls = end.loss < 0.9 * ends[best].loss;
  if (accuracy.length - 1 - best >= IDLE && falls) return `The loss falls, but since epoch ${best + 1} no more held-back digits are read right: it learns by heart. More digits, distortions, dropout or weight decay help; or stop earlier.`;
  return "";
}
