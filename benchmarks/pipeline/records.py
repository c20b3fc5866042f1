"""What diggers read in these measurements: batches of the demo's traffic.

The capture core pairs a made capture, and the worker's own gatherer packs the pairs:
whole, or as it chooses by default, which is lean but for a few. The same batches are
sent again and again: a digger keeps nothing that would know them again.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from itertools import cycle
from pathlib import Path

from agent.demo.capture import Capture
from agent.interceptor.reading.worker import gatherer
from agent.record import batch_decoder
from agent.settings import Capture as CaptureSettings
from agent.settings import Settings
from rings.packets.pcap import read_blocks
from rings.pairs.message import Pair
from rings.records.gatherer import Packed
from rings.streams.assembler import Assembler

EXCHANGES = 20_000
SEED = 2026
PER_SECOND = 10_000.0
"""Of capture time, of one node's worker: what half a second gathers into a batch."""
SPREAD = 64
"""Different keys, so that partitions fill alike."""


def settings(bodies: str) -> Settings:
    """Of a worker: bodies of `all` exchanges, or of those `chosen`."""
    return Settings(capture=CaptureSettings(bodies=bodies))  # type: ignore[arg-type]


def of_demo(bodies: str) -> list[Packed]:
    """Batches of all EXCHANGES."""
    with _captured() as capture:
        source = gatherer(settings(bodies), 1, SEED)
        packed: list[Packed] = []
        for pairs, now_ns in paired(capture):
            packed += source.feed(pairs, now_ns)
            packed += source.expire(now_ns)
        return packed + source.close()


def paired(capture: Path) -> Iterator[tuple[list[Pair], int]]:
    """A block's pairs, and the capture's time."""
    assembler = Assembler()
    for block in read_blocks(str(capture)):
        yield assembler.feed(block), assembler.now_ns
    yield assembler.close(), assembler.now_ns


def repeated(batches: list[Packed], exchanges: int) -> Iterator[Packed]:
    """At least so many exchanges."""
    done = 0
    for number, (_, value, count) in enumerate(cycle(batches)):
        if done >= exchanges:
            return
        done += count
        yield (number % SPREAD).to_bytes(2, "big"), value, count


def names(batches: list[Packed], folder: Path) -> str:
    """A file that names all their addresses."""
    seen: set[bytes] = set()
    for _, value, _ in batches:
        batch = batch_decoder.decode(value)
        facts = batch.facts + [record.fact for record in batch.records]
        seen |= {batch.server, *(fact.client for fact in facts)}
    lines = []
    for number, ip in enumerate(sorted(ip for ip in seen if any(ip))):
        address = ip_address(ip)
        lines += ["[[workload]]", f'name = "w{number}"', f'addresses = ["{address}"]']
    file = folder / "names.toml"
    file.write_text("\n".join(lines) + "\n")
    return str(file)


@contextmanager
def _captured() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        capture = Path(name) / "demo.pcap"
        made = Capture(SEED).piece(0, EXCHANGES, time.time_ns(), PER_SECOND)
        capture.write_bytes(made)
        yield capture
