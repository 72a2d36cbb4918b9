// The list of a network's layers, to be edited.

import { h } from "./ui.js";

const ACTIVATIONS = ["relu", "leaky_relu", "tanh", "sigmoid", "identity"];

/** @typedef {{name: string, min: number, max: number, step?: number, word?: string}} Part a number in a layer's text, and the word before it */

/** The kinds of layers with numbers, and what one begins with. @type {Record<string, {text: string, parts: Part[]}>} */
const KINDS = {
  dense: { text: "dense 32", parts: [{ name: "units", min: 1, max: 4096 }] },
  conv: {
    text: "conv 8 3x3", parts: [
      { name: "maps", min: 1, max: 512 }, { name: "window", min: 1, max: 28 },
      { name: "stride", min: 1, max: 28, word: "stride" }, { name: "pad", min: 0, max: 27, word: "pad" }],
  },
  max_pool: { text: "max_pool 2", parts: [{ name: "size", min: 2, max: 28 }] },
  avg_pool: { text: "avg_pool 2", parts: [{ name: "size", min: 2, max: 28 }] },
  global_avg_pool: { text: "global_avg_pool", parts: [] },
  batch_norm: { text: "batch_norm", parts: [] },
  dropout: { text: "dropout 0.25", parts: [{ name: "rate", min: 0, max: 0.95, step: 0.05 }] },
  ...Object.fromEntries(ACTIVATIONS.map((name) => [name, { text: name, parts: [] }])),
};

/** Words for people. @param {string} name */
export const words = (name) => name.replaceAll("_", " ");

/** The numbers in a layer's text, in the order of its kind's parts; null where the form has no fields for it. @param {string} text */
function numbers(text) {
  const [kind, ...rest] = text.split(" ");
  if (kind !== "conv") return KINDS[kind]?.parts.length === rest.length ? rest.map(Number) : null;
  const [maps, window = "", ...options] = rest;
  const [height, width] = window.split("x");
  const option = (/** @type {string} */ name, /** @type {number} */ without) => (options.includes(name) ? Number(options[options.indexOf(name) + 1]) : without);
  return height && height === width ? [Number(maps), Number(height), option("stride", 1), option("pad", 0)] : null;
}

/** @param {string} kind @param {number[]} values */
function text(kind, values) {
  if (kind !== "conv") return [kind, ...values].join(" ");
  const [maps, window, stride, pad] = values;
  return `conv ${maps} ${window}x${window}${stride > 1 ? ` stride ${stride}` : ""}${pad > 0 ? ` pad ${pad}` : ""}`;
}

export class LayerList {
  /** @param {() => void} changed called when a layer was changed by hand */
  constructor(changed) {
    this.changed = changed;
    /** @type {string[]} */
    this.layers = [];
    this.list = h("div", { class: "layers" });
    this.kind = h("select", { "aria-label": "Kind of layer to add", title: "What the new layer does with its values" }, Object.keys(KINDS).map((kind) => h("option", { value: kind }, words(kind))));
    this.root = h("div", { class: "stack" }, this.list,
      h("div", { class: "layer-add" }, this.kind, h("button", { title: "It goes before the last layer", onclick: () => this.add(KINDS[this.kind.value].text) }, "Add layer")));
  }

  /** @param {string[]} layers */
  set(layers) {
    this.layers = [...layers];
    this.show();
  }

  /** @param {string} layer */
  add(layer) {
    // The last layer gives the ten digits, so others go before it.
    this.layers.splice(Math.max(this.layers.length - 1, 0), 0, layer);
    this.edited();
  }

  edited() {
    this.show();
    this.changed();
  }

  show() {
    this.list.replaceChildren(...this.layers.map((layer, i) => this.row(layer, i)));
  }

  /** @param {string} layer @param {number} i */
  row(layer, i) {
    const n = i + 1;
    const up = h("button", { class: "quiet", disabled: i === 0, "aria-label": `Move layer ${n} up`, title: "Move up", onclick: () => {
      this.layers.splice(i - 1, 2, layer, this.layers[i - 1]);
      this.edited();
    } }, "↑");
    const remove = h("button", { class: "quiet", "aria-label": `Remove layer ${n}`, title: "Remove", onclick: () => {
      this.layers.splice(i, 1);
      this.edited();
    } }, "×");
    const values = numbers(layer);
    if (!values) {
      const free = h("input", { value: layer, "aria-label": `Layer ${n}`, title: "As recipes have it", oninput: () => {
        this.layers[i] = free.value;
        this.changed();
      } });
      return h("div", { class: "layer" }, free, up, remove);
    }
    const kind = layer.split(" ")[0];
    const select = h("select", { "aria-label": `Kind of layer ${n}`, title: "What this layer does with its values", onchange: () => {
      this.layers[i] = KINDS[select.value].text;
      this.edited();
    } }, Object.keys(KINDS).map((name) => h("option", { value: name, selected: name === kind }, words(name))));
    const parts = KINDS[kind].parts.map(({ name, word, ...range }, part) => {
      const input = h("input", { type: "number", step: 1, ...range, value: values[part], oninput: () => {
        values[part] = Number(input.value);
        this.layers[i] = text(kind, values);
        this.changed();
      }, "aria-label": `${name[0].toUpperCase()}${name.slice(1)} of layer ${n}`, title: name });
      return h("label", { class: "part" }, input, h("small", { "aria-hidden": "true" }, name));
    });
    return h("div", { class: "layer" }, select, up, remove, parts.length > 0 && h("div", { class: "parts" }, parts));
  }
}
