# cython: annotation_typing=False, wraparound=True
"""The parts of a message as JSON documents, so that all are scanned in one way.

In comes a message; out come its body as UTF-8 and, for form bodies, form fields and
JSON parts of multipart bodies (RFC 7578), query, path segments, headers and cookies, a
flat JSON object each, but for cookies, which stand below a key that says so. A path
segment's key is the segment before it, if that is a word. Nothing is validated here.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from detection.finding import Location, Message

NEUTRAL_HEADERS = frozenset(
    b"accept accept-charset accept-encoding accept-language accept-ranges age allow "
    b"cache-control connection content-disposition content-encoding content-language "
    b"content-length content-range content-security-policy content-type date dnt etag "
    b"expect expires host if-match if-modified-since if-none-match if-range "
    b"if-unmodified-since keep-alive last-modified max-forwards pragma priority range "
    b"retry-after server server-timing strict-transport-security te trailer "
    b"transfer-encoding upgrade upgrade-insecure-requests vary via warning "
    b"x-content-type-options x-frame-options x-powered-by x-ratelimit-limit "
    b"x-ratelimit-remaining x-ratelimit-reset x-request-id x-correlation-id "
    b"x-xss-protection sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user "
    b"sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform traceparent tracestate "
    b"x-b3-traceid x-b3-spanid x-b3-sampled user-agent".split()
)
"""Headers that carry no data of people or secrets."""

_ZEROS = (
    ([True, True, True, False], "utf-32-be"),
    ([False, True, True, True], "utf-32-le"),
    ([True, False, True, False], "utf-16-be"),
    ([False, True, False, True], "utf-16-le"),
)
"""Which of the first four bytes are zero (RFC 4627 section 3)."""
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = ("multipart/form-data", "multipart/mixed", "multipart/related")
_MOST_PARTS = 256
_BOUNDARY = re.compile(r'boundary="?([^";,]{1,200})', re.IGNORECASE)
_PART_NAME = re.compile(rb'[;\s]name="?([^";\r\n]*)', re.IGNORECASE)
_PART_FILE = re.compile(rb"[;\s]filename\*?=", re.IGNORECASE)
_PART_JSON = re.compile(rb"\ncontent-type[ \t]*:[^\r\n;]*json", re.IGNORECASE)
_PART_HEAD_END = re.compile(rb"\r?\n[ \t]*\r?\n")
_PART = b"part"
"""The key of JSON in a part without a name."""
_SEGMENT_WORD = re.compile(rb"[A-Za-z][A-Za-z_.-]{0,39}")
_AUTHORITY = re.compile(rb"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_CONTROL = re.compile(rb"[\x00-\x1f]")


class Document(NamedTuple):
    """A JSON text; if `names` is given, member n begins at starts[n] with that path."""

    location: Location
    data: bytes
    is_cut: bool = False
    starts: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


class Member(NamedTuple):
    """A member of a flat document, in an object of its own if `above` is its key."""

    name: str
    key: bytes
    value: bytes
    above: bytes = b""


def documents(message: Message) -> list[Document]:
    """The message's documents that are not empty."""
    found = [_body(message)] if message.body else []
    if message.target:
        found += _target(message.target)
    if message.headers:
        found += _flat(Location.HEADER, _headers(message.headers))
    return found


def to_utf8(data: bytes) -> bytes:
    """Without byte order mark; UTF-16 and UTF-32 are told by it or by their zeros."""
    if data[0] in b'{["' and data[1:2] not in (b"\x00", b""):
        return data
    if data[:3] == b"\xef\xbb\xbf":
        return data[3:]
    zeros = [octet == 0 for octet in data[:4]]
    if data[:4] in (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"):
        return _transcode(data, "utf-32")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _transcode(data, "utf-16")
    for pattern, encoding in _ZEROS:
        if zeros == pattern:
            return _transcode(data, encoding)
    return data


def _transcode(data: bytes, encoding: str) -> bytes:
    return data.decode(encoding, "replace").encode("utf-8", "replace")


def _body(message: Message) -> Document:
    body = to_utf8(message.body)
    is_json = body[:1] in (b"{", b"[") or not message.content_type
    if not is_json and message.content_type.lower().startswith(_FORM):
        for form in _flat(Location.BODY, _pairs(body, b"&", "$.")):
            return form
    if not is_json and message.content_type.lower().startswith(_MULTIPART):
        found = _BOUNDARY.search(message.content_type)
        if found is not None:
            text = re.escape(found[1].strip().encode("latin-1", "replace"))
            boundary = re.compile(rb"(?:^|\r?\n)--" + text)
            for parts in _flat(Location.BODY, _parts(body, boundary)):
                return parts
    return Document(Location.BODY, body, message.truncated)


def _parts(body: bytes, boundary: "re.Pattern[bytes]") -> Iterator[Member]:
    """Form fields and JSON; files of other kinds are left out."""
    for part in boundary.split(body, _MOST_PARTS)[1:]:
        head, *value = _PART_HEAD_END.split(part, 1)
        name = _PART_NAME.search(head)
        is_file = _PART_FILE.search(head) is not None
        is_json = _PART_JSON.search(head) is not None
        if value and (is_json or (name is not None and not is_file)):
            yield Member("$.", _PART if name is None else name[1], value[0])


def _target(target: bytes) -> Iterator[Document]:
    target = _AUTHORITY.sub(b"", target).partition(b"#")[0]
    path, _, query = target.partition(b"?")
    yield from _flat(Location.PATH, _segments(path))
    yield from _flat(Location.QUERY, _pairs(query, b"&", ""))


def _segments(path: bytes) -> Iterator[Member]:
    key = b""
    segments = [unquote_to_bytes(part) for part in path.split(b"/") if part]
    for number, segment in enumerate(segments, 1):
        yield Member(str(number), key, segment)
        key = segment if _SEGMENT_WORD.fullmatch(segment) else b""


def _pairs(text: bytes, separator: bytes, prefix: str) -> Iterator[Member]:
    is_web = separator == b"&"
    for pair in text.split(separator):
        name, _equals, value = pair.strip().partition(b"=")
        if is_web:
            name, value = name.replace(b"+", b" "), value.replace(b"+", b" ")
        key = unquote_to_bytes(name)
        if key or value:
            yield Member(prefix, key, unquote_to_bytes(value))


def _headers(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[Member]:
    for name, value in headers:
        lower = name.strip().lower()
        if lower in (b"cookie", b"set-cookie"):
            whole = value if lower == b"cookie" else value.partition(b";")[0]
            for pair in _pairs(whole, b";", lower.decode() + ":"):
                yield pair._replace(above=b"cookie")
        elif lower not in NEUTRAL_HEADERS:
            yield Member("header", lower, value)


def _flat(location: Location, members: Iterable[Member]) -> Iterator[Document]:
    """One object of string members; none for no members."""
    data = bytearray(b"{")
    starts: list[int] = []
    names: list[str] = []
    for member in members:
        starts.append(len(data))
        names.append(member.name)
        pair = b'"%b":"%b"' % (_quoted(member.key), _quoted(member.value))
        data += b'"%b":{%b},' % (member.above, pair) if member.above else pair + b","
    if starts:
        data[-1:] = b"}"
        yield Document(location, bytes(data), False, tuple(starts), tuple(names))


def _quoted(text: bytes) -> bytes:
    text = text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return _CONTROL.sub(b" ", text)
