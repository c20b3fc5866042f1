"""Captures generated from a seed: what the capture core is measured on.

In come a kind of traffic and a number of exchanges, out goes a pcap file. Connections
take turns, one exchange each, so that all of a capture's connections are open at once.
"""

import json
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.capture.multiplexed import Multiplexed

MSS = 1448
_PCAP = struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)
_SERVER = bytes([10, 0, 0, 1])
_STEP_NS = 15_000
_SYN, _ACK, _PSH = 2, 16, 8


@dataclass(frozen=True, slots=True)
class Traffic:
    """One kind of traffic."""

    name: str
    exchanges: int
    connections: int = 10
    body_bytes: int = 1500
    content_type: str = "application/json"
    is_tls: bool = False
    lost: float = 0.0
    reordered: float = 0.0
    bodies: int = 1
    """Different ones, which take turns."""
    streams: int = 0
    """Of HTTP/2, open at once in a connection; zero: it is HTTP/1."""
    is_grpc: bool = False
    """Unary calls, `body_bytes` each way."""
    is_marked: bool = False
    """Of HTTP/2: each answer has a field of its own, as each request has."""


KINDS = (
    Traffic("json", 60_000),
    Traffic("large", 4_000, body_bytes=65_536),
    Traffic("connections", 60_000, connections=10_000),
    Traffic("lossy", 60_000, lost=0.01, reordered=0.05),
    Traffic("html", 60_000, content_type="text/html"),
    Traffic("tls", 60_000, is_tls=True),
    Traffic("http2 1", 60_000, streams=1),
    Traffic("http2 10", 60_000, streams=10),
    Traffic("http2 100", 60_000, streams=100),
    Traffic("grpc 1", 60_000, streams=1, body_bytes=200, is_grpc=True),
    Traffic("grpc 100", 60_000, streams=100, body_bytes=200, is_grpc=True),
)


@dataclass(slots=True)
class Side:
    address: bytes
    port: int
    sequence: int


def write(path: Path, traffic: Traffic, seed: int) -> None:
    """Writes the capture."""
    chance = random.Random(seed)
    with path.open("wb") as file:
        file.write(_PCAP)
        at_ns = 1_700_000_000_000_000_000
        for frame in _disturbed(_frames(traffic, chance), traffic, chance):
            at_ns += _STEP_NS
            seconds, fraction = divmod(at_ns, 1_000_000_000)
            size = len(frame)
            file.write(struct.pack("<IIII", seconds, fraction, size, size) + frame)


def _disturbed(
    frames: Iterator[bytes], traffic: Traffic, chance: random.Random
) -> Iterator[bytes]:
    late: bytes | None = None
    for frame in frames:
        if traffic.lost and chance.random() < traffic.lost:
            continue
        if late is None and traffic.reordered and chance.random() < traffic.reordered:
            late = frame
            continue
        yield frame
        if late is not None:
            yield late
            late = None


def _frames(traffic: Traffic, chance: random.Random) -> Iterator[bytes]:
    answers = [_answer(traffic, number) for number in range(traffic.bodies)]
    pairs = []
    for number in range(traffic.connections):
        address = bytes([10, 1, number >> 8 & 255, number & 255])
        client = Side(address, 32_768 + number % 28_000, chance.randrange(1 << 32))
        server = Side(_SERVER, 443 if traffic.is_tls else 80, chance.randrange(1 << 32))
        yield from _opening(client, server)
        pairs.append((client, server))
    if traffic.streams:
        yield from _multiplexed(traffic, pairs, answers)
        return
    for number in range(traffic.exchanges):
        client, server = pairs[number % traffic.connections]
        yield from _sent(client, server, _request(traffic, number))
        yield from _sent(
            server, client, _response(traffic, answers[number % len(answers)])
        )


def _multiplexed(
    traffic: Traffic, pairs: list[tuple[Side, Side]], answers: list[bytes]
) -> Iterator[bytes]:
    """So many requests in one go, then their responses, one connection after the
    other."""
    peers = [Multiplexed() for _ in pairs]
    for (client, server), peer in zip(pairs, peers, strict=True):
        yield from _sent(client, server, peer.preface())
        yield from _sent(server, client, peer.settings())
    for start in range(0, traffic.exchanges, traffic.streams):
        place = start // traffic.streams % len(pairs)
        (client, server), peer = pairs[place], peers[place]
        numbers = range(start, min(start + traffic.streams, traffic.exchanges))
        if traffic.is_grpc:
            calls = [peer.call(number, traffic.body_bytes) for number in numbers]
            yield from _sent(client, server, b"".join(calls))
            yield from _sent(server, client, peer.replies(traffic.body_bytes))
            continue
        asked = [peer.request(f"/items/{number}?page=3", number) for number in numbers]
        yield from _sent(client, server, b"".join(asked))
        bodies = [answers[number % len(answers)] for number in numbers]
        told = (traffic.content_type, bodies, traffic.is_marked)
        yield from _sent(server, client, peer.responses(*told))


def _answer(traffic: Traffic, number: int) -> bytes:
    """Numbers and names of their own, but for the first."""
    own = 7_919 * number
    things = (
        {"id": i + own, "name": f"thing {i * (own + 1)}", "price": i * 1.5 + own}
        for i in range(2000)
    )
    size, parts = 0, []
    for thing in things:
        parts.append(json.dumps(thing))
        size += len(parts[-1]) + 2
        if size > traffic.body_bytes:
            break
    return f"[{', '.join(parts)}"[: traffic.body_bytes].encode()


def _opening(client: Side, server: Side) -> Iterator[bytes]:
    yield frame(client, server, b"", _SYN)
    client.sequence += 1
    yield frame(server, client, b"", _SYN | _ACK)
    server.sequence += 1


def _sent(source: Side, target: Side, data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), MSS):
        piece = data[start : start + MSS]
        yield frame(source, target, piece, _ACK | _PSH)
        source.sequence += len(piece)


def _request(traffic: Traffic, number: int) -> bytes:
    if traffic.is_tls:
        return b"\x17\x03\x03\x00\xc8" + bytes(200)
    return (
        f"GET /items/{number}?page=3 HTTP/1.1\r\nHost: shop.example.com\r\n"
        "User-Agent: python-requests/2.31.0\r\nAccept-Encoding: gzip, deflate\r\n"
        f"Accept: */*\r\nConnection: keep-alive\r\nX-Request-Id: 7a8b9c{number}\r\n\r\n"
    ).encode()


def _response(traffic: Traffic, body: bytes) -> bytes:
    if traffic.is_tls:
        return b"\x17\x03\x03" + struct.pack(">H", len(body)) + body
    head = (
        "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
        f"Content-Type: {traffic.content_type}\r\nContent-Length: {len(body)}\r\n"
        "Connection: keep-alive\r\n\r\n"
    )
    return head.encode() + body


def frame(source: Side, target: Side, payload: bytes, flags: int) -> bytes:
    tcp = struct.pack(
        ">HHIIBBHHH",
        source.port,
        target.port,
        source.sequence & 0xFFFFFFFF,
        target.sequence & 0xFFFFFFFF if flags & _ACK else 0,
        0x50,
        flags,
        65535,
        0,
        0,
    )
    size = 20 + len(tcp) + len(payload)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, size, 0, 0x4000, 64, 6, 0)
    return bytes(12) + b"\x08\0" + ip + source.address + target.address + tcp + payload
