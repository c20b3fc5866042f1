"""File descriptors in the bytes of programs and of generated code.

Generated code of Go, C++, Rust and others holds each .proto file as a serialized
FileDescriptorProto (protobuf's descriptor.proto): its name first, then its other fields
in the order of their numbers. Old code of Go holds it compressed (RFC 1952). In come
any bytes, out come those that are such a file; nothing else is ever given, and nothing
is raised. `Window` reads large files piece by piece.
"""

import re
import zlib
from collections.abc import Callable, Iterator

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError

from detection.protobuf.walk import BYTES, VARINT, varint

MOST_BYTES = 1 << 20
"""Of one file; the largest of Google's have half of that."""
WINDOW_BYTES = 8 << 20
MOST_CANDIDATES = 20_000
"""Places looked at in one piece; a program with all of Google's has 5,000."""
MOST_INFLATED = 64 << 20
"""Of one piece, all that is compressed in it together."""

Read = Callable[[int, int], bytes]
"""At most so many bytes from a place on."""

_ENDING = b".proto"
_GZIP = b"\x1f\x8b\x08\x00"
_PROBE_BYTES = 512
_MOST_NAME = 250
_MOST_LINES = 8
"""A name may hold the byte that begins it: as its length."""
_NAME = re.compile(rb"[\x21-\x7e]{1,250}")
_PACKAGE = re.compile(rb"[A-Za-z_][A-Za-z0-9_.]*")
_TYPE = re.compile(rb"\x0a([\x01-\x7f])([A-Za-z_][A-Za-z0-9_]*)")
_SYNTAX = re.compile(rb"proto2|proto3|editions")
_NAME_NUMBER, _PACKAGE_NUMBER, _IMPORT, _SYNTAX_NUMBER = 1, 2, 3, 12
_TYPES = (4, 5, 6)
"""Messages, enumerations and services: each begins with its name."""
_OTHERS = (7, 8, 9)
_NUMBERS = (10, 11, 14)
_ONCE = (1, 2, 8, 9, 12, 14)


def search(data: bytes, until: int | None = None) -> Iterator[bytes]:
    """The files that begin before `until`, in any order."""
    stop = len(data) if until is None else until
    for start in _starts(data, stop):
        found = file(data, start)
        if found:
            yield found
    left = MOST_INFLATED
    for plain in _inflated(data, stop):
        found = file(plain, 0)
        if found:
            yield found
        left -= len(plain)
        if left < 0:
            return


def search_all(read: Read, size: int) -> Iterator[bytes]:
    """Those of something large, which is read in pieces that overlap."""
    for place in range(0, size, WINDOW_BYTES):
        piece = read(place, WINDOW_BYTES + MOST_BYTES)
        if not piece:
            return
        yield from search(piece, WINDOW_BYTES)


def file(data: bytes, start: int = 0) -> bytes:
    """The file that stands there, as far as it goes; empty: there is none."""
    found = data[start : end(data, start)]
    told = FileDescriptorProto()
    try:
        told.ParseFromString(found)
    except DecodeError:
        return b""
    return found if told.message_type or told.service or told.enum_type else b""


def end(data: bytes, start: int = 0) -> int:
    """Where the fields end that may be a file's."""
    position = start
    stop = min(len(data), start + MOST_BYTES)
    last = 0
    while position < stop:
        tag, after = varint(data, position, stop)
        number, wire = tag >> 3, tag & 7
        if number < last or (number == last and number in _ONCE):
            return position
        if wire == BYTES:
            size, begin = varint(data, after, stop)
            after = begin + size
            if begin < 0 or after > stop or not _fits(data, number, begin, after):
                return position
        elif wire == VARINT and number in _NUMBERS:
            _, after = varint(data, after, stop)
            if after < 0:
                return position
        else:
            return position
        position, last = after, number
    return position


def _fits(data: bytes, number: int, start: int, stop: int) -> bool:
    """Whether the content may be that of the field of this number."""
    if number in (_NAME_NUMBER, _IMPORT):
        is_name = _NAME.fullmatch(data, start, stop) is not None
        return is_name and data.endswith(_ENDING, start, stop)
    if number == _PACKAGE_NUMBER:
        return _PACKAGE.fullmatch(data, start, stop) is not None
    if number == _SYNTAX_NUMBER:
        return _SYNTAX.fullmatch(data, start, stop) is not None
    if number in _TYPES:
        named = _TYPE.match(data, start, stop)
        return named is not None and len(named[2]) >= named[1][0]
    return number in _OTHERS


def _starts(data: bytes, stop: int) -> Iterator[int]:
    """Places where a name of a file stands behind its tag and length."""
    place = data.find(_ENDING)
    left = MOST_CANDIDATES
    while place >= 0 and left:
        left -= 1
        after = place + len(_ENDING)
        start = _start(data, after)
        if 0 <= start < stop:
            yield start
        place = data.find(_ENDING, after)


def _start(data: bytes, after: int) -> int:
    """Where the name that ends there has its tag, or -1."""
    least = max(0, after - _MOST_NAME - 3)
    line = after
    for _ in range(_MOST_LINES):
        line = data.rfind(b"\n", least, line)
        if line < 0:
            return -1
        size, begin = varint(data, line + 1, after)
        if begin + size == after:
            return line
    return -1


def _inflated(data: bytes, stop: int) -> Iterator[bytes]:
    place = data.find(_GZIP)
    left = MOST_CANDIDATES
    while 0 <= place < stop and left:
        left -= 1
        if _begins(_inflate(data, place, _PROBE_BYTES, _PROBE_BYTES)):
            yield _inflate(data, place, MOST_BYTES, MOST_BYTES)
        place = data.find(_GZIP, place + 1)


def _begins(plain: bytes) -> bool:
    """Whether it may be a file: its name comes first."""
    size, begin = varint(plain, 1, len(plain))
    return plain[:1] == b"\n" and begin > 0 and plain.endswith(_ENDING, 0, begin + size)


def _inflate(data: bytes, place: int, most_read: int, most: int) -> bytes:
    """Empty if it is not what it seems."""
    inflating = zlib.decompressobj(31)
    try:
        return inflating.decompress(data[place : place + most_read], most)
    except zlib.error:
        return b""
