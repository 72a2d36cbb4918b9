"""The tutorial's own class, in numpy."""

import time

import numpy as np
import threadpoolctl

from peers import mnist
from peers.tutorial import NeuralNet

np.seterr(all="ignore")  # it overflows, which is the tutorial's


def about():
    blas = [f"{pool['internal_api']} {pool.get('architecture')}" for pool in threadpoolctl.threadpool_info()]
    return f"numpy {np.__version__}, {', '.join(blas)}"


def online(task):
    images, labels = mnist.load(task.data, "train")
    test = mnist.load(task.data, "t10k")
    seeds = iter(range(1_000))

    def once():
        net = NeuralNet(seed=next(seeds))
        began = time.perf_counter()
        net.train(images, labels)
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "accuracy": float(net.test(*test))}

    return once
