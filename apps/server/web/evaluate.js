// Evaluate: how good a network is, and where it fails.

import { ask, key, models } from "./api.js";
import { HUES, legend, lines } from "./charts.js";
import { looked } from "./read.js";
import { attempt, bytes, card, digitPicture, field, h, intro, percent } from "./ui.js";

/** @typedef {{index: number, label: number, read: number, confidence: number, pixels: string}} Mistake */
/** @typedef {{set: string, seen: boolean, count: number, right: number, accuracy: number, accuracy_95: [number, number], nll: number, confusion: number[][], digits: {digit: number, precision: number | null, recall: number | null}[], reliability: {count: number, confidence: number, accuracy: number}[], thresholds: {confidence: number, answered: number, right: number}[], mistakes: Mistake[]}} Evaluation */

/** Ways to make digits harder, with the least and most that the server takes. @type {{name: string, title: string, unit: string, least: number, most: number, step: number}[]} */
const DISTORTIONS = [
  { name: "noise", title: "Noise", unit: "share of full ink", least: 0, most: 0.8, step: 0.05 },
  { name: "rotation", title: "Rotation", unit: "degrees", least: -60, most: 60, step: 5 },
  { name: "blur", title: "Blur", unit: "pixels", least: 0, most: 3, step: 0.25 },
  { name: "thickness", title: "Thinner or thicker strokes", unit: "pixels a side", least: -1.5, most: 3, step: 0.25 },
];

/** Ten colours for ten digits. */
const TEN = [...HUES, "#7a879c", "#dc2626"];

export class EvaluateView {
  constructor() {
    this.asked = "";
    /** @type {Evaluation | null} */
    this.result = null;
    this.head = h("div", { class: "versus" });
    this.harder = h("select", { id: "harder", title: "Make the test digits harder", onchange: () => this.setHarder() }, h("option", { value: "" }, "as they are"), DISTORTIONS.map(({ name, title }) => h("option", { value: name }, title)));
    this.amount = h("input", { type: "range", "aria-label": "How much", title: "How much harder", oninput: () => this.showAmount(), onchange: () => attempt(() => this.evaluate()) });
    this.amountText = h("output", { class: "small" });
    this.amountRow = h("div", { class: "row grow", hidden: true }, h("span", { class: "grow" }, this.amount), this.amountText);
    this.sure = h("div", { class: "grid two" });
    this.matrix = h("div", { class: "matrix", role: "group", "aria-label": "Confusion matrix: rows are what it is, columns what was read" });
    this.mistakes = h("div", { class: "stack", id: "mistakes", role: "status", "aria-live": "polite" });
    this.table = h("div", { class: "scroll" });
    this.honest = h("div", null);
    this.curves = h("div", { class: "grid two" });
    this.layer = h("select", { onchange: () => attempt(() => this.map()) });
    this.by = h("select", { id: "by", onchange: () => attempt(() => this.map()) }, h("option", { value: "pca" }, "PCA: how they differ most"), h("option", { value: "tsne" }, "t-SNE: who is like whom"));
    this.place = h("div", null);
    this.root = h("div", null,
      intro("How good is it?", "Not one number but where it fails, whether its confidence can be trusted, and how much it bears."),
      h("div", { class: "stack-l" },
        h("section", { class: "card row", "aria-label": "Which digits" }, h("label", { class: "row small" }, h("span", null, "Test digits"), this.harder), this.amountRow),
        this.head,
        h("div", { class: "grid two" },
          card("What is mixed up", h("p", { class: "soft small" }, "Rows: what it is. Columns: what was read. Click a number to see the digits."), this.matrix),
          card("Mistakes", this.mistakes)),
        h("div", { class: "grid two" },
          card("Digit by digit", this.table),
          card("Can its confidence be trusted?", this.honest)),
        card("If it may say “I do not know”", this.sure),
        card("How much does it bear?", h("p", { class: "soft small" }, "The first 1,000 test digits made harder and harder: share still read right."), this.curves),
        card("A map of the digits", h("p", { class: "soft small" }, "Each point is a test digit. PCA places it along the two directions in which a layer’s values differ most; t-SNE puts digits together whose values are alike, but how far groups lie apart means little. The deeper the layer, the better the digits part. Outlined points were misread. Point at one to see it, click to look inside; or use the arrow keys, M for the next misread one, and Enter."),
          h("div", { class: "fields" }, field("Layer", this.layer, "Whose values place the digits"), field("Placed by", this.by, "PCA takes a moment, t-SNE a second or two")), this.place)));
    models.listeners.add(() => this.root.isConnected && this.show());
  }

  show() {
    const model = models.chosen;
    if (!model) return;
    const asked = key();
    if (asked === this.asked) return;
    this.asked = asked;
    this.layer.replaceChildren(h("option", { value: "" }, "pixels"), ...model.layers.map((layer, i) => h("option", { value: i, selected: i === model.layers.length - 1 }, `${i + 1}. ${layer.text}`)));
    attempt(async () => {
      await this.evaluate();
      if (this.asked !== asked) return;
      await this.map();
      await this.bear(asked);
    });
  }

  async evaluate() {
    const key = this.asked;
    const asked = this.harder.value ? { distortion: this.harder.value, amount: Number(this.amount.value) } : {};
    this.mistakes.replaceChildren(h("p", { class: "soft" }, "Reading all test digits …"));
    const result = await ask(`/v1/models/${models.name}/evaluate`, { json: asked });
    // Another model or amount was chosen meanwhile.
    if (this.asked !== key || (asked.distortion ?? "") !== this.harder.value) return;
    this.result = result;
    this.showResult();
  }

  /** Which way the test digits are made harder, if any. */
  setHarder() {
    const way = DISTORTIONS.find(({ name }) => name === this.harder.value);
    this.amountRow.hidden = !way;
    if (way) {
      Object.assign(this.amount, { min: way.least, max: way.most, step: way.step });
      // Half of the most is where it begins to matter.
      this.amount.value = String(way.most / 2);
    }
    this.showAmount();
    attempt(() => this.evaluate());
  }

  showAmount() {
    this.amountText.textContent = `${this.amount.value} ${DISTORTIONS.find(({ name }) => name === this.harder.value)?.unit ?? ""}`;
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
    this.showSure();
  }

  /** What is left where it answers only what it is sure of. */
  showSure() {
    const { thresholds, count } = /** @type {Evaluation} */ (this.result);
    const format = (/** @type {number} */ v) => percent(v, 0);
    const words = h("p", { role: "status" });
    const slider = h("input", { type: "range", min: 0, max: thresholds.length - 1, value: thresholds.findIndex(({ confidence }) => confidence >= 0.9), "aria-label": "Confidence from which it answers", title: "Below it, it says that it does not know", oninput: () => tell() });
    const tell = () => {
      const { confidence, answered, right } = thresholds[Number(slider.value)];
      words.textContent = `From a confidence of ${confidence.toFixed(2)} on it answers ${percent(answered / count)} of the digits, and of these ${answered ? percent(right / answered, 2) : "none"} right.`;
    };
    tell();
    const answered = { name: "answered", hue: HUES[1], points: thresholds.map(({ confidence, answered }) => /** @type {[number, number]} */ ([confidence, answered / count])) };
    const right = { name: "right, of those answered", hue: HUES[0], points: thresholds.filter(({ answered }) => answered).map(({ confidence, answered, right }) => /** @type {[number, number]} */ ([confidence, right / answered])) };
    this.sure.replaceChildren(
      h("div", { class: "stack" }, h("p", { class: "soft small" }, "Below that confidence it keeps silent."), h("div", { class: "row" }, h("span", { class: "small soft" }, "It answers from"), h("span", { class: "grow" }, slider)), words, legend([answered, right])),
      lines({ label: "Share answered, and share of those right, by the confidence asked for", x: "confidence asked for", y: "Share", xs: [0, 1], format, formatX: format, series: [answered, right] }));
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
    for (const { name: distortion, title, unit: x } of DISTORTIONS) {
      const points = await ask(`/v1/models/${name}/robustness`, { json: { distortion } });
      if (this.asked !== key) return;
      this.curves.append(h("div", null, lines({ label: `Accuracy under ${distortion}`, x, y: title, ys: [0, 1], format: (v) => percent(v, 0), height: 210, series: [
        { name: title, hue: HUES[0], dots: true, points: points.map((/** @type {{amount: number, accuracy: number}} */ p) => [p.amount, p.accuracy]) },
      ] })));
    }
  }

  async map() {
    const layer = this.layer.value === "" ? null : Number(this.layer.value);
    const by = this.by.value;
    this.place.setAttribute("aria-busy", "true");
    /** @type {{index: number, x: number, y: number, label: number, read: number}[]} */
    const places = await ask(`/v1/models/${models.name}/map`, { json: { layer, by } }).finally(() => this.place.removeAttribute("aria-busy"));
    // Another map was chosen meanwhile.
    if (by !== this.by.value || layer !== (this.layer.value === "" ? null : Number(this.layer.value))) return;
    const [width, height] = innerWidth < 860 ? [520, 560] : [1080, 620];
    const canvas = h("canvas", { class: "map", width, height, tabIndex: 0, role: "application", "aria-label": `Map of ${places.length} digits. Arrow keys go from digit to digit, M to the next misread one, Enter looks inside.` });
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const span = (/** @type {number[]} */ all) => [Math.min(...all), Math.max(...all)];
    const [x0, x1] = span(places.map((p) => p.x)), [y0, y1] = span(places.map((p) => p.y));
    context.font = "600 17px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    const spots = places.map((place) => ({ ...place, at: [20 + ((place.x - x0) / (x1 - x0 || 1)) * (width - 40), 20 + ((place.y - y0) / (y1 - y0 || 1)) * (height - 40)] }));
    for (const { at, label, read } of spots) {
      context.fillStyle = TEN[label];
      context.fillText(String(label), at[0], at[1]);
      if (read === label) continue;
      context.strokeStyle = TEN[read];
      context.lineWidth = 2.5;
      context.beginPath();
      context.arc(at[0], at[1], 13, 0, 7);
      context.stroke();
    }
    const shown = h("div", { class: "chip seen", role: "status", "aria-live": "polite", hidden: true });
    const mark = h("div", { class: "mark", hidden: true });
    /** @type {typeof spots[0] | null} */
    let chosen = null;
    /** @param {typeof spots[0] | undefined} spot */
    const choose = (spot) => {
      if (!spot || spot === chosen) return false;
      chosen = spot;
      mark.hidden = false;
      mark.style.left = `${(100 * spot.at[0]) / width}%`;
      mark.style.top = `${(100 * spot.at[1]) / height}%`;
      attempt(async () => {
        const { digits: [digit] } = await ask(`/v1/digits?from=${spot.index}&count=1`);
        if (spot !== chosen) return;
        looked.pixels = digit.pixels;
        shown.hidden = false;
        shown.replaceChildren(digitPicture(bytes(digit.pixels), 64, ""), h("small", null, spot.read === spot.label ? `a ${spot.label}` : `a ${spot.label}, read as ${spot.read}`));
      });
      return true;
    };
    /** @param {(spot: typeof spots[0]) => number} far @param {typeof spots} among */
    const nearest = (far, among) => among.reduce((best, spot) => (far(spot) < far(best) ? spot : best), among[0]);
    /** @param {PointerEvent} event */
    const point = (event) => {
      const box = canvas.getBoundingClientRect();
      const [x, y] = [((event.clientX - box.left) * width) / box.width, ((event.clientY - box.top) * height) / box.height];
      return choose(nearest(({ at }) => (at[0] - x) ** 2 + (at[1] - y) ** 2, spots));
    };
    // A finger cannot point without touching: its first tap chooses, the second one looks inside.
    let tapped = false;
    canvas.addEventListener("pointermove", point);
    canvas.addEventListener("pointerdown", (event) => (tapped = point(event) && event.pointerType === "touch"));
    canvas.addEventListener("click", () => chosen && !tapped && (location.hash = "inside"));
    canvas.addEventListener("keydown", (event) => {
      const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === "Enter" && chosen) location.hash = "inside";
      else if (event.key === "m") {
        const after = spots.slice(chosen ? spots.indexOf(chosen) + 1 : 0);
        choose([...after, ...spots].find(({ read, label }) => read !== label));
      } else if (direction) {
        event.preventDefault();
        const [x, y] = chosen?.at ?? [width / 2, height / 2];
        // What lies in that direction, and more so than to the side.
        const ahead = (/** @type {typeof spots[0]} */ { at }) => (at[0] - x) * direction[0] + (at[1] - y) * direction[1];
        const aside = (/** @type {typeof spots[0]} */ { at }) => Math.abs((at[0] - x) * direction[1]) + Math.abs((at[1] - y) * direction[0]);
        choose(nearest((spot) => ahead(spot) + 2 * aside(spot), spots.filter((spot) => ahead(spot) > 0 && aside(spot) <= ahead(spot))));
      }
    });
    this.place.replaceChildren(h("div", { class: "placed" }, canvas, mark, shown));
  }
}
