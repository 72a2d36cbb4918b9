// Read: draw or show a picture, and see what it says.

import { ask, models } from "./api.js";
import { mine } from "./mine.js";
import { KEYS, Pad } from "./pad.js";
import { attempt, bars, bytes, card, digitPicture, download, h, intro, notice, percent, refill, s } from "./ui.js";

/** @typedef {import("./api.js").Reading} Reading */
/** @typedef {import("./api.js").Box} Box */
/** @typedef {{box: Box, digit: number, confidence: number, sure: boolean, pixels: string, probabilities: number[]}} Found */

/** What the stages are, in words. @type {Record<string, [string, string]>} */
const STAGES = {
  "1-gray": ["Grey", "The picture as it came, without colours."],
  "2-ink": ["Ink", "Light and shadow divided out. Dark is ink."],
  "3-mask": ["Ink or paper", "A threshold decides for each pixel."],
  "4-components": ["Pieces", "Pixels that touch are one piece."],
  "5-erased": ["Erased", "Boxes around lines, rings, stains and shadows that were erased."],
  "6-digits": ["Digits", "Specks are gone, broken digits joined."],
  "7-lines": ["Lines", "In reading order."],
};

/** What other views are shown: the digit that was last looked at. */
export const looked = { pixels: "" };

export class ReadView {
  constructor() {
    /** @type {Blob | null} */
    this.blob = null;
    /** @type {Reading | null} */
    this.reading = null;
    /** @type {Found[]} */
    this.found = [];
    this.at = -1;
    this.asked = 0;
    /** @type {AbortController | null} */
    this.pending = null;
    /** The camera's, while it is on. @type {MediaStream | null} */
    this.stream = null;
    this.pad = new Pad({ width: 960, height: 600, label: `Sheet to draw digits on. ${KEYS}`, changed: () => this.drawn() });
    this.later = 0;
    /** @type {SVGElement | null} */
    this.overlay = null;
    this.hint = h("div", { class: "hint" }, h("div", null, h("b", null, "Draw digits here"), "or drop, paste or choose a picture", h("p", { class: "small keys" }, KEYS)));
    this.stage = h("div", { class: "stage" }, this.pad.canvas, this.hint);
    this.file = h("input", { type: "file", accept: "image/*", hidden: true, id: "file", onchange: () => this.take(this.file.files?.[0]) });
    this.answer = h("div", { class: "answer none", id: "answer", role: "status", "aria-live": "polite" }, "Nothing yet");
    this.chips = h("div", { class: "chips" });
    this.detail = h("div", { class: "stack" });
    this.copies = h("div", { class: "row" }, h("button", { title: "Copy the digits, line by line", onclick: () => this.copy("text") }, "Copy text"), h("button", { title: "Copy a table: each digit, how sure, and where", onclick: () => this.copy("csv") }, "CSV"), h("button", { title: "Copy all that the server said", onclick: () => this.copy("json") }, "JSON"));
    this.stages = h("div", { class: "strip", tabIndex: 0, role: "group", "aria-label": "Stages" });
    this.stageCard = card("How it was found", h("p", { class: "soft small" }, "Each stage hands its result to the next. If a digit is misread, look where it went wrong."), this.stages);
    const tools = h("div", { class: "row tools" },
      h("button", { class: "primary", title: "A file of yours; it goes to this server only", onclick: () => this.file.click() }, "Choose a picture"),
      h("button", { title: "Take a picture and read it", onclick: () => this.camera() }, "Camera"),
      h("span", { class: "grow" }),
      h("button", { title: "Take the last stroke away", onclick: () => !this.pad.empty && this.pad.undo() }, "Undo"),
      h("button", { title: "An empty sheet", onclick: () => this.clear() }, "Clear"), this.file);
    this.left = h("section", { class: "card stack", "aria-label": "Picture" }, this.stage, tools);
    this.root = h("div", null,
      intro("What does it say?", "Draw a number, or show a photo of one. Every digit comes with how sure the network is, and what is no digit is said to be none."),
      h("div", { class: "grid wide-left" },
        this.left,
        h("section", { class: "card stack", "aria-label": "Answer" }, h("h2", null, "Answer"), this.answer, this.chips, this.detail, this.copies)),
      h("div", { class: "grid", style: { "margin-top": "20px" } }, this.stageCard));
    this.stageCard.hidden = this.copies.hidden = true;
    this.takeIn();
  }

  /** Dropped and pasted pictures. */
  takeIn() {
    const drop = (/** @type {boolean} */ on) => this.stage.classList.toggle("drop", on);
    this.stage.addEventListener("dragover", (event) => (event.preventDefault(), drop(true)));
    this.stage.addEventListener("dragleave", () => drop(false));
    this.stage.addEventListener("drop", (event) => {
      event.preventDefault();
      drop(false);
      this.take(event.dataTransfer?.files[0]);
    });
    document.addEventListener("paste", (event) => {
      const file = [...(event.clipboardData?.files ?? [])].find((f) => f.type.startsWith("image/"));
      if (file && this.root.isConnected) this.take(file);
    });
    document.addEventListener("keydown", (event) => {
      const writes = event.target instanceof Element && event.target.closest("input, select, textarea");
      if (!this.root.isConnected || writes || event.ctrlKey || event.altKey || event.metaKey || !/^[0-9]$/.test(event.key)) return;
      this.label(Number(event.key));
    });
    models.listeners.add(() => this.root.isConnected && this.blob && this.read());
  }

  show() {
    requestAnimationFrame(() => this.pad.fit());
  }

  hide() {
    if (this.stream) this.clear();
  }

  /** The camera goes dark. */
  dark() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
  }

  drawn() {
    this.hint.hidden = !this.pad.empty;
    // What is asked or painted for an earlier drawing is out of date from now on.
    const number = ++this.asked;
    if (this.pad.empty) {
      this.blob = null;
      this.pending?.abort();
      this.tell(null);
      return;
    }
    attempt(async () => {
      const blob = await this.pad.png();
      if (number !== this.asked) return;
      this.blob = blob;
      await this.read();
    });
  }

  clear() {
    this.dark();
    this.stage.replaceChildren(this.pad.canvas, this.hint);
    this.pad.clear();
  }

  /** @param {Blob | undefined} file */
  take(file) {
    if (!file) return;
    this.file.value = "";
    this.dark();
    attempt(async () => {
      this.pad.strokes = [];
      this.pad.paint();
      this.tell(null);
      this.blob = file;
      await this.read().catch(async (error) => {
        // A format that the browser knows and the server does not (HEIC, AVIF) becomes a PNG.
        if (error.code !== "unknown_format") throw error;
        const bitmap = await createImageBitmap(file).catch(() => {
          throw error;
        });
        const canvas = h("canvas", { width: bitmap.width, height: bitmap.height });
        canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
        this.blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
        await this.read();
      });
      this.picture();
    });
  }

  async read() {
    if (!this.blob) return;
    this.pending?.abort();
    this.pending = new AbortController();
    const number = ++this.asked;
    const query = `glyphs=true&model=${encodeURIComponent(models.name)}`;
    const reading = await ask(`/v1/read?${query}`, { body: this.blob, signal: this.pending.signal });
    if (number !== this.asked) return;
    this.tell(reading);
    clearTimeout(this.later);
    // The stages take longer, so they wait until the pen rests.
    this.later = window.setTimeout(() => attempt(() => this.showStages(number)), 350);
  }

  /** @param {number} number */
  async showStages(number) {
    if (!this.blob || number !== this.asked) return;
    const reading = await ask(`/v1/read?stages=true&model=${encodeURIComponent(models.name)}`, { body: this.blob });
    if (number !== this.asked) return;
    this.stages.replaceChildren(...reading.stages.map((/** @type {{name: string, picture: string}} */ stage) => {
      const [title, text] = STAGES[stage.name] ?? [stage.name, ""];
      return h("figure", null, h("img", { src: stage.picture, alt: `The picture after the stage ${title}` }), h("figcaption", null, h("b", null, title), text));
    }));
    this.stageCard.hidden = !reading.stages.length;
  }

  /** @param {Reading | null} reading */
  tell(reading) {
    this.reading = reading;
    this.copies.hidden = !reading?.text;
    if (!reading) {
      this.found = [];
      this.stageCard.hidden = true;
      clearTimeout(this.later);
    } else {
      this.found = list(reading);
    }
    const nothing = !reading ? "Nothing yet" : this.found.length ? "No digit for sure" : "No digit here";
    this.answer.className = reading?.text ? "answer" : "answer none";
    this.answer.textContent = reading?.text || nothing;
    this.at = Math.min(Math.max(this.at, 0), this.found.length - 1);
    if (!this.pad.empty) this.at = this.found.length - 1;
    this.showChips();
    if (this.pad.empty && reading) this.picture();
  }

  showChips() {
    refill(this.chips, ...this.found.map((found, i) => h("button", {
      class: found.sure ? "chip" : "chip unsure", "aria-pressed": String(i === this.at), onclick: () => this.select(i),
      "aria-label": found.sure ? `${found.digit}, ${percent(found.confidence)} sure` : `perhaps ${found.digit}, ${percent(found.confidence)} sure`,
    }, digitPicture(bytes(found.pixels), 44, ""), h("b", null, found.sure ? found.digit : `${found.digit}?`), h("small", null, percent(found.confidence, 0)))));
    this.showDetail();
  }

  /** @param {number} at */
  select(at) {
    this.at = at;
    this.showChips();
    this.overlay?.querySelectorAll("g").forEach((g, i) => g.classList.toggle("on", i === at));
  }

  showDetail() {
    const found = this.found[this.at];
    if (!found) return this.detail.replaceChildren();
    looked.pixels = found.pixels;
    const label = (/** @type {number} */ digit) => h("button", { "aria-label": `It is a ${digit}`, title: "Note it among your digits, to be taught", onclick: () => this.label(digit) }, digit);
    this.detail.replaceChildren(
      h("div", { class: "grid", style: { "grid-template-columns": "148px minmax(0, 1fr)", gap: "18px" } },
        h("div", { class: "stack" }, digitPicture(bytes(found.pixels), 148, "What the network saw, 28 by 28 pixels"), h("span", { class: "soft small" }, "What the network saw")),
        bars(found.probabilities)),
      h("div", { class: "row spread" }, h("span", { class: "soft small" }, "Wrong? Click or type what it is:"), h("a", { href: "#inside", class: "small" }, "Look inside")),
      h("div", { class: "ten" }, [...Array(10).keys()].map(label)));
  }

  /** The chosen digit joins a person's own. @param {number} label */
  label(label) {
    const found = this.found[this.at];
    if (!found) return;
    mine.add({ label, pixels: found.pixels });
    notice(`Noted as ${label} among your digits; teach them on the page Teach.`);
  }

  /** The picture with boxes around what was found. */
  picture() {
    const { reading, blob } = this;
    if (!reading || !blob) return;
    const address = URL.createObjectURL(blob);
    const image = h("img", { src: address, alt: `The picture; it says ${reading.text || "nothing"}`, onload: () => URL.revokeObjectURL(address) });
    const size = Math.max(12, Math.min(reading.width, reading.height) / 12);
    this.overlay = s("svg", { class: "overlay", viewBox: `0 0 ${reading.width} ${reading.height}`, preserveAspectRatio: "none" }, ...this.found.map((found, i) => {
      const { x, y, width, height } = found.box;
      const choose = () => this.select(i);
      return s("g", { class: `${found.sure ? "" : "unsure"} ${i === this.at ? "on" : ""}`, tabindex: 0, role: "button", "aria-label": found.sure ? `${found.digit}` : "no digit", onclick: choose,
        onkeydown: (event) => ["Enter", " "].includes(/** @type {KeyboardEvent} */ (event).key) && (event.preventDefault(), choose()) },
      s("title", {}, found.sure ? `${found.digit}: ${percent(found.confidence)}` : `no digit for sure; perhaps ${found.digit} (${percent(found.confidence)})`),
      s("rect", { x, y, width, height, rx: size / 8 }));
    }));
    this.stage.replaceChildren(h("div", { class: "shown" }, image, this.overlay));
  }

  /** @param {"text" | "csv" | "json"} how */
  copy(how) {
    const reading = this.reading;
    if (!reading) return;
    const { glyphs, stages, ...plain } = reading;
    const csv = table(reading, this.blob instanceof File ? this.blob.name : "");
    const text = { text: reading.text, csv, json: JSON.stringify(plain, null, 2) }[how];
    // Without https and beyond this machine there is no clipboard; then it becomes a file.
    if (!navigator.clipboard) return download(`reading.${how === "text" ? "txt" : how}`, text, "text/plain");
    attempt(async () => {
      await navigator.clipboard.writeText(text);
      notice("Copied.");
    });
  }

  camera() {
    attempt(async () => {
      if (!navigator.mediaDevices) throw new Error("The browser gives the camera only to localhost and https.");
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } }).catch((error) => {
        throw new Error(error.name === "NotFoundError" ? "There is no camera." : "The browser did not give the camera.");
      });
      // Also what was drawn goes: the sheet is behind the camera now.
      this.clear();
      this.stream = stream;
      const video = h("video", { srcObject: stream, autoplay: true, playsInline: true, muted: true, "aria-label": "What the camera sees" });
      const shoot = h("button", { class: "primary", disabled: true, onclick: () => {
        const canvas = h("canvas", { width: video.videoWidth, height: video.videoHeight });
        canvas.getContext("2d")?.drawImage(video, 0, 0);
        canvas.toBlob((blob) => this.take(blob ?? undefined), "image/jpeg", 0.95);
      } }, "Take the picture");
      video.addEventListener("loadeddata", () => (shoot.disabled = false));
      const cancel = h("button", { onclick: () => this.clear() }, "Cancel");
      this.stage.replaceChildren(h("div", { class: "stack camera" }, video, h("div", { class: "row" }, shoot, cancel)));
      shoot.focus();
    });
  }
}

/** The table of `decipher read --format csv`. @param {Reading} reading @param {string} file */
function table(reading, file) {
  const name = /[",\n]/.test(file) ? `"${file.replaceAll('"', '""')}"` : file;
  const row = (/** @type {(number | string)[]} */ [line, number, digit], /** @type {number} */ confidence, /** @type {Box} */ { x, y, width, height }, candidates = "") =>
    [name, line, number, digit, confidence.toFixed(4), x, y, width, height, "", candidates].join(",");
  const doubt = (/** @type {import("./api.js").Unsure} */ { box, candidates: [first, second] }, /** @type {number | string} */ line, /** @type {number | string} */ number) =>
    row([line, number, "?"], first.confidence, box, `${first.digit}/${second.digit}`);
  const lines = reading.lines.flatMap(({ text, digits }, i) => {
    // A number ends where the text has a space. What has less than 0.2 is not in the text.
    const numbers = text.split(" ").flatMap((part, n) => [...part].map(() => n + 1));
    const unsure = reading.unsure.filter(({ place }) => place?.line === i);
    return [...digits, null].flatMap((digit, at) => [
      ...unsure.filter(({ place }) => place?.before === at).map((one) => doubt(one, i + 1, one.candidates[0].confidence < 0.2 ? "" : numbers.shift() ?? "")),
      ...(digit ? [row([i + 1, numbers.shift() ?? "", digit.digit], digit.confidence, digit.box)] : []),
    ]);
  });
  const others = reading.unsure.filter(({ place }) => !place).map((one) => doubt(one, "", ""));
  return ["file,line,number,digit,confidence,x,y,width,height,error,candidates", ...lines, ...others].join("\n");
}

/** Sure and unsure digits with what the network saw of them, in reading order. @param {Reading} reading @returns {Found[]} */
function list(reading) {
  const same = (/** @type {Box} */ a, /** @type {Box} */ b) => a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height;
  const sure = reading.lines.flatMap((line) => line.digits);
  return (reading.glyphs ?? []).map(({ box, pixels, probabilities }) => {
    const digit = sure.find((d) => same(d.box, box));
    const best = probabilities.indexOf(Math.max(...probabilities));
    return { box, pixels, probabilities, digit: digit?.digit ?? best, confidence: digit?.confidence ?? probabilities[best], sure: digit !== undefined };
  });
}
