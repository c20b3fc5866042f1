"""What a connection holds while it is silent: bytes of memory of each one of many.

Opens connections of HTTP/1 and of HTTP/2 that have so many exchanges each and then say
nothing, in a process of its own for each kind; another one writes the capture, whose
freed memory would be used again. HTTP/2's compression tables are full after some
hundred exchanges that have a field of their own: the client's, and the server's if its
answers have one, too.

Usage: python -m benchmarks.capture.idle [--connections N]
"""

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.capture.traffic import Traffic, write
from rings.packets.pcap import read_blocks
from rings.streams.assembler import Assembler

KINDS = {
    "HTTP/1, 1 exchange": Traffic("idle", 1, body_bytes=100),
    "HTTP/2, 1 exchange": Traffic("idle", 1, body_bytes=100, streams=1),
    "HTTP/2, 200 exchanges": Traffic("idle", 200, body_bytes=100, streams=1),
    "HTTP/2, 200 exchanges, both tables full": Traffic(
        "idle", 200, body_bytes=100, streams=1, is_marked=True
    ),
}


def of_many(traffic: Traffic, connections: int) -> Traffic:
    exchanges = traffic.exchanges * connections
    return dataclasses.replace(traffic, exchanges=exchanges, connections=connections)


def held(path: str) -> float:
    """Bytes of each connection of a capture."""
    assembler = Assembler()
    before = _anonymous_bytes()
    for part in read_blocks(path):
        assembler.feed(part)
    known = len(assembler.view(0).connections) // 2
    return (_anonymous_bytes() - before) / known


def _anonymous_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return next(
        int(line.split()[1]) << 10
        for line in status.splitlines()
        if line[:7] == "RssAnon"
    )


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--capture", help="tells what this one's connections hold")
    options = parser.parse_args(arguments)
    if options.capture:
        print(json.dumps(held(options.capture)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "idle.pcap"
        for name, traffic in KINDS.items():
            write(path, of_many(traffic, options.connections), 1)
            command = [sys.executable, "-m", "benchmarks.capture.idle"]
            command += ["--capture", str(path)]
            done = subprocess.run(command, check=True, capture_output=True)
            told = json.loads(done.stdout)
            print(f"{name}: {told:,.0f} bytes a connection", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
