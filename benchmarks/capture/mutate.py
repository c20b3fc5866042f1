"""Mutated segments through the capture core: no exception, no bound exceeded.

Usage: python -m benchmarks.capture.mutate [--segments N] [--seed N]
"""

import argparse
import random
import struct
import sys
import time
from pathlib import Path

from rings.assembler import Assembler
from rings.block import PCAP, Block, Layout
from rings.limits import Limits

LIMITS = Limits(
    keep_all_bodies=True,
    tunnels=True,
    offline=True,
    head_bytes=2000,
    body_bytes=5000,
    connections=200,
    pending_bytes=20_000,
    pending_segments=30,
    held_bytes=25_000,
)
MOST_MEMORY_BYTES = 200 << 20
_BATCH = 2000
_PIECES = (
    b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /b HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n",
    b'{"a": 1}\n',
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\n",
    b"HEAD /c HTTP/1.1\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x00\x10",
    b"x" * 700,
)


class Talk:
    """One connection's numbers; both sides are picked at random."""

    def __init__(self, number: int, chance: random.Random) -> None:
        self.chance = chance
        self.address = struct.pack(">I", 0x0A000000 + number % 300)
        self.numbers = [chance.randrange(1 << 32), chance.randrange(1 << 32)]

    def frame(self) -> bytes:
        chance = self.chance
        side = chance.randrange(2)
        payload = b"".join(chance.choices(_PIECES, k=chance.randrange(4)))
        flags = chance.choices((16, 2, 18, 17, 4), (60, 2, 1, 1, 1))[0]
        sequence = self.numbers[side] + chance.choice((0, 0, 0, 0, 9, -9, 100_000))
        ports = (50000, 80) if side == 0 else (80, 50000)
        tcp = struct.pack(
            ">HHIIBBHHH",
            *ports,
            sequence & 0xFFFFFFFF,
            self.numbers[1 - side] & 0xFFFFFFFF,
            0x50,
            flags,
            1000,
            0,
            0,
        )
        self.numbers[side] += len(payload)
        addresses = (self.address, b"\x0a\xff\0\x01")
        source, target = addresses if side == 0 else addresses[::-1]
        size = 20 + len(tcp) + len(payload)
        ip = struct.pack(">BBHHHBBH", 0x45, 0, size, 0, 0, 64, 6, 0)
        return bytes(12) + b"\x08\0" + ip + source + target + tcp + payload


def mutated(frame: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        return frame
    changed = bytearray(frame)
    for _ in range(chance.randrange(1, 6)):
        start = 12 if chance.random() < 0.3 else 46
        place = min(start + chance.randrange(len(changed)), len(changed) - 1)
        changed[place] = chance.choice((0, 10, 13, 32, 255, chance.randrange(256)))
    if chance.random() < 0.2:
        del changed[chance.randrange(len(changed)) :]
    return bytes(changed)


def run(segments: int, seed: int) -> None:
    """Feeds so many segments and checks after each batch."""
    chance = random.Random(seed)
    assembler, pairs, done, at_ns = Assembler(LIMITS), 0, 0, 10**18
    talks = [Talk(number, chance) for number in range(400)]
    while done < segments:
        records = bytearray()
        for _ in range(min(_BATCH, segments - done)):
            place = chance.randrange(len(talks))
            if chance.random() < 0.02:
                talks[place] = Talk(chance.randrange(10_000), chance)
            frame = mutated(talks[place].frame(), chance)
            at_ns += chance.choice((1000, 1_000_000, 30_000_000))
            seconds, fraction = divmod(at_ns, 10**9)
            wire = len(frame) + chance.choice((0, 0, 0, 50))
            records += struct.pack("<IIII", seconds, fraction, len(frame), wire) + frame
            done += 1
        layout = Layout(PCAP, nanoseconds=True)
        view = memoryview(bytes(records))
        pairs += len(assembler.feed(Block(view, layout, 0, len(records))))
        check(assembler)
    pairs += len(assembler.close())
    check(assembler)
    stats = assembler.total()
    assert stats.in_flight_bytes == 0, "bytes are left in flight"
    assert assembler.budget.held_bytes == 0, "bytes are left in the budget"
    print(
        f"{done:,} segments, {pairs:,} exchanges, {stats.gaps:,} gaps, "
        f"{stats.memory_refusals:,} refusals, no exception"
    )


def check(assembler: Assembler) -> None:
    """Every bound holds, and every byte stands in one bucket."""
    stats = assembler.total()
    assert stats.payload_bytes == sum(stats.buckets().values()), "bytes do not add up"
    assert min(stats.buckets().values()) >= 0, "a bucket is negative"
    held = assembler.budget.held_bytes
    assert 0 <= held <= LIMITS.held_bytes + 65_535, "too much held by all"
    streams = assembler.view(0).streams
    assert len(streams) <= 2 * LIMITS.connections, "too many connections"
    for stream in streams.values():
        assert len(stream.pieces or ()) <= LIMITS.pending_segments + 1, "too many held"
        assert stream.pending_bytes <= LIMITS.pending_bytes + 65_535, "too much held"
    status = Path("/proc/self/status").read_text()
    memory = next(
        int(line.split()[1]) for line in status.splitlines() if line[:7] == "RssAnon"
    )
    assert memory << 10 < MOST_MEMORY_BYTES, "too much memory"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    started = time.process_time()
    run(options.segments, options.seed)
    print(f"{time.process_time() - started:.1f} CPU seconds")


if __name__ == "__main__":
    main(sys.argv[1:])
