"""Mutated messages, read by h11, by httptools and here: what both read is read alike.

Streams of up to four messages are built from parts that are right, odd or wrong: line
ends, lengths, transfer codings, chunks, trailers, stray octets. Where both others read
a whole stream and agree, the same messages must be found here, in pieces of any size.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import h11
import httptools
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.rings.wire import ALL, Conversation, collect, request

_SMALL = st.integers(0, 7)

Read = list[tuple[bytes, bytes, bytes]]
"""Method (or status), target and body of each message."""

LENGTHS: tuple[Callable[[int], str], ...] = (
    lambda size: f"Content-Length: {size}",
    lambda size: f"content-length:{size}  ",
    lambda size: f"Content-Length: 00{size}",
    lambda size: f"Content-Length: {size}, {size}",
    lambda size: f"Content-Length: {size}\r\nContent-Length: {size}",
    lambda size: f"Content-Length: {size}\r\nContent-Length: {size + 1}",
    lambda size: f"Content-Length: {size} {size}",
    lambda size: f"Content-Length: +{size}",
    lambda size: f"Content-Length : {size}",
    lambda size: f"Content-Length:\r\n {size}",
)
CODINGS = (
    "Transfer-Encoding: chunked",
    "transfer-encoding:CHUNKED ",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, gzip",
    "Transfer-Encoding: chunked\r\nContent-Length: 3",
    "Content-Length: 3\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding:\r\n\tchunked",
)
CHUNKS = ("%x\r\n", "%X\r\n", "00%x\r\n", "%x;a=b\r\n", "%x ;a\r\n", "%x\n", "0x%x\r\n")
TRAILERS = ("", "", "X: y\r\n", "X: y\r\nZ: 1\r\n", "no colon\r\n")


@dataclass(frozen=True)
class Shape:
    """One message; `damage` puts an octet somewhere."""

    body: bytes
    is_chunked: bool
    framing: int
    chunk_bytes: int
    chunk: int
    trailer: int
    line_end: str
    damage: tuple[int, int] | None

    def encoded(self, first: str) -> bytes:
        coding = CODINGS[self.framing % len(CODINGS)]
        length = LENGTHS[self.framing % len(LENGTHS)](len(self.body))
        framing = coding if self.is_chunked else length
        head = f"{first}\r\nHost: a\r\nX-One: 1\r\n{framing}\r\n\r\n"
        data = bytearray(head.replace("\r\n", self.line_end).encode() + self._content())
        if self.damage is not None:
            place, octet = self.damage
            data[place % len(data)] = octet
        return bytes(data)

    def _content(self) -> bytes:
        if not self.is_chunked:
            return self.body
        size = self.chunk_bytes
        parts = [self.body[i : i + size] for i in range(0, len(self.body), size)]
        line = CHUNKS[self.chunk % len(CHUNKS)]
        chunks = b"".join((line % len(one)).encode() + one + b"\r\n" for one in parts)
        return chunks + f"0\r\n{TRAILERS[self.trailer % len(TRAILERS)]}\r\n".encode()


shapes = st.lists(
    st.builds(
        Shape,
        st.binary(min_size=1, max_size=30),
        st.booleans(),
        st.integers(0, 20),
        st.integers(1, 30),
        _SMALL,
        _SMALL,
        st.sampled_from(["\r\n", "\r\n", "\r\n", "\n"]),
        st.one_of(
            st.none(), st.none(), st.tuples(st.integers(0, 200), st.integers(0, 255))
        ),
    ),
    min_size=1,
    max_size=4,
)
PLAIN = [Shape(b"abc", False, 0, 9, 0, 0, "\r\n", None)] * 3
CHUNKED = [Shape(b"abc" * 9, True, 0, 9, 0, 2, "\r\n", None)] * 3


@dataclass
class Heard:
    """What httptools made of a stream."""

    read: Read = field(default_factory=list)
    parser: Any = None
    url: bytes = b""
    body: bytes = b""

    def on_message_begin(self) -> None:
        self.url = self.body = b""

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        if isinstance(self.parser, httptools.HttpRequestParser):
            first = self.parser.get_method()
        else:
            first = b"%d" % self.parser.get_status_code()
        self.read.append((first, self.url, self.body))


def heard(kind: type, data: bytes) -> Read | None:
    """None if httptools refuses the stream."""
    listener = Heard()
    listener.parser = kind(listener)
    try:
        listener.parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    return listener.read


def read_body(theirs: h11.Connection) -> bytes | None:
    """None if the body does not end."""
    read = b""
    while isinstance(part := theirs.next_event(), h11.Data):
        read += part.data
    return read if isinstance(part, h11.EndOfMessage) else None


def h11_requests(data: bytes) -> Read | None:
    """None if h11 refuses the stream, or does not find its end."""
    theirs, read = h11.Connection(h11.SERVER), Read()
    theirs.receive_data(data)
    try:
        while isinstance(event := theirs.next_event(), h11.Request):
            if (body := read_body(theirs)) is None:
                return None
            read.append((event.method, event.target, body))
            theirs.send(h11.Response(status_code=204, headers=[]))
            theirs.send(h11.EndOfMessage())
            theirs.start_next_cycle()
    except (h11.RemoteProtocolError, h11.LocalProtocolError):
        return None
    return None if theirs.trailing_data[0] else read


def h11_responses(data: bytes, count: int) -> Read | None:
    theirs, read = h11.Connection(h11.CLIENT), Read()
    theirs.receive_data(data)
    try:
        for _ in range(count):
            theirs.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
            theirs.send(h11.EndOfMessage())
            event = theirs.next_event()
            if not isinstance(event, h11.Response):
                return None
            if (body := read_body(theirs)) is None:
                return None
            read.append((b"%d" % event.status_code, b"", body))
            theirs.start_next_cycle()
    except (h11.RemoteProtocolError, h11.LocalProtocolError):
        return None
    return None if theirs.trailing_data[0] else read


@example(PLAIN, 1000)
@example(CHUNKED, 7)
@settings(max_examples=300)
@given(shapes, st.integers(1, 60))
def test_requests_that_both_read_are_read_alike(
    messages: list[Shape], piece: int
) -> None:
    data = b"".join(
        shape.encoded(f"POST /{number} HTTP/1.1")
        for number, shape in enumerate(messages)
    )
    expected = h11_requests(data)
    if expected is None or expected != heard(httptools.HttpRequestParser, data):
        assert messages not in (PLAIN, CHUNKED)
        return
    talk = Conversation(step_ns=10).open()
    talk.ask(data, piece)
    talk.close()
    pairs, _ = collect(talk.frames(), ALL)
    ours = [
        (one.request.method, one.request.target, bytes(one.request.body))
        for one in pairs
    ]
    assert ours == expected


@example(PLAIN, 1000)
@example(CHUNKED, 7)
@settings(max_examples=300)
@given(shapes, st.integers(1, 60))
def test_responses_that_both_read_are_read_alike(
    messages: list[Shape], piece: int
) -> None:
    data = b"".join(
        shape.encoded(f"HTTP/1.1 {200 + number} Fine")
        for number, shape in enumerate(messages)
    )
    expected = h11_responses(data, len(messages))
    if expected is None or expected != heard(httptools.HttpResponseParser, data):
        assert messages not in (PLAIN, CHUNKED)
        return
    talk = Conversation(step_ns=10).open()
    for _ in messages:
        talk.ask(request("/"))
    talk.answer(data, piece)
    talk.close()
    pairs, _ = collect(talk.frames(), ALL)
    ours = [
        (b"%d" % pair.response.status, b"", bytes(pair.response.body))
        for pair in pairs
        if pair.response is not None
    ]
    assert ours == expected
