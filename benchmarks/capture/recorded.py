"""The capture core on recorded traffic: nginx and wrk over a veth pair, as root.

wrk asks nginx in another network namespace, dumpcap writes what passes the server's
interface in the host, acknowledgements among it, and every reader of
`benchmarks.capture` that is ours reads that file, in turn. Printed are frames and pairs
of each recording, the cost of an exchange, and the ratios. A frame that dumpcap dropped
is told; its exchange is then cut short, as on any node.

Usage: python -m benchmarks.capture.recorded [--runs N] [--seconds S]
"""

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import targets
from benchmarks.capture.__main__ import Measured, measure
from tests.netns.pods import Node
from tests.netns.web import Web, load_of, web

PAD_BYTES = 1_460
READERS = ("ours", "pairs", "walk")
OPEN_FILES = 32_768
START_SECONDS = 10.0


@dataclass(frozen=True)
class Recording:
    """How it is asked for."""

    name: str
    connections: int = 10
    path: str = "/items/"
    delay_ms: int = 1
    times: int = 1
    """So much longer, for connections that ask seldom."""


RECORDINGS = (
    Recording("json"),
    Recording("connections", connections=10_000, delay_ms=1_000, times=3),
    Recording("html", path="/pages/"),
)


def record(site: Web, recording: Recording, seconds: int, file: Path) -> str:
    """Writes the file; what dumpcap told of frames, in words."""
    command = ["dumpcap", "-q", "-i", site.server.host_name, "-f", "tcp port 8080"]
    command += ["-B", "64", "-P", "-w", str(file)]
    dumpcap = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + START_SECONDS
        while not file.exists() or file.stat().st_size == 0:
            if dumpcap.poll() is not None or time.monotonic() > end:
                raise RuntimeError("dumpcap does not record")
            time.sleep(0.1)
        load = load_of(
            site.start(
                seconds, recording.connections, recording.delay_ms, recording.path
            )
        )
        time.sleep(1)
    finally:
        dumpcap.terminate()
        _, told = dumpcap.communicate(timeout=30)
    found = re.search(r"received/dropped on interface .*?: (\d+)/(\d+)", told)
    if found is None:
        raise RuntimeError("dumpcap told no frames")
    return f"{load.requests:,} requests, {int(found[1]):,} frames, {found[2]} dropped"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args(arguments)
    targets.print_machine()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, most), most))
    each: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        node = Node()
        try:
            with web(node, Path(folder), PAD_BYTES) as site:
                for recording in RECORDINGS:
                    file = Path(folder) / f"{recording.name}.pcap"
                    told = record(
                        site, recording, options.seconds * recording.times, file
                    )
                    print(f"{recording.name:12} {told}", flush=True)
                    files[recording.name] = file
        finally:
            node.close()
        for name, file in files.items():
            exchanges = measure("lines", file, 1).pairs
            for reader in READERS:
                result: Measured = measure(reader, file, options.runs)
                each[name, reader] = result.cpu_seconds / exchanges
                print(
                    f"{name:12} {reader:6} {exchanges:9,} exchanges"
                    f" {result.pairs:9,} pairs"
                    f" {each[name, reader] * 1e6:6.2f} µs an exchange"
                    f" {result.memory_bytes / 1e6:6.1f} MB",
                    flush=True,
                )
    for name in ("connections", "html"):
        ratio = each[name, "ours"] / each["json", "ours"]
        print(f"{name}: {ratio:.2f} times the cost of json")
    for name in files:
        ratio = each[name, "pairs"] / each[name, "walk"]
        print(f"{name}: {ratio:.1f} times the floor without records")


if __name__ == "__main__":
    main(sys.argv[1:])
