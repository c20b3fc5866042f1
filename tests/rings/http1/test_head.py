"""Heads and bodies, compared with h11 and httptools."""

from dataclasses import dataclass, field

import h11
import httptools
from hypothesis import given
from hypothesis import strategies as st

from tests.rings.wire import ALL, Conversation, collect, request

FRAMING = {"content-length", "transfer-encoding", "connection", "host", "upgrade"}
token = st.text("abcXYZ-_.!09", min_size=1, max_size=12)
value = st.text('abc ,;=/"09\t', max_size=20).map(str.strip)
target = st.text("abc/?=&%20-._~", max_size=30).map(lambda text: "/" + text)
extra = st.lists(
    st.tuples(token.filter(lambda name: name.lower() not in FRAMING), value), max_size=4
)
body = st.binary(max_size=200)
pieces = st.integers(1, 60)


@dataclass
class Heard:
    """What httptools made of a message."""

    url: bytes = b""
    body: bytes = b""
    is_complete: bool = False
    fields: dict[bytes, bytes] = field(default_factory=dict)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.is_complete = True


def head_of(first: str, fields: list[tuple[str, str]]) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join(lines).encode() + b"\r\n"


def framed(content: bytes, size: int | None) -> bytes:
    if size is None:
        return b"Content-Length: %d\r\n\r\n%s" % (len(content), content)
    chunks = [content[i : i + size] for i in range(0, len(content), size)]
    coded = b"".join(b"%X\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"Transfer-Encoding: chunked\r\n\r\n" + coded + b"0\r\n\r\n"


sizes = st.one_of(st.none(), st.integers(1, 50))


@given(target, extra, body, sizes, pieces)
def test_requests_are_what_h11_and_httptools_read(
    path: str,
    fields: list[tuple[str, str]],
    content: bytes,
    size: int | None,
    piece: int,
) -> None:
    data = head_of(f"POST {path} HTTP/1.1", [("Host", "a"), *fields])
    data += framed(content, size)
    talk = Conversation(step_ns=10).open()
    talk.ask(data, piece)
    talk.close()
    ((pair,), _) = collect(talk.frames(), ALL)

    theirs = h11.Connection(h11.SERVER)
    theirs.receive_data(data)
    event = theirs.next_event()
    assert isinstance(event, h11.Request)
    assert pair.request.target == event.target
    assert pair.request.method == event.method
    read = b""
    while isinstance(part := theirs.next_event(), h11.Data):
        read += part.data
    assert isinstance(part, h11.EndOfMessage)
    assert bytes(pair.request.body) == read == content

    heard = Heard()
    httptools.HttpRequestParser(heard).feed_data(data)
    assert heard.is_complete
    assert (heard.url, heard.body) == (pair.request.target, bytes(pair.request.body))


@given(st.integers(200, 599), extra, body, sizes, pieces)
def test_responses_are_what_h11_and_httptools_read(
    status: int,
    fields: list[tuple[str, str]],
    content: bytes,
    size: int | None,
    piece: int,
) -> None:
    is_bodiless = status in (204, 304)
    data = head_of(f"HTTP/1.1 {status} Fine", fields)
    data += b"\r\n" if is_bodiless else framed(content, size)
    talk = Conversation(step_ns=10).open()
    talk.ask(request("/"))
    talk.answer(data, piece)
    talk.close()
    ((pair,), _) = collect(talk.frames(), ALL)
    assert pair.response is not None

    theirs = h11.Connection(h11.CLIENT)
    theirs.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    theirs.send(h11.EndOfMessage())
    theirs.receive_data(data)
    event = theirs.next_event()
    assert isinstance(event, h11.Response)
    assert pair.response.status == event.status_code
    read = b""
    while isinstance(part := theirs.next_event(), h11.Data):
        read += part.data
    assert bytes(pair.response.body) == read == (b"" if is_bodiless else content)

    heard = Heard()
    httptools.HttpResponseParser(heard).feed_data(data)
    assert heard.is_complete
    assert heard.body == bytes(pair.response.body)


@given(
    target,
    body,
    sizes,
    pieces,
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=3),
)
def test_where_a_damaged_request_is_read_by_all_it_is_read_alike(
    path: str,
    content: bytes,
    size: int | None,
    piece: int,
    damage: list[tuple[int, int]],
) -> None:
    data = bytearray(head_of(f"POST {path} HTTP/1.1", [("Host", "a")]))
    data += framed(content, size)
    for place, octet in damage:
        data[place % len(data)] = octet
    talk = Conversation(step_ns=10).open()
    talk.ask(bytes(data), piece)
    talk.close()
    pairs, _ = collect(talk.frames(), ALL)

    theirs = h11.Connection(h11.SERVER)
    read = b""
    try:
        theirs.receive_data(bytes(data))
        event = theirs.next_event()
        while isinstance(part := theirs.next_event(), h11.Data):
            read += part.data
    except h11.RemoteProtocolError:
        return
    if not isinstance(event, h11.Request) or not isinstance(part, h11.EndOfMessage):
        return
    if not event.http_version.startswith(b"1."):
        return
    assert pairs[0].request.target == event.target
    assert pairs[0].request.method == event.method
    if event.method != b"CONNECT":
        assert bytes(pairs[0].request.body) == read
