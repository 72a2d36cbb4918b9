"""PyTorch to a given accuracy: the networks and rates that got there soonest of those tried.

Chosen with the last 10,000 training digits held back. To 98 %: 784-128-10, SGD with Nesterov's
momentum, batches of 64 to 256. To 99 %: five small convolutional networks (strided or pooled, with
and without batch norm, 20,000 to 106,000 parameters), Adam, 2 and 3 epochs, batches of 128 and 256;
only `small` was at 99.0 %.
"""

import time

import torch
from torch import nn
from torch.nn import functional as F

from peers.torch_peer import CHANNELS_LAST, about, accuracy, load, seeds  # noqa: F401


def small():
    """46,730 parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10))


def _race(task, make, optimiser_of, peak, batch, epochs, planes, order_of):
    torch.set_num_threads(task.threads)
    (images, labels), test = load(task, "train", planes=planes), load(task, "t10k", planes=planes)
    steps, seed = len(images) // batch, seeds()

    def once():
        next(seed)
        net = make().to(**order_of)
        optimiser = optimiser_of(net.parameters())
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, peak, total_steps=steps * epochs, pct_start=0.3, anneal_strategy="linear",
            cycle_momentum=False)
        began = time.perf_counter()
        for _ in range(epochs):
            for rows in torch.randperm(len(images)).split(batch)[:steps]:
                optimiser.zero_grad()
                F.cross_entropy(net(images[rows].to(**order_of)), labels[rows]).backward()
                optimiser.step()
                schedule.step()
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "accuracy": accuracy(net, *test)}

    return once


def to_98(task):
    def make():
        return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))

    def sgd(params):
        return torch.optim.SGD(params, lr=0.2, momentum=0.9, nesterov=True)

    return _race(task, make, sgd, 0.2, 128, 6, planes=False, order_of={})


def to_99(task):
    def adam(params):
        return torch.optim.Adam(params, lr=0.01, betas=(0.9, 0.99))

    return _race(task, small, adam, 0.01, 256, 3, planes=True, order_of=CHANNELS_LAST)
