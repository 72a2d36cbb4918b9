// Evaluate: how good a network is, and where it fails.

import { ask, models } from "./api.js";
import { HUES, lines } from "./charts.js";
import { looked } from "./read.js";
import { attempt, bytes, card, digitPicture, field, h, intro, percent } from "./ui.js";

/** @typedef {{index: number, label: number, read: number, confidence: number, pixels: string}} Mistake */
/** @typedef {{set: string, seen: boolean, count: number, right: number, accuracy: number, accuracy_95: [number, number], nll: number, confusion: number[][], digits: {digit: number, precision: number | null, recall: number | null}[], reliability: {count: number, confidence: number, accuracy: number}[], mistakes: Mistake[]}} Evaluation */

/** @type {[string, string, string][]} */
const DISTORTIONS = [
  ["noise", "Noise", "share of full ink"],
  ["rotation", "Rotation", "degrees"],
  ["blur", "Blur", "pixels"],
  ["thickness", "Thinner or thicker strokes", "pixels a side"],
];

/** Ten colours for ten digits. */
const TEN = [...HUES, "#64748b", "#dc2626"];

export class EvaluateView {
  constructor() {
    this.asked = "";
    /** @type {Evaluation | null} */
    this.result = null;
    this.head = h("div", { class: "versus" });
    this.matrix = h("div", { class: "matrix", role: "group", "aria-label": "Confusion matrix: rows are what it is, columns what was read" });
    this.mistakes = h("div", { class: "stack", id: "mistakes", role: "status", "aria-live": "polite" });
    this.table = h("div", { class: "scroll" });
    this.honest = h("div", null);
    this.curves = h("div", { class: "grid two" });
    this.layer = h("select", { onchange: () => attempt(() => this.map()) });
    this.place = h("div", null);
    this.root = h("div", null,
      intro("How good is it?", "Not one number but where it fails, whether its confidence can be trusted, and how much it bears."),
      h("div", { class: "stack-l" },
        this.head,
        h("div", { class: "grid two" },
          card("What is mixed up", h("p", { class: "soft small" }, "Rows: what it is. Columns: what was read. Click a number to see the digits."), this.matrix),
          card("Mistakes", this.mistakes)),
        h("div", { class: "grid two" },
          card("Digit by digit", this.table),
          card("Can its confidence be trusted?", this.honest)),
        card("How much does it bear?", h("p", { class: "soft small" }, "The first 1,000 test digits made harder and harder: share still read right."), this.curves),
        card("A map of the digits", h("p", { class: "soft small" }, "Each point is a test digit, placed by the two directions in which a layer’s values differ most (PCA). The deeper the layer, the better the digits part. Outlined points were misread."), field("Layer", this.layer), this.place)));
    models.listeners.add(() => this.root.isConnected && this.show());
  }

  show() {
    const model = models.chosen;
    if (!model) return;
    const key = `${model.name} ${model.epochs}`;
    if (key === this.asked) return;
    this.asked = key;
    this.layer.replaceChildren(h("option", { value: "" }, "pixels"), ...model.layers.map((layer, i) => h("option", { value: i, selected: i === model.layers.length - 1 }, `${i + 1}. ${layer.text}`)));
    this.mistakes.replaceChildren(h("p", { class: "soft" }, "Reading all test digits …"));
    attempt(async () => {
      const result = await ask(`/v1/models/${model.name}/evaluate`, { json: {} });
      if (this.asked !== key) return;
      this.result = result;
      this.showResult();
      await this.map();
      await this.bear(key);
    });
  }

  showResult() {
    const { set, seen, count, right, accuracy, accuracy_95: [low, high], nll, confusion, digits } = /** @type {Evaluation} */ (this.result);
    const figure = (/** @type {string} */ title, /** @type {string} */ value, /** @type {string} */ text) => h("div", { class: "figure" }, h("h3", null, title), h("div", { class: "value" }, value), h("span", { class: "small soft" }, text));
    this.head.replaceChildren(
      figure("Read right", percent(accuracy, 2), `${right.toLocaleString("en")} of ${count.toLocaleString("en")}: ${set}`),
      figure("On endless such digits", `${(100 * low).toFixed(1)} – ${percent(high)}`, "with 95 % certainty (Wilson)"),
      figure("Mean −ln p", nll.toFixed(4), "of the right digit; 0 would be perfect"));
    if (seen) this.head.append(h("p", { class: "note" }, "This network was trained on MNIST and has seen these digits, so the figures flatter it. Run ‘decipher data fetch mnist’ and start the server again to test it on digits that it has never seen."));
    const most = Math.max(1, ...confusion.flatMap((row, i) => row.filter((_, j) => i !== j)));
    this.matrix.replaceChildren(h("span"), ...[...Array(10).keys()].map((d) => h("span", { class: "head" }, d)), ...confusion.flatMap((row, i) => [
      h("span", { class: "head" }, i),
      ...row.map((n, j) => {
        // The diagonal has its own colour and scale: it would drown the mistakes.
        const strength = i === j ? 0.25 : n / most;
        return h("button", { style: { "--v": n ? Math.max(0.15, strength) : 0, "--shade": i === j ? "var(--soft)" : "var(--accent)" }, class: i !== j && strength > 0.6 ? "deep" : "", disabled: n === 0 || i === j, "aria-label": `${n} of digit ${i} read as ${j}`, onclick: () => this.open(i, j) }, n || "·");
      }),
    ]));
    this.open(null, null);
    const share = (/** @type {number | null} */ v) => (v === null ? "–" : percent(v, 1));
    this.table.replaceChildren(h("table", null, h("thead", null, h("tr", null, ["digit", "of all that are it, read right", "of all read as it, right"].map((text) => h("th", null, text)))), h("tbody", null, digits.map(({ digit, recall, precision }) => h("tr", null, h("td", null, digit), h("td", null, share(recall)), h("td", null, share(precision)))))));
    this.showHonest();
  }

  /** Shows the digits of one cell, or the surest mistakes of all. @param {number | null} label @param {number | null} read */
  open(label, read) {
    const all = /** @type {Evaluation} */ (this.result).mistakes;
    const shown = label === null ? all.slice(0, 24) : all.filter((m) => m.label === label && m.read === read);
    const title = label === null ? (all.length ? `The ${shown.length} it was surest of` : "None at all") : `${shown.length} of the ${label}s were read as ${read}`;
    this.mistakes.replaceChildren(
      h("div", { class: "row spread" }, h("p", { class: "soft small" }, title), label !== null && h("button", { class: "quiet", onclick: () => this.open(null, null) }, "All")),
      h("div", { class: "chips" }, shown.map((m) => h("a", { class: "button chip", href: "#inside", title: "Look inside", "aria-label": `A ${m.label} read as ${m.read}, ${percent(m.confidence)} sure; look inside`, onclick: () => (looked.pixels = m.pixels) },
        digitPicture(bytes(m.pixels), 52, ""), h("small", null, `${m.label} → ${m.read}`), h("small", null, percent(m.confidence, 0))))));
  }

  showHonest() {
    const { reliability } = /** @type {Evaluation} */ (this.result);
    const points = reliability.filter((bin) => bin.count > 0).map(({ confidence, accuracy }) => /** @type {[number, number]} */ ([confidence, accuracy]));
    const format = (/** @type {number} */ v) => percent(v, 0);
    this.honest.replaceChildren(
      lines({ label: "Share read right by confidence", x: "said confidence", y: "Share read right", xs: [0, 1], ys: [0, 1], format, formatX: format, height: 300, series: [
        { name: "honest", hue: "#a3a3ad", points: [[0, 0], [1, 1]], dashed: true },
        { name: "this network", hue: HUES[0], points, dots: true },
      ] }),
      h("p", { class: "soft small" }, `On the dashed line it would be as right as it says. ${reliability[9].count.toLocaleString("en")} digits lie in the last point, so the others, with few digits each, may stray.`));
  }

  /** @param {string} key */
  async bear(key) {
    const name = /** @type {string} */ (models.chosen?.name);
    this.curves.replaceChildren();
    for (const [distortion, title, x] of DISTORTIONS) {
      const points = await ask(`/v1/models/${name}/robustness`, { json: { distortion } });
      if (this.asked !== key) return;
      this.curves.append(h("div", null, lines({ label: `Accuracy under ${distortion}`, x, y: title, ys: [0, 1], format: (v) => percent(v, 0), height: 210, series: [
        { name: title, hue: HUES[0], dots: true, points: points.map((/** @type {{amount: number, accuracy: number}} */ p) => [p.amount, p.accuracy]) },
      ] })));
    }
  }

  async map() {
    const layer = this.layer.value === "" ? null : Number(this.layer.value);
    /** @type {{x: number, y: number, label: number, read: number}[]} */
    const places = await ask(`/v1/models/${models.name}/map`, { json: { layer } });
    const [width, height] = innerWidth < 860 ? [520, 560] : [1080, 620];
    const canvas = h("canvas", { class: "map", width, height, role: "img", "aria-label": `Map of ${places.length} digits` });
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const span = (/** @type {number[]} */ all) => [Math.min(...all), Math.max(...all)];
    const [x0, x1] = span(places.map((p) => p.x)), [y0, y1] = span(places.map((p) => p.y));
    context.font = "600 17px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const { x, y, label, read } of places) {
      const at = [20 + ((x - x0) / (x1 - x0 || 1)) * (width - 40), 20 + ((y - y0) / (y1 - y0 || 1)) * (height - 40)];
      context.fillStyle = TEN[label];
      context.fillText(String(label), at[0], at[1]);
      if (read === label) continue;
      context.strokeStyle = TEN[read];
      context.lineWidth = 2.5;
      context.beginPath();
      context.arc(at[0], at[1], 13, 0, 7);
      context.stroke();
    }
    this.place.replaceChildren(canvas);
  }
}
