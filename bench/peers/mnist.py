"""MNIST as numpy arrays, from the four IDX files, packed (.gz) or not."""

import gzip
import os
from pathlib import Path

import numpy as np


def data_dir(given=None):
    """The directory with the MNIST files: the argument, or DECIPHER_DATA."""
    directory = given or os.environ.get("DECIPHER_DATA")
    if not directory:
        raise SystemExit("where is MNIST? give --data DIR or set DECIPHER_DATA")
    return Path(directory)


def _bytes(directory, name):
    plain, packed = directory / name, directory / f"{name}.gz"
    if plain.exists():
        return plain.read_bytes()
    if packed.exists():
        return gzip.decompress(packed.read_bytes())
    raise SystemExit(f"{directory} holds neither {name} nor {name}.gz")


def load(directory, part, dtype=np.float64, grey=False):
    """(images, labels) of "train" or "t10k"; images (n, 784), pixels 0.0 or 1.0 (on: > 0), or
    0.0 to 1.0 where they are to stay grey."""
    directory = Path(directory)
    images = np.frombuffer(_bytes(directory, f"{part}-images-idx3-ubyte"), np.uint8, offset=16)
    labels = np.frombuffer(_bytes(directory, f"{part}-labels-idx1-ubyte"), np.uint8, offset=8)
    images = images.reshape(-1, 784)
    images = images.astype(dtype) / 255 if grey else (images > 0).astype(dtype)
    return images, labels.astype(np.int64)
