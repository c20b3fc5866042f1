"""What a message holds, counted before it is parsed.

In: the bytes of a Package as they came. Out: how many elements it would become. An
element takes two bytes on the wire and about 200 in memory once it is parsed, so a
message that passes the limit of bytes could still fill the memory. Only keys and
lengths are looked at (Protocol Buffers encoding, wire types 0, 1, 2 and 5); what is
malformed ends the count, since the parser refuses it anyway.
"""

from collections.abc import Iterator
from itertools import islice

from cloud.errors import RefusedError
from proto.v1 import collector_pb2

SMALL_BYTES = 128 << 10
"""Below this a message cannot become more than some 20 MB, and is not counted."""
MOST_ELEMENTS = 150_000
"""Of the largest lawful package: 10,000 endpoints of ten each, 20,000 places."""

_FIELDS = collector_pb2.Package.DESCRIPTOR.fields_by_name
_ELEMENTS = frozenset(_FIELDS[name].number for name in ("offsets", "coverage"))
_ENDPOINTS = _FIELDS["endpoints"].number
_BYTES, _FIXED = 2, {1: 8, 5: 4}


def check(message: bytes) -> None:
    """Raises RefusedError if the message holds too many elements to be parsed."""
    if len(message) <= SMALL_BYTES:
        return
    if sum(1 for _ in islice(_elements(message), MOST_ELEMENTS + 1)) > MOST_ELEMENTS:
        raise RefusedError(f"message: more than {MOST_ELEMENTS} elements")


def _elements(message: bytes) -> Iterator[int]:
    for number, start, end in _fields(message, 0, len(message)):
        if number in _ELEMENTS:
            yield number
        if number == _ENDPOINTS:
            yield number
            yield from (inner for inner, _, _ in _fields(message, start, end))


def _fields(message: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of each field with a length: only these become elements."""
    while at < end:
        key, at = _number(message, at, end)
        kind = key & 7
        if kind == 0:
            _, at = _number(message, at, end)
        elif kind == _BYTES:
            length, at = _number(message, at, end)
            yield key >> 3, at, min(at + length, end)
            at += length
        elif kind in _FIXED:
            at += _FIXED[kind]
        else:
            return


def _number(message: bytes, at: int, end: int) -> tuple[int, int]:
    """A base-128 number and where it ends."""
    value = shift = 0
    while at < end:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128 or shift > 63:
            break
        shift += 7
    return value, at
