// Curves and points, as SVG.

import { h, s } from "./ui.js";

/** Colours of several curves on one chart. */
export const HUES = ["#6366f1", "#ea580c", "#0d9488", "#db2777", "#ca8a04", "#0284c7", "#65a30d", "#a855f7"];

/**
 * @typedef {{name: string, hue: string, points: [number, number][], dots?: boolean, dashed?: boolean}} Series
 * @typedef {{label: string, series: Series[], x: string, y: string, xs?: [number, number], ys?: [number, number], format?: (v: number) => string, formatX?: (v: number) => string, height?: number}} Chart
 */

/** About five round numbers from `low` to `high`. @param {number} low @param {number} high */
function ticks(low, high) {
  const rough = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((m) => m >= rough) ?? rough;
  const all = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-6; v += step) all.push(v);
  return all;
}

/** @param {number} v */
const short = (v) => String(Number(v.toPrecision(3)));

/** A chart of curves. @param {Chart} chart @returns {SVGElement} */
export function lines({ label, series, x, y, xs, ys, format = short, formatX = short, height = 230 }) {
  const all = series.flatMap((one) => one.points);
  const range = (/** @type {number} */ axis) => /** @type {[number, number]} */ (all.length ? [Math.min(...all.map((p) => p[axis])), Math.max(...all.map((p) => p[axis]))] : [0, 1]);
  const [x0, x1] = xs ?? range(0);
  let [y0, y1] = ys ?? range(1);
  if (y1 - y0 < 1e-9) [y0, y1] = [0.9 * y0 - 1e-3, 1.1 * y1 + 1e-3];
  // On a phone the same letters need a smaller drawing.
  const [width, left, right, top, bottom] = [innerWidth < 860 ? 350 : 420, 46, 12, 14, 34];
  const px = (/** @type {number} */ v) => left + ((v - x0) / (x1 - x0 || 1)) * (width - left - right);
  const py = (/** @type {number} */ v) => top + ((y1 - v) / (y1 - y0)) * (height - top - bottom);
  const svg = s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const v of ticks(y0, y1)) {
    svg.append(s("line", { class: "axis", x1: left, x2: width - right, y1: py(v), y2: py(v) }), s("text", { x: left - 8, y: py(v) + 4, "text-anchor": "end" }, format(v)));
  }
  for (const v of ticks(x0, x1)) svg.append(s("text", { x: px(v), y: height - bottom + 16, "text-anchor": "middle" }, formatX(v)));
  svg.append(s("text", { x: width - right, y: height - 2, "text-anchor": "end" }, x), s("text", { class: "label", x: left, y: 8 }, y));
  for (const { name, hue, points, dots, dashed } of series) {
    if (!points.length) continue;
    const path = points.map(([a, b], i) => `${i ? "L" : "M"}${px(a).toFixed(1)},${py(Math.min(y1, Math.max(y0, b))).toFixed(1)}`).join("");
    svg.append(s("path", { d: path, fill: "none", stroke: hue, "stroke-width": 2, "stroke-linejoin": "round", ...(dashed ? { "stroke-dasharray": "4 4" } : {}) }, s("title", {}, name)));
    // A line of no length would not be seen.
    if (dots || points.every(([a]) => a === points[0][0])) {
      for (const [a, b] of points) svg.append(s("circle", { cx: px(a), cy: py(b), r: 3.2, fill: hue }, s("title", {}, `${name}: ${format(b)} at ${formatX(a)}`)));
    }
  }
  return svg;
}

/** @param {{name: string, hue: string}[]} series */
export const legend = (series) => h("div", { class: "legend" }, series.map(({ name, hue }) => h("span", null, h("i", { style: { "--hue": hue } }), name)));

/**
 * How often each of equal steps came, as columns; `before` as an outline behind them.
 * @param {{label: string, counts: number[], hue: string, before?: number[], from: string, to: string}} chart
 */
export function columns({ label, counts, hue, before, from, to }) {
  const [width, height, bottom] = [240, 84, 14];
  const most = Math.max(1, ...counts, ...(before ?? []));
  const step = width / counts.length;
  // A root, so that rare ones are seen beside frequent ones.
  const tall = (/** @type {number} */ n) => Math.sqrt(n / most) * (height - bottom - 2);
  const svg = s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  counts.forEach((n, i) => svg.append(s("rect", { x: i * step + 0.5, y: height - bottom - tall(n), width: step - 1, height: tall(n), fill: hue }, s("title", {}, String(n)))));
  if (before) {
    const path = before.map((n, i) => `${i ? "L" : "M"}${i * step},${height - bottom - tall(n)}h${step}`).join("");
    svg.append(s("path", { d: path, fill: "none", class: "before" }));
  }
  svg.append(s("text", { x: 0, y: height - 1 }, from), s("text", { x: width, y: height - 1, "text-anchor": "end" }, to));
  return svg;
}
