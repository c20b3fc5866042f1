"""Media types: which bodies are looked into.

In comes the value of a Content-Type field (RFC 9110 section 8.3), out goes what a body
of it may hold; and whether a body whose type says nothing is JSON by its first bytes.
The tables here are the only place that says what is JSON. Of a list, which a doubled
field makes, the JSON member counts. Values repeat, so what was found is kept; not
compiled.
"""

import re
from functools import lru_cache
from typing import NamedTuple

JSON_TYPES = frozenset(
    b"json application/jsonl application/x-jsonl application/jsonlines "
    b"application/x-jsonlines application/json-seq application/json-rpc "
    b"application/jsonrequest application/json5 application/json+protobuf "
    b"application/csp-report".split()
)
"""JSON Lines, RFC 7464, JSON-RPC over HTTP, Google's arrays, CSP section 5.3."""
JSON_BEGINNINGS = (b"application/x-amz-json-",)
"""The protocols of AWS, with their version behind."""
BARE_TYPES = frozenset(
    b"application/proto application/protobuf application/x-protobuf "
    b"application/vnd.google.protobuf".split()
)
"""One protobuf message is the whole body: Connect's unary calls and others."""
PROTOBUF_TYPES = BARE_TYPES.union(
    b"application/grpc application/grpc+proto application/grpc-web "
    b"application/grpc-web+proto application/grpc-web-text "
    b"application/grpc-web-text+proto application/connect+proto".split()
)
"""Calls of gRPC, gRPC-Web and Connect, and bare messages: kept like JSON, framing and
all, and inspected; those in JSON end with +json."""
JSON_ENDINGS = (
    *(b"/json", b"+json", b"-json", b".json", b"/ndjson", b"-ndjson", b"+ndjson"),
    *(b"/geojson", b"/topojson", b"+json-seq"),
)
"""Of any type: RFC 8259, RFC 6839 section 3.1 (`+json`), RFC 8091, ndjson, and what
providers call theirs (`application/dns-json`, `application/vnd.shop.v1.json`)."""
FORM_TYPE = b"application/x-www-form-urlencoded"
MULTIPART_TYPES = frozenset(
    b"multipart/form-data multipart/mixed multipart/related".split()
)
"""RFC 7578; RFC 2046 section 5.1.3 and RFC 2387, as batches of calls and uploads with
their description have them."""
EVENTS_TYPE = b"text/event-stream"
GENERIC_TYPES = frozenset(
    b"text/plain application/octet-stream binary/octet-stream application/binary "
    b"application/x-binary application/unknown unknown/unknown application/x-unknown "
    b"*/* text/javascript application/javascript application/x-javascript".split()
)
"""These say nothing: what is sent as one of them may be JSON."""

JSON, FORM, MULTIPART, EVENTS, GENERIC, OTHER = range(6)

WHOLE, PREFIXED, LINES, MARKED, DISPATCHED = range(5)
"""How a body is divided into messages: not at all, by lengths (gRPC, Connect), by the
ends of lines (NDJSON), by RFC 7464's separators, by empty lines (event streams)."""

JUDGED_BYTES = 64
"""Of a body without a type: fewer are judged at its end only."""
_LOOKED_AT = 256
_LONGEST = 1_024
"""Of a value; longer ones are no type."""
_BLANKS = b" \t\r\n\x1e"
"""White space of JSON, and RFC 7464's record separator."""
_BOM = b"\xef\xbb\xbf"
_TOKEN = re.compile(
    rb'[ \t\r\n\x1e]*("(?:[^"\\\x00-\x1f]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?'
    rb"|true|false|null|[{}\[\],:])"
)
_CUT_TOKEN = re.compile(
    rb'[ \t\r\n\x1e]*(?:"(?:[^"\\\x00-\x1f]|\\.)*\\?|-?[\d.eE+-]*'
    rb"|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?)?"
)
_PREFIXED = re.compile(
    rb"application/(?:grpc|grpc-web|connect)(?:\+(?:proto|json))?", re.IGNORECASE
)
_LINES = re.compile(rb"application/(?:\S+\+)?(?:x-)?(?:ndjson|jsonl|jsonlines)", re.I)
_MARKED = re.compile(rb"application/(?:\S+\+)?json-seq", re.IGNORECASE)
_JSON_EVENT = re.compile(rb"(?:\A|[\r\n])data:[ \t]*[\[{]\s*[]}\"\[{\dtfn-]")
_JSON_PART = re.compile(rb"\ncontent-type[ \t]*:([^\r\n]*)", re.IGNORECASE)
_MEMBER = re.compile(rb'(?:[^,"]|"(?:[^"\\]|\\.)*")+')


class Media(NamedTuple):
    """What a type is, and where it stands in the value, without parameters."""

    kind: int
    start: int
    end: int


@lru_cache(maxsize=1_024)
def media(value: bytes) -> Media:
    """Of a field's value."""
    first: Media | None = None
    for member in _MEMBER.finditer(value[:_LONGEST]):
        name = member[0].partition(b";")[0]
        bare = name.strip(b" \t\r\n\"'")
        start = member.start() + len(name) - len(name.lstrip(b" \t\r\n\"'"))
        found = Media(_kind(bare.lower()), start, start + len(bare))
        if found.kind == JSON:
            return found
        first = first or found
    return first or Media(GENERIC, 0, 0)


def _kind(name: bytes) -> int:
    if (
        name in JSON_TYPES
        or name in PROTOBUF_TYPES
        or name.endswith(JSON_ENDINGS)
        or name.startswith(JSON_BEGINNINGS)
    ):
        return JSON
    if name == FORM_TYPE:
        return FORM
    if name in MULTIPART_TYPES:
        return MULTIPART
    if name == EVENTS_TYPE:
        return EVENTS
    return GENERIC if name in GENERIC_TYPES or b"/" not in name else OTHER


@lru_cache(maxsize=256)
def division(name: bytes) -> int:
    """Of a body of this media type, which has no parameters."""
    if name.lower() == EVENTS_TYPE:
        return DISPATCHED
    if _PREFIXED.fullmatch(name):
        return PREFIXED
    if _LINES.fullmatch(name):
        return LINES
    return MARKED if _MARKED.fullmatch(name) else WHOLE


def has_json_event(body: bytes) -> bool:
    """Whether the data of an event begins as JSON objects and arrays do."""
    return _JSON_EVENT.search(body) is not None


def has_json_part(body: bytes) -> bool:
    """Whether a part of a multipart body says that it is JSON."""
    return any(
        media(found[1].strip()).kind == JSON for found in _JSON_PART.finditer(body)
    )


def is_json_text(body: bytes) -> bool:
    """Whether a body begins as JSON objects or arrays do (RFC 8259), by its structure
    as far as the first bytes go.
    """
    text = body[:_LOOKED_AT].removeprefix(_BOM).lstrip(_BLANKS)
    if text[:1] not in (b"{", b"["):
        return False
    is_cut = len(body) > _LOOKED_AT
    place = tokens = 0
    open_brackets: list[bytes] = []
    wanted = b"v"
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            rest = text[place:]
            return _CUT_TOKEN.fullmatch(rest) is not None and (
                is_cut or not rest.strip(_BLANKS) or bool(open_brackets)
            )
        wanted = _after(found[1][:1], wanted, open_brackets)
        if not wanted:
            return False
        place = found.end()
        tokens += 1
    return tokens > 1


def _after(token: bytes, wanted: bytes, open_brackets: list[bytes]) -> bytes:
    """What may follow a token that was wanted; nothing if it was not.

    v: a value; V: a value or the array's end; k: a key; K: a key or the object's end;
    c: a colon; e: a comma or an end.
    """
    if token in b"}]":
        is_right = wanted in b"eK" if token == b"}" else wanted in b"eV"
        if not is_right or not open_brackets:
            return b""
        if open_brackets.pop() != (b"{" if token == b"}" else b"["):
            return b""
        return b"e" if open_brackets else b"v"
    if token == b":":
        return b"v" if wanted == b"c" else b""
    if token == b",":
        if wanted != b"e" or not open_brackets:
            return b""
        return b"k" if open_brackets[-1] == b"{" else b"v"
    if wanted in b"kK":
        return b"c" if token == b'"' else b""
    if wanted not in b"vV":
        return b""
    if token in b"{[":
        open_brackets.append(token)
        return b"K" if token == b"{" else b"V"
    return b"e" if open_brackets else b""
