"""What peers said, read by other libraries: hyperframe for frames, hpack for heads.

In come all frames of a capture of one network's loopback, none of them missing; out go
the exchanges of all connections: heads as lines, trailers behind them, interim heads
left out, and bodies. Shares no code with what it is compared to.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hpack import Decoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PushPromiseFrame,
)

from rings.pairs.message import Message, Pair

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_TABLE_BYTES = 1 << 16
Lines = tuple[bytes, ...]
Ports = tuple[int, int]


@dataclass
class Said:
    """A message."""

    lines: Lines = ()
    body: bytes = b""
    is_tunnel: bool = False


@dataclass
class Exchange:
    asked: Said = field(default_factory=Said)
    answered: Said = field(default_factory=Said)

    def key(self) -> tuple[Lines, bytes, Lines, bytes]:
        asked, answered = self.asked, self.answered
        return asked.lines, asked.body, answered.lines, answered.body


def exchanges(
    frames: Iterable[tuple[int, bytes]], servers: Iterable[int]
) -> list[Exchange]:
    """Of all connections to these ports."""
    flows = _flows(frames)
    found: list[Exchange] = []
    for (client, server), sent in flows.items():
        if server in servers and sent:
            found += _read(sent, flows.get((server, client), b""))
    return found


def seen(pair: Pair) -> tuple[Lines, bytes, Lines, bytes]:
    """A pair as an exchange's key."""
    request, response = pair.request, pair.response
    return (
        lines(request),
        bytes(request.body),
        lines(response) if response else (),
        bytes(response.body) if response else b"",
    )


def lines(message: Message) -> Lines:
    """But the first, which HTTP/2 does not have."""
    return tuple(bytes(message.head).split(b"\r\n")[1:-2])


def fits(pair: Pair, exchange: Exchange) -> bool:
    """Whether all that the pair says was said in this exchange."""
    if not _fits(pair.request, exchange.asked):
        return False
    return pair.response is None or _fits(pair.response, exchange.answered)


class Truth:
    """Finds the exchange that a pair is of."""

    def __init__(self, wanted: list[Exchange]) -> None:
        self._wanted = wanted
        self._by_line: dict[bytes, list[int]] = {}
        for place, exchange in enumerate(wanted):
            for line in {*exchange.asked.lines, *exchange.answered.lines}:
                self._by_line.setdefault(line, []).append(place)

    def check(self, pairs: Iterable[Pair]) -> int:
        """How many have an answer. Those that fit the fewest exchanges take first."""
        told: set[int] = set()
        answered = 0
        found = [(list(self._fitting(pair)), pair) for pair in pairs]
        for places, pair in sorted(found, key=lambda one: len(one[0])):
            assert places, (lines(pair.request), pair.response and pair.response.head)
            free = next((place for place in places if place not in told), None)
            assert free is not None, "an exchange is told twice"
            told.add(free)
            answered += pair.response is not None
        return answered

    def _fitting(self, pair: Pair) -> Iterator[int]:
        seen = lines(pair.request)
        if pair.response:
            seen += lines(pair.response)
        unknown: list[int] = []
        among = [self._by_line.get(line, unknown) for line in seen]
        places = min(among, key=len) if among else range(len(self._wanted))
        return (place for place in places if fits(pair, self._wanted[place]))


def _fits(message: Message, said: Said) -> bool:
    following = iter(said.lines)
    if not all(line in following for line in lines(message)):
        return False
    body, whole = bytes(message.body), said.body
    if said.is_tunnel and not body:
        return True
    if not message.truncated:
        return body == whole
    same = _common(body, whole)
    rest = same + message.gap_bytes
    return body[same:] == whole[rest : rest + len(body) - same]


def _common(one: bytes, other: bytes) -> int:
    """How many first bytes are the same."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (
            (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
        )
    return low


def _flows(frames: Iterable[tuple[int, bytes]]) -> dict[Ports, bytes]:
    """Bytes by (source, target), as the sequence numbers order them."""
    firsts: dict[Ports, int] = {}
    pieces: dict[Ports, list[tuple[int, bytes]]] = {}
    for _, frame in frames:
        start = 14 + (frame[14] & 15) * 4
        source, target, number = struct.unpack_from(">HHI", frame, start)
        key = source, target
        if frame[start + 13] & 2:
            firsts[key], pieces[key] = number + 1, []
            continue
        end = 14 + int.from_bytes(frame[16:18], "big")
        data = frame[start + (frame[start + 12] >> 4) * 4 : end]
        place = number - firsts[key] & 0xFFFFFFFF
        if data:
            pieces[key].append((place, data))
    return {key: _joined(sorted(found)) for key, found in pieces.items()}


def _joined(pieces: list[tuple[int, bytes]]) -> bytes:
    whole = bytearray()
    for place, data in pieces:
        assert place <= len(whole), "the capture is not whole"
        whole[place : place + len(data)] = data
    return bytes(whole)


def _read(sent: bytes, received: bytes) -> Iterator[Exchange]:
    """The exchanges of a connection."""
    open_: dict[int, Exchange] = {}
    if not sent.startswith(_PREFACE):
        head, _, sent = sent.partition(b"\r\n\r\n")
        _, _, received = received.partition(b"\r\n\r\n")
        open_[1] = Exchange(Said(tuple(head.split(b"\r\n")[1:])))
    assert sent.startswith(_PREFACE)
    for number, heads, body in _messages(sent[len(_PREFACE) :]):
        open_[number] = Exchange(_said(heads, body))
    for number, heads, body in _messages(received):
        if heads and heads[0][0].startswith(b":method: "):
            open_[number] = Exchange(_said(heads[:1], b""))
            heads = heads[1:]
        open_[number].answered = _said(heads, body)
    return map(_told_tunnel, open_.values())


def _told_tunnel(exchange: Exchange) -> Exchange:
    """After a 2xx answer to CONNECT (RFC 9110 section 9.3.6) bytes are no body, but who
    does not know the method cannot know that."""
    asked, answered = exchange.asked, exchange.answered
    is_tunnel = b":method: CONNECT" in asked.lines and b":status: 200" in answered.lines
    asked.is_tunnel = answered.is_tunnel = is_tunnel
    return exchange


def _said(heads: list[Lines], body: bytes) -> Said:
    final = [head for head in heads if not head[0].startswith(b":status: 1")]
    return Said(tuple(line for head in final for line in head), body)


def _messages(data: bytes) -> list[tuple[int, list[Lines], bytes]]:
    """(stream, heads in order, body) of one direction; a promised request is a head of
    the stream that it promises."""
    decoder = Decoder(max_header_list_size=1 << 20)
    decoder.max_allowed_table_size = _TABLE_BYTES
    heads: dict[int, list[Lines]] = {}
    bodies: dict[int, bytearray] = {}
    block, number = b"", 0
    for frame in _frames(data):
        if isinstance(frame, DataFrame):
            bodies.setdefault(frame.stream_id, bytearray()).extend(frame.data)
        elif isinstance(frame, HeadersFrame | PushPromiseFrame | ContinuationFrame):
            if isinstance(frame, PushPromiseFrame):
                number = frame.promised_stream_id
            elif isinstance(frame, HeadersFrame):
                number = frame.stream_id
            block += frame.data
            if "END_HEADERS" in frame.flags:
                fields = decoder.decode(block, raw=True)
                told = tuple(bytes(n) + b": " + bytes(v) for n, v in fields)
                heads.setdefault(number, []).append(told)
                block = b""
    return [(n, heads[n], bytes(bodies.get(n, b""))) for n in heads]


def _frames(data: bytes) -> Iterator[Frame]:
    view, place = memoryview(data), 0
    while place + 9 <= len(data):
        frame, length = Frame.parse_frame_header(view[place : place + 9])
        frame.parse_body(view[place + 9 : place + 9 + length])
        yield frame
        place += 9 + length
    assert place == len(data), "frames do not end where the bytes do"
