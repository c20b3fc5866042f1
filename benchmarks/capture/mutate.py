"""Mutated segments and frames through the capture core: no exception, and bounds hold.

Usage: python -m benchmarks.capture.mutate [--segments N] [--frames N] [--coded N]
       [--seed N]
"""

import argparse
import dataclasses
import random
import struct
import sys
import time
from pathlib import Path

from rings.limits import Limits
from rings.packets.block import PCAP, Block, Layout
from rings.streams.assembler import Assembler
from tests.rings.coded import CODINGS
from tests.rings.wire import Conversation, block_of

LIMITS = Limits(
    keep_all_bodies=True,
    tunnels=True,
    offline=True,
    head_bytes=2000,
    body_bytes=5000,
    part_bytes=400,
    part_ns=1_000_000_000,
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
    b"GET /" + b"a" * 300,
    b" HTTP/1.1\r\n\r\n",
    b"PROXY TCP4 1.2.3.4 10.0.0.1 1 80\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
    b'data: {"a": 1}\n\n' * 20,
    b'data: {"a":\r\ndata: 1}\r\n\r',
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json-seq\r\n\r\n\x1e{}\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n{}\n{}",
)
ASKS_SOCKET = (
    b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)
"""The example of RFC 6455 section 1.3."""
OPENS_SOCKET = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
)
WAY = b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
_TEXTS = (b'{"a": 1}', b'{"b": "' + b"x" * 300 + b'"}', b"hello", b"")
_DEFLATED = b"\xaaVJT\xb2R0\xac\x05\x00"
"""The first of them, compressed (RFC 7692)."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_ASKED = b"\x82\x86\x44\x02/a\x40\x03abc\x03def\xbe"
_ANSWERED = b"\x88\x5f\x10application/json\xbe"
_HALF = b"\x82\x86"
_FRAMES = (
    (0, 0, b'{"a": '),
    (0, 1, b"1}"),
    (0, 9, b'\x03{"b": 2}' + bytes(3)),
    (1, 4, _ASKED),
    (1, 5, _ASKED),
    (1, 1, _HALF),
    (9, 4, b"\x44\x02/b"),
    (9, 0, b"\x00\x01c\x01d"),
    (1, 4, _ANSWERED),
    (1, 5, _ANSWERED),
    (1, 0x2D, b"\x02" + bytes(5) + _ASKED + bytes(2)),
    (1, 5, b"\x20\x3f\xe1\x1f" + _ASKED),
    (1, 4, b"\x40\x01e\x7f\x81\x00" + b"f" * 256),
    (1, 5, b"\xbe" * 40),
    (2, 0, bytes(5)),
    (3, 0, bytes(4)),
    (5, 4, b"\0\0\0\2" + _ASKED),
    (8, 0, bytes(4)),
    (11, 7, b"unknown"),
)
_OF_CONNECTION = ((4, 0, bytes(6)), (4, 1, b""), (6, 0, bytes(8)), (7, 0, bytes(8)))


def frames(chance: random.Random) -> bytes:
    """A few of HTTP/2."""
    made = bytearray()
    for _ in range(chance.randrange(1, 6)):
        number = chance.choice((1, 1, 3, 5, 7, 2, chance.randrange(1, 600) | 1))
        kind, flags, payload = chance.choice(_FRAMES)
        if chance.random() < 0.1:
            number = 0
            kind, flags, payload = chance.choice(_OF_CONNECTION)
        made += struct.pack(">IBI", len(payload) << 8 | kind, flags, number) + payload
    return bytes(made)


def messages(chance: random.Random, by_client: bool) -> bytes:
    """A few frames of a WebSocket."""
    made = bytearray()
    for _ in range(chance.randrange(1, 6)):
        text = chance.choice(_TEXTS)
        first = chance.choice((0x81, 0x81, 0x81, 1, 0x80, 0, 0x82, 0x89, 0x8A, 0x88))
        if chance.random() < 0.3:
            first, text = 0xC1, _DEFLATED
        mask = chance.randbytes(4) if by_client else b""
        size = len(text)
        told = bytes((size,)) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
        made += bytes((first, told[0] | 0x80 * by_client)) + told[1:] + mask
        made += bytes(o ^ mask[n % 4] for n, o in enumerate(text)) if mask else text
    return bytes(made)


class Talk:
    """One connection's numbers; both sides are picked at random."""

    def __init__(self, number: int, chance: random.Random) -> None:
        self.chance = chance
        self.address = struct.pack(">I", 0x0A000000 + number % 300)
        self.numbers = [chance.randrange(1 << 32), chance.randrange(1 << 32)]
        self.is_framed = chance.random() < 0.5
        """It is HTTP/2; the client's preface may be missing."""
        self.is_fresh = chance.random() < 0.7
        self.is_socket = not self.is_framed and chance.random() < 0.4
        self.opened = [False, False]
        """Each side's head of a WebSocket is sent."""

    def frame(self) -> bytes:
        chance = self.chance
        side = chance.randrange(2)
        if self.is_socket and not all(self.opened):
            side = int(self.opened[0])
        payload = b"".join(chance.choices(_PIECES, k=chance.randrange(4)))
        if self.is_framed:
            payload = frames(chance)
        if self.is_framed and self.is_fresh and side == 0:
            payload = PREFACE + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)) + payload
            self.is_fresh = False
        if self.is_socket:
            payload = self.of_socket(side)
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

    def of_socket(self, side: int) -> bytes:
        """What comes next of one: the heads first, then messages."""
        if not self.opened[side]:
            if side == 1 and not self.opened[0]:
                return b""
            self.opened[side] = True
            if side == 0:
                return ASKS_SOCKET
            return OPENS_SOCKET + self.chance.choice((WAY, b"\r\n"))
        return messages(self.chance, side == 0) if all(self.opened) else b""


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
    assert stats.http2_connections, "no HTTP/2 was met"
    assert stats.websockets, "no WebSocket was met"
    assert assembler.budget.held_bytes == 0, "bytes are left in the budget"
    print(
        f"{done:,} segments, {pairs:,} exchanges, {stats.gaps:,} gaps, "
        f"{stats.memory_refusals:,} refusals, {stats.http2_connections:,} connections "
        f"of HTTP/2, {stats.http2_losses:,} losses, {stats.websockets:,} WebSockets, "
        f"{stats.websocket_losses:,} of them lost, no exception"
    )


def check(assembler: Assembler) -> None:
    """Every bound holds, and every byte stands in one bucket."""
    stats = assembler.total()
    assert stats.payload_bytes == sum(stats.buckets().values()), "bytes do not add up"
    assert min(stats.buckets().values()) >= 0, "a bucket is negative"
    held = assembler.budget.held_bytes
    assert 0 <= held <= assembler.limits.held_bytes + 65_535, "too much held by all"
    connections = assembler.view(0).connections
    assert len(connections) <= 2 * LIMITS.connections, "too many connections"
    for key, connection in connections.items():
        stream = connection.stream(key)
        assert len(stream.pieces or ()) <= LIMITS.pending_segments + 1, "too many held"
        assert stream.pending_bytes <= LIMITS.pending_bytes + 65_535, "too much held"
    status = Path("/proc/self/status").read_text()
    memory = next(
        int(line.split()[1]) for line in status.splitlines() if line[:7] == "RssAnon"
    )
    assert memory << 10 < MOST_MEMORY_BYTES, "too much memory"


def run_frames(count: int, seed: int) -> None:
    """So many frames of HTTP/2, mutated, straight into connections that go on."""
    chance = random.Random(seed)
    done = refused = 0
    while done < count:
        talk = Conversation(step_ns=1000).open()
        talk.ask(PREFACE + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)), 60_000)
        talk.answer(bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)), 60_000)
        for _ in range(100):
            made = bytearray(b"".join(frames(chance) for _ in range(10)))
            done += 30
            if chance.random() < 0.5:
                made[chance.randrange(len(made))] = chance.randrange(256)
            (talk.ask if chance.random() < 0.5 else talk.answer)(bytes(made), 1448)
        assembler = Assembler(LIMITS)
        assembler.feed(block_of(talk.frames()))
        check(assembler)
        assembler.close()
        stats = assembler.total()
        assert stats.in_flight_bytes == 0, "bytes are left in flight"
        assert assembler.budget.held_bytes == 0, "bytes are left in the budget"
        refused += stats.http2_blocks_refused
    print(f"{done:,} frames of HTTP/2, {refused:,} heads refused, no exception")


def run_coded(count: int, seed: int) -> None:
    """So many coded event streams, half of them mutated, one with each connection."""
    chance = random.Random(seed)
    limits = dataclasses.replace(LIMITS, held_bytes=2 << 20)
    parts = 0
    for _ in range(count):
        coding = chance.choice(list(CODINGS))
        events = [b'data: {"n": %d}\n\n' % n**9 for n in range(200)]
        body = bytearray(CODINGS[coding](events))
        for _ in range(chance.choice((0, 1, 3))):
            body[chance.randrange(len(body))] = chance.randrange(256)
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        head += f"Content-Encoding: {coding}\r\n\r\n"
        talk = Conversation(step_ns=1000).open()
        talk.ask(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n", 1448)
        talk.answer(head.encode() + bytes(body), chance.choice((50, 1448)))
        talk.close()
        assembler = Assembler(limits)
        parts += len(assembler.feed(block_of(talk.frames())))
        check(assembler)
        parts += len(assembler.close())
        assert assembler.budget.held_bytes == 0, "bytes are left in the budget"
    assert parts > 2 * count, "none was told in parts"
    print(f"{count:,} coded streams in {parts:,} parts, no exception")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=1_000_000)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--coded", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    started = time.process_time()
    run(options.segments, options.seed)
    run_frames(options.frames, options.seed)
    run_coded(options.coded, options.seed)
    print(f"{time.process_time() - started:.1f} CPU seconds")


if __name__ == "__main__":
    main(sys.argv[1:])
