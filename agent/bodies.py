"""Bodies as the detector reads them.

In come captured messages, out come parts whose codings are undone and whose protobuf
messages are JSON (`detection/protobuf/wire.py`): those of gRPC, gRPC-Web and Connect
(a message behind five bytes, which say whether it is compressed and how long it is) one
after the other, and those that are a body of their own; so are texts of event streams
and WebSockets (`texts`). What is beyond the bounds, or
in a coding that is not known, is left out, and the part says that it is cut.
"""

import base64
import re
import struct
from binascii import Error as Base64Error
from collections.abc import Iterator

from agent.digger.detectors import Part
from agent.record import Message as Captured
from agent.record import Record
from agent.texts import texts
from detection.heads import target
from detection.protobuf import reflection
from detection.protobuf.schemas import Schemas, Source
from detection.protobuf.services import services
from detection.protobuf.types import Type, Types
from detection.protobuf.wire import Transcoder
from rings.bodies.content import coding_of, codings, decode
from rings.bodies.media import BARE_TYPES

MOST_MESSAGES = 1_000
"""Of one body."""

_FRAMED = re.compile(
    rb"application/(grpc-web-text|grpc-web|grpc|connect)(?:\+(proto|json))?"
)
_FIELD = re.compile(
    rb"\n(content-type|grpc-encoding|connect-content-encoding)[ \t]*:[ \t]*([^\r\n;]*)",
    re.IGNORECASE,
)
_PREFIX = struct.Struct(">BI")
_COMPRESSED = 1
_END_STREAM = 2
"""Connect: the message is JSON, which tells errors and trailers."""
_TRAILERS = 0x80
"""gRPC-Web: what follows are trailers."""


class Bodies:
    """Makes parts; may be used by several threads. What servers tell of themselves by
    reflection is taken into `schemas` on the way."""

    def __init__(self, limit: int, schemas: Schemas | None = None) -> None:
        """At most `limit` decoded bytes of a body."""
        self._limit = limit
        self._schemas = Schemas() if schemas is None else schemas

    def parts(self, record: Record) -> list[Part]:
        """Request and response. Of a later part of an exchange the heads were inspected
        with the part that counts it."""
        request, response = self.of(record.request, record.response)
        if record.part:
            request = request._replace(head=b"")
        if not record.fact.exchanges:
            response = response._replace(head=b"")
        return [request, response]

    def of(self, request: Captured, response: Captured) -> list[Part]:
        called = target(request.head)
        return [self._part(request, called, True), self._part(response, called, False)]

    def _part(self, captured: Captured, called: bytes, is_request: bool) -> Part:
        coding = codings(captured.head) or coding_of(captured.body)
        body, is_whole = captured.body, True
        if coding:
            body, is_whole = decode(coding, body, self._limit)
        is_cut = captured.truncated or captured.gaps > 0 or not is_whole
        is_named = None
        if body:
            fields = _said(captured.head)
            media = fields.get(b"content-type", b"").strip().lower()
            framed = _FRAMED.fullmatch(media)
            if framed is not None or media in BARE_TYPES:
                types = self._schemas.of(called)
                kind = types.of_method(called, is_request)
                messages = Messages(self._limit)
                if framed is None:
                    messages.add(body)
                elif framed[1] == b"grpc-web-text":
                    messages.unframe(_plain(body), fields)
                else:
                    messages.unframe(body, fields)
                if not is_request and called.endswith(reflection.PATHS):
                    self._learn(messages)
                if messages.is_protobuf and not (framed and framed[2] == b"json"):
                    is_named = kind is not None
                named = framed is not None and framed[2]
                body = self._json(messages, types, kind, named)
                is_cut = is_cut or messages.is_cut
            else:
                told = texts(body, media)
                body = body if told is None else told
        return Part(captured.head, body, is_cut, is_named)

    def _learn(self, messages: "Messages") -> None:
        """Takes the services that a server told."""
        told = (reflection.files(message) for message, _ in messages.found)
        for service in services(file for files in told for file in files):
            self._schemas.add(*service, Source.ANSWER)

    def _json(
        self,
        messages: "Messages",
        types: Types,
        kind: Type | None,
        named: bytes | bool | None,
    ) -> bytes:
        """All messages as JSON texts in a row."""
        transcoder = Transcoder(types)
        texts = []
        left = self._limit
        for message, is_json in messages.found:
            is_text = is_json or named == b"json"
            text = message if is_text else transcoder.json(message, kind)
            if left <= 0:
                messages.is_cut = True
                break
            texts.append(text[:left])
            left -= len(text)
        return b"\n".join(texts)


class Messages:
    """The messages of one body."""

    def __init__(self, limit: int) -> None:
        self.found: list[tuple[bytes, bool]] = []
        """Each with whether it is JSON whatever the type says."""
        self.is_cut = False
        self._left = limit

    @property
    def is_protobuf(self) -> bool:
        """One of them may have fields without names."""
        return any(message and not is_json for message, is_json in self.found)

    def add(self, message: bytes, is_json: bool = False) -> None:
        if len(message) > self._left:
            self.is_cut = True
            message = message[: self._left]
        self._left -= len(message)
        self.found.append((message, is_json))

    def unframe(self, body: bytes, fields: dict[bytes, bytes]) -> None:
        """Takes the messages behind their prefixes, the last one perhaps in part."""
        said = fields.get(b"grpc-encoding") or fields.get(b"connect-content-encoding")
        coding = (said or b"").strip()
        for flags, message, is_whole in _frames(body):
            if flags & _TRAILERS:
                return
            if len(self.found) >= MOST_MESSAGES or self._left <= 0:
                self.is_cut = True
                return
            self.is_cut = self.is_cut or not is_whole
            if flags & _COMPRESSED:
                message, is_all = decode(coding or b"gzip", message, self._left)
                self.is_cut = self.is_cut or not is_all
            self.add(message, bool(flags & _END_STREAM))


def unread(record: Record, request: Part, response: Part) -> int:
    """How many bodies were sent, and nothing could be made of them."""
    sent = (record.request.body, record.response.body)
    read = (request.body, response.body)
    return sum(bool(one) and not other for one, other in zip(sent, read, strict=True))


def body_prefix(captured: Captured, limit: int) -> bytes:
    """The first decoded bytes of a body."""
    coding = codings(captured.head) or coding_of(captured.body)
    if not coding:
        return captured.body[:limit]
    return decode(coding, captured.body, limit)[0]


def _said(head: bytes) -> dict[bytes, bytes]:
    """The fields that tell of protobuf; the last one of a name."""
    return {found[1].lower(): found[2] for found in _FIELD.finditer(head)}


def _frames(body: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Flags and bytes of each message, and whether it is whole."""
    place = 0
    while place + _PREFIX.size <= len(body):
        flags, size = _PREFIX.unpack_from(body, place)
        if flags & ~(_COMPRESSED | _END_STREAM | _TRAILERS):
            return
        place += _PREFIX.size
        message = body[place : place + size]
        yield flags, message, len(message) == size
        place += size


def _plain(body: bytes) -> bytes:
    """Base64 of gRPC-Web's text form, of which each part may have its own padding."""
    found = []
    for part in re.findall(rb"[A-Za-z0-9+/]+={0,2}", body):
        whole = part[: len(part) // 4 * 4]
        try:
            found.append(base64.b64decode(whole))
        except Base64Error:
            break
    return b"".join(found)
