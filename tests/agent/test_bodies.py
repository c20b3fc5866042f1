"""Bodies as the detector reads them: framing, compression, names."""

import base64
import gzip
import json
import struct
import zlib
from typing import Any

import pytest
import zstandard
from google.protobuf import descriptor_pb2

from agent.bodies import MOST_MESSAGES, Bodies
from agent.digger.detectors import Part
from agent.record import Message as Captured
from detection.heads import message
from detection.protobuf import reflection
from detection.protobuf.schemas import Schemas
from detection.scanner import Scanner
from tests.detection.protobuf.made import descriptors, make, schemas

PERSON = {
    "given_name": "Jane",
    "family_name": "Roe",
    "email": "jane.roe@example.com",
    "card_number": "4111 1111 1111 1111",
}
CALLED = b"POST /shop.v1.People/List HTTP/1.1\r\nHost: shop\r\n"
DATA = make("Page", people=[PERSON]).SerializeToString()
NAMED = {"people": [PERSON]}


def framed(*messages: bytes, flags: int = 0) -> bytes:
    return b"".join(struct.pack(">BI", flags, len(m)) + m for m in messages)


def captured(body: bytes, kind: str, *fields: str, head: bytes = b"") -> Captured:
    lines = "".join(f"{line}\r\n" for line in (f"Content-Type: {kind}", *fields))
    head = (head or b"HTTP/1.1 200 OK\r\n") + lines.encode() + b"\r\n"
    return Captured(head, body, len(body), False, 0)


def answer(body: bytes, kind: str, *fields: str, known: Schemas | None = None) -> Part:
    asked = captured(b"", kind, head=CALLED)
    return Bodies(1 << 20, known).of(asked, captured(body, kind, *fields))[1]


def texts(part: Part) -> list[Any]:
    return [json.loads(line) for line in part.body.splitlines()]


@pytest.mark.parametrize(
    ("kind", "body", "fields"),
    [
        ("application/grpc", framed(DATA), ()),
        ("application/grpc+proto", framed(DATA), ()),
        (
            "application/grpc-web+proto; x=y",
            framed(DATA) + framed(b"a: b", flags=128),
            (),
        ),
        (
            "application/grpc-web-text",
            base64.b64encode(framed(DATA)) + base64.b64encode(framed(b"a", flags=128)),
            (),
        ),
        ("application/connect+proto", framed(DATA), ()),
        ("application/proto", DATA, ()),
        ("Application/X-Protobuf", DATA, ()),
        (
            "application/grpc",
            framed(gzip.compress(DATA, mtime=0), flags=1),
            ("grpc-encoding: gzip",),
        ),
        (
            "application/grpc",
            framed(zlib.compress(DATA), flags=1),
            ("Grpc-Encoding: deflate",),
        ),
        (
            "application/grpc",
            framed(zstandard.compress(DATA), flags=1),
            ("grpc-encoding: zstd",),
        ),
    ],
)
def test_messages_are_told_by_their_names(
    kind: str, body: bytes, fields: tuple[str, ...]
) -> None:
    part = answer(body, kind, *fields, known=schemas())
    assert texts(part) == [NAMED]
    assert not part.is_cut


def test_json_behind_prefixes_is_itself() -> None:
    part = answer(framed(b'{"a": 1}', b'{"a": 2}'), "application/grpc+json")
    assert texts(part) == [{"a": 1}, {"a": 2}]


def test_a_connect_streams_end_is_json() -> None:
    body = framed(DATA) + framed(b'{"error":{}}', flags=2)
    part = answer(body, "application/connect+proto", known=schemas())
    assert texts(part) == [NAMED, {"error": {}}]


def test_a_stream_is_one_message_after_the_other_and_may_be_cut() -> None:
    part = answer(framed(DATA, DATA, DATA)[:-1], "application/grpc", known=schemas())
    assert texts(part)[:2] == [NAMED] * 2
    assert part.is_cut


def test_messages_have_bounds() -> None:
    part = answer(framed(*[DATA] * (MOST_MESSAGES + 1)), "application/grpc")
    assert len(texts(part)) == MOST_MESSAGES
    assert part.is_cut
    bomb = framed(gzip.compress(b"\n\x7f" + b"a" * (64 << 20)), flags=1)
    part = answer(bomb, "application/grpc")
    assert len(part.body) <= 1 << 20
    assert part.is_cut


def test_rubbish_is_nothing() -> None:
    for body in (b"\xff" * 40, b"\0", b"\0\0\0\0\xff", framed(b"\xff" * 9)):
        assert answer(body, "application/grpc").body == b""


def test_names_find_what_numbers_hide() -> None:
    scanner = Scanner.load()
    found = {}
    for known in (None, schemas()):
        part = answer(framed(DATA), "application/grpc", known=known)
        findings = scanner.scan([message(*part[:3])])[0]
        found[known is None] = {(f.data_type, f.path) for f in findings}
    assert ("contact.email", "$.people[*].email") in found[False]
    assert any(kind.startswith("personal.") for kind, _ in found[False])
    assert ("contact.email", "$.1.3") in found[True]
    assert not any(kind.startswith("personal.") for kind, _ in found[True])


def test_parts_say_whether_the_types_of_their_messages_are_known() -> None:
    for kind, known, is_named in (
        ("application/grpc", schemas(), True),
        ("application/grpc", None, False),
        ("application/proto", None, None),
        ("application/grpc+json", None, None),
        ("application/json", schemas(), None),
    ):
        body = framed(DATA) if "grpc" in kind else b""
        assert answer(body, kind, known=known).is_named is is_named, kind


def test_what_a_server_tells_by_reflection_names_what_follows() -> None:
    told = descriptor_pb2.FileDescriptorSet.FromString(descriptors())
    files = b"".join(
        b"\x0a" + varint(len(one)) + one
        for one in (file.SerializeToString() for file in told.file)
    )
    response = b"\x22" + varint(len(files)) + files
    for path in reflection.PATHS:
        known = Schemas()
        bodies = Bodies(1 << 20, known)
        head = b"POST " + path + b" HTTP/1.1\r\n"
        asked = captured(b"", "application/grpc", head=head)
        bodies.of(asked, captured(framed(b"\x32\0"), "application/grpc"))
        assert len(known) == 0
        bodies.of(asked, captured(framed(response), "application/grpc"))
        assert len(known) == 1
        asked = captured(b"", "application/grpc", head=CALLED)
        part = bodies.of(asked, captured(framed(DATA), "application/grpc"))[1]
        assert texts(part) == [NAMED]


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))
