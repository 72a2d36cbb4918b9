// What the page's words mean: a list that can be searched.

import { h, intro } from "./ui.js";

/** In the order of the alphabet. @type {[string, string][]} */
const TERMS = [
  ["Accuracy", "The share of digits that are read right. The interval beside it is where it would lie on endless such digits, with 95 % certainty (Wilson)."],
  ["Activation", "The function behind a layer’s sums: relu lets through what is above 0, sigmoid and tanh bend it. Without one, all layers together would be no more than one."],
  ["AdamW", "An optimizer that takes steps of about one size for every weight, whatever the size of its gradient; weight decay is kept apart from it."],
  ["Averaging", "The result is a moving average of the weights over the steps, which is often better than the last weights."],
  ["Batch", "The digits whose gradients are averaged for one step."],
  ["Batch normalisation", "Shifts and scales each unit’s values so that they have mean 0 and deviation 1 over a batch, then learns a shift and a scale of its own."],
  ["Bias", "A number that a unit adds to its sum."],
  ["Calibration", "Whether confidence can be trusted: of the digits said with 90 %, nine in ten should be right."],
  ["Confidence", "The probability that the network gives to what it reads."],
  ["Confusion matrix", "Counts of digits by what they are (rows) and what was read (columns). The diagonal is right."],
  ["Convolution", "A layer whose units look at a small window of pixels or maps, the same weights at every place."],
  ["Dead value", "A value that is the same for every digit: it tells nothing."],
  ["Dense layer", "A layer whose units look at all values of the layer before."],
  ["Divergence", "Steps so large that the loss grows beyond all bounds. A smaller rate helps."],
  ["Dropout", "While it trains, a share of the values is dropped, others each time, so that no unit relies on a single other one."],
  ["Epoch", "Once through all the digits it learns from."],
  ["Gradient", "For each weight, by how much the loss would grow if it grew a little. A step goes the other way."],
  ["Held-back digits", "Digits that the training does not learn from; what it is worth is measured on them."],
  ["Label smoothing", "A share of the target is spread over all digits, so that the network does not become too sure."],
  ["Layer", "A step from values to values. A network is a row of layers, from 784 pixels to 10 scores."],
  ["Learning by heart", "The digits it learns from are read better and better, others no longer (overfitting). More or distorted digits, dropout and weight decay help."],
  ["Learning rate", "The size of a step. Too large and it diverges, too small and it crawls."],
  ["Loss", "What training makes small: by how much the answers miss the targets."],
  ["Map", "The values of one unit of a convolution at all its places, as a picture; also the plane on which Evaluate lays the digits out."],
  ["Momentum", "The share of the last step that is taken again in the next, as if it had a weight."],
  ["No digit", "An eleventh answer of the reader: what it sees is none of the ten."],
  ["Noise", "Normal random numbers added to pixels or to weights; its deviation says how much."],
  ["PCA", "Principal component analysis: the directions in which values differ most. Two of them make a map."],
  ["Pooling", "Makes maps smaller: of each small square the largest value, or the mean, is kept."],
  ["Precision", "Of all that was read as a digit, the share that is it."],
  ["Pruning", "Setting the smallest weights to 0. Many networks read as well with half of them."],
  ["Recall", "Of all that are a digit, the share that was read as it."],
  ["Recipe", "All that a training needs to know: layers, rate, epochs, distortions, digits. The same recipe and seed give the same network."],
  ["Robustness", "How many digits are still read right when they are made harder: noisy, turned, blurred, thick or thin."],
  ["Schedule", "How the rate changes from the first epoch to the last."],
  ["Score", "What the last layer gives for each digit, before softmax makes probabilities of it."],
  ["Seed", "The number that all chance follows from: the first weights, the order of digits, distortions, noise."],
  ["SGD", "Stochastic gradient descent: a step after each batch, against its gradient."],
  ["Softmax", "Makes probabilities of scores: e to each score, divided by the sum of all."],
  ["Temperature", "Scores are divided by it before softmax: the higher, the less sure. The answer stays the same."],
  ["t-SNE", "Places rows so that those that are alike lie together. How far groups lie apart, and how large they are, means little."],
  ["Unit", "A neuron: it multiplies what comes in with its weights, adds all that and its bias."],
  ["Weight", "What an input of a unit is multiplied with. Weights and biases are what a network learns."],
  ["Weight decay", "Each step takes a small share of every weight away, which keeps weights small (L2)."],
];

export class GlossaryView {
  constructor() {
    this.filter = h("input", { type: "search", id: "term", placeholder: "Search", "aria-label": "Search the terms", title: "Shows the terms in which all these words occur", oninput: () => this.show() });
    this.count = h("p", { class: "soft small", role: "status" });
    this.list = h("dl", { class: "terms card" });
    this.root = h("div", null, intro("What the words mean", "The terms of this page, in a sentence or two each."), h("div", { class: "stack" }, this.filter, this.count, this.list));
  }

  show() {
    const words = this.filter.value.toLowerCase().split(/\s+/);
    const found = TERMS.filter((term) => words.every((word) => term.join(" ").toLowerCase().includes(word)));
    this.count.textContent = found.length ? `${found.length} of ${TERMS.length} terms` : "No term has these words.";
    this.list.hidden = !found.length;
    this.list.replaceChildren(...found.map(([term, text]) => h("div", null, h("dt", null, term), h("dd", null, text))));
  }
}
