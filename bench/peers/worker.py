"""One measurement of one other program, as a process that waits for its turn.

    python worker.py PEER WORK --data DIR [--threads N] [--share S] [--batch N]

PEER is a module of this folder and WORK one of its functions: it makes everything ready and returns
`once`, which does the work once and returns what it found, "seconds" among it. The process writes a
JSON object a line: first what it runs on, then one for each line it reads. So bench/run can let
many programs take turns, each warm and none disturbed by another.
"""

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("peer")
    parser.add_argument("work")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="of the 60,000, that is trained on")
    parser.add_argument("--batch", type=int, default=1)
    task = parser.parse_args()
    # Before any library asks how many cores there are: this holds for pools of every kind.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: task.threads])
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints is no answer
    peer = importlib.import_module(f"peers.{task.peer}")
    once = getattr(peer, task.work)(task)
    once()  # caches, compilers and pools: nobody is timed cold
    print(json.dumps({"ready": peer.about()}), file=out)
    for _ in sys.stdin:
        print(json.dumps(once()), file=out)


if __name__ == "__main__":
    main()
