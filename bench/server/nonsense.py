"""Sends a server broken and hostile requests, keyed by a seed, and counts what comes back.

    python bench/server/nonsense.py http://127.0.0.1:8080/ 10000

Prints how often each status came, and ends with 1 if one was 500 or above (but for 503, which is
what a busy server should say), if an answer of 400 and above had not the one shape, or if a request
whose head was whole got no answer.
"""

import collections
import json
import pathlib
import random
import socket
import sys
import urllib.parse

SAMPLES = pathlib.Path(__file__).parents[2] / "samples"
PATHS = [
    "/v1/read", "/v1/read?glyphs=true", "/v1/read?stages=true", "/v1/read?single=true",
    "/v1/read?min_confidence=0.9", "/v1/models", "/v1/models/x", "/v1/models/default/inside",
    "/v1/models/default/weights", "/v1/digits", "/v1/train", "/v1/teach", "/v1/runs", "/v1/runs/1",
    "/v2/models/default/infer", "/v2", "/readyz", "/nowhere", "/%ff%00", "/v1/read?%ff",
]
KINDS = ["", "image/png", "application/json", "multipart/form-data; boundary=x", "text/plain", "\u00ff"]


def mutate(rng, data):
    """A copy of the bytes, cut, changed, doubled or with noise put in."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                del data[at:]
            case 1 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
            case 2:
                data[at:at] = rng.randbytes(rng.randint(1, 40))
            case 3:
                data[at:at] = data[: rng.randint(0, 200)]
            case _:
                del data[at : at + rng.randint(1, 100)]
    return bytes(data)


def body(rng, pictures):
    match rng.randrange(6):
        case 0:
            return rng.randbytes(rng.randrange(600))
        case 1:
            deep = "[" * rng.randrange(3000)
            return rng.choice([deep, "{}", "null", '{"picture": 7}', '{"digits": {"version": 1, "digits": [{}]}}']).encode()
        case 2:
            part = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n'
            return mutate(rng, part + rng.choice(pictures)[:2000] + b"\r\n--x--\r\n")
        case 3:
            infer = {"inputs": [{"name": "pixels", "shape": [rng.choice([1, 10**9, -1]), 784], "datatype": rng.choice(["UINT8", "FP32", "BYTES"]), "data": [rng.choice([0, 1e308, -1, "x"])] * rng.randrange(800)}]}
            return json.dumps(infer).encode()
        case _:
            return mutate(rng, rng.choice(pictures))


def read_answer(stream):
    """Status and body of the next answer, or None where the connection was closed."""
    line = stream.readline()
    if not line:
        return None
    length, status = 0, int(line.split()[1])
    while (header := stream.readline().strip()):
        if header.lower().startswith(b"content-length:"):
            length = int(header.split(b":")[1])
    return status, stream.read(length)


def main():
    address, count = urllib.parse.urlsplit(sys.argv[1]), int(sys.argv[2])
    pictures = [p.read_bytes() for p in sorted(SAMPLES.iterdir()) if p.suffix not in (".md", ".csv") and p.stat().st_size < 60_000]
    seen, wrong = collections.Counter(), []
    connection = stream = None
    for i in range(count):
        rng = random.Random(i)
        method = rng.choice(["POST"] * 12 + ["PUT", "GET", "DELETE", "PATCH"])
        path, kind, data = rng.choice(PATHS), rng.choice(KINDS), body(rng, pictures)
        if path == "/v1/train" and rng.random() < 0.9:
            path = "/v1/read"
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n"
        head += f"Content-Type: {kind}\r\n\r\n" if kind else "\r\n"
        request = head.encode("latin-1") + data
        broken = rng.random() < 0.05
        if broken:
            request = mutate(rng, request[: len(head)])
        if connection is None:
            connection = socket.create_connection((address.hostname, address.port), timeout=30)
            stream = connection.makefile("rb")
        answer = None
        try:
            connection.sendall(request)
            if broken:
                connection.shutdown(socket.SHUT_WR)
            answer = read_answer(stream)
        except (ConnectionError, TimeoutError) as error:
            answer = None
            seen[type(error).__name__] += 1
        if answer is None:
            seen["closed"] += 1
            if not broken:
                wrong.append((i, "no answer", method, path, ""))
        else:
            status, text = answer
            seen[status] += 1
            # What is no HTTP is refused before the service sees it, and without a body.
            shaped = status < 400 or (broken and not text)
            if not shaped:
                try:
                    problem = json.loads(text)
                    shaped = all(problem[key] for key in ("error", "code", "advice"))
                except (ValueError, KeyError, TypeError):
                    shaped = False
            if status >= 500 and status != 503 or not shaped:
                wrong.append((i, status, method, path, text[:200]))
        if broken or answer is None:
            connection.close()
            connection = None
    print(f"{count} requests:", ", ".join(f"{n} x {what}" for what, n in seen.most_common()))
    for one in wrong[:10]:
        print("WRONG", *one)
    sys.exit(bool(wrong))


main()
