"""How the server bears load, client and server on one machine. Needs wrk (Debian's package).

    python bench/server/load.py target/release/decipher [--seconds 60] [--only rate,overload,slow,stop]

    rate      28 x 28 PNGs over keep-alive: requests a second, p50, p99, errors
    overload  pages at five times the rate that can be read: what the surplus gets, and how soon;
              memory before, during and after; the time until all is normal again
    slow      the p99 of others beside 1,000 connections that never finish their request
    stop      SIGTERM under load: requests that were sent and not answered, and the exit
"""

import argparse
import asyncio
import base64
import json
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.request
import zlib

SAMPLES = pathlib.Path(__file__).parents[2] / "samples"

LUA = """
local bodies = {}
for line in io.lines(os.getenv("BODIES")) do
  bodies[#bodies + 1] = line:gsub("..", function(hex) return string.char(tonumber(hex, 16)) end)
end
local requests, at = {}, 0
init = function()
  wrk.method, wrk.headers["Content-Type"] = "POST", "image/png"
  for i, body in ipairs(bodies) do requests[i] = wrk.format(nil, "/v1/read", nil, body) end
end
request = function() at = at % #requests + 1; return requests[at] end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %f %f %f %d %d\\n", summary.requests, summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, e.status, e.connect + e.read + e.write + e.timeout))
end
"""


def png(pixels):
    """28 x 28 pixels, 0 = paper, as a grey PNG, dark on white."""
    rows = b"".join(b"\0" + bytes(255 - p for p in pixels[y * 28 : y * 28 + 28]) for y in range(28))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Server:
    def __init__(self, program, *arguments):
        command = [program, "serve", "--port", "0", "--log", "warn", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        self.host, self.port = re.match(r"http://(.*):(\d+)/", self.address).groups()
        self.port = int(self.port)

    def get(self, path):
        with urllib.request.urlopen(self.address + path) as answer:
            return answer.read()

    def memory(self):
        """Resident megabytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def wrk(server, seconds, connections, work):
    """Requests, requests a second, p50 and p99 in ms, answers of 400 and above, broken ones."""
    digits = json.loads(server.get("v1/digits?count=100"))["digits"]
    (work / "bodies").write_text("\n".join(png(base64.b64decode(d["pixels"])).hex() for d in digits))
    (work / "post.lua").write_text(LUA)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", work / "post.lua", server.address]
    output = subprocess.run(command, env={"BODIES": str(work / "bodies"), "PATH": "/usr/bin"}, capture_output=True, text=True, check=True).stdout
    return [float(x) for x in re.search(r"RESULT (.*)", output)[1].split()]


def rate(program, seconds, work):
    server = Server(program)
    wrk(server, 2, 16, work)
    requests, a_second, p50, p99, refused, broken = wrk(server, seconds, 16, work)
    print(f"rate: {requests:.0f} requests in {seconds} s, {a_second:.0f}/s, p50 {p50:.2f} ms, p99 {p99:.2f} ms, {refused:.0f} errors, {broken:.0f} broken; {server.memory():.0f} MB")
    server.stop()


def page(name="page.jpg"):
    body = (SAMPLES / name).read_bytes()
    return f"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def one(server, request):
    """Status, seconds and whether Retry-After came, of one request on a connection of its own."""
    started = time.perf_counter()
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head)[1])
    await reader.readexactly(length)
    writer.close()
    return int(head.split()[1]), time.perf_counter() - started, b"retry-after" in head


async def open_loop(server, request, a_second, seconds, during=lambda: None):
    """Sends at a fixed rate, however long the answers take."""
    started, all_of_them = time.perf_counter(), []
    for i in range(int(a_second * seconds)):
        await asyncio.sleep(max(0, started + i / a_second - time.perf_counter()))
        all_of_them.append(asyncio.create_task(one(server, request)))
        if i % 50 == 0:
            during()
    return await asyncio.gather(*all_of_them)


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(q * len(values)))] if values else float("nan")


def overload(program, seconds, work):
    server = Server(program, "--queue", "16")
    request = page()

    async def all_of_it():
        # What it can do: eight clients that ask again as soon as they have an answer.
        async def client(until, count=0):
            while time.perf_counter() < until:
                status, _, _ = await one(server, request)
                count += status == 200
            return count
        until = time.perf_counter() + 4
        capacity = sum(await asyncio.gather(*(client(until) for _ in range(8)))) / 4
        calm, most = server.memory(), 0

        def watch():
            nonlocal most
            most = max(most, server.memory())
        answers = await open_loop(server, request, 5 * capacity, seconds, watch)
        ended = time.perf_counter()
        while (await one(server, request))[0] != 200:
            pass
        back = time.perf_counter() - ended
        after = [await one(server, request) for _ in range(20)]
        refused = [a for a in answers if a[0] == 503]
        served = [a for a in answers if a[0] == 200]
        print(f"overload: can read {capacity:.0f} pages/s; at {5 * capacity:.0f}/s for {seconds} s {len(served)} were read (p99 {1e3 * quantile([a[1] for a in served], .99):.0f} ms), {len(refused)} got 503 (p50 {1e3 * quantile([a[1] for a in refused], .5):.1f} ms, p99 {1e3 * quantile([a[1] for a in refused], .99):.1f} ms, {sum(a[2] for a in refused)} with Retry-After), {len(answers) - len(refused) - len(served)} other; memory {calm:.0f} MB before, at most {most:.0f} MB, {server.memory():.0f} MB after; reads again after {back:.2f} s, then {1e3 * quantile([a[1] for a in after], .5):.0f} ms a page")
    asyncio.run(all_of_it())
    server.stop()


def slow(program, seconds, work):
    server = Server(program)
    wrk(server, 2, 16, work)
    before = wrk(server, 10, 16, work)
    stop, opened = threading.Event(), [0]

    def drip():
        """A thousand heads that grow by a byte a second; what the server closes is opened again."""
        held = {}
        while not stop.is_set():
            for i in range(1000):
                try:
                    if i not in held:
                        held[i] = socket.create_connection((server.host, server.port))
                        held[i].send(b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nX: ")
                        opened[0] += 1
                    else:
                        held[i].send(b"a")
                except OSError:
                    held.pop(i, None)
            stop.wait(1)
    thread = threading.Thread(target=drip)
    thread.start()
    time.sleep(2)
    during = wrk(server, 15, 16, work)
    stop.set()
    thread.join()
    print(f"slow: p99 {before[3]:.2f} ms and {before[1]:.0f}/s alone, {during[3]:.2f} ms and {during[1]:.0f}/s beside 1,000 slow connections ({opened[0]} opened in all), {during[4] + during[5]:.0f} errors")
    server.stop()


def stop(program, seconds, work):
    server = Server(program)
    request, lost, answered = page("number.jpg"), [], [0] * 16

    def client(i):
        while True:
            try:
                connection = socket.create_connection((server.host, server.port))
            except OSError:
                return
            stream = connection.makefile("rb")
            closing = False
            while not closing:
                try:
                    connection.sendall(request)
                    status = stream.readline()
                    length, line = 0, status
                    while (line := stream.readline().strip().lower()):
                        closing |= line == b"connection: close"
                        if line.startswith(b"content-length:"):
                            length = int(line.split(b":")[1])
                    if len(stream.read(length)) != length or b"200" not in status:
                        raise OSError(status)
                    answered[i] += 1
                except OSError as error:
                    lost.append(error)
                    return
    threads = [threading.Thread(target=client, args=(i,)) for i in range(16)]
    [thread.start() for thread in threads]
    time.sleep(2)
    started = time.perf_counter()
    code = server.stop()
    took = time.perf_counter() - started
    [thread.join() for thread in threads]
    print(f"stop: {sum(answered)} requests answered on 16 connections, {len(lost)} sent and not answered; exit {code} after {took:.2f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--only", default="rate,overload,slow,stop")
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        parser.error("there is no wrk; it is Debian's package of that name")
    parts = {"rate": rate, "overload": overload, "slow": slow, "stop": stop}
    with tempfile.TemporaryDirectory() as work:
        for name in arguments.only.split(","):
            seconds = arguments.seconds if name == "rate" else 10
            parts[name](arguments.program, seconds, pathlib.Path(work))


main()
