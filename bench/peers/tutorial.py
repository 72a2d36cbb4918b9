"""The network of the first tutorial, as such a tutorial writes it.

784-32-10, ReLU on every layer *including the output*, then softmax and cross-entropy; one digit
at a time, a constant rate. It is kept naive on purpose: it is what Decipher is compared with.
"""

import numpy as np


def relu(z):
    return np.maximum(z, 0)


def softmax(z):
    e = np.exp(z)  # overflows in f64 once a value of z passes 709
    return e / e.sum()


class NeuralNet:
    def __init__(self, sizes=(784, 32, 10), rate=0.05, seed=0):
        rng = np.random.default_rng(seed)
        self.rate = rate
        self.weights = [rng.normal(0, 0.1, (n, m)) for m, n in zip(sizes[:-1], sizes[1:])]
        self.biases = [np.zeros(n) for n in sizes[1:]]

    def forward(self, x):
        activations = [x]
        for w, b in zip(self.weights, self.biases):
            activations.append(relu(w @ activations[-1] + b))
        return activations

    def train(self, images, labels, epochs=1):
        for _ in range(epochs):
            for x, label in zip(images, labels):
                activations = self.forward(x)
                target = np.zeros(10)
                target[label] = 1
                delta = (softmax(activations[-1]) - target) * (activations[-1] > 0)
                for layer in reversed(range(len(self.weights))):
                    below = activations[layer]
                    d_weight = np.outer(delta, below)
                    d_bias = delta
                    if layer > 0:
                        delta = (self.weights[layer].T @ delta) * (below > 0)
                    self.weights[layer] -= self.rate * d_weight
                    self.biases[layer] -= self.rate * d_bias

    def predict(self, x):
        return int(np.argmax(self.forward(x)[-1]))

    def test(self, images, labels):
        return np.mean([self.predict(x) == label for x, label in zip(images, labels)])

    def dump(self, path):
        np.savez(path, **{f"w{i}": w for i, w in enumerate(self.weights)},
                 **{f"b{i}": b for i, b in enumerate(self.biases)})
