// Look inside: what the network makes of one digit, and what a unit is worth.

import { ask, key, models } from "./api.js";
import { Matrix } from "./matrix.js";
import { looked } from "./read.js";
import { attempt, best, bytes, card, digitPicture, field, fixed, h, intro, percent, refill, signedPicture } from "./ui.js";
import { DIGIT, place, table, terms, windows } from "./unit.js";
import { Worth } from "./worth.js";

/** @typedef {{inputs: number[], layers: number[][], probabilities: number[], digit: number, influence: number[]}} Inside */

/** Units whose weights are shown at a time. */
const PAGE = 48;
/** Maps of a layer that are shown. */
const MAPS = 32;

/** Where all layers at once would be a very long page. */
const small = matchMedia("(max-width: 860px)");

/** @param {import("./api.js").Layer} layer */
const hasMaps = ({ shape: [height, width] }) => height * width > 1;

export class InsideView {
  constructor() {
    this.pixels = "";
    /** Which network is looked at. */
    this.model = key();
    /** The digit whose score is explained; null is the one that was read. @type {number | null} */
    this.digit = null;
    this.layer = 0;
    this.unit = 0;
    /** Where the chosen unit's window lies; null is where its value is largest. @type {{row: number, column: number} | null} */
    this.at = null;
    /** The weights of the chosen unit. @type {{seen: Inside, layer: number, unit: number, weights: Promise<any>} | null} */
    this.fetched = null;
    /** Layers that were opened or closed by hand. @type {Map<number, boolean>} */
    this.opened = new Map();
    this.temperature = 1;
    this.from = 0;
    this.asked = 0;
    /** @type {Inside | null} */
    this.seen = null;
    /** @type {{pixels: string, label: number | string}[] | null} */
    this.tests = null;
    this.strip = h("div", { class: "chips line" });
    this.heard = h("div", { class: "stack" });
    this.layers = h("div", { class: "stack" });
    this.sheet = h("div", { class: "weights" });
    this.pager = h("div", { class: "row" });
    this.neuron = h("div", { class: "stack" });
    this.softmax = h("div", { class: "stack" });
    this.warmth = this.temperatureSlider();
    this.matrix = new Matrix({
      pick: (unit) => attempt(() => this.pick(this.layer, unit)),
      light: (unit, input) => this.light(this.layer, unit, input),
    });
    /** How a value, or all, of a layer's picture lights up; the digit is -1. @type {Map<number, (at: number | "all" | null) => void>} */
    this.lights = new Map();
    this.worth = new Worth(() => this.look(true));
    this.root = h("div", null,
      intro("Look inside", "No magic: sums, products and one function, again and again. Pick a digit and follow it from the pixels to the answer, then switch parts off and see what they were worth."),
      h("div", { class: "stack-l" },
        card("A digit", this.strip),
        h("div", { class: "grid two" },
          h("div", { class: "stack-l" },
            card("From layer to layer", this.layers),
            card("Softmax, step by step", this.softmax, this.warmth)),
          h("div", { class: "stack-l" },
            card("Which pixels spoke for the answer", this.heard),
            card("First layer’s weights as pictures", h("p", { class: "soft small" }, "One picture for each unit: blue pixels speak for it, orange ones against it. Click one to see its sum."), this.pager, this.sheet),
            card("One unit, spelled out", this.neuron),
            card("Its layer’s weights, cell by cell", this.matrix.root),
            card("What is it worth?", this.worth.root)))));
    models.listeners.add(() => {
      // A run that ended elsewhere changes nothing here.
      const now = key();
      if (now === this.model) return;
      this.model = now;
      this.worth.reset();
      this.layer = this.unit = this.from = 0;
      this.at = null;
      this.opened.clear();
      this.matrix.layer = -1;
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
    refill(this.strip, ...all.map(({ pixels, label }) => h("button", { class: "chip", "aria-pressed": String(pixels === this.pixels), "aria-label": `Look at ${label === "yours" ? "your digit" : `a ${label}`}`, onclick: () => attempt(async () => {
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
    const seen = await ask(`/v1/models/${name}/inside`, { json: { pixels: this.pixels, digit: this.digit, ...this.worth.asked } });
    if (number !== this.asked) return;
    this.seen = seen;
    this.showHeard();
    this.showLayers();
    this.showSoftmax();
    if (sheet) await this.showSheet();
    await this.showUnit();
    this.worth.show(this.layer, this.unit);
    await this.showMatrix();
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
    refill(this.heard,
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
    refill(this.layers,
      h("div", { class: "small" }, this.digitLight(), h("b", null, "Pixels"), h("span", { class: "soft" }, ` · 784 values, ${inputs.filter((v) => v > 0).length} of them not 0`)),
      ...layers.map((values, i) => {
        const layer = model.layers[i];
        const zero = values.filter((v) => v === 0).length;
        const [height, width, channels] = layer.shape;
        const what = hasMaps(layer) ? `${channels} maps of ${height} × ${width}` : `${values.length} values`;
        const facts = `${what} from ${fixed(Math.min(...values))} to ${fixed(Math.max(...values))}${zero ? `, ${zero} of them 0` : ""}`;
        const open = this.opened.get(i) ?? (i === 0 || !small.matches);
        return h("details", { class: "small", open, ontoggle: (/** @type {Event} */ event) => this.opened.set(i, /** @type {HTMLDetailsElement} */ (event.target).open) },
          h("summary", null, h("b", null, `${i + 1}. ${layer.text}`), ` · ${facts}`),
          hasMaps(layer) ? this.maps(values, i) : this.values(values, i));
      }));
  }

  /** A layer without a shape: one row of values after the other. @param {number[]} values @param {number} i */
  values(values, i) {
    const columns = values.length > 100 ? 64 : Math.min(values.length, 32);
    const canvas = signedPicture(values, columns);
    canvas.title = "Click a value to see its sum";
    const under = (/** @type {MouseEvent} */ event) => {
      const box = canvas.getBoundingClientRect();
      const side = box.width / columns;
      const unit = Math.floor((event.clientY - box.top) / side) * columns + Math.floor((event.clientX - box.left) / side);
      return unit >= 0 && unit < values.length ? unit : null;
    };
    canvas.addEventListener("click", (event) => {
      const unit = under(event);
      if (unit !== null) attempt(() => this.pick(this.source(i), unit));
    });
    canvas.addEventListener("pointermove", (event) => this.link(i, under(event)));
    canvas.addEventListener("pointerleave", () => this.link(i, null));
    const root = h("div", { class: "values" }, canvas);
    this.lights.set(i, cellLight(root, columns, Math.ceil(values.length / columns)));
    return root;
  }

  /** A layer of maps: a picture of each. @param {number[]} values @param {number} i */
  maps(values, i) {
    const { text, shape: [, width, channels] } = /** @type {import("./api.js").Model} */ (models.chosen).layers[i];
    const full = Math.max(...values.map(Math.abs)) || 1;
    const shown = [...Array(Math.min(channels, MAPS)).keys()];
    const buttons = shown.map((channel) => h("button", { "aria-label": `Map ${channel} of layer ${i + 1}, ${text}`, title: "Click to see its sum", ...this.linking(i, channel), onclick: () => attempt(() => this.pick(this.source(i), channel)) },
      signedPicture(values.filter((_, at) => at % channels === channel), width, full)));
    this.lights.set(i, (at) => buttons.forEach((button, channel) => button.classList.toggle("lit", at === "all" || (at !== null && at % channels === channel))));
    return h("div", null, h("div", { class: "weights maps" }, buttons), channels > MAPS && h("p", { class: "soft small" }, `and ${channels - MAPS} more`));
  }

  /** The digit that goes in, small, whose pixels can light up. */
  digitLight() {
    const root = h("div", { class: "input" }, digitPicture(bytes(this.pixels), 84, "The digit that goes in"));
    this.lights.set(-1, cellLight(root, 28, 28));
    return root;
  }

  /** Lights up a unit, its row of weights and what goes into it: one input, or all. @param {number} layer @param {number | null} unit @param {number | "all"} input */
  light(layer, unit, input) {
    this.lights.forEach((light) => light(null));
    if (unit === null) return;
    this.lights.get(layer)?.(unit);
    const { window, weights } = /** @type {import("./api.js").Model} */ (models.chosen).layers[layer];
    // Of a convolution's window only the map is one place; on the digit it moves everywhere.
    const from = input === "all" || (window && layer === 0) ? "all" : window ? input % weights[2] : input;
    this.lights.get(layer - 1)?.(from);
  }

  /** A value of layer `i` is pointed at: what made it lights up. @param {number} i @param {number | null} unit */
  link(i, unit) {
    const layer = this.source(i);
    this.light(layer, unit, "all");
    if (unit !== null) this.lights.get(i)?.(unit);
    this.matrix.light(layer === this.layer ? (unit ?? this.unit) : this.unit);
  }

  /** Listeners for what stands for a unit. @param {number} i @param {number} unit */
  linking(i, unit) {
    const on = () => this.link(i, unit), off = () => this.link(i, null);
    return { onpointerenter: on, onfocus: on, onpointerleave: off, onblur: off };
  }

  /** The layer whose units make the values of layer `i`: itself, or the last with weights before it. @param {number} i */
  source(i) {
    const layers = models.chosen?.layers ?? [];
    while (i > 0 && !layers[i].weights.length) i--;
    return i;
  }

  async showSheet() {
    const model = models.chosen;
    const { weights, units } = await ask(`/v1/models/${models.name}/weights?layer=0&from=${this.from}&count=${PAGE}${this.worth.query}`);
    const first = model?.layers[0];
    // A dense unit has a weight for each pixel, a convolution one for each of its window.
    const across = first?.window ? first.weights[1] : 28;
    refill(this.sheet, ...weights.map((/** @type {number[]} */ w, /** @type {number} */ i) => {
      const unit = this.from + i;
      return h("button", { "aria-label": `Unit ${unit}`, title: "Click to see its sum", ...this.linking(0, unit), "aria-pressed": String(this.layer === 0 && this.unit === unit), class: this.worth.of(0, unit).scale === 0 ? "off" : "", onclick: () => attempt(() => this.pick(0, unit)) }, signedPicture(w, across));
    }));
    this.sheet.classList.toggle("large", units <= 16);
    const turn = (/** @type {number} */ by) => attempt(() => ((this.from += by), this.showSheet()));
    refill(this.pager,
      h("span", { class: "small soft grow" }, `${first?.text ?? ""}: units ${this.from} to ${Math.min(this.from + PAGE, units) - 1} of ${units}`),
      h("button", { disabled: this.from === 0, onclick: () => turn(-PAGE), "aria-label": "Units before", title: "Units before" }, "‹"),
      h("button", { disabled: this.from + PAGE >= units, onclick: () => turn(PAGE), "aria-label": "Units after", title: "Units after" }, "›"));
  }

  /** @param {number} layer @param {number} unit */
  async pick(layer, unit) {
    if (layer !== this.layer || unit !== this.unit) this.at = null;
    [this.layer, this.unit] = [layer, unit];
    [...this.sheet.children].forEach((button, i) => button.setAttribute("aria-pressed", String(layer === 0 && this.from + i === unit)));
    // Before its weights are there: a switch must never be another unit's.
    this.worth.show(layer, unit);
    await this.showUnit();
    this.neuron.parentElement?.scrollIntoView({ block: "nearest", behavior: "smooth" });
    await this.showMatrix();
  }

  async showMatrix() {
    await this.matrix.show(this.layer, this.unit, this.worth.query);
  }

  async showUnit() {
    const model = models.chosen;
    const seen = this.seen;
    if (!model || !seen) return;
    const { layer: at, unit } = this;
    const layer = model.layers[at];
    // At another place of the same map the weights are the same.
    if (this.fetched?.seen !== seen || this.fetched.layer !== at || this.fetched.unit !== unit) {
      this.fetched = { seen, layer: at, unit, weights: ask(`/v1/models/${model.name}/weights?layer=${at}&from=${unit}&count=1${this.worth.query}`) };
    }
    const { weights, biases, units } = await this.fetched.weights;
    // Another unit was chosen meanwhile.
    if (this.layer !== at || this.unit !== unit || this.seen !== seen) return;
    const changed = this.worth.of(at, unit);
    const change = changed.layer === at ? changed : { scale: 1, shift: 0 };
    const [height, width, channels] = layer.shape;
    const where = this.at ?? strongest(seen.layers[at], layer.shape, unit);
    const [shape, inputs] = at === 0 ? [DIGIT, seen.inputs] : [model.layers[at - 1].shape, seen.layers[at - 1]];
    const all = terms(layer, where, weights[0].map((/** @type {number} */ w) => w * change.scale), shape, inputs, at === 0);
    const bias = biases[0] * change.scale + change.shift;
    const total = all.reduce((sum, { product }) => sum + product, bias);
    const value = (/** @type {number} */ i) => seen.layers[i][(where.row * width + where.column) * channels + unit];

    const weighted = model.layers.map((layer, i) => ({ layer, i })).filter(({ layer }) => layer.weights.length);
    const choose = h("select", { onchange: () => attempt(() => this.pick(Number(choose.value), 0)) }, weighted.map(({ layer: l, i }) => h("option", { value: i, selected: i === at }, `${i + 1}. ${l.text}`)));
    const number = (/** @type {string} */ label, /** @type {number} */ now, /** @type {number} */ most, /** @type {(to: number) => unknown} */ set) => {
      const input = h("input", { type: "number", min: 0, max: most, value: now, onchange: () => attempt(() => set(Math.min(most, Math.max(0, Math.round(Number(input.value)))))) });
      return field(label, input, label === "Unit" ? "Which of the layer’s units" : "Where on its map it looks");
    };
    const move = (/** @type {{row?: number, column?: number}} */ to) => ((this.at = { ...(this.at ?? where), ...to }), this.showUnit());
    // What follows at the same place, up to the next layer that moves values about.
    const chain = [`sum ${fixed(total)}`];
    for (let i = at + 1; i < model.layers.length && ["activation", "batch_norm"].includes(model.layers[i].kind); i++) chain.push(`${model.layers[i].text} ${fixed(value(i))}`);
    const end = at === model.layers.length - 1 ? `score of ${unit < 10 ? `the ${unit}` : "what is no digit"}: ${fixed(total)}` : chain.join(" → ");
    refill(this.neuron,
      h("div", { class: "fields" }, field("Layer", choose, "A layer with weights"), number("Unit", unit, units - 1, (to) => this.pick(at, to)),
        ...(hasMaps(layer) ? [number("Column", where.column, width - 1, (column) => move({ column })), number("Row", where.row, height - 1, (row) => move({ row }))] : [])),
      ...(layer.window ? [windows(layer, all)] : []),
      table(all, bias),
      h("div", { class: "formula" }, end));
  }

  showSoftmax() {
    const { layers, probabilities } = /** @type {Inside} */ (this.seen);
    const scores = layers[layers.length - 1];
    const loss = models.chosen?.loss ?? "";
    const soft = loss.startsWith("softmax");
    const { temperature } = this;
    const top = Math.max(...scores);
    const powers = scores.map((z) => Math.exp((z - top) / temperature));
    const sum = powers.reduce((a, b) => a + b, 0);
    // An eleventh output, where there is one, stands for what is no digit.
    const name = (/** @type {number} */ digit) => (digit < 10 ? String(digit) : "none");
    const share = (/** @type {number} */ digit) => (soft ? powers[digit] / sum : (probabilities[digit] ?? 0));
    const row = (/** @type {number} */ z, /** @type {number} */ digit) => h("tr", { class: digit === best(scores) ? "best" : "" },
      [name(digit), fixed(z), ...(soft ? [fixed((z - top) / temperature), powers[digit] < 5e-4 ? powers[digit].toExponential(1) : powers[digit].toFixed(4)] : []), percent(share(digit), 2)].map((text) => h("td", null, text)));
    const difference = temperature === 1 ? "z − largest" : `(z − largest) ÷ ${temperature}`;
    const heads = soft ? ["digit", "score z", difference, "e to that", "÷ sum"] : ["digit", "score", "probability"];
    const words = soft
      ? `The largest score, ${fixed(top)}, is taken from all, so that no power is too large. The powers add up to ${sum.toFixed(4)}; each divided by that is a probability.`
      : `This network was trained with the loss ${loss.replaceAll("_", " ")}: each score becomes a probability on its own, and they need not add up to 1.`;
    this.softmax.replaceChildren(
      h("div", { class: "scroll" }, h("table", null, h("thead", null, h("tr", null, heads.map((text) => h("th", { scope: "col" }, text)))), h("tbody", null, scores.map(row)))),
      h("p", { class: "soft small" }, words));
    this.warmth.hidden = !soft;
  }

  /** A slider for the temperature of the softmax. */
  temperatureSlider() {
    const output = h("output", { class: "small" }, "1");
    // Logarithmic: from a tenth to ten.
    const slider = h("input", { type: "range", min: -1, max: 1, step: 0.05, value: 0, "aria-label": "Temperature", title: "All scores are divided by it", oninput: () => {
      this.temperature = Number((10 ** Number(slider.value)).toPrecision(2));
      output.textContent = String(this.temperature);
      if (this.seen) this.showSoftmax();
    } });
    return h("div", { class: "stack" },
      h("div", { class: "row" }, h("span", { class: "small soft" }, "Temperature"), h("span", { class: "grow" }, slider), output),
      h("p", { class: "soft small" }, "All scores are divided by it: the higher, the less sure, but the answer stays the same."));
  }
}

/** Where a unit's value is largest. @param {number[]} values @param {[number, number, number]} shape @param {number} unit */
function strongest(values, shape, unit) {
  const channels = shape[2];
  const at = values.reduce((top, v, i) => (i % channels === unit && Math.abs(v) > Math.abs(values[top]) ? i : top), unit);
  return place(shape, at);
}

/** Lights up cells of a picture that has so many a row and rows. @param {HTMLElement} root @param {number} columns @param {number} rows @returns {(at: number | "all" | null) => void} */
function cellLight(root, columns, rows) {
  const mark = h("div", { class: "lit", hidden: true });
  root.append(mark);
  return (at) => {
    mark.hidden = at === null;
    const [x, y, wide, high] = at === "all" || at === null ? [0, 0, columns, rows] : [at % columns, Math.floor(at / columns), 1, 1];
    Object.assign(mark.style, { left: `${(100 * x) / columns}%`, top: `${(100 * y) / rows}%`, width: `${(100 * wide) / columns}%`, height: `${(100 * high) / rows}%` });
  };
}
