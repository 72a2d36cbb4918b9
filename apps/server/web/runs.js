// What the server's training runs and lessons are doing, as it happens.

import { ask, models } from "./api.js";

/** @typedef {import("./api.js").Run} Run */

export const news = {
  /** @type {Run[]} */
  runs: [],
  /** @type {Set<() => void>} */
  listeners: new Set(),
  /** @type {EventSource | null} */
  source: null,
  timer: 0,

  /** Begins to listen; one stream brings the news of all runs. */
  async listen() {
    if (this.source) return;
    const source = new EventSource("/v1/runs/events");
    this.source = source;
    source.onmessage = (event) => this.hear(JSON.parse(event.data));
    // After a break everything is asked for again.
    source.onopen = () => this.refresh();
    await this.refresh();
  },

  async refresh() {
    this.runs = await ask("/v1/runs");
    this.tell();
  },

  /** @param {Run} run */
  put(run) {
    const at = this.runs.findIndex((one) => one.id === run.id);
    if (at >= 0) this.runs[at] = run;
    else this.runs.push(run);
    this.tell();
  },

  /** A run that was just started; what the stream said of it meanwhile is newer. @param {Run} run */
  add(run) {
    if (!this.runs.some((one) => one.id === run.id)) this.put(run);
    else this.tell();
  },

  /** @param {any} what */
  hear(what) {
    if (what.type === "missed") this.refresh();
    if (what.type === "gone") this.runs = this.runs.filter((run) => run.id !== what.id);
    if (what.type === "state") {
      const { type, ...run } = what;
      this.put(run);
      // A run that is over leaves a model behind.
      if (run.status !== "running") models.refresh();
    }
    if (what.type === "point") {
      const run = this.runs.find((one) => one.id === what.id);
      if (!run) return;
      const last = run.points[run.points.length - 1];
      if (last && last.epoch >= what.point.epoch && last.accuracy !== undefined) return;
      run.points.push(what.point);
      run.done = what.done;
      run.epoch = Math.min(run.epochs, Math.floor(what.point.epoch) + 1);
    }
    this.tell();
  },

  /** At most twenty times a second: a fast run has hundreds of points. */
  tell() {
    if (this.timer) return;
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      this.listeners.forEach((listener) => listener());
    }, 50);
  },
};
