"""Fields of a protobuf message on the wire (protobuf.dev, "Encoding"), for few bytes.

In come any bytes, out come numbers, wire types and places of values. Groups and what is
malformed end the walk. `wire.py` reads messages; this is for searching and for messages
whose form is known.
"""

from collections.abc import Iterator
from typing import NamedTuple

VARINT = 0
FIXED64 = 1
BYTES = 2
FIXED32 = 5

_SIZES = {FIXED64: 8, FIXED32: 4}
_MOST_SHIFT = 63


class Field(NamedTuple):
    """A field; its value stands at data[start:end]."""

    number: int
    wire: int
    start: int
    end: int


def walk(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """The fields of data[start:end], as long as they are whole."""
    stop = len(data) if end is None else min(end, len(data))
    position = start
    while position < stop:
        tag, position = varint(data, position, stop)
        wire = tag & 7
        size = _SIZES.get(wire, 0)
        begin = position
        if wire == BYTES:
            size, begin = varint(data, position, stop)
        elif wire == VARINT:
            _, after = varint(data, position, stop)
            size = after - position
        elif not size:
            return
        position = begin + size
        if tag < 8 or begin < 0 or position > stop or position < begin:
            return
        yield Field(tag >> 3, wire, begin, position)


def varint(data: bytes, position: int, stop: int) -> tuple[int, int]:
    """Its value and where it ends; (0, -1) if it is not whole or too long."""
    value = shift = 0
    while 0 <= position < stop and shift <= _MOST_SHIFT:
        octet = data[position]
        position += 1
        value |= (octet & 127) << shift
        if octet < 128:
            return value, position
        shift += 7
    return 0, -1
