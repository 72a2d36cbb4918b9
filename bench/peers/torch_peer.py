"""PyTorch, as one writes it; each function says where it is written faster than it is taught."""

import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from peers import mnist

torch.set_num_interop_threads(1)


def about():
    return f"torch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()})"


def mlp():
    return nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10))


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))


def example():
    """The network of PyTorch's own MNIST example."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Dropout(0.25), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(128, 10))


def load(task, part, grey=True, planes=True):
    images, labels = mnist.load(task.data, part, np.float32, grey)
    count = round(len(images) * task.share) if part == "train" else len(images)
    images, labels = torch.from_numpy(images[:count]), torch.from_numpy(labels[:count])
    return (images.view(-1, 1, 28, 28) if planes else images), labels


def accuracy(net, images, labels):
    net.eval()
    with torch.inference_mode():
        read = torch.cat([net(chunk).argmax(1) for chunk in images.split(1000)])
    return (read == labels).float().mean().item()


def seeds():
    for seed in range(1_000):
        torch.manual_seed(seed)
        yield seed


def online_taught(task):
    """Per-sample SGD with autograd and an optimiser."""
    (images, labels), test = load(task, "train", False, False), load(task, "t10k", False, False)
    seed = seeds()

    def once():
        next(seed)
        net = mlp()
        optimiser = torch.optim.SGD(net.parameters(), lr=0.01)
        began = time.perf_counter()
        for i in torch.randperm(len(images)).tolist():
            optimiser.zero_grad()
            F.cross_entropy(net(images[i]), labels[i]).backward()
            optimiser.step()
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "accuracy": accuracy(net, *test)}

    return once


def online(task):
    """Per-sample SGD without autograd: the gradient written out, every operation in place."""
    (images, labels), test = load(task, "train", False, False), load(task, "t10k", False, False)
    images, targets, seed, rate = images.unbind(), F.one_hot(labels, 10).float().unbind(), seeds(), 0.01

    def once():
        next(seed)
        net = mlp()
        w1, b1, w2, b2 = [p.detach() for p in net.parameters()]
        with torch.inference_mode():
            began = time.perf_counter()
            for i in torch.randperm(len(images)).tolist():
                x = images[i]
                h = torch.addmv(b1, w1, x).relu_()
                d = torch.addmv(b2, w2, h).softmax(0).sub_(targets[i])
                dh = torch.mv(w2.t(), d).mul_(h > 0)
                w2.addr_(d, h, alpha=-rate)
                b2.add_(d, alpha=-rate)
                w1.addr_(dh, x, alpha=-rate)
                b1.add_(dh, alpha=-rate)
            seconds = time.perf_counter() - began
        return {"seconds": seconds, "accuracy": accuracy(net, *test)}

    return once


def _epoch(task, make, batch, rate, momentum=0.9, bf16=False, order_of=None, **data):
    torch.set_num_threads(task.threads)
    (images, labels), test = load(task, "train", **data), load(task, "t10k", **data)
    seed, order_of = seeds(), order_of or {}

    def once():
        next(seed)
        net = make().to(**order_of)
        optimiser = torch.optim.SGD(net.parameters(), lr=rate, momentum=momentum)
        began = time.perf_counter()
        for rows in torch.randperm(len(images)).split(batch):
            optimiser.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss = F.cross_entropy(net(images[rows].to(**order_of)), labels[rows])
            loss.backward()
            optimiser.step()
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "accuracy": accuracy(net, *test)}

    return once


def batches(task):
    return _epoch(task, mlp, 128, 0.3, 0.0, grey=False, planes=False)


CHANNELS_LAST = {"memory_format": torch.channels_last}  # a tenth faster here than the default


def lenet_epoch(task):
    return _epoch(task, lenet, 256, 0.05, order_of=CHANNELS_LAST)


def lenet_epoch_bf16(task):
    return _epoch(task, lenet, 256, 0.05, order_of=CHANNELS_LAST, bf16=True)


def example_epoch(task):
    return _epoch(task, example, 64, 0.02, order_of=CHANNELS_LAST)


def example_epoch_bf16(task):
    return _epoch(task, example, 64, 0.02, order_of=CHANNELS_LAST, bf16=True)


AT_LEAST = 0.3  # seconds, as Decipher's side: short enough for turns, long enough for the clock


def timed(batches, look_at):
    """`once` for inference: seconds a digit, over as many of `batches` as fill the time."""

    def once():
        seen, began = 0, time.perf_counter()
        while True:
            for batch in batches:
                look_at(batch)
                seen += len(batch)
                seconds = time.perf_counter() - began
                if seconds > AT_LEAST:
                    return {"seconds": seconds / seen}

    return once


def _infer(task, make, order_of=None, **data):
    torch.set_num_threads(task.threads)
    order_of = order_of or {}
    net = make().to(**order_of).eval()
    images = load(task, "t10k", **data)[0].to(**order_of)

    def look_at(batch):
        with torch.inference_mode():
            return net(batch)

    return timed(images.split(task.batch)[: len(images) // task.batch], look_at)


def infer_mlp(task):
    return _infer(task, mlp, grey=False, planes=False)


def infer_lenet(task):
    return _infer(task, lenet, CHANNELS_LAST)


def infer_example(task):
    return _infer(task, example, CHANNELS_LAST)
