"""Readers: ways to get request and response pairs out of a capture, measured.

Each runs in a process of its own and prints one JSON line: pairs, payload bytes, CPU
seconds and peak resident memory, mapped pages among it. `ours` and `dpkt` go from the
file to packed records; `pairs` ends before the records; `walk` is the floor: it takes
each frame to its connection and copies the file once, and no more; `report` and `lines`
are `vethscope replay` without its start, of all content types, with coverage counters
only and with a line a pair; `tshark` prints the fields of messages.

Usage: python -m benchmarks.capture.readers NAME FILE
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import dpkt

from agent.record import VERSION, encoder
from agent.replay.replay import replay
from rings.limits import Limits
from rings.packets.pcap import CHUNK_BYTES, read_blocks
from rings.records.gatherer import Gatherer
from rings.streams.assembler import Assembler

Result = tuple[int, int]
"""Pairs and payload bytes."""


def ours(path: str) -> Result:
    assembler, gatherer = Assembler(), Gatherer(VERSION, "node", None, lambda _: b"")
    for part in read_blocks(path):
        gatherer.feed(assembler.feed(part), assembler.now_ns)
        gatherer.expire(assembler.now_ns)
    gatherer.feed(assembler.close(), assembler.now_ns)
    gatherer.close()
    return gatherer.records, assembler.total().payload_bytes


def to_pairs(path: str) -> Result:
    """Without making and encoding records."""
    assembler, pairs = Assembler(), 0
    for part in read_blocks(path):
        pairs += len(assembler.feed(part))
    pairs += len(assembler.close())
    return pairs, assembler.total().payload_bytes


def walk(path: str) -> Result:
    """The floor: each frame to its connection, and one copy of the whole file.

    An interface whose exchanges are reported elsewhere only counts its bytes.
    """
    assembler = Assembler()
    assembler.view(0).own = frozenset({b"none"})
    for part in read_blocks(path):
        assembler.feed(part)
    copied = bytearray(CHUNK_BYTES)
    with Path(path).open("rb", buffering=0) as file:
        while file.readinto(copied):
            pass
    return 0, assembler.total().payload_bytes


def report(path: str) -> Result:
    return _replayed(path, None)


def lines(path: str) -> Result:
    return _replayed(path, "/dev/null")


def _replayed(path: str, pairs: str | None) -> Result:
    with tempfile.NamedTemporaryFile() as told:
        replay([path], pairs, told.name, True, Limits().body_bytes)
        counts = json.load(told)["counts"]
    return counts["pairs"] + counts["pairs_not_json"], counts["payload_bytes"]


def with_dpkt(path: str) -> Result:
    streams: dict[tuple[bytes, int, bytes, int], bytearray] = {}
    waiting: dict[tuple[bytes, int, bytes, int], deque[dpkt.http.Request]] = {}
    pairs = payload = 0
    with Path(path).open("rb") as file:
        for _, data in dpkt.pcap.Reader(file):
            ip = dpkt.ethernet.Ethernet(data).data
            tcp = ip.data
            if not tcp.data:
                continue
            payload += len(tcp.data)
            key = (ip.src, tcp.sport, ip.dst, tcp.dport)
            stream = streams.setdefault(key, bytearray())
            stream += tcp.data
            is_request = tcp.dport < 1024
            kind = dpkt.http.Request if is_request else dpkt.http.Response
            try:
                message = kind(bytes(stream))
            except dpkt.UnpackError:
                if not stream[:5].isascii():
                    stream.clear()
                continue
            stream.clear()
            if is_request:
                waiting.setdefault(key, deque()).append(message)
                continue
            requests = waiting.get((ip.dst, tcp.dport, ip.src, tcp.sport))
            if requests:
                request = requests.popleft()
                encoder.encode((request.uri, request.headers, message.body))
                pairs += 1
    return pairs, payload


_HTTP_1 = (
    "http.response.code tcp.stream http.request.method http.request.uri http.file_data"
)
_HTTP_2 = (
    "http2.headers.status tcp.stream http2.streamid http2.headers.method"
    " http2.headers.path http2.data.data"
)


def with_tshark(path: str) -> Result:
    """Of HTTP/1 or of HTTP/2; statuses are counted."""
    is_http2 = Path(path).name.startswith(("http2", "grpc"))
    shown = "http2" if is_http2 else "http"
    command = ["tshark", "-r", path, "-Y", shown, "-T", "fields"]
    for field in (_HTTP_2 if is_http2 else _HTTP_1).split():
        command += ["-e", field]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    first = (line.split(b"\t")[0] for line in output.splitlines())
    return sum(len(told.split(b",")) for told in first if told), 0


READERS: dict[str, Callable[[str], Result]] = {
    "ours": ours,
    "pairs": to_pairs,
    "walk": walk,
    "report": report,
    "lines": lines,
    "dpkt": with_dpkt,
    "tshark": with_tshark,
}


def main(name: str, path: str) -> None:
    """Measures one reader and prints the result."""
    started = time.process_time()
    pairs, payload = READERS[name](path)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() - started + children.ru_utime + children.ru_stime
    status = Path("/proc/self/status").read_text()
    memory = next(
        int(line.split()[1]) for line in status.splitlines() if line[:5] == "VmHWM"
    )
    result = {
        "reader": name,
        "pairs": pairs,
        "payload_bytes": payload,
        "cpu_seconds": seconds,
        "memory_bytes": memory << 10,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
