"""Keras on TensorFlow, with its own `fit`."""

import time

import keras
import numpy as np
import tensorflow
from keras import layers

from peers import mnist


def about():
    return f"keras {keras.__version__} on {keras.backend.backend()} {tensorflow.__version__}"


def lenet():
    return keras.Sequential([
        layers.Input((28, 28, 1)),
        layers.Conv2D(6, 5, padding="same", activation="tanh"), layers.AveragePooling2D(2),
        layers.Conv2D(16, 5, activation="tanh"), layers.AveragePooling2D(2), layers.Flatten(),
        layers.Dense(120, activation="tanh"), layers.Dense(84, activation="tanh"), layers.Dense(10)])


def example():
    return keras.Sequential([
        layers.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"), layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2), layers.Dropout(0.25), layers.Flatten(),
        layers.Dense(128, activation="relu"), layers.Dropout(0.5), layers.Dense(10)])


def _epoch(task, make, batch, rate):
    tensorflow.config.threading.set_intra_op_parallelism_threads(task.threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(task.threads)
    images, labels = mnist.load(task.data, "train", np.float32, grey=True)
    count = round(len(images) * task.share)
    images, labels = images.reshape(-1, 28, 28, 1)[:count], labels[:count]
    test_images, test_labels = mnist.load(task.data, "t10k", np.float32, grey=True)
    net = make()
    fresh = net.get_weights()

    def once():
        net.set_weights(fresh)
        # The momentum starts anew with the optimiser; the compiled step is made again with it.
        net.compile(keras.optimizers.SGD(rate, momentum=0.9),
                    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                    metrics=["accuracy"])
        net.fit(images[:batch], labels[:batch], batch_size=batch, verbose=0)
        began = time.perf_counter()
        net.fit(images, labels, batch_size=batch, verbose=0)
        seconds = time.perf_counter() - began
        _, accuracy = net.evaluate(test_images.reshape(-1, 28, 28, 1), test_labels, 1000, verbose=0)
        return {"seconds": seconds, "accuracy": float(accuracy)}

    return once


def lenet_epoch(task):
    return _epoch(task, lenet, 256, 0.05)


def example_epoch(task):
    return _epoch(task, example, 64, 0.02)
