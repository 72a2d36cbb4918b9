// A sheet of paper to draw on, with mouse, finger, pen or keyboard.

import { h } from "./ui.js";

/** Width of the pen, in pixels of the screen. */
const PEN = 13;
/** How to draw without a mouse. */
export const KEYS = "With the keyboard: arrow keys move the pen, space puts it down or lifts it, Backspace undoes.";
/** Time between two looks at an unfinished stroke, in milliseconds. */
const LOOK = 140;

export class Pad {
  /** @param {{width: number, height: number, square?: boolean, label: string, changed: (pad: Pad) => void}} options */
  constructor({ width, height, square, label, changed }) {
    this.pen = 22;
    this.changed = changed;
    /** @type {[number, number][][]} */
    this.strokes = [];
    this.canvas = h("canvas", { class: square ? "pad square" : "pad", width, height, tabIndex: 0, role: "application", "aria-label": label });
    this.cursor = [width / 2, height / 3];
    this.down = false;
    /** Which mouse, pen or finger draws; others are a palm. @type {number | null} */
    this.pointer = null;
    this.keyboard = false;
    this.lookedAt = 0;
    this.listen();
    this.paint();
  }

  get empty() {
    return this.strokes.length === 0;
  }

  clear() {
    this.strokes = [];
    this.touched();
  }

  undo() {
    this.strokes.pop();
    this.touched();
  }

  /** The sheet's shape on the screen decides the shape of the picture. */
  fit() {
    const box = this.canvas.getBoundingClientRect();
    if (box.width > 0 && this.empty) {
      this.canvas.height = Math.round((this.canvas.width * box.height) / box.width);
      this.pen = (PEN * this.canvas.width) / box.width;
      this.paint();
    }
  }

  /** What is drawn, as a PNG. @returns {Promise<Blob>} */
  png() {
    return new Promise((resolve, reject) => this.canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the drawing cannot be saved"))), "image/png"));
  }

  touched() {
    this.paint();
    this.lookedAt = performance.now();
    this.changed(this);
  }

  paint() {
    const { canvas, pen } = this;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.strokeStyle = context.fillStyle = "#16161d";
    context.lineWidth = pen;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of this.strokes) {
      context.beginPath();
      const [first, ...rest] = stroke;
      context.moveTo(...first);
      // Curves through the middles between points: a hand makes no corners.
      let last = first;
      for (const point of rest) {
        context.quadraticCurveTo(...last, (last[0] + point[0]) / 2, (last[1] + point[1]) / 2);
        last = point;
      }
      context.lineTo(last[0] + 0.01, last[1]);
      context.stroke();
    }
    if (this.keyboard) {
      context.strokeStyle = "#4f46e5";
      context.lineWidth = 3;
      context.beginPath();
      context.arc(this.cursor[0], this.cursor[1], pen / 2 + 3, 0, 7);
      context.stroke();
    }
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * this.canvas.width) / box.width, ((event.clientY - box.top) * this.canvas.height) / box.height];
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || this.pointer !== null) return;
      event.preventDefault();
      this.pointer = event.pointerId;
      this.fit();
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      this.keyboard = false;
      this.down = true;
      this.strokes.push([this.at(event)]);
      this.paint();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerId !== this.pointer) return;
      const stroke = this.strokes[this.strokes.length - 1];
      const all = event.getCoalescedEvents?.() ?? [];
      for (const one of all.length ? all : [event]) stroke.push(this.at(one));
      this.paint();
      if (performance.now() - this.lookedAt > LOOK) this.touched();
    });
    const end = (/** @type {PointerEvent} */ event) => {
      if (event.pointerId !== this.pointer) return;
      this.pointer = null;
      this.down = false;
      this.touched();
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => {
      this.keyboard = this.down = false;
      this.pointer = null;
      this.paint();
    });
  }

  /** Arrows move the pen, space puts it down or lifts it, Backspace undoes. @param {KeyboardEvent} event */
  key(event) {
    const step = event.shiftKey ? 4 : 14;
    /** @type {Record<string, [number, number]>} */
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const move = moves[event.key];
    if (!move && event.key !== " " && event.key !== "Backspace") return;
    event.preventDefault();
    this.keyboard = true;
    if (event.key === "Backspace") return this.undo();
    if (event.key === " ") {
      this.down = !this.down;
      if (this.down) this.strokes.push([[this.cursor[0], this.cursor[1]]]);
      return this.touched();
    }
    this.cursor = [
      Math.min(this.canvas.width, Math.max(0, this.cursor[0] + move[0])),
      Math.min(this.canvas.height, Math.max(0, this.cursor[1] + move[1])),
    ];
    if (this.down) {
      this.strokes[this.strokes.length - 1].push([this.cursor[0], this.cursor[1]]);
      this.touched();
    } else this.paint();
  }
}
