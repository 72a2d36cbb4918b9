// A form that writes a recipe.

import { LayerList, words } from "./layers.js";
import { field, h } from "./ui.js";

/** What can be chosen. */
const CHOICES = {
  pixels: ["grey", "binary"],
  loss: ["softmax_cross_entropy", "sigmoid_cross_entropy", "quadratic"],
  init: ["he", "glorot", "inverse_sqrt", "normal_0.1", "normal_1"],
  optimizer: ["sgd", "adamw"],
  schedule: ["constant", "linear", "cosine", "step", "one_cycle"],
};

/** How far a digit may be distorted: the name in recipes, what people call it, and where the form begins. @type {[string, string, number][]} */
export const DISTORTIONS = [
  ["shift", "Shift, pixels", 1.5],
  ["rotate", "Turn, degrees", 12],
  ["scale", "Size, share", 0.12],
  ["shear", "Slant", 0.2],
  ["elastic", "Elastic, pixels", 1],
  ["stroke", "Stroke, share", 0.3],
  ["erase", "Erased square, pixels", 0],
  ["noise", "Noise, grey values", 0],
];

/** @param {string[]} values @param {() => void} changed */
const chooser = (values, changed) => h("select", { onchange: changed }, values.map((value) => h("option", { value }, words(value))));

/** @param {Record<string, string | number>} attributes @param {() => void} changed */
const number = (attributes, changed) => h("input", { type: "number", step: "any", oninput: changed, ...attributes });

export class Builder {
  /** @param {() => void} changed called when the form was changed by hand */
  constructor(changed) {
    const edited = () => {
      this.fit();
      changed();
    };
    /** What the form does not know stays as it was. @type {any} */
    this.rest = {};
    this.layers = new LayerList(edited);
    this.pixels = chooser(CHOICES.pixels, edited);
    this.above = number({ min: 0, max: 254, step: 1 }, edited);
    this.loss = chooser(CHOICES.loss, edited);
    this.init = chooser(CHOICES.init, edited);
    this.optimizer = chooser(CHOICES.optimizer, edited);
    this.schedule = chooser(CHOICES.schedule, edited);
    this.factor = number({ min: 0, max: 0.99 }, edited);
    this.steps = number({ min: 1, step: 1 }, edited);
    this.warmup = number({ min: 0.01, max: 0.99 }, edited);
    this.rate = number({ min: 0 }, edited);
    this.batch = number({ min: 1, max: 4096, step: 1 }, edited);
    this.momentum = number({ min: 0, max: 0.999 }, edited);
    this.decay = number({ min: 0 }, edited);
    this.smoothing = number({ min: 0, max: 0.99 }, edited);
    this.average = number({ min: 0, max: 0.9999 }, edited);
    this.train = number({ min: 1, max: 60_000, step: 1, placeholder: "all others" }, edited);
    this.validation = number({ min: 1, max: 60_000, step: 1 }, edited);
    const check = () => h("input", { type: "checkbox", onchange: edited });
    this.shuffle = check();
    this.distort = check();
    this.distortions = DISTORTIONS.map(([name, label, first]) => ({ name, label, first, input: number({ min: 0 }, edited) }));
    this.photograph = check();
    this.share = number({ min: 0, max: 1 }, edited);
    this.none = number({ min: 0, max: 0.99 }, edited);
    this.touching = number({ min: 0, max: 0.99 }, edited);

    const fields = (/** @type {HTMLElement[]} */ ...all) => h("div", { class: "fields" }, all);
    const tick = (/** @type {HTMLElement} */ box, /** @type {string} */ text, /** @type {string} */ help) => {
      box.setAttribute("aria-description", help);
      return h("label", { class: "row small", title: help }, box, text);
    };
    const part = (/** @type {string} */ title, /** @type {HTMLElement[]} */ ...all) => h("details", null, h("summary", null, title), h("div", { class: "stack" }, all));
    this.aboveField = field("Ink begins above", this.above, "Of 255; what is paler counts as paper");
    this.factorField = field("Times", this.factor, "What the rate is multiplied with at each step");
    this.stepsField = field("Steps", this.steps, "How often in the whole training the rate falls");
    this.warmupField = field("Warm-up", this.warmup, "Share of the training in which the rate rises");
    this.momentumField = field("Momentum", this.momentum, "Share of the last step that is taken again");
    this.plain = number({ min: 0, max: 0.99 }, edited);
    this.distortFields = fields(...this.distortions.map(({ label, input }) => field(label, input, "The most that is drawn, to either side")),
      field("Plain end, share", this.plain, "Share of the training, at its end, that shows the digits as they are"));
    this.sceneFields = fields(
      field("Photographed, share", this.share, "How many of the digits are put on paper and photographed"),
      field("Of these no digit", this.none, "Share of photographs that show no digit; the network then needs an 11th output for it"),
      field("Touching", this.touching, "Share of photographs with digits that touch"));
    this.root = h("div", { class: "stack" },
      h("h3", null, "Layers, from 784 pixels to 10 digits"), this.layers.root,
      fields(
        field("Learning rate", this.rate, "The size of a step. Too large and it diverges, too small and it crawls."),
        field("Batch", this.batch, "Digits whose gradients are averaged for a step"),
        field("Optimizer", this.optimizer, "How gradients become steps: plain gradient descent, or Adam with decoupled weight decay"),
        this.momentumField,
        field("L2 (weight decay)", this.decay, "Each step takes rate × this of every weight away, which keeps weights small"),
        field("Loss", this.loss, "What is made small")),
      part("More: rate over time, first weights, pixels", fields(
        field("Rate over time", this.schedule, "How the rate changes from the first epoch to the last"), this.factorField, this.stepsField, this.warmupField,
        field("First weights", this.init, "Where the weights are drawn from before the first step"),
        field("Pixels", this.pixels, "How pixels become numbers: the share of ink, or ink yes or no"), this.aboveField,
        field("Label smoothing", this.smoothing, "Share of the target that is spread over all digits, so that it does not become too sure"),
        field("Averaging", this.average, "Decay of a moving average of the weights, which is then the result; 0 is none, 0.999 much")),
        tick(this.shuffle, "Another order in each epoch", "So that no digit always follows the same one")),
      part("Digits: how many, distorted, photographed",
        fields(field("To learn from", this.train, "Empty: all that are not held back"), field("Held back", this.validation, "To look at between epochs")),
        tick(this.distort, "Distort each digit anew in every epoch", "It sees no digit twice, and learns what does not matter"), this.distortFields,
        tick(this.photograph, "Photograph some, as for a reader of pictures", "Digits on paper, with shadows and blur, found again as a reader finds them"), this.sceneFields));
  }

  /** Shows only fields that count. */
  fit() {
    const schedule = this.schedule.value;
    this.aboveField.hidden = this.pixels.value !== "binary";
    this.factorField.hidden = this.stepsField.hidden = schedule !== "step";
    this.warmupField.hidden = schedule !== "one_cycle";
    this.momentumField.hidden = this.optimizer.value !== "sgd";
    this.distortFields.hidden = !this.distort.checked;
    this.sceneFields.hidden = !this.photograph.checked;
  }

  /** Fills the form. @param {any} recipe */
  set({ network, training, data }) {
    this.rest = { training, data, network };
    this.layers.set(network.layers);
    const [pixels, above] = network.pixels.split(" above ");
    this.pixels.value = pixels;
    this.above.value = above ?? 0;
    this.loss.value = network.loss;
    this.init.value = network.init;
    this.optimizer.value = training.optimizer ?? "sgd";
    const schedule = training.schedule ?? { kind: "constant" };
    this.schedule.value = schedule.kind;
    this.factor.value = short(schedule.factor ?? 0.5);
    this.steps.value = schedule.steps ?? 4;
    this.warmup.value = short(schedule.warmup ?? 0.25);
    this.rate.value = short(training.learning_rate);
    this.batch.value = training.batch;
    this.momentum.value = short(training.momentum ?? 0);
    this.decay.value = short(training.weight_decay ?? 0);
    this.smoothing.value = short(training.label_smoothing ?? 0);
    this.average.value = short(training.average ?? 0);
    this.shuffle.checked = training.shuffle ?? true;
    this.train.value = data.train ?? "";
    this.validation.value = data.validation;
    this.distort.checked = Boolean(training.augment);
    this.plain.value = short(training.plain ?? 0);
    for (const { name, first, input } of this.distortions) input.value = short(training.augment ? (training.augment[name] ?? 0) : first);
    this.photograph.checked = Boolean(training.scenes);
    this.share.value = short(training.scenes?.share ?? 0.5);
    this.none.value = short(training.scenes?.none ?? 0);
    this.touching.value = short(training.scenes?.touching ?? 0);
    this.fit();
  }

  /** The recipe's text. */
  toml() {
    const { training, data, network } = this.rest;
    const of = (/** @type {HTMLInputElement} */ input) => Number(input.value);
    const schedules = { step: { factor: of(this.factor), steps: of(this.steps) }, one_cycle: { warmup: of(this.warmup) } };
    const kind = this.schedule.value;
    const schedule = { kind, .../** @type {Record<string, object>} */ (schedules)[kind] };
    const sgd = this.optimizer.value === "sgd";
    const parts = {
      network: { ...network, pixels: this.pixels.value === "binary" && of(this.above) > 0 ? `binary above ${of(this.above)}` : this.pixels.value, layers: this.layers.layers, loss: this.loss.value, init: this.init.value },
      training: {
        ...training, batch: of(this.batch), learning_rate: of(this.rate), schedule, optimizer: this.optimizer.value,
        momentum: sgd ? of(this.momentum) : 0, weight_decay: of(this.decay), label_smoothing: of(this.smoothing), average: of(this.average), shuffle: this.shuffle.checked,
        augment: this.distort.checked ? { ...training.augment, ...Object.fromEntries(this.distortions.map(({ name, input }) => [name, of(input)])) } : undefined,
        plain: this.distort.checked ? of(this.plain) : undefined,
        scenes: this.photograph.checked ? { share: of(this.share), none: of(this.none), touching: of(this.touching) || undefined } : undefined,
      },
      data: { ...data, train: this.train.value === "" ? undefined : of(this.train), validation: of(this.validation) },
    };
    const tables = Object.entries(parts).map(([name, table]) => `[${name}]\n${said(table).map(([key, v]) => `${key} = ${value(v, key)}`).join("\n")}\n`);
    return `description = "made on the page"\n\n${tables.join("\n")}`;
  }
}

/** Keys that are whole numbers in a recipe. */
const WHOLE = new Set(["batch", "epochs", "train", "validation", "test", "steps"]);

/** Floats came as f64 of an f32: 0.015 is not 0.014999999664723873. @param {number} v */
export const short = (v) => String(Number(v.toPrecision(6)));

/** What a table says; the rest stays at its default. @param {object} table */
const said = (table) => Object.entries(table).filter(([, v]) => v !== undefined);

/** A TOML value. @param {any} v @param {string} key @returns {string} */
function value(v, key) {
  if (Array.isArray(v)) return `[${v.map((one) => value(one, key)).join(", ")}]`;
  if (typeof v === "object") return `{ ${said(v).map(([k, one]) => `${k} = ${value(one, k)}`).join(", ")} }`;
  if (typeof v !== "number") return JSON.stringify(v);
  const text = short(v);
  return WHOLE.has(key) || /[.e]/.test(text) ? text : `${text}.0`;
}
