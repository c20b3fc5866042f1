"""Heads and bodies of HTTP/1, each whole, in pieces and with another behind it."""

import zlib
from dataclasses import dataclass

import pytest

from rings.limits import Limits
from rings.pairs.message import Pair
from tests.rings.wire import (
    ALL,
    Conversation,
    chunked,
    collect,
    outcomes,
    pairs_of,
    request,
    response,
)

SIZES = [1, 2, 3, 7, 64, 1 << 16]


@dataclass
class Case:
    asked: bytes
    answered: bytes
    expected: tuple[str, str, int | None]
    request_body: bytes = b""
    response_body: bytes = b""


GET = request("/a")
CASES = {
    "length": Case(GET, response(b'{"a":1}'), ("GET", "/a", 200), b"", b'{"a":1}'),
    "a folded list of codings": Case(
        GET,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip ,\r\n\tchunked\r\n\r\n"
        b"2\r\nab\r\n0\r\n\r\n",
        ("GET", "/a", 200),
        b"",
        b"ab",
    ),
    "no body": Case(GET, response(b""), ("GET", "/a", 200)),
    "request body": Case(
        request("/a", "POST", b"[1]"),
        response(b"{}"),
        ("POST", "/a", 200),
        b"[1]",
        b"{}",
    ),
    "chunked": Case(GET, chunked(b'{"a"', b":1}"), ("GET", "/a", 200), b"", b'{"a":1}'),
    "chunked request": Case(
        b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        response(),
        ("PUT", "/a", 200),
        b"ab",
        b"{}",
    ),
    "extensions and trailers": Case(
        GET,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n"
        b"Transfer-Encodinh: x\r\nContent-Lengti: 9\r\ncontent-typo: a/b\r\n\r\n"
        b'A;name="x y"\r\n0123456789\r\n0a \r\nabcdefghij\r\n000;last\r\n'
        b"Trailer: value\r\nOther: value\r\n\r\n",
        ("GET", "/a", 200),
        b"",
        b"0123456789abcdefghij",
    ),
    "bare line feeds": Case(
        b"GET /a HTTP/1.1\nHost: a\n\n",
        b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nab\n0\n\n",
        ("GET", "/a", 200),
        b"",
        b"ab",
    ),
    "leading empty lines": Case(
        b"\r\n\n\r\n" + GET, response(b"{}"), ("GET", "/a", 200), b"", b"{}"
    ),
    "folded fields": Case(
        b"POST /a HTTP/1.1\r\nContent-Type:\r\n\tapplication/json\r\n"
        b"Content-Length:\r\n  2\r\n\r\n[]",
        response(b"{}"),
        ("POST", "/a", 200),
        b"[]",
        b"{}",
    ),
    "white space before the colon": Case(
        b"POST /a HTTP/1.1\r\nContent-Length \t: 2 \r\nno colon\r\n\r\n[]",
        response(b"{}"),
        ("POST", "/a", 200),
        b"[]",
        b"{}",
    ),
    "repeated equal lengths": Case(
        b"POST /a HTTP/1.1\r\nContent-Length: 2, 2\r\ncontent-length: 2\r\n\r\n[]",
        response(b"{}"),
        ("POST", "/a", 200),
        b"[]",
        b"{}",
    ),
    "transfer coding over length": Case(
        GET,
        b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\nx\r\n0\r\n\r\n",
        ("GET", "/a", 200),
        b"",
        b"x",
    ),
    "head": Case(request("/a", "HEAD"), response(b"{}")[:-2], ("HEAD", "/a", 200)),
    "no content": Case(
        GET, b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", ("GET", "/a", 204)
    ),
    "not modified": Case(
        GET, b"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", ("GET", "/a", 304)
    ),
    "several interim responses": Case(
        request("/a", "POST", b"{}"),
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n\r\n"
        + response(b"[]"),
        ("POST", "/a", 200),
        b"{}",
        b"[]",
    ),
    "absolute target": Case(
        b"GET http://shop/a?b HTTP/1.1\r\n\r\n",
        response(b""),
        ("GET", "http://shop/a?b", 200),
    ),
    "spaces around the target": Case(
        b"GET  /a   HTTP/1.1\r\n\r\n", response(b""), ("GET", "/a", 200)
    ),
    "a target of two words": Case(
        b"GET /a b HTTP/1.1\r\n\r\n", response(b""), ("GET", "/a b", 200)
    ),
    "no reason": Case(
        GET, b"HTTP/1.1  404\r\nContent-Length: 0\r\n\r\n", ("GET", "/a", 404)
    ),
    "HTTP/1.0": Case(
        b"GET /a HTTP/1.0\r\n\r\n",
        b"HTTP/1.0 500 Oops\r\nContent-Length: 1\r\n\r\nx",
        ("GET", "/a", 500),
        b"",
        b"x",
    ),
    "error": Case(GET, response(b"{}", 404), ("GET", "/a", 404), b"", b"{}"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", SIZES)
def test_an_exchange_is_read_in_pieces_of_any_size(name: str, size: int) -> None:
    case = CASES[name]
    again = request("/next")
    pairs = pairs_of(case.asked + again, case.answered + response(b"1"), size)
    assert outcomes(pairs) == [case.expected, ("GET", "/next", 200)]
    first = pairs[0]
    assert first.response is not None
    assert bytes(first.request.body) == case.request_body
    assert bytes(first.response.body) == case.response_body
    assert not first.request.truncated
    assert not first.response.truncated
    assert first.request.body_bytes == len(case.request_body)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "fields", [b"", b"Transfer-Encoding: gzip\r\n", b"Content-Type: text/plain\r\n"]
)
def test_a_body_may_end_with_the_connection(size: int, fields: bytes) -> None:
    answered = b"HTTP/1.0 200 OK\r\n" + fields + b"\r\nsome bytes"
    (pair,) = pairs_of(GET, answered, size)
    assert pair.response is not None
    assert bytes(pair.response.body) == b"some bytes"
    assert not pair.response.truncated


def test_a_reset_cuts_a_body_that_ends_with_the_connection() -> None:
    talk = Conversation().open()
    talk.ask(GET)
    talk.answer(b"HTTP/1.0 200 OK\r\n\r\nsome bytes")
    talk.reset()
    ((pair,), _) = collect(talk.frames(), ALL)
    assert pair.response is not None
    assert pair.response.truncated


BAD_REQUESTS = [
    b"Content-Length: x\r\n\r\n",
    b"Content-Length: -1\r\n\r\n",
    b"Content-Length:\r\n\r\n",
    b"Content-Length: 2, 3\r\n\r\n",
    b"Content-Length: 2,\r\n\r\n",
    b"Content-Length: 4 3\r\n\r\n",
    b"Content-Length: 0 0, 0\r\n\r\n",
    b"Content-Length: 0x0\r\n\r\n",
    b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n",
    b"Content-Length: 99999999999999999999\r\n\r\n",
    b"Transfer-Encoding: gzip\r\n\r\n",
    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: gzip chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("fields", BAD_REQUESTS)
def test_nothing_after_contradictory_framing_is_trusted(fields: bytes) -> None:
    """RFC 9112 section 6.3: the head is a request, what follows it is not read."""
    smuggled = b"GET /smuggled HTTP/1.1\r\n\r\n"
    pairs = pairs_of(b"POST /a HTTP/1.1\r\n" + fields + smuggled, response(b"{}", 400))
    assert ("GET", "/smuggled") not in {one[:2] for one in outcomes(pairs)}
    assert outcomes(pairs)[0][:2] == ("POST", "/a")


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n",
        b"\r\n",
        b";x\r\n",
        b"2\r\nabX",
        b"2\r\nab\rX",
        b"12345678901234\r\n",
        b"1;" + b"x" * 300 + b"\r\n",
        b"0\r\nTrailer: " + b"x" * 300 + b"\r\n\r\n",
    ],
)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_broken_chunks_end_the_message_there(body: bytes, size: int) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    pairs = pairs_of(
        GET, head + body, size, Limits(keep_all_bodies=True, head_bytes=200)
    )
    answered = [pair.response for pair in pairs if pair.response is not None]
    assert [one.truncated for one in answered] == [True]


@pytest.mark.parametrize("size", [1, 50, 5000])
def test_a_head_over_the_limit_is_broken(size: int) -> None:
    limits = Limits(keep_all_bodies=True, head_bytes=100)
    talk = Conversation(step_ns=1000).open()
    talk.ask(request("/a", fields=f"X: {'x' * 200}\r\n"), size)
    talk.answer(response(b"{}"), size)
    talk.close()
    pairs, assembler = collect(talk.frames(), limits)
    assert pairs == []
    assert assembler.total().broken_messages + assembler.total().not_http_bytes > 0


@pytest.mark.parametrize("size", [1, 700, 1 << 16])
@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_body_over_the_cap_keeps_a_prefix_and_a_flag(
    size: int, is_chunked: bool
) -> None:
    body = bytes(range(256)) * 8
    limits = Limits(body_bytes=1000)
    answered = chunked(body[:900], body[900:]) if is_chunked else response(body)
    (pair,) = pairs_of(GET, answered, size, limits)
    assert pair.response is not None
    assert bytes(pair.response.body) == body[:1000]
    assert pair.response.body_bytes == len(body)
    assert pair.response.truncated


def test_bodies_that_are_no_json_are_not_kept() -> None:
    answered = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nhtml"
    )
    asked = request("/a", "POST", b"{}")
    (pair,) = pairs_of(asked, answered, limits=Limits())
    assert pair.response is not None
    assert pair.response.body == b""
    assert pair.response.body_bytes == 4
    assert pairs_of(GET, answered, limits=Limits()) == []


@pytest.mark.parametrize(
    ("kind", "is_json"),
    [
        (b"application/json", True),
        (b"Application/JSON; charset=utf-8", True),
        (b"application/json ;x", True),
        (b"application/problem+json", True),
        (b"application/x-ndjson", True),
        (b"application/xml-thing+foo", False),
        (b"application/octetxxx", False),
        (b"application/jsox", False),
        (b"textual/jsonjson", False),
        (b"text/html", False),
        (b"text/json", True),
        (b"application/json-rpc", True),
        (b"application/x-amz-json-1.1", True),
        (b"application/csp-report", True),
        (b"image/any+json", True),
        (b"application/vnd.search+x-ndjson;compatible-with=8", True),
        (b"application/json-seq", True),
        (b"", True),
        (b"text/plain;charset=utf-8", True),
        (b"application/octet-stream", True),
    ],
)
def test_json_content_types_make_a_pair_json(kind: bytes, is_json: bool) -> None:
    answered = b"HTTP/1.1 200 OK\r\nContent-Type: " + kind
    (pair,) = pairs_of(GET, answered + b"\r\nContent-Length: 2\r\n\r\n{}")
    assert pair.is_json is is_json
    assert pair.response is not None
    assert pair.response.content_type == kind.split(b";")[0].strip()


def test_forms_keep_their_body() -> None:
    asked = (
        b"POST /a HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 3\r\n\r\na=b"
    )
    (pair,) = pairs_of(asked, response(b"{}"), limits=Limits())
    assert bytes(pair.request.body) == b"a=b"
    assert not pair.request.is_json


def lossy(answered: bytes, lost: slice, size: int = 10) -> list[Pair]:
    """The answer in pieces, of which some are lost; then another exchange."""
    talk = Conversation(step_ns=1000).open()
    talk.ask(GET)
    talk.answer(answered, size)
    for number in range(3):
        talk.ask(request(f"/{number}"))
        talk.answer(response(b"{}"))
    talk.close()
    frames = talk.frames()
    del frames[4 + lost.start : 4 + lost.stop]
    return collect(frames, ALL)[0]


def test_a_gap_within_a_chunk_costs_only_its_bytes() -> None:
    answered = chunked(b"x" * 200)
    first = lossy(answered, slice(12, 14))[0]
    assert first.response is not None
    assert (first.response.body_bytes, first.response.gap_bytes) == (200, 20)
    assert first.response.truncated


def test_a_gap_over_a_chunks_end_ends_the_message() -> None:
    answered = chunked(*[b"x" * 20] * 5)
    pairs = lossy(answered, slice(12, 15))
    assert pairs[0].response is not None
    assert pairs[0].response.truncated
    assert outcomes(pairs)[-1] == ("GET", "/2", 200)


def test_a_gap_up_to_the_end_of_a_body_ends_it() -> None:
    answered = response(b"x" * 100)
    count = len(answered) // 10 + 1
    pairs = lossy(answered, slice(count - 2, count))
    assert outcomes(pairs)[0] == ("GET", "/a", 200)
    assert pairs[0].response is not None
    assert pairs[0].response.body_bytes == 100


def test_a_gap_in_a_body_that_ends_with_the_connection_is_counted() -> None:
    talk = Conversation().open()
    talk.ask(GET)
    talk.answer(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 100, 30)
    talk.close()
    frames = talk.frames()
    del frames[5]
    ((pair,), _) = collect(frames, ALL)
    assert pair.response is not None
    assert (pair.response.body_bytes, pair.response.gap_bytes) == (100, 30)


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Type: text/html, application/json",
        b"Content-Type: text/html\r\nContent-Type: application/json",
        b"Content-Type: application/json\r\nContent-Type: text/html",
        b'Content-Type: multipart/x;a="b,c", application/json;charset=utf-8',
    ],
)
def test_of_several_types_the_json_one_counts(fields: bytes) -> None:
    answered = b"HTTP/1.1 200 OK\r\n" + fields + b"\r\nContent-Length: 2\r\n\r\n{}"
    (pair,) = pairs_of(GET, answered, limits=Limits())
    assert pair.response is not None
    assert pair.response.content_type == b"application/json"


@pytest.mark.parametrize(
    ("kind", "is_json"),
    [
        ("application/dns-json", True),
        ("application/vnd.shop.v1.json", True),
        ("application/geojson", True),
        ("application/json+protobuf", True),
        ('"application/json"', True),
        ("*/json", True),
        ("json", True),
        ("undefined", True),
        ("text/javascript", True),
        ("application/binary", True),
        ("text/html", False),
        ("image/png", False),
    ],
)
def test_types_of_many_makers_are_json_or_say_nothing(kind: str, is_json: bool) -> None:
    body = b'{"a": "%s"}' % (b"x" * 90)
    answered = response(body).replace(b"application/json", kind.encode())
    assert len(pairs_of(GET, answered, limits=Limits())) == is_json


def test_a_body_coded_for_its_transfer_is_looked_into() -> None:
    body = zlib.compress(b'{"a": "%s"}' % (b"x" * 300))
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: deflate, chunked\r\n\r\n"
    answered = head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    for size in (40, 1 << 16):
        (pair,) = pairs_of(GET, answered, size, Limits())
        assert pair.response is not None
        assert bytes(pair.response.body) == body


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
@pytest.mark.parametrize(
    ("body", "is_json"),
    [
        (b' {"name": "x", "deep": [{"a": -1.5e3, "b": null}]}' + b" " * 80, True),
        (b'[{"a": "\\"x"}, true, ' + b"1, " * 90 + b"2]", True),
        (b'{"a": 1}\n{"b": 2}\n' * 9, True),
        (b"{}", True),
        (b"[2026-01-01 10:00:00] INFO a line of a log" * 4, False),
        (b"{{ template }}" * 10, False),
        (b"{a: 1}", False),
        (b"plain words", False),
        (b'"text"', False),
        (b"[1 2]", False),
        (b"{", False),
    ],
)
def test_a_body_without_a_type_is_json_by_its_structure(
    body: bytes, is_json: bool, size: int
) -> None:
    answered = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    pairs = pairs_of(GET, answered, size, Limits())
    assert len(pairs) == is_json
    if is_json:
        assert pairs[0].response is not None
        assert bytes(pairs[0].response.body) == body
    assert not pairs_of(GET, answered, size, Limits(json_by_structure=False))


def test_a_coded_body_without_a_type_is_looked_into() -> None:
    body = zlib.compress(b'{"a": "%s"}' % (b"x" * 300))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: %d\r\n\r\n"
    assert len(pairs_of(GET, head % len(body) + body, limits=Limits())) == 1
    body = zlib.compress(b"words, not data" * 30)
    assert pairs_of(GET, head % len(body) + body, limits=Limits()) == []


@pytest.mark.parametrize(
    ("part", "is_json"), [("application/json", True), ("x/y", False)]
)
@pytest.mark.parametrize("kind", ["form-data", "mixed", "related"])
def test_a_multipart_body_is_json_if_a_part_is(
    kind: str, part: str, is_json: bool
) -> None:
    body = (
        '--b\r\nContent-Disposition: form-data; name="a"\r\n'
        f"Content-Type: {part}\r\n\r\n{{}}\r\n--b--\r\n"
    ).encode()
    asked = (
        b"POST /a HTTP/1.1\r\nContent-Type: multipart/%b; boundary=b\r\n"
        b"Content-Length: %d\r\n\r\n" % (kind.encode(), len(body)) + body
    )
    answered = b"HTTP/1.1 204 Done\r\n\r\n"
    assert len(pairs_of(asked, answered, limits=Limits())) == is_json


def test_the_events_that_answer_json_are_kept() -> None:
    asked = request("/a", "POST", b'{"q": 1}')
    events = b"data: {}\n\n"
    answered = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + events
    (pair,) = pairs_of(asked, answered, limits=Limits())
    assert pair.response is not None
    assert bytes(pair.response.body) == events
    (pair,) = pairs_of(GET + b"", answered)
    assert pair.is_json
    (pair,) = pairs_of(GET + b"", answered.replace(b"{}", b"[DONE]"))
    assert not pair.is_json


def test_a_chunks_size_may_begin_with_zeros() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"0" * 40 + b"3\r\nabc\r\n" + b"0" * 30 + b"\r\n\r\n"
    (pair,) = pairs_of(GET, head + body)
    assert pair.response is not None
    assert bytes(pair.response.body) == b"abc"
    assert not pair.response.truncated


@pytest.mark.parametrize("status", [0, 99, 600, 999])
def test_a_status_of_no_class_answers_too(status: int) -> None:
    answered = b"HTTP/1.1 %03d x\r\nContent-Length: 0\r\n\r\n" % status
    assert outcomes(pairs_of(GET, answered)) == [("GET", "/a", status)]
