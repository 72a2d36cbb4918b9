// "My digits": what a person has labelled, kept by the browser.

const KEY = "decipher-digits";
/** As many as the server takes in a lesson would not fit into the browser's store. */
const MOST = 2000;

/** @typedef {{label: number, pixels: string}} Labelled */

export const mine = {
  /** @type {Labelled[]} */
  digits: load(),
  /** @type {Set<() => void>} */
  listeners: new Set(),
  /** @param {Labelled} digit */
  add(digit) {
    // The same digit again is a correction of its label.
    this.digits = this.digits.filter((other) => other.pixels !== digit.pixels).slice(1 - MOST);
    this.digits.push(digit);
    this.save();
  },
  /** @param {number} at */
  remove(at) {
    this.digits.splice(at, 1);
    this.save();
  },
  clear() {
    this.digits = [];
    this.save();
  },
  save() {
    try {
      localStorage.setItem(KEY, JSON.stringify(this.digits));
    } catch {
      // Without a store they live as long as the page.
    }
    this.listeners.forEach((listener) => listener());
  },
};

/** @returns {Labelled[]} */
function load() {
  try {
    return check(JSON.parse(localStorage.getItem(KEY) ?? "[]"));
  } catch {
    return [];
  }
}

/** Only what is a labelled digit. @param {unknown} all @returns {Labelled[]} */
export function check(all) {
  if (!Array.isArray(all)) return [];
  const good = (/** @type {any} */ d) => Number.isInteger(d?.label) && d.label >= 0 && d.label <= 9 && typeof d.pixels === "string" && atob(d.pixels).length === 784;
  return all.filter(good).map(({ label, pixels }) => ({ label, pixels }));
}
