// The weights of a layer cell by cell: a row for each unit, a column for each of its inputs.

import { ask, models } from "./api.js";
import { attempt, field, fixed, h, signedPicture } from "./ui.js";
import { DIGIT, place, sourceName } from "./unit.js";

/** @typedef {import("./api.js").Layer} Layer */

/** Rows and columns of the window; a column for each pixel of a digit's line. */
const ROWS = 16;
const COLUMNS = 28;

export class Matrix {
  /** @param {{pick: (unit: number) => void, light: (unit: number | null, input: number) => void}} on what a click does, and what is pointed at; null is nothing */
  constructor(on) {
    this.on = on;
    this.layer = -1;
    /** The first row and column of the window. */
    this.from = { unit: 0, input: 0 };
    /** The cell that is pointed at. @type {{unit: number, input: number} | null} */
    this.at = null;
    /** @type {{layer: number, units: number, from: number, weights: number[][]} | null} */
    this.seen = null;
    this.asked = 0;
    this.query = "";
    this.about = h("p", { class: "soft small" });
    this.cells = h("div", { class: "cells", tabIndex: 0, role: "application", onpointermove: (/** @type {PointerEvent} */ event) => this.point(event), onpointerleave: () => this.go(null), onblur: () => this.go(null), onclick: () => this.at && this.on.pick(this.at.unit), onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event) });
    this.row = h("div", { class: "lit", hidden: true });
    this.cell = h("div", { class: "lit", hidden: true });
    this.words = h("p", { class: "small", role: "status", "aria-live": "polite" });
    const first = (/** @type {"unit" | "input"} */ of) => {
      const input = h("input", { type: "number", min: 0, value: 0, onchange: () => attempt(() => this.move({ [of]: Math.round(Number(input.value)) })) });
      return input;
    };
    this.fields = { unit: first("unit"), input: first("input") };
    this.root = h("div", { class: "stack" }, this.about, this.cells, this.words,
      h("div", { class: "fields" }, field("From unit", this.fields.unit, "The first row that is shown"), field("From input", this.fields.input, "The first column that is shown")));
  }

  /** Shows the layer, and the unit's row in it. @param {number} layer @param {number} unit @param {string} query what happens to all weights */
  async show(layer, unit, query) {
    const same = layer === this.layer && query === this.query && this.seen;
    const within = unit >= this.from.unit && unit < this.from.unit + ROWS;
    [this.layer, this.query] = [layer, query];
    if (!same || !within) await this.move(same ? { unit } : { unit: within ? this.from.unit : unit, input: 0 }, !same);
    this.light(unit);
  }

  /** @param {Partial<typeof this.from>} to @param {boolean} [anew] */
  async move(to, anew = false) {
    const layer = models.chosen?.layers[this.layer];
    if (!layer?.weights.length) return;
    const units = /** @type {number} */ (layer.weights.at(-1));
    const inputs = layer.weights.slice(0, -1).reduce((a, b) => a * b, 1);
    const begin = (/** @type {number} */ at, /** @type {number} */ all, /** @type {number} */ shown) => Math.max(0, Math.min(at, all - shown));
    this.from = { unit: begin(to.unit ?? this.from.unit, units, ROWS), input: begin(to.input ?? this.from.input, inputs, COLUMNS) };
    const number = ++this.asked;
    if (anew || this.seen?.from !== this.from.unit) {
      const seen = await ask(`/v1/models/${models.name}/weights?layer=${this.layer}&from=${this.from.unit}&count=${ROWS}${this.query}`);
      if (number !== this.asked) return;
      this.seen = seen;
    }
    this.paint(layer, units, inputs);
  }

  /** @param {Layer} layer @param {number} units @param {number} inputs */
  paint(layer, units, inputs) {
    const { weights } = /** @type {NonNullable<typeof this.seen>} */ (this.seen);
    const { unit, input } = this.from;
    const full = Math.max(...weights.map((row) => row.reduce((most, w) => Math.max(most, Math.abs(w)), 0))) || 1;
    const shown = weights.map((row) => row.slice(input, input + COLUMNS));
    this.columns = shown[0].length;
    this.rows = shown.length;
    this.cells.replaceChildren(signedPicture(shown.flat(), this.columns, full), this.row, this.cell);
    const last = { unit: unit + this.rows - 1, input: input + this.columns - 1 };
    const all = units * inputs;
    this.about.textContent = `${layer.text}: ${units.toLocaleString("en")} units × ${inputs.toLocaleString("en")} inputs. ${this.rows * this.columns < all ? `Here are units ${unit} to ${last.unit} and inputs ${input} to ${last.input}, ${this.rows * this.columns} of ${all.toLocaleString("en")} weights; the arrow keys move the window on.` : "All of them are here."} Blue is above 0, orange below; full colour is ${fixed(full)}.`;
    this.cells.setAttribute("aria-label", `Weights of units ${unit} to ${last.unit}, inputs ${input} to ${last.input}. Arrow keys go from cell to cell, Enter chooses the unit.`);
    this.fields.unit.value = String(unit);
    this.fields.input.value = String(input);
    this.go(null);
  }

  /** Where the pointer is. @param {PointerEvent} event */
  point(event) {
    const box = this.cells.getBoundingClientRect();
    const at = (/** @type {number} */ share, /** @type {number} */ count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    const [row, column] = [at((event.clientY - box.top) / box.height, this.rows ?? 1), at((event.clientX - box.left) / box.width, this.columns ?? 1)];
    this.go({ unit: this.from.unit + row, input: this.from.input + column });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (event.key === "Enter" && this.at) return this.on.pick(this.at.unit);
    const layer = models.chosen?.layers[this.layer];
    if (!step || !layer) return;
    event.preventDefault();
    const size = [/** @type {number} */ (layer.weights.at(-1)), layer.weights.slice(0, -1).reduce((a, b) => a * b, 1)];
    const within = (/** @type {number} */ v, /** @type {number} */ most) => Math.max(0, Math.min(v, most - 1));
    const to = this.at ? { unit: within(this.at.unit + step[0], size[0]), input: within(this.at.input + step[1], size[1]) } : { ...this.from };
    // The window follows.
    const follow = (/** @type {number} */ at, /** @type {number} */ from, /** @type {number} */ shown) => (at < from ? at - shown + 1 : at >= from + shown ? at : from);
    const from = { unit: follow(to.unit, this.from.unit, ROWS), input: follow(to.input, this.from.input, COLUMNS) };
    attempt(async () => {
      if (from.unit !== this.from.unit || from.input !== this.from.input) await this.move(from);
      this.go(to);
    });
  }

  /** Points at a cell. @param {typeof this.at} at */
  go(at) {
    this.at = at;
    this.cell.hidden = !at;
    this.light(at?.unit ?? null);
    this.on.light(at?.unit ?? null, at?.input ?? 0);
    const layer = models.chosen?.layers[this.layer];
    const w = at && this.seen?.weights[at.unit - this.from.unit]?.[at.input];
    if (!at || !layer || w === null || w === undefined) return void (this.words.textContent = "Point at a cell to see its weight.");
    this.put(this.cell, at.unit, at.input, 1);
    this.words.textContent = `Unit ${at.unit}, ${inputName(layer, this.layer, at.input)}: ${fixed(w)}`;
  }

  /** Lights up a unit's row, if it is here. @param {number | null} unit */
  light(unit) {
    this.row.hidden = unit === null || unit < this.from.unit || unit >= this.from.unit + (this.rows ?? 0);
    if (unit !== null) this.put(this.row, unit, this.from.input, this.columns ?? 1);
  }

  /** @param {HTMLElement} mark @param {number} unit @param {number} input @param {number} wide */
  put(mark, unit, input, wide) {
    const [rows, columns] = [this.rows ?? 1, this.columns ?? 1];
    const percent = (/** @type {number} */ v, /** @type {number} */ of) => `${(100 * v) / of}%`;
    Object.assign(mark.style, { left: percent(input - this.from.input, columns), top: percent(unit - this.from.unit, rows), width: percent(wide, columns), height: percent(1, rows) });
  }
}

/** What input `i` of a layer is. @param {Layer} layer @param {number} at the layer's place @param {number} i */
function inputName(layer, at, i) {
  if (layer.window) {
    const { row, column, channel } = place([0, layer.weights[1], layer.weights[2]], i);
    return `${at === 0 ? "pixel" : `map ${channel}`} at ${column},${row} of its window`;
  }
  const shape = models.chosen?.layers[at - 1]?.shape ?? DIGIT;
  return sourceName(at === 0, shape, place(shape, i));
}
