// A form that writes a recipe.

import { field, h } from "./ui.js";

const ACTIVATIONS = ["relu", "leaky_relu", "tanh", "sigmoid", "identity"];

/** What can be chosen. */
const CHOICES = {
  pixels: ["binary", "grey"],
  loss: ["softmax_cross_entropy", "sigmoid_cross_entropy", "quadratic"],
  init: ["he", "glorot", "inverse_sqrt", "normal_0.1", "normal_1"],
  schedule: ["constant", "linear", "cosine"],
};

/** Chooses a value, also one that the form did not know. @param {HTMLSelectElement} select @param {string} value */
function choose(select, value) {
  if (![...select.options].some((option) => option.value === value)) select.append(h("option", { value }, words(value)));
  select.value = value;
}

/** Words for people. @param {string} name */
const words = (name) => name.replaceAll("_", " ");

/** @param {string[]} values @param {() => void} changed */
const chooser = (values, changed) => h("select", { onchange: changed }, values.map((value) => h("option", { value }, words(value))));

/** @param {Record<string, string | number>} attributes @param {() => void} changed */
const number = (attributes, changed) => h("input", { type: "number", step: "any", oninput: changed, ...attributes });

export class Builder {
  /** @param {() => void} changed called when the form was changed by hand */
  constructor(changed) {
    this.changed = changed;
    /** @type {string[]} */
    this.layers = [];
    /** What the form does not know stays as it was. @type {any} */
    this.rest = {};
    this.list = h("div", { class: "layers" });
    this.pixels = chooser(CHOICES.pixels, changed);
    this.loss = chooser(CHOICES.loss, changed);
    this.init = chooser(CHOICES.init, changed);
    this.schedule = chooser(CHOICES.schedule, changed);
    this.rate = number({ min: 0 }, changed);
    this.batch = number({ min: 1, max: 4096, step: 1 }, changed);
    this.momentum = number({ min: 0, max: 0.999 }, changed);
    this.decay = number({ min: 0 }, changed);
    this.distort = h("input", { type: "checkbox", onchange: changed });
    this.root = h("div", { class: "stack" },
      h("h3", null, "Layers, from 784 pixels to 10 digits"), this.list,
      h("div", { class: "row" }, h("button", { onclick: () => this.add("dense 32") }, "+ Dense"), h("button", { onclick: () => this.add("relu") }, "+ Activation")),
      h("div", { class: "fields" },
        field("Learning rate", this.rate), field("Batch", this.batch), field("Momentum", this.momentum), field("L2 (weight decay)", this.decay),
        field("Loss", this.loss), field("Rate over time", this.schedule), field("First weights", this.init), field("Pixels", this.pixels)),
      h("label", { class: "row small" }, this.distort, "Distort each digit anew in every epoch"));
  }

  /** Fills the form. @param {any} recipe */
  set({ network, training, data }) {
    this.layers = [...network.layers];
    this.rest = { training, data, network };
    choose(this.pixels, network.pixels);
    choose(this.loss, network.loss);
    choose(this.init, network.init);
    choose(this.schedule, training.schedule?.kind ?? "constant");
    this.rate.value = short(training.learning_rate);
    this.batch.value = training.batch;
    this.momentum.value = short(training.momentum ?? 0);
    this.decay.value = short(training.weight_decay ?? 0);
    this.distort.checked = Boolean(training.augment);
    this.showLayers();
  }

  /** @param {string} layer */
  add(layer) {
    // The last layer gives the ten digits, so others go before it.
    const last = this.layers.map((text) => text.startsWith("dense")).lastIndexOf(true);
    this.layers.splice(Math.max(last, 0), 0, layer);
    this.showLayers();
    this.changed();
  }

  showLayers() {
    this.list.replaceChildren(...this.layers.map((text, i) => {
      const [kind, ...rest] = text.split(" ");
      const set = (/** @type {string} */ to, again = false) => {
        this.layers[i] = to;
        if (again) this.showLayers();
        this.changed();
      };
      const remove = h("button", { "aria-label": `Remove layer ${text}`, onclick: () => {
        this.layers.splice(i, 1);
        this.showLayers();
        this.changed();
      } }, "×");
      const known = kind === "dense" || (ACTIVATIONS.includes(kind) && !rest.length);
      if (!known) {
        const free = h("input", { value: text, "aria-label": `Layer ${i + 1}`, style: { "grid-column": "1 / 3" }, oninput: () => set(free.value) });
        return h("div", { class: "layer" }, free, remove);
      }
      const select = h("select", { "aria-label": `Kind of layer ${i + 1}`, onchange: () => set(select.value === "dense" ? "dense 32" : select.value, true) },
        ["dense", ...ACTIVATIONS].map((value) => h("option", { value, selected: value === kind }, words(value))));
      const size = h("input", { type: "number", min: 1, max: 4096, value: rest[0] ?? "", disabled: kind !== "dense", "aria-label": `Units of layer ${i + 1}`, oninput: () => set(`dense ${size.value}`) });
      return h("div", { class: "layer" }, select, size, remove);
    }));
  }

  /** The recipe's text. */
  toml() {
    const { training, data, network } = this.rest;
    const augment = this.distort.checked ? (training.augment ?? { shift: 1.5, rotate: 12, scale: 0.12, shear: 0.2, elastic: 1, stroke: 0.3 }) : undefined;
    const schedule = this.schedule.value === training.schedule?.kind ? training.schedule : { kind: this.schedule.value };
    const parts = {
      network: { ...network, pixels: this.pixels.value, layers: this.layers, loss: this.loss.value, init: this.init.value },
      training: { ...training, batch: Number(this.batch.value), learning_rate: Number(this.rate.value), schedule, momentum: Number(this.momentum.value), weight_decay: Number(this.decay.value), augment },
      data,
    };
    const tables = Object.entries(parts).map(([name, table]) => `[${name}]\n${Object.entries(table).filter(([, v]) => v !== undefined).map(([key, v]) => `${key} = ${value(v, key)}`).join("\n")}\n`);
    return `description = "made on the page"\n\n${tables.join("\n")}`;
  }
}

/** Keys that are whole numbers in a recipe. */
const WHOLE = new Set(["batch", "epochs", "train", "validation", "test", "steps"]);

/** Floats came as f64 of an f32: 0.015 is not 0.014999999664723873. @param {number} v */
const short = (v) => String(Number(v.toPrecision(6)));

/** A TOML value. @param {any} v @param {string} key @returns {string} */
function value(v, key) {
  if (Array.isArray(v)) return `[${v.map((one) => value(one, key)).join(", ")}]`;
  if (typeof v === "object") return `{ ${Object.entries(v).map(([k, one]) => `${k} = ${value(one, k)}`).join(", ")} }`;
  if (typeof v !== "number") return JSON.stringify(v);
  const text = short(v);
  return WHOLE.has(key) || /[.e]/.test(text) ? text : `${text}.0`;
}
