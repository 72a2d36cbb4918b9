"""What the tutorial's code reaches, why it stalls, and what each fix buys - measured in numpy.

    python bench/tutorial_numpy.py small    --data DIR    # 5,000 digits, 5 and 50 epochs
    python bench/tutorial_numpy.py full     --data DIR    # all 60,000, 40 epochs: decay, then NaN
    python bench/tutorial_numpy.py ablation --data DIR    # one fix after the other, MNIST test set

One JSON object a line goes to standard output (a line per seed). docs/why-the-tutorial-stalls.md
holds the numbers. "dead" lists output units that are 0 for every one of the digits tested, "lost"
the digits of which fewer than 5 % are read right.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are tiny: threads only hurt

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from peers import mnist
from peers.tutorial import NeuralNet, relu, softmax

np.seterr(all="ignore")  # the overflow is the subject here


def stable_softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


class FixedNet(NeuralNet):
    """The tutorial's class with each fix behind a switch; all off, it is the tutorial's."""

    def __init__(self, *, linear=False, stable=False, decay=False, weight_decay=0.0, shuffle=False,
                 rate=0.05, seed=0):
        super().__init__(rate=rate, seed=seed)
        self.linear, self.stable, self.decay = linear, stable, decay
        self.weight_decay, self.shuffle = weight_decay, shuffle
        self.scratch = np.empty_like(self.weights[0])
        self.order_rng = np.random.default_rng(seed + 1_000_000)

    def epoch(self, images, labels, epoch, epochs):
        (w1, w2), (b1, b2) = self.weights, self.biases
        count, steps = len(images), len(images) * epochs
        order = self.order_rng.permutation(count) if self.shuffle else range(count)
        probabilities = stable_softmax if self.stable else softmax
        for step, index in enumerate(order, start=epoch * count):
            rate = self.rate * (1 - step / steps) if self.decay else self.rate
            x = images[index]
            hidden = relu(w1 @ x + b1)
            z = w2 @ hidden + b2
            if not self.linear:
                z = relu(z)
            delta = probabilities(z)
            delta[labels[index]] -= 1
            if not self.linear:
                delta = delta * (z > 0)
            d_hidden = (w2.T @ delta) * (hidden > 0)
            if self.weight_decay:
                w2 *= 1 - rate * self.weight_decay
                w1 *= 1 - rate * self.weight_decay
            w2 -= np.outer(rate * delta, hidden)
            b2 -= rate * delta
            w1 -= np.multiply.outer(rate * d_hidden, x, out=self.scratch)  # no 200 kB a step
            b1 -= rate * d_hidden

    def outputs(self, images):
        (w1, w2), (b1, b2) = self.weights, self.biases
        z = relu(images @ w1.T + b1) @ w2.T + b2
        return z if self.linear else relu(z)

    def measure(self, images, labels):
        z = self.outputs(images)
        finite = bool(np.isfinite(z).all() and all(np.isfinite(w).all() for w in self.weights))
        right = z.argmax(1) == labels
        recall = [round(float(right[labels == d].mean()) * 100, 1) for d in range(10)]
        return {
            "accuracy": round(float(right.mean()) * 100, 3),
            "dead": [] if self.linear or not finite else np.flatnonzero((z <= 0).all(0)).tolist(),
            "largest": round(float(z.max()), 1) if finite else None,
            "nan": not finite,
            "lost": [d for d in range(10) if recall[d] < 5],
            "per_digit": recall,
        }


def run(name, seed, train, test, epochs, stop_at_nan=False, **fixes):
    net, curve, began = FixedNet(seed=seed, **fixes), [], time.perf_counter()
    for epoch in range(epochs):
        net.epoch(*train, epoch, epochs)
        curve.append(net.measure(*test))
        if stop_at_nan and curve[-1]["nan"]:
            break
    line = {"name": name, "seed": seed, "epochs": epochs, "train": len(train[0]),
            "test": len(test[0]), "seconds": round(time.perf_counter() - began, 1),
            "last": curve[-1], "accuracy": [c["accuracy"] for c in curve],
            "dead": [c["dead"] for c in curve], "lost": [c["lost"] for c in curve],
            "largest": [c["largest"] for c in curve],
            "nan_at": next((i + 1 for i, c in enumerate(curve) if c["nan"]), None)}
    print(json.dumps(line), flush=True)
    return line


def summary(title, lines):
    values = np.array([line["last"]["accuracy"] for line in lines])
    print(f"{title}: mean {values.mean():.2f}  min {values.min():.2f}  max {values.max():.2f}  "
          f"({len(values)} seeds); digits lost: {[line['last']['lost'] for line in lines]}",
          file=sys.stderr, flush=True)


WEIGHT_DECAY = 3e-5  # chosen on the last 10,000 of the training set, not on the test set
FIXES = [  # each row keeps the fixes of the rows above it
    ("tutorial", {}),
    ("+ linear output", {"linear": True}),
    ("+ stable softmax", {"stable": True}),
    ("+ shuffling", {"shuffle": True}),
    ("+ decaying rate", {"decay": True}),
    ("+ weight decay", {"weight_decay": WEIGHT_DECAY}),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["small", "full", "ablation"])
    parser.add_argument("--data", help="directory with the MNIST files (default: DECIPHER_DATA)")
    parser.add_argument("--seeds", type=int, help="how many seeds (small 10, full 2, ablation 5)")
    args = parser.parse_args()
    directory = mnist.data_dir(args.data)
    images, labels = mnist.load(directory, "train")

    if args.what == "small":
        train, test = (images[:3500], labels[:3500]), (images[4250:5000], labels[4250:5000])
        for name, fixes in FIXES[:2]:
            for epochs in (5, 50):
                lines = [run(name, seed, train, test, epochs, **fixes)
                         for seed in range(args.seeds or 10)]
                summary(f"{name}, 3,500 digits, {epochs} epochs", lines)
    elif args.what == "full":
        test = mnist.load(directory, "t10k")
        for seed in range(args.seeds or 2):
            line = run("tutorial", seed, (images, labels), test, 40, stop_at_nan=True)
            print(f"seed {seed}: best {max(line['accuracy'])}, NaN in epoch {line['nan_at']}, lost "
                  f"{[len(d) for d in line['lost']]}", file=sys.stderr, flush=True)
    else:
        test, fixes = mnist.load(directory, "t10k"), {}
        for name, fix in FIXES:
            fixes = fixes | fix
            lines = [run(name, seed, (images, labels), test, 8, **fixes)
                     for seed in range(args.seeds or 5)]
            summary(f"{name}, 60,000 digits, 8 epochs", lines)


if __name__ == "__main__":
    main()
