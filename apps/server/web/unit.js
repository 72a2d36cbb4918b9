// The arithmetic of one unit: what it multiplies, and what comes of it.

import { fixed, h, signedPicture } from "./ui.js";

/** @typedef {import("./api.js").Layer} Layer */
/** @typedef {{name: string, x: number, w: number, product: number, channel: number}} Term */

/** Terms of a sum that are spelled out. */
const TERMS = 8;
/** Channels of a window that are shown as pictures. */
const CHANNELS = 3;

/** The shape of what goes into the first layer. @type {[number, number, number]} */
export const DIGIT = [28, 28, 1];

/** What an input is called. @param {boolean} first whether it is a pixel @param {Layer["shape"]} shape of all inputs @param {{row: number, column: number, channel: number}} place */
export const sourceName = (first, [height, width], { row, column, channel }) =>
  first ? `pixel ${column},${row}` : height * width === 1 ? `value ${channel}` : `map ${channel} at ${column},${row}`;

/** Where value `i` of a layer lies. @param {Layer["shape"]} shape @param {number} i */
export function place([, width, channels], i) {
  const pixel = Math.floor(i / channels);
  return { row: Math.floor(pixel / width), column: pixel % width, channel: i % channels };
}

/**
 * Everything that a unit adds up at one of its places.
 * @param {Layer} layer
 * @param {{row: number, column: number}} at where its window lies; a dense layer has one place
 * @param {number[]} weights
 * @param {Layer["shape"]} shape of what comes in
 * @param {number[]} inputs
 * @param {boolean} first whether what comes in are the pixels
 * @returns {Term[]} in the order of the weights
 */
export function terms(layer, at, weights, shape, inputs, first) {
  const [height, width, channels] = shape;
  const term = (/** @type {number} */ x, /** @type {number} */ w, /** @type {{row: number, column: number, channel: number}} */ from) => ({ name: sourceName(first, shape, from), x, w, product: x * w, channel: from.channel });
  if (!layer.window) {
    return weights.map((w, i) => term(inputs[i], w, place(shape, i)));
  }
  const { stride, pad } = layer.window;
  const [, across] = layer.weights;
  return weights.map((w, i) => {
    const channel = i % channels, pixel = Math.floor(i / channels);
    const row = at.row * stride - pad + Math.floor(pixel / across);
    const column = at.column * stride - pad + (pixel % across);
    const inside = row >= 0 && row < height && column >= 0 && column < width;
    return term(inside ? inputs[(row * width + column) * channels + channel] : 0, w, { row, column, channel });
  });
}

/** @param {Term[]} all */
const sum = (all) => all.reduce((total, { product }) => total + product, 0);

/** The sum as a table: the largest terms, the others, the bias. @param {Term[]} all @param {number} bias */
export function table(all, bias) {
  const present = all.filter(({ product }) => product !== 0).sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
  const rest = present.slice(TERMS);
  const row = (/** @type {string[]} */ texts, kind = "") => h("tr", { class: kind }, texts.map((text) => h("td", null, text)));
  const body = [
    ...present.slice(0, TERMS).map(({ name, x, w, product }) => row([name, fixed(x), fixed(w), fixed(product)])),
    row([`${rest.length} others`, "", "", fixed(sum(rest))]),
    row(["bias", "", "", fixed(bias)]),
    row(["sum", "", "", fixed(sum(all) + bias)], "best"),
  ];
  const heads = ["input", "its value", "× weight", "= product"];
  return h("div", { class: "scroll" }, h("table", null, h("thead", null, h("tr", null, heads.map((text) => h("th", { scope: "col" }, text)))), h("tbody", null, body)));
}

/** What a convolution looks at, its filter, and the products, for the channels that count most. @param {Layer} layer @param {Term[]} all */
export function windows(layer, all) {
  const [, across, channels] = layer.weights;
  const of = (/** @type {number} */ channel) => all.filter((_, i) => i % channels === channel);
  const shown = [...Array(channels).keys()].sort((a, b) => Math.abs(sum(of(b))) - Math.abs(sum(of(a)))).slice(0, CHANNELS);
  const picture = (/** @type {number[]} */ values, /** @type {string} */ label) => {
    const canvas = signedPicture(values, across);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    return canvas;
  };
  const rows = shown.map((channel) => {
    const these = of(channel);
    return h("div", { class: "window" },
      h("span", { class: "small soft" }, channels > 1 ? `map ${channel}` : "pixels"),
      picture(these.map((t) => t.x), "What it looks at"), h("span", null, "×"),
      picture(these.map((t) => t.w), "Its filter"), h("span", null, "="),
      picture(these.map((t) => t.product), "The products"), h("span", { class: "small" }, fixed(sum(these))));
  });
  return h("div", { class: "stack" }, rows, channels > CHANNELS && h("p", { class: "soft small" }, `The ${CHANNELS} maps that count most, of ${channels} that it looks at.`));
}
