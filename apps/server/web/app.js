// Which view is shown.

import { models } from "./api.js";
import { EvaluateView } from "./evaluate.js";
import { GlossaryView } from "./glossary.js";
import { InsideView } from "./inside.js";
import { mine } from "./mine.js";
import { ReadView } from "./read.js";
import { TeachView } from "./teach.js";
import { TrainView } from "./train.js";
import { attempt, h } from "./ui.js";

/** @typedef {{root: HTMLElement, show: () => void, hide?: () => void}} View */

/** @type {Record<string, () => View>} */
const makers = { read: () => new ReadView(), teach: () => new TeachView(), train: () => new TrainView(), inside: () => new InsideView(), evaluate: () => new EvaluateView(), words: () => new GlossaryView() };
/** Views are made when they are first asked for, and kept. @type {Record<string, View>} */
const made = {};
/** @type {View | undefined} */
let shown;
const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const chooser = /** @type {HTMLSelectElement} */ (document.getElementById("model"));
const count = /** @type {HTMLElement} */ (document.getElementById("mine-count"));

function go() {
  const asked = location.hash.slice(1);
  if (asked === "main" && shown) return main.focus();
  const name = Object.hasOwn(makers, asked) ? asked : "read";
  const view = (made[name] ??= makers[name]());
  for (const link of document.querySelectorAll("#views a")) {
    if (link.getAttribute("href") === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (shown !== view) shown?.hide?.();
  shown = view;
  main.replaceChildren(view.root);
  document.title = `${name === "inside" ? "Look inside" : name[0].toUpperCase() + name.slice(1)} · Decipher`;
  window.scrollTo(0, 0);
  view.show();
}

function countMine() {
  count.hidden = mine.digits.length === 0;
  count.textContent = String(mine.digits.length);
}

models.listeners.add(() => {
  const title = (/** @type {import("./api.js").Model} */ model) => (model.name === "default" ? `${model.recipe} (default)` : `${model.name}: ${model.recipe}`);
  chooser.replaceChildren(...models.list.map((model) => h("option", { value: model.name, selected: model.name === models.name }, title(model))));
});
chooser.addEventListener("change", () => models.choose(chooser.value));
mine.listeners.add(countMine);
countMine();
await attempt(() => models.refresh());
addEventListener("hashchange", go);
go();
