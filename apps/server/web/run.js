// The card of one training run: how it stands, what to do with it, and what its weights look like.

import { ask, models } from "./api.js";
import { DISTORTIONS, short } from "./builder.js";
import { HUES, columns, legend, lines } from "./charts.js";
import { attempt, field, h, notice, percent, signedPicture } from "./ui.js";

/** @typedef {import("./api.js").Run} Run */
/** What may help: other settings, or another try at some rate. @typedef {{label: string, change?: object, again?: number}} Remedy */
/** @typedef {{layer: number, mean: number, deviation: number, reach: number, counts: number[]}} Spread */

/** Time between two looks at a running network's weights, in milliseconds. */
const LOOK = 700;
/** Epochs without progress after which more of the same will not help. */
const IDLE = 5;

export class RunCard {
  /** @param {Run} run @param {string} hue @param {(rate: number) => void} again fills the form for another try at that rate */
  constructor(run, hue, again) {
    this.run = run;
    this.hue = hue;
    this.again = again;
    this.looked = 0;
    this.epoch = -1;
    this.waiting = 0;
    /** How the first weights were spread. @type {Spread[] | null} */
    this.first = null;
    this.status = h("span", { class: "status" });
    this.bar = h("i");
    this.facts = h("div", { class: "facts" });
    this.hint = h("div", { class: "note small row", hidden: true });
    this.hinted = "";
    this.weights = h("div", { class: "weights" });
    this.spreads = h("div", { class: "spreads" });
    this.moved = h("div", null);
    this.error = h("p", { class: "down small", hidden: true });
    this.rateText = h("output", { class: "small" });
    // The slider is logarithmic: the middle is the recipe's own rate.
    this.rate = h("input", { type: "range", min: -2, max: 1, step: 0.05, value: 0, "aria-label": "Learning rate, times the recipe's", title: "What the recipe's rate is multiplied with from here on", oninput: () => this.showRate(), onchange: () => attempt(() => this.steer({ rate: this.factor })) });
    const button = (/** @type {string} */ text, /** @type {() => unknown} */ work, title = "") => h("button", { onclick: () => attempt(work), title }, text);
    this.pause = button("Pause", () => this.steer({ do: this.run.status === "paused" ? "go" : "pause" }), "Wait after this step, or go on");
    this.step = button("One epoch", () => this.steer({ do: "step" }), "Go on to the end of the epoch, then wait");
    this.stop = button("Stop", () => this.steer({ do: "stop" }), "End the training here; the network as it is stays");
    this.use = button("Read with it", () => this.read(), "From now on this network reads");
    this.save = h("a", { class: "button", title: "Save the network to a file, for decipher read --model", href: `/v1/models/${run.model}/file`, download: `${run.model}.safetensors` }, "Save");
    const setting = (/** @type {"momentum" | "weight_decay" | "dropout" | "batch"} */ name, /** @type {Record<string, string | number>} */ limits) => h("input", { type: "number", step: "any", min: 0, ...limits, onchange: (/** @type {Event} */ event) => this.change({ [name]: Number(/** @type {HTMLInputElement} */ (event.target).value) }) });
    this.inputs = { momentum: setting("momentum", { max: 0.999 }), weight_decay: setting("weight_decay", {}), dropout: setting("dropout", { max: 0.99 }), batch: setting("batch", { min: 1, step: 1, max: run.settings.batch }) };
    this.distortions = DISTORTIONS.map(([name, label]) => ({ name, label, input: h("input", { type: "number", step: "any", min: 0, onchange: () => this.change({ augment: Object.fromEntries(this.distortions.map(({ name, input }) => [name, Number(input.value)])) }) }) }));
    this.delay = h("input", { type: "range", min: 0, max: 2, step: 0.1, onchange: () => this.change({ delay: Number(this.delay.value) }) });
    this.steering = h("div", { class: "stack" },
      h("div", { class: "row" }, h("span", { class: "small soft" }, "Rate"), h("span", { class: "grow" }, this.rate), this.rateText),
      h("details", null, h("summary", null, "Change while it runs"), h("div", { class: "stack" },
        h("div", { class: "fields" },
          field("Momentum", this.inputs.momentum, "Share of the last step that is taken again; of SGD with batches"),
          field("L2 (weight decay)", this.inputs.weight_decay, "Each step takes rate × this of every weight away"),
          field("Dropout", this.inputs.dropout, "Share of the values that every dropout layer drops; needs one"),
          field("Batch", this.inputs.batch, "Digits per step; at most what the run began with"),
          field("Slow motion", this.delay, "Waits at every point of the curve, up to two seconds")),
        h("div", { class: "fields" }, this.distortions.map(({ label, input }) => field(label, input, "Distorts every digit by at most this much from here on; needs batches"))))));
    const details = (/** @type {string} */ title, /** @type {boolean} */ open, /** @type {HTMLElement[]} */ ...all) => h("details", { open, ontoggle: () => this.look() }, h("summary", null, title), all);
    this.firstLayer = details("Weights of the first layer", ["running", "paused"].includes(run.status), this.weights);
    this.allLayers = details("All layers: how weights are spread, and how far they move", false, h("p", { class: "soft small" }, "Columns: how many weights lie where (heights are roots). Line: before the first step."), this.spreads, this.moved);
    this.root = h("section", { class: "card stack run", style: { "--hue": hue }, "aria-label": `Run ${run.id}` },
      h("div", { class: "row" }, h("h2", null, `Run ${run.id} · ${run.name}`), this.status, h("span", { class: "grow" }), h("button", { class: "quiet", "aria-label": `Forget run ${run.id}`, title: "Forget this run and its network", onclick: () => attempt(() => this.forget()) }, "×")),
      h("div", { class: "progress" }, this.bar), this.facts, this.error, this.hint, this.steering,
      h("div", { class: "row" }, this.pause, this.step, this.stop, h("span", { class: "grow" }), this.use, this.save),
      this.firstLayer, this.allLayers);
    this.showSettings();
  }

  get factor() {
    return Number((10 ** Number(this.rate.value)).toPrecision(2));
  }

  /** @param {number} [factor] what the slider is put to */
  showRate(factor) {
    if (factor !== undefined) this.rate.value = String(Math.log10(factor || 0.01));
    this.rateText.textContent = `× ${this.factor}`;
  }

  /** Puts the controls to what holds; what is being typed stays. */
  showSettings() {
    const { settings, delay } = this.run;
    const put = (/** @type {HTMLInputElement} */ input, /** @type {number | null | undefined} */ value) => {
      if (input !== document.activeElement) input.value = value === null || value === undefined ? "" : short(value);
    };
    this.showRate(settings.rate);
    for (const [name, input] of Object.entries(this.inputs)) put(input, settings[/** @type {keyof typeof this.inputs} */ (name)]);
    for (const { name, input } of this.distortions) put(input, settings.augment?.[name] ?? 0);
    put(this.delay, delay);
  }

  /** @param {object} order what to do, or settings to change */
  async steer(order) {
    await ask(`/v1/runs/${this.run.id}`, { json: order });
  }

  /** Changes a setting; one that cannot be goes back to what holds. @param {object} settings */
  change(settings) {
    return attempt(() => this.steer(settings).catch((error) => {
      this.showSettings();
      throw error;
    }));
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
    // Also who steers elsewhere, or loads the page anew, sees the settings as they are.
    const before = JSON.stringify([this.run.settings, this.run.delay]);
    this.run = run;
    if (JSON.stringify([run.settings, run.delay]) !== before) this.showSettings();
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
    this.showHint(ends);
    this.use.disabled = !ends.length;
    if (ends.length > this.epoch && !this.waiting) {
      this.epoch = ends.length;
      // The last look of a flurry of epochs must not be lost.
      this.waiting = window.setTimeout(() => this.look(), Math.max(0, this.looked + LOOK - performance.now()));
    }
  }

  /** Says what looks wrong, with what may help at a click. @param {Run["points"]} ends */
  showHint(ends) {
    const hint = advice(this.run, ends);
    // Buttons that are being reached for must not be replaced by the same ones.
    if (JSON.stringify(hint) === this.hinted) return;
    this.hinted = JSON.stringify(hint);
    this.hint.hidden = !hint;
    if (!hint) return;
    const remedy = (/** @type {Remedy} */ { label, change, again }) => h("button", { onclick: () => (change ? this.change(change) : this.again(again ?? 0)) }, label);
    this.hint.replaceChildren(h("span", { class: "grow" }, hint.text), ...hint.remedies.map(remedy));
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

/**
 * What looks wrong with a run, and what may help; null if nothing does.
 * @param {Run} run @param {Run["points"]} ends its epochs @returns {{text: string, remedies: Remedy[]} | null}
 */
function advice(run, ends) {
  const { settings } = run;
  if (run.status === "failed" && run.error?.includes("diverged")) return { text: "The steps were too large for it.", remedies: [{ label: "Fill the form with a tenth of its rate", again: (run.learning_rate * settings.rate) / 10 }] };
  const end = ends[ends.length - 1];
  if (!end || ends.length < 2 || !["running", "paused"].includes(run.status)) return null;
  const accuracy = ends.map((point) => point.accuracy ?? 0);
  if (accuracy[accuracy.length - 1] < 0.2) {
    return { text: "It reads hardly better than chance. A smaller rate helps if the loss jumps about, a larger one if it does not move; or other first weights.", remedies: [{ label: "Rate × 0.1", change: { rate: settings.rate / 10 } }, { label: "Rate × 10", change: { rate: Math.min(100, settings.rate * 10) } }] };
  }
  const best = accuracy.indexOf(Math.max(...accuracy));
  const falls = end.loss < 0.9 * ends[best].loss;
  if (accuracy.length - 1 - best < IDLE || !falls) return null;
  // Only what such a run can do.
  const online = settings.batch === 1;
  /** @type {Remedy} */
  const decay = { label: "More weight decay", change: { weight_decay: Math.max(1e-4, 3 * settings.weight_decay) } };
  /** @type {Remedy} */
  const distort = { label: "Distort the digits", change: { augment: Object.fromEntries(DISTORTIONS.map(([name, , first]) => [name, first])) } };
  return { text: `The loss falls, but since epoch ${best + 1} no more held-back digits are read right: it learns by heart. More digits or dropout help too; or stop it here.`, remedies: [...(online || settings.augment ? [] : [distort]), decay] };
}
