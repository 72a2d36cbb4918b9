// What parts of a network are worth: units and weights are changed, and the accuracy measured.

import { ask, models } from "./api.js";
import { attempt, field, h, notice, percent, refill } from "./ui.js";

/** @typedef {import("./api.js").Change} Change */
/** @typedef {import("./api.js").Damage} Damage */

export class Worth {
  /** @param {() => Promise<unknown>} changed called when the network is another one */
  constructor(changed) {
    this.changed = changed;
    /** @type {Change[]} */
    this.changes = [];
    /** @type {Damage} */
    this.damage = { noise: 0, prune: 0, seed: 1 };
    /** The layer and the unit that the sliders are about. */
    this.layer = this.unit = 0;
    this.verdict = h("div", { class: "stack" });
    this.root = h("div", { class: "stack", role: "status", "aria-live": "polite" });
  }

  /** What the server is asked to change. */
  get asked() {
    return { changes: this.changes, damage: this.damage };
  }

  /** The same in an address that asks for weights. */
  get query() {
    const { noise, prune, seed } = this.damage;
    return noise || prune ? `&noise=${noise}&prune=${prune}&seed=${seed}` : "";
  }

  /** How many changes there are. */
  get count() {
    return this.changes.length + Number(this.damage.noise > 0) + Number(this.damage.prune > 0);
  }

  /** The layer where changing a unit changes all that comes out of it: batch normalisation would undo a change before it. @param {number} layer */
  changeable(layer) {
    return models.chosen?.layers[layer + 1]?.kind === "batch_norm" ? layer + 1 : layer;
  }

  /** How a unit is changed. @param {number} layer @param {number} unit @returns {Change} */
  of(layer, unit) {
    const at = this.changeable(layer);
    return this.changes.find((c) => c.layer === at && c.unit === unit) ?? { layer: at, unit, scale: 1, shift: 0 };
  }

  /** Forgets all changes: another network is looked at. */
  reset() {
    this.changes = [];
    this.damage = { noise: 0, prune: 0, seed: 1 };
    this.verdict.replaceChildren();
  }

  /** @param {number} layer @param {number} unit */
  show(layer, unit) {
    [this.layer, this.unit] = [layer, unit];
    const { scale, shift } = this.of(layer, unit);
    const { noise, prune, seed } = this.damage;
    const slider = (/** @type {string} */ label, /** @type {string} */ of, /** @type {string} */ help, /** @type {Record<string, number>} */ range, /** @type {(v: number) => string} */ text, /** @type {(v: number) => unknown} */ change) => {
      const output = h("output", { class: "small" }, text(range.value));
      const input = h("input", { type: "range", step: 0.1, ...range, "aria-label": `${label} of ${of}`, "aria-description": help, oninput: () => (output.textContent = text(Number(input.value))), onchange: () => attempt(() => change(Number(input.value))) });
      return h("div", { class: "row", title: help }, h("span", { class: "small soft" }, label), h("span", { class: "grow" }, input), output);
    };
    const unitSlider = (/** @type {string} */ label, /** @type {string} */ help, /** @type {Record<string, number>} */ range, /** @type {(v: number) => string} */ text, /** @type {(v: number) => Partial<Change>} */ to) =>
      slider(label, `unit ${unit} of layer ${layer + 1}`, help, range, text, (v) => this.change(to(v)));
    const draw = h("input", { type: "number", min: 0, step: 1, value: seed, onchange: () => attempt(() => this.hurt({ seed: Math.max(0, Math.round(Number(draw.value))) })) });
    const name = h("input", { value: "changed", pattern: "[A-Za-z0-9_.\\-]{1,64}", "aria-label": "Name of the changed network", title: "1 to 64 letters, digits, -, _ or ." });
    refill(this.root,
      h("p", { class: "soft small" }, "Change the chosen unit, or all weights at once, and see the accuracy on the test digits move. The network itself stays as it is."),
      h("h3", null, `Layer ${layer + 1}, unit ${unit}`),
      unitSlider("Scale", "What the unit puts out is multiplied with it", { min: 0, max: 2, value: scale }, (v) => `× ${v}`, (scale) => ({ scale })),
      unitSlider("Shift", "What is added to the unit's bias", { min: -2, max: 2, value: shift }, (v) => (v < 0 ? "− " : "+ ") + Math.abs(v), (shift) => ({ shift })),
      h("div", { class: "row" }, h("button", { id: "switch-off", title: "It puts out 0 from here on, whatever it sees", onclick: () => attempt(() => this.change(scale === 0 ? { scale: 1 } : { scale: 0, shift: 0 })) }, scale === 0 ? "Switch on again" : "Switch off")),
      h("h3", null, "All weights"),
      slider("Noise", "all weights", "Normal noise on every weight; its deviation is this share of the deviation of the layer's weights", { min: 0, max: 2, step: 0.05, value: noise }, (v) => percent(v, 0), (noise) => this.hurt({ noise })),
      slider("Prune", "all weights", "This share of each layer's weights, the smallest, becomes 0", { min: 0, max: 0.98, step: 0.02, value: prune }, (v) => percent(v, 0), (prune) => this.hurt({ prune })),
      h("div", { class: "fields" }, field("Seed of the noise", draw, "Another number draws other noise of the same size")),
      h("div", { class: "row" }, h("button", { class: "quiet", title: "The network as it was", disabled: !this.count, onclick: () => attempt(() => this.undo()) }, `Undo all (${this.count})`)),
      this.verdict,
      h("div", { class: "row", hidden: !this.count }, name, h("button", { title: "A network of this name joins the list of models; it can be saved there", onclick: () => attempt(() => this.keep(name.value)) }, "Keep as a network of its own")));
  }

  /** Changes the chosen unit. @param {Partial<Change>} to */
  async change(to) {
    const change = { ...this.of(this.layer, this.unit), ...to };
    this.changes = this.changes.filter((c) => c.layer !== change.layer || c.unit !== change.unit);
    if (change.scale !== 1 || change.shift !== 0) this.changes.push(change);
    await this.tell();
  }

  /** Changes all weights. @param {Partial<Damage>} to */
  async hurt(to) {
    this.damage = { ...this.damage, ...to };
    await this.tell();
  }

  async undo() {
    this.reset();
    await this.tell();
  }

  async tell() {
    await Promise.all([this.changed(), this.measure()]);
  }

  async measure() {
    const evaluate = (/** @type {object} */ json) => ask(`/v1/models/${models.name}/evaluate`, { json });
    const asked = this.asked;
    const [before, after] = await Promise.all([evaluate({}), evaluate(asked)]);
    // It was changed once more meanwhile.
    if (JSON.stringify(asked) !== JSON.stringify(this.asked)) return;
    const lost = before.right - after.right;
    this.verdict.replaceChildren(h("div", { class: "figure" }, h("h3", null, `${after.count.toLocaleString("en")} test digits`),
      h("div", { class: "value", id: "worth" }, h("small", null, `${percent(before.accuracy, 2)} → `), percent(after.accuracy, 2)),
      h("span", { class: `small ${lost > 0 ? "down" : "soft"}` }, lost === 0 ? "as many right as before" : lost > 0 ? `${lost} fewer right` : `${-lost} more right`)));
  }

  /** @param {string} name */
  async keep(name) {
    if (models.list.some((model) => model.name === name) && !confirm(`There is a network called ‘${name}’. Replace it?`)) return;
    await ask(`/v1/models/${models.name}/changed`, { json: { name, ...this.asked } });
    models.name = name;
    await models.refresh();
    notice(`Kept as ‘${name}’, which the page works with from now on.`);
  }
}
