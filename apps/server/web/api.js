// Talks to the server.

/**
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 * @typedef {{digit: number, confidence: number, box: Box}} Digit
 * @typedef {{box: Box, pixels: string, probabilities: number[]}} Glyph
 * @typedef {{text: string, box: Box, digits: Digit[]}} Line
 * @typedef {{box: Box, candidates: {digit: number, confidence: number}[], place?: {line: number, before: number}}} Unsure
 * @typedef {{version: number, width: number, height: number, text: string, lines: Line[], unsure: Unsure[], glyphs?: Glyph[], stages?: {name: string, picture: string}[]}} Reading
 * @typedef {{text: string, kind: string, shape: [number, number, number], weights: number[], window?: {stride: number, pad: number}}} Layer
 * @typedef {{name: string, reads: boolean, origin: string, revision: number, layers: Layer[], parameters: number, loss: string, pixels: string, recipe: string, epochs: number, steered: boolean, train_count: number, validation_accuracy: number}} Model
 * @typedef {{epoch: number, loss: number, accuracy?: number, dead?: number[], moved?: {layer: number, share: number}[], seconds?: number}} Point
 * @typedef {{count: number, before: number, after: number}} Compared
 * @typedef {{rate: number, momentum: number, weight_decay: number, dropout: number | null, batch: number, augment: Record<string, number> | null}} Settings
 * @typedef {{id: number, kind: "train" | "teach", name: string, model: string, status: "running" | "paused" | "done" | "stopped" | "failed", epoch: number, epochs: number, done: number, learning_rate: number, settings: Settings, delay: number, train_count: number, error?: string, lesson?: {learned_from: number, mine: Compared | null, others: Compared}, points: Point[]}} Run
 * @typedef {{layer: number, unit: number, scale: number, shift: number}} Change
 * @typedef {{noise: number, prune: number, seed: number}} Damage
 */

const KEY = "decipher-token";
const inAddress = /[#&]token=([^&]+)/.exec(location.hash);
if (inAddress) {
  let token = inAddress[1];
  try {
    token = decodeURIComponent(token);
  } catch {
    // Written by hand, with a % that stands for itself.
  }
  sessionStorage.setItem(KEY, token);
  history.replaceState(null, "", location.pathname + "#read");
}

/** What the server refused, and what to do about it. */
export class Problem extends Error {
  /** @param {string} message @param {string} advice @param {string} code */
  constructor(message, advice, code) {
    super(message);
    this.advice = advice;
    this.code = code;
  }
}

/**
 * Asks the server; gives the JSON of its answer, or null where there is none.
 * A busy server is asked again when it says so, a few times.
 * @param {string} path
 * @param {{method?: string, json?: unknown, body?: BodyInit, signal?: AbortSignal, tries?: number}} [options]
 * @returns {Promise<any>}
 */
export async function ask(path, { method, json, body, signal, tries = 3 } = {}) {
  const sends = json !== undefined || body !== undefined;
  /** @type {Record<string, string>} */
  const headers = {};
  const token = sessionStorage.getItem(KEY);
  if (token) headers.authorization = `Bearer ${token}`;
  if (json !== undefined) headers["content-type"] = "application/json";
  else if (body !== undefined) headers["content-type"] = "application/octet-stream";
  let response;
  try {
    response = await fetch(path, { method: method ?? (sends ? "POST" : "GET"), headers, body: json !== undefined ? JSON.stringify(json) : body, signal });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem("The server cannot be reached.", "Is 'decipher serve' still running?", "unreachable");
  }
  const wait = Number(response.headers.get("retry-after"));
  if (response.status === 503 && wait > 0 && tries > 1) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
    signal?.throwIfAborted();
    return ask(path, { method, json, body, signal, tries: tries - 1 });
  }
  const text = await response.text();
  if (response.ok) return text ? JSON.parse(text) : null;
  let problem;
  try {
    problem = JSON.parse(text);
  } catch {
    problem = { error: `The server answered ${response.status}.`, advice: "", code: "" };
  }
  if (problem.code === "token_needed") {
    const given = prompt("This needs the token that the server printed when it started:");
    if (given) {
      sessionStorage.setItem(KEY, given.trim());
      return ask(path, { method, json, body, signal });
    }
  }
  throw new Problem(problem.error, problem.advice, problem.code);
}

/** All models and which one the page works with. */
export const models = {
  /** @type {Model[]} */
  list: [],
  name: "",
  /** @type {Set<() => void>} */
  listeners: new Set(),
  /** @returns {Model | undefined} */
  get chosen() {
    return this.list.find((model) => model.name === this.name);
  },
  async refresh() {
    this.list = await ask("/v1/models");
    if (!this.chosen) this.name = this.list.find((model) => model.reads)?.name ?? "default";
    this.listeners.forEach((listener) => listener());
  },
  /** @param {string} name */
  choose(name) {
    this.name = name;
    this.listeners.forEach((listener) => listener());
  },
};

/** Names what the page works with; another network of the same name has another key. */
export const key = () => `${models.name} ${models.chosen?.revision}`;
