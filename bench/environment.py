"""Where measurements run: the environment of the other programs, ours built, and what to call it."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
PYTHON = BENCH / ".venv/bin/python"
RELEASE = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
DECIPHER = RELEASE / "decipher"
DECIPHER_BENCH = RELEASE / "decipher-bench"


def say(text):
    print(text, file=sys.stderr, flush=True)


def not_available(what, why):
    say(f"NOT AVAILABLE: {what}: {why.strip().splitlines()[-1] if why.strip() else 'no reason given'}")


def requirements():
    lines = (BENCH / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def install():
    """Makes bench/.venv and installs what is pinned; what cannot be had is said and left out."""
    if not PYTHON.exists():
        say("making bench/.venv")
        subprocess.run([sys.executable, "-m", "venv", PYTHON.parent.parent], check=True)
    have = subprocess.run([PYTHON, "-m", "pip", "freeze"], capture_output=True, text=True, check=True)
    for requirement in requirements():
        if requirement in have.stdout.replace("_", "-").lower().split():
            continue
        say(f"installing {requirement}")
        done = subprocess.run([PYTHON, "-m", "pip", "install", "-q", requirement],
                              stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            not_available(requirement, done.stderr)


def build():
    """Builds ours as it is released."""
    command = ["cargo", "build", "--release", "-p", "decipher-cli", "-p", "decipher-bench"]
    subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=True)


def machine():
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    name = re.search(r"model name\s*:\s*(.*)", text)
    flags = set((re.search(r"flags\s*:\s*(.*)", text) or [0, ""])[1].split())
    kernel = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else platform.machine()
    return f"{name[1] if name else platform.processor()} ({kernel}), {len(os.sched_getaffinity(0))} cores"


def peak():
    """What the machine can do at best, without which seconds say little: PyTorch's matrix product
    of 2048 x 2048, in GFLOP/s."""
    code = """
import time, torch
def rate(threads, dtype):
    torch.set_num_threads(threads)
    a = torch.rand(2048, 2048).to(dtype)
    def once():
        began = time.perf_counter()
        a @ a
        return time.perf_counter() - began
    return f"{2 * 2048 ** 3 / min(once() for _ in range(8)) / 1e9:.0f}"
f32, bf16 = torch.float32, torch.bfloat16
print(f"{rate(1, f32)} GFLOP/s f32 on one core, {rate(2, f32)} on two; "
      f"{rate(1, bf16)} and {rate(2, bf16)} bf16")
"""
    done = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "not measured"


def commit():
    def git(*arguments):
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
        return done.stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
