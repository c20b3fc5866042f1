"""Records to measure with: the demo's traffic, and one of 2.5 KB.

Each is encoded once; only its times are new each time it is sent, so that they stand as
close as those of a busy cluster.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import msgspec

from agent.demo.capture import Capture
from agent.record import VERSION, Message, Record, encoder
from benchmarks.encryption import records

EXCHANGES = 4_000
RATE = 1_000.0
SEED = 2026
LARGE_BYTES = 2_500
PER_SECOND = 30_000
"""Records of one second of capture time: what one digger is to bear. The sampling's
budget is one of capture time."""
SPREAD = 64
"""Different keys, so that partitions fill alike."""


def of_demo() -> list[Record]:
    with tempfile.TemporaryDirectory() as name:
        capture = Path(name) / "demo.pcap"
        piece = Capture(SEED).piece(0, EXCHANGES, time.time_ns(), RATE)
        capture.write_bytes(piece)
        return list(records(capture))


def large() -> Record:
    """2.5 KB as it stands on Kafka."""
    head = b"GET /users/1 HTTP/1.1\r\nHost: shop\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"

    def made(padding: int) -> Record:
        user = {"id": 1, "email": "user@example.com", "text": "x" * padding}
        body = json.dumps(user).encode()
        return Record(
            VERSION,
            "node-1",
            bytes((10, 0, 1, 1)),
            40_000,
            bytes((10, 0, 0, 1)),
            8080,
            time.time_ns(),
            time.time_ns(),
            Message(head, b"", 0, False, 0),
            Message(answer, body, len(body), False, 0),
        )

    return made(LARGE_BYTES - len(encoder.encode(made(0))))


def at_pace(pairs: list[Record], count: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of so many records, the last captured now."""
    step_ns = 10**9 // PER_SECOND
    at_ns = time.time_ns() - count * step_ns
    for number in range(count):
        at_ns += step_ns
        pair = msgspec.structs.replace(
            pairs[number % len(pairs)], started_ns=at_ns, answered_ns=at_ns + 1_000_000
        )
        yield (number % SPREAD).to_bytes(2, "big"), encoder.encode(pair)


def names(pairs: list[Record], folder: Path) -> str:
    """A file that names all their addresses."""
    lines = []
    seen = {ip for pair in pairs for ip in (pair.client, pair.server) if any(ip)}
    for number, ip in enumerate(sorted(seen)):
        address = ip_address(ip)
        lines += ["[[workload]]", f'name = "w{number}"', f'addresses = ["{address}"]']
    file = folder / "names.toml"
    file.write_text("\n".join(lines) + "\n")
    return str(file)
