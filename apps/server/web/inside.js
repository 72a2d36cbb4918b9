// Look inside: what the network makes of one digit, and what a unit is worth.

import { ask, models } from "./api.js";
import { looked } from "./read.js";
import { attempt, bytes, card, digitPicture, h, intro, percent, signedPicture } from "./ui.js";

/** @typedef {import("./api.js").Change} Change */
/** @typedef {{inputs: number[], layers: number[][], probabilities: number[], digit: number, influence: number[]}} Inside */

/** Units whose weights are shown at a time. */
const PAGE = 48;
/** Terms of a neuron's sum that are spelled out. */
const TERMS = 8;

/** @param {number} v */
const fixed = (v) => (v < 0 ? "−" : "") + Math.abs(v).toFixed(3);

export class InsideView {
  constructor() {
    this.pixels = "";
    /** The digit whose score is explained; null is the one that was read. @type {number | null} */
    this.digit = null;
    /** @type {Change[]} */
    this.changes = [];
    this.layer = 0;
    this.unit = 0;
    this.from = 0;
    this.asked = 0;
    /** @type {Inside | null} */
    this.seen = null;
    /** @type {{pixels: string, label: number | string}[] | null} */
    this.tests = null;
    this.verdict = h("div", { class: "stack" });
    this.strip = h("div", { class: "chips" });
    this.heard = h("div", { class: "stack" });
    this.layers = h("div", { class: "stack" });
    this.sheet = h("div", { class: "weights" });
    this.pager = h("div", { class: "row" });
    this.neuron = h("div", { class: "stack" });
    this.softmax = h("div", { class: "stack" });
    this.worth = h("div", { class: "stack", role: "status", "aria-live": "polite" });
    this.root = h("div", null,
      intro("Look inside", "No magic: sums, products and one function, again and again. Pick a digit and follow it from the pixels to the answer, then switch parts off and see what they were worth."),
      h("div", { class: "stack-l" },
        card("A digit", this.strip),
        h("div", { class: "grid two" },
          card("Which pixels spoke for the answer", this.heard),
          card("From layer to layer", this.layers)),
        h("div", { class: "grid two" },
          card("First layer’s weights as pictures", h("p", { class: "soft small" }, "One picture for each unit: blue pixels speak for it, orange ones against it. Click one to see its sum."), this.pager, this.sheet),
          card("One neuron, spelled out", this.neuron)),
        h("div", { class: "grid two" },
          card("Softmax, step by step", this.softmax),
          card("What is it worth?", this.worth))));
    models.listeners.add(() => {
      this.changes = [];
      this.layer = this.unit = this.from = 0;
      if (this.root.isConnected) attempt(() => this.look(true));
    });
    attempt(() => this.examples());
  }

  show() {
    const fresh = looked.pixels && looked.pixels !== this.pixels;
    if (fresh) this.pixels = looked.pixels;
    if (this.pixels) attempt(() => this.look(true));
    this.examples();
  }

  async examples() {
    /** @type {{pixels: string, label: number | string}[]} */
    const tests = (this.tests ??= (await ask("/v1/digits?count=24")).digits);
    if (!this.pixels) {
      this.pixels = tests[0].pixels;
      await this.look(true);
    }
    const all = [...(looked.pixels ? [{ pixels: looked.pixels, label: "yours" }] : []), ...tests];
    this.strip.replaceChildren(...all.map(({ pixels, label }) => h("button", { class: "chip", "aria-pressed": String(pixels === this.pixels), "aria-label": `Look at ${label === "yours" ? "your digit" : `a ${label}`}`, onclick: () => attempt(async () => {
      this.pixels = pixels;
      this.digit = null;
      await this.look(false);
      await this.examples();
    }) }, digitPicture(bytes(pixels), 40, ""), h("small", null, label))));
  }

  /** Asks the server anew. @param {boolean} sheet also for the weights' pictures */
  async look(sheet) {
    const number = ++this.asked;
    const name = models.name;
    const seen = await ask(`/v1/models/${name}/inside`, { json: { pixels: this.pixels, digit: this.digit, changes: this.changes } });
    if (number !== this.asked) return;
    this.seen = seen;
    this.showHeard();
    this.showLayers();
    this.showSoftmax();
    if (sheet) await this.showSheet();
    await this.showNeuron();
    this.showWorth();
  }

  showHeard() {
    const { influence, digit, inputs, probabilities } = /** @type {Inside} */ (this.seen);
    const ink = influence.map((v, i) => (inputs[i] > 0 ? v : 0));
    const paper = influence.map((v, i) => (inputs[i] > 0 ? 0 : v));
    const map = (/** @type {number[]} */ values, /** @type {string} */ label) => {
      const canvas = signedPicture(values, 28);
      canvas.className = "digit";
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", label);
      canvas.style.width = "100%";
      return h("figure", { class: "stack", style: { gap: "6px" } }, canvas, h("figcaption", null, label));
    };
    const picture = digitPicture(bytes(this.pixels), 28, "The digit");
    picture.style.width = "100%";
    picture.style.height = "auto";
    this.heard.replaceChildren(
      h("div", { class: "row" }, h("span", { class: "small soft" }, "Speaking for"), h("div", { class: "ten grow" }, [...Array(10).keys()].map((d) => h("button", { "aria-pressed": String(d === digit), title: percent(probabilities[d], 2), onclick: () => attempt(() => ((this.digit = d), this.look(false))) }, d)))),
      h("div", { class: "grid", style: { "grid-template-columns": "repeat(3, minmax(0, 1fr))", gap: "12px" } },
        h("figure", { class: "stack", style: { gap: "6px" } }, picture, h("figcaption", null, `Read as ${best(probabilities)}, ${percent(Math.max(...probabilities))} sure`)),
        map(ink, `Ink that spoke for (blue) or against (orange) a ${digit}`), map(paper, `Paper where ink would speak for or against a ${digit}`)),
      h("p", { class: "soft small" }, `Each pixel is flipped in turn: how much does the score of the ${digit} fall or rise? It holds for any network, however deep.`));
  }

  showLayers() {
    const model = models.chosen;
    const { layers, inputs } = /** @type {Inside} */ (this.seen);
    if (!model) return;
    const strip = (/** @type {number[]} */ values) => {
      const columns = values.length > 100 ? 64 : Math.min(values.length, 32);
      const canvas = signedPicture(values, columns);
      return h("div", { class: "values" }, canvas);
    };
    this.layers.replaceChildren(
      h("div", { class: "small" }, h("b", null, "Pixels"), h("span", { class: "soft" }, ` · 784 values, ${inputs.filter((v) => v > 0).length} of them not 0`)),
      ...layers.flatMap((values, i) => {
        const zero = values.filter((v) => v === 0).length;
        const facts = `${values.length} values from ${fixed(Math.min(...values))} to ${fixed(Math.max(...values))}${zero ? `, ${zero} of them 0` : ""}`;
        return [h("div", { class: "small" }, h("b", null, `${i + 1}. ${model.layers[i]?.text ?? ""}`), h("span", { class: "soft" }, ` · ${facts}`)), strip(values)];
      }));
  }

  async showSheet() {
    const model = models.chosen;
    const { weights, units } = await ask(`/v1/models/${models.name}/weights?layer=0&from=${this.from}&count=${PAGE}`);
    const first = model?.layers[0];
    const square = Math.round(Math.sqrt(weights[0]?.length ?? 1));
    this.sheet.replaceChildren(...weights.map((/** @type {number[]} */ w, /** @type {number} */ i) => {
      const unit = this.from + i;
      return h("button", { "aria-label": `Unit ${unit}`, "aria-pressed": String(this.layer === 0 && this.unit === unit), class: this.changes.some((c) => c.layer === 0 && c.unit === unit && c.scale === 0) ? "off" : "", onclick: () => attempt(() => this.pick(0, unit)) }, signedPicture(w, square));
    }));
    const turn = (/** @type {number} */ by) => attempt(() => ((this.from += by), this.showSheet()));
    this.pager.replaceChildren(
      h("span", { class: "small soft grow" }, `${first?.text ?? ""}: units ${this.from} to ${Math.min(this.from + PAGE, units) - 1} of ${units}`),
      h("button", { disabled: this.from === 0, onclick: () => turn(-PAGE), "aria-label": "Units before" }, "‹"),
      h("button", { disabled: this.from + PAGE >= units, onclick: () => turn(PAGE), "aria-label": "Units after" }, "›"));
  }

  /** @param {number} layer @param {number} unit */
  async pick(layer, unit) {
    [this.layer, this.unit] = [layer, unit];
    [...this.sheet.children].forEach((button, i) => button.setAttribute("aria-pressed", String(layer === 0 && this.from + i === unit)));
    await this.showNeuron();
    this.showWorth();
  }

  async showNeuron() {
    const model = models.chosen;
    const seen = this.seen;
    if (!model || !seen) return;
    const weighted = model.layers.map((layer, i) => ({ layer, i })).filter(({ layer }) => layer.weights.length === 2);
    if (!weighted.length) return this.neuron.replaceChildren(h("p", { class: "soft" }, "This network has no dense layer."));
    if (!weighted.some(({ i }) => i === this.layer)) this.layer = weighted[weighted.length - 1].i;
    const { layer, unit } = this;
    const { weights, biases, units } = await ask(`/v1/models/${model.name}/weights?layer=${layer}&from=${unit}&count=1`);
    const scale = this.changes.filter((c) => c.layer === layer && c.unit === unit).reduce((product, c) => product * c.scale, 1);
    const from = layer === 0 ? seen.inputs : seen.layers[layer - 1];
    const bias = biases[0] * scale;
    const terms = weights[0].map((/** @type {number} */ w, /** @type {number} */ i) => ({ i, x: from[i], w: w * scale, product: from[i] * w * scale })).filter((/** @type {{product: number}} */ t) => t.product !== 0);
    terms.sort((/** @type {{product: number}} */ a, /** @type {{product: number}} */ b) => Math.abs(b.product) - Math.abs(a.product));
    const shown = terms.slice(0, TERMS);
    const sum = (/** @type {{product: number}[]} */ all) => all.reduce((total, { product }) => total + product, 0);
    const rest = terms.slice(TERMS), total = sum(terms) + bias;
    const next = model.layers[layer + 1];
    const value = seen.layers[layer + 1]?.[unit];
    const what = (/** @type {number} */ i) => (layer === 0 ? `pixel ${i % 28},${Math.floor(i / 28)}` : `value ${i}`);
    const choose = h("select", { "aria-label": "Layer", onchange: () => attempt(() => this.pick(Number(choose.value), 0)) }, weighted.map(({ layer: l, i }) => h("option", { value: i, selected: i === layer }, `${i + 1}. ${l.text}`)));
    const number = h("input", { type: "number", min: 0, max: units - 1, value: unit, "aria-label": "Unit", onchange: () => attempt(() => this.pick(layer, Math.min(units - 1, Math.max(0, Number(number.value))))) });
    this.neuron.replaceChildren(
      h("div", { class: "fields" }, choose, number),
      h("div", { class: "scroll" }, h("table", null,
        h("thead", null, h("tr", null, ["input", "its value", "× weight", "= product"].map((text) => h("th", null, text)))),
        h("tbody", null,
          shown.map((/** @type {any} */ { i, x, w, product }) => h("tr", null, h("td", null, what(i)), h("td", null, fixed(x)), h("td", null, fixed(w)), h("td", null, fixed(product)))),
          h("tr", null, h("td", null, `${rest.length} others`), h("td"), h("td"), h("td", null, fixed(sum(rest)))),
          h("tr", null, h("td", null, "bias"), h("td"), h("td"), h("td", null, fixed(bias))),
          h("tr", { class: "best" }, h("td", null, "sum"), h("td"), h("td"), h("td", null, fixed(total)))))),
      h("div", { class: "formula" }, next?.kind === "activation" && value !== undefined ? `${next.text}(${fixed(total)}) = ${fixed(value)}` : `score of the ${unit}: ${fixed(total)}`));
  }

  showSoftmax() {
    const { layers, probabilities } = /** @type {Inside} */ (this.seen);
    const scores = layers[layers.length - 1];
    const loss = models.chosen?.loss ?? "";
    const soft = loss.startsWith("softmax");
    const top = Math.max(...scores);
    const powers = scores.map((z) => Math.exp(z - top));
    const sum = powers.reduce((a, b) => a + b, 0);
    const row = (/** @type {number} */ z, /** @type {number} */ digit) => h("tr", { class: digit === best(probabilities) ? "best" : "" },
      [String(digit), fixed(z), ...(soft ? [fixed(z - top), powers[digit] < 5e-4 ? powers[digit].toExponential(1) : powers[digit].toFixed(4)] : []), percent(probabilities[digit], 2)].map((text) => h("td", null, text)));
    const heads = soft ? ["digit", "score z", "z − largest", "e to that", "÷ sum"] : ["digit", "score", "probability"];
    const words = soft
      ? `The largest score, ${fixed(top)}, is taken from all, so that no power is too large. The powers add up to ${sum.toFixed(4)}; each divided by that is a probability.`
      : `This network was trained with the loss ${loss.replaceAll("_", " ")}: each score becomes a probability on its own, and they need not add up to 1.`;
    this.softmax.replaceChildren(h("div", { class: "scroll" }, h("table", null, h("thead", null, h("tr", null, heads.map((text) => h("th", null, text)))), h("tbody", null, scores.map(row)))), h("p", { class: "soft small" }, words));
  }

  showWorth() {
    const { layer, unit } = this;
    const current = this.changes.find((c) => c.layer === layer && c.unit === unit)?.scale ?? 1;
    const output = h("output", null, `× ${current}`);
    const slider = h("input", { type: "range", min: 0, max: 2, step: 0.1, value: current, "aria-label": `Scale of unit ${unit} of layer ${layer + 1}`, oninput: () => (output.textContent = `× ${slider.value}`), onchange: () => attempt(() => this.change(Number(slider.value))) });
    this.worth.replaceChildren(
      h("p", { class: "soft small" }, "Scale the weights of the chosen unit, or switch it off, and see the accuracy on the test digits move. Nothing is changed for good."),
      h("div", { class: "row" }, h("b", null, `Layer ${layer + 1}, unit ${unit}`), h("span", { class: "grow" }, slider), output),
      h("div", { class: "row" }, h("button", { id: "switch-off", onclick: () => attempt(() => this.change(current === 0 ? 1 : 0)) }, current === 0 ? "Switch on again" : "Switch off"), h("button", { class: "quiet", disabled: !this.changes.length, onclick: () => attempt(() => this.undo()) }, `Undo all (${this.changes.length})`)),
      this.verdict);
  }

  /** @param {number} scale */
  async change(scale) {
    this.changes = this.changes.filter((c) => c.layer !== this.layer || c.unit !== this.unit);
    if (scale !== 1) this.changes.push({ layer: this.layer, unit: this.unit, scale });
    await Promise.all([this.look(true), this.measure()]);
  }

  async undo() {
    this.changes = [];
    await Promise.all([this.look(true), this.measure()]);
  }

  async measure() {
    const evaluate = (/** @type {Change[]} */ changes) => ask(`/v1/models/${models.name}/evaluate`, { json: { changes } });
    const [before, after] = await Promise.all([evaluate([]), evaluate(this.changes)]);
    const lost = before.right - after.right;
    this.verdict.replaceChildren(h("div", { class: "figure" }, h("h3", null, `${after.count.toLocaleString("en")} test digits`),
      h("div", { class: "value", id: "worth" }, h("small", null, `${percent(before.accuracy, 2)} → `), percent(after.accuracy, 2)),
      h("span", { class: `small ${lost > 0 ? "down" : "soft"}` }, lost === 0 ? "as many right as before" : lost > 0 ? `${lost} fewer right` : `${-lost} more right`)));
  }
}

/** @param {number[]} values */
const best = (values) => values.indexOf(Math.max(...values));
