"""What bench/run lets take turns. Each contender has a `label`, is made ready by `start`, and does
its work once each time `once` is called, which returns {"seconds": ..., ...}."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

from environment import DECIPHER, DECIPHER_BENCH, BENCH, PYTHON

# Set on some machines for the sake of old OpenBLAS builds; they slow a current numpy down.
SLOWS_NUMPY = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class Failed(Exception):
    """Why a contender could not take part."""


def pinned(threads):
    """To be called in a new process: as many cores as threads."""
    return lambda: os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


class Waiting:
    """A process that does its work once for each line it gets (peers/worker.py, decipher-bench)."""

    ours = False

    def __init__(self, label, command, threads=1, share=1.0):
        self.label, self.command, self.threads, self.share = label, command, threads, share

    def start(self):
        env = {k: v for k, v in os.environ.items() if k not in SLOWS_NUMPY}
        env |= {"OMP_NUM_THREADS": str(self.threads), "OPENBLAS_NUM_THREADS": str(self.threads),
                "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow", "PYTHONWARNINGS": "ignore"}
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [str(part) for part in self.command], env=env, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            preexec_fn=pinned(self.threads))
        return self._answer()["ready"]

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            raise Failed(self.errors.read())
        return json.loads(line)

    def once(self):
        self.process.stdin.write("\n")
        answer = self._answer()
        answer["seconds"] /= self.share
        return answer

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def peer(label, module, work, data, threads=1, share=1.0, batch=1):
    command = [PYTHON, BENCH / "peers/worker.py", module, work, "--data", data]
    command += ["--threads", threads, "--share", share, "--batch", batch]
    return Waiting(label, command, threads, share)


def our_inference(label, model, data, batch):
    ours = Waiting(label, [DECIPHER_BENCH, "infer", model, "--data", data, "--batch", batch])
    ours.ours = True
    return ours


class Once:
    """A process for each turn."""

    ours = False

    def start(self):
        return ""

    def stop(self):
        pass

    def _lines(self, command, threads):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                              preexec_fn=pinned(threads))
        if done.returncode != 0:
            raise Failed(done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]


class WholeProcess(Once):
    """Seconds from start to exit, and the peak memory."""

    def __init__(self, label, command, ours=False):
        self.label, self.command, self.ours = label, command, ours

    def once(self):
        return self._lines([DECIPHER_BENCH, "process", *self.command], os.cpu_count())[0]


class Training(Once):
    """`decipher train`. Of a single epoch it is the second that counts, for the others too have
    had one before they are timed; the accuracy is that after the first, as theirs."""

    ours = True

    def __init__(self, label, recipe, data, threads=1, share=1.0, one_epoch=True):
        self.label, self.recipe, self.data, self.share = label, recipe, data, share
        self.threads, self.one_epoch, self.seed = threads, one_epoch, 0

    def once(self):
        self.seed += 1
        with tempfile.TemporaryDirectory() as directory:
            command = [DECIPHER, "train", self.recipe, "--data", self.data, "--format", "json"]
            command += ["--threads", self.threads, "--seed", self.seed]
            command += ["--out", Path(directory) / "it.safetensors"]
            command += ["--epochs", 2] if self.one_epoch else []
            *epochs, done = self._lines(command, self.threads)
        if not self.one_epoch:
            return {"seconds": done["train_seconds"], "accuracy": done["test_accuracy"]}
        seconds = epochs[1]["train_seconds"] - epochs[0]["train_seconds"]
        return {"seconds": seconds / self.share, "accuracy": epochs[0].get("test_accuracy")}
