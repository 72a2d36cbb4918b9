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
  /** @param {Labelled[]} digits */
  add(...digits) {
    // The same digit again is a correction of its label.
    const all = new Map(this.digits.map(({ pixels, label }) => [pixels, label]));
    for (const { pixels, label } of digits) {
      all.delete(pixels);
      all.set(pixels, label);
    }
    this.digits = [...all].map(([pixels, label]) => ({ label, pixels })).slice(-MOST);
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
  const size = (/** @type {string} */ pixels) => {
    try {
      return atob(pixels).length;
    } catch {
      return 0;
    }
  };
  const good = (/** @type {any} */ d) => Number.isInteger(d?.label) && d.label >= 0 && d.label <= 9 && typeof d.pixels === "string" && size(d.pixels) === 784;
  return all.filter(good).map(({ label, pixels }) => ({ label, pixels }));
}
