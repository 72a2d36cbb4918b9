"""ONNX Runtime: the networks of torch_peer.py, exported for the batch they are asked for."""

import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from peers import torch_peer


def about():
    return f"onnxruntime {onnxruntime.__version__}"


def _session(net, example, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "net.onnx"
        torch.onnx.export(net, (example,), path, dynamo=True, verbose=False, external_data=False)
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _infer(task, make, **data):
    torch.set_num_threads(1)
    images = torch_peer.load(task, "t10k", **data)[0]
    batches = images.split(task.batch)[: len(images) // task.batch]
    net = make().eval()
    session = _session(net, batches[0], task.threads)
    name = session.get_inputs()[0].name
    arrays = [np.ascontiguousarray(batch.numpy()) for batch in batches]
    with torch.inference_mode():
        same = np.allclose(session.run(None, {name: arrays[0]})[0], net(batches[0]), atol=1e-4)
    if not same:
        raise SystemExit("ONNX Runtime and PyTorch do not agree on the exported network")
    return torch_peer.timed(arrays, lambda array: session.run(None, {name: array}))


def infer_mlp(task):
    return _infer(task, torch_peer.mlp, grey=False, planes=False)


def infer_lenet(task):
    return _infer(task, torch_peer.lenet)


def infer_example(task):
    return _infer(task, torch_peer.example)
