// Small pieces that every view is made of.

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element. Keys that begin with `on` are listeners, `class` and `data` as in HTML, all others
 * properties where there is one, else attributes.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any> | null} [properties]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = value;
    else if (key === "style") for (const [name, v] of Object.entries(value)) element.style.setProperty(name, String(v));
    else if (key in element && !key.startsWith("aria")) Reflect.set(element, key, value);
    else element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false).map((c) => (typeof c === "number" ? String(c) : /** @type {Node | string} */ (c))));
  return element;
}

/**
 * An SVG element.
 * @param {string} tag
 * @param {Record<string, string | number | EventListener>} attributes
 * @param {...(Node | string)} children
 * @returns {SVGElement}
 */
export function s(tag, attributes, ...children) {
  const element = /** @type {SVGElement} */ (document.createElementNS("http://www.w3.org/2000/svg", tag));
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, String(value));
  }
  element.append(...children);
  return element;
}

/** The beginning of a view. @param {string} title @param {string} text */
export const intro = (title, text) => h("div", { class: "intro" }, h("h1", null, title), h("p", null, text));

/** @param {string} title @param {...(Child | Child[])} children */
export const card = (title, ...children) => h("section", { class: "card", "aria-label": title }, h("h2", null, title), ...children);

/** A control with its label. @param {string} label @param {HTMLElement} control @param {string} [help] what it does, for who hovers or listens */
export function field(label, control, help) {
  if (help) control.setAttribute("aria-description", help);
  return h("label", { class: "field", title: help }, label, control);
}

/** @param {number} share @param {number} [decimals] */
export const percent = (share, decimals = 1) => `${(100 * share).toFixed(decimals)} %`;

/** Says something at the bottom of the page. @param {unknown} what */
export function notice(what) {
  const advice = what instanceof Error && "advice" in what ? String(what.advice) : "";
  const text = what instanceof Error ? what.message : String(what);
  const element = h("div", { class: "notice" }, text, advice && h("small", null, advice));
  const notices = document.getElementById("notices");
  notices?.append(element);
  if (notices && notices.children.length > 2) notices.firstElementChild?.remove();
  setTimeout(() => element.remove(), 6000);
}

/** Runs something that may fail, and says so. @param {() => Promise<unknown> | unknown} work */
export async function attempt(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "AbortError")) notice(error);
  }
}

/** @param {string} base64 */
export const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** Colours by name, until the page turns dark or light. @type {Map<string, [number, number, number]>} */
const colors = new Map();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => colors.clear());

/** @param {string} name @returns {[number, number, number]} */
function color(name) {
  const known = colors.get(name);
  if (known) return known;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  context.fillRect(0, 0, 1, 1);
  const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
  colors.set(name, [r, g, b]);
  return [r, g, b];
}

/**
 * A picture of numbers, `width` a row, each pixel coloured by `paint(value)`.
 * @param {ArrayLike<number>} values @param {number} width @param {(v: number) => [number, number, number]} paint
 */
function picture(values, width, paint) {
  const height = Math.ceil(values.length / width);
  const canvas = h("canvas", { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(width, height);
  for (let i = 0; i < values.length; i++) {
    image.data.set([...paint(values[i]), 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** A digit's 784 pixels, ink on paper. @param {ArrayLike<number>} pixels @param {number} size @param {string} label */
export function digitPicture(pixels, size, label) {
  const [paper, pen] = [color("--paper"), color("--pen")];
  const canvas = picture(pixels, 28, (v) => /** @type {[number, number, number]} */ (paper.map((p, i) => p + ((pen[i] - p) * v) / 255)));
  canvas.className = "digit";
  canvas.style.width = canvas.style.height = `${size}px`;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  return canvas;
}

/**
 * Values above 0 in one colour, below in another, on the paper's.
 * @param {ArrayLike<number>} values @param {number} width @param {number} [scale] the value of full colour
 */
export function signedPicture(values, width, scale) {
  const full = scale ?? (Math.max(...Array.from(values, Math.abs)) || 1);
  const paper = color("--card");
  const plus = [79, 70, 229], minus = [234, 88, 12];
  return picture(values, width, (v) => {
    const t = Math.min(1, Math.abs(v) / full), to = v > 0 ? plus : minus;
    return /** @type {[number, number, number]} */ (paper.map((p, i) => p + (to[i] - p) * t));
  });
}

/** @param {number} v */
export const fixed = (v) => (v < 0 ? "−" : "") + Math.abs(v).toFixed(3);

/** The place of the largest. @param {number[]} values */
export const best = (values) => values.indexOf(Math.max(...values));

/** Ten bars. @param {number[]} probabilities */
export function bars(probabilities) {
  const read = best(probabilities);
  return h("div", { class: "bars", role: "list", "aria-label": "Probability of each digit" }, probabilities.map((p, digit) =>
    h("div", { class: digit === read ? "bar best" : "bar", role: "listitem" }, h("span", null, digit), h("i", { style: { "--p": p }, "aria-hidden": "true" }), h("span", null, percent(p, p > 0.9995 ? 0 : 1)))));
}

/**
 * Replaces what is in an element. Who works with the keyboard stays at the control they were at.
 * @param {Element} element @param {...Child} children
 */
export function refill(element, ...children) {
  const controls = () => /** @type {HTMLElement[]} */ ([...element.querySelectorAll("button, input, select, summary, a[href], [tabindex]")]);
  const at = controls().indexOf(/** @type {HTMLElement} */ (document.activeElement));
  element.replaceChildren(...h("div", null, ...children).childNodes);
  if (at >= 0) controls()[at]?.focus({ preventScroll: true });
}

/** Saves text as a file. @param {string} name @param {string} text @param {string} kind */
export function download(name, text, kind) {
  const address = URL.createObjectURL(new Blob([text], { type: kind }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
