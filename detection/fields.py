# cython: annotation_typing=False
"""Fields and places of JSON documents, and the hits that point to them.

A hit is an integer: the offset of its end, shifted by HIT_BITS, and the rule's number.
Number KEY_HIT means that the hit ends with the colon after a telling key.
"""

import re
from collections.abc import Iterator
from typing import Any

KEY_HIT = 0
ESCAPE_HIT = 1
"""An escaped ASCII character: the field is decoded and scanned again."""
FIRST_RULE = 16
"""Numbers below have fixed meanings; those between speak of values only."""
_HIT_BITS = 12
HIT_BITS = _HIT_BITS
HIT_MASK = (1 << HIT_BITS) - 1
_HIT_LIMIT = 1 << 16
HIT_LIMIT = _HIT_LIMIT
"""Hits of one scan."""
KEY_LIMIT = 128
"""Bytes of a key that is looked at and remembered."""
KEY = 0
STRING = 1
NUMBER = 2
WORD = 3

MEMBERS_LIMIT = 4096
"""Bytes of an object, from its start, whose members are looked at for a country."""
_TOKEN = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"\s*(:?)|[][{}]', re.DOTALL)


def collect(number: int, start: int, end: int, flags: int, hits: list[int]) -> bool:
    """Hyperscan's match callback; appends the hit, ends the scan at the limit."""
    hits.append(end << _HIT_BITS | number)
    return len(hits) >= _HIT_LIMIT


class Place:
    """Where containers stand that the same keys lead to; `key` from the parent's.

    Places outlive the walk, so that what is worked out for one is worked out once.
    """

    def __init__(
        self,
        parent: "Place | None",
        key: bytes | None,
        is_array: bool,
        path: str | None = None,
    ) -> None:
        self.parent = parent
        self.key = key
        self.is_array = is_array
        self.path = path
        self.container: Place = parent.container if parent and is_array else self
        self.objects: dict[bytes | None, Place] = {}
        self.arrays: dict[bytes | None, Place] = {}
        self.circles: dict[tuple[bytes, ...], Any] = {}
        """What the reader works out for members beside these keys."""


class Field:
    """A scalar or key: `data[start:end]`, quotes not included; fields of one object,
    through arrays, have its serial number."""

    def __init__(
        self,
        place: Place,
        key: bytes | None,
        kind: int,
        start: int,
        end: int,
        is_told: bool,
        is_cut: bool,
        serial: int,
        opened: int,
    ) -> None:
        self.place = place
        self.key = key
        self.kind = kind
        self.start = start
        self.end = end
        self.is_told = is_told
        self.is_cut = is_cut
        self.serial = serial
        self.opened = opened
        """Where that object's members begin."""
        self.name: bytes | None = None
        """What names it, if its key does not."""
        self.rules: list[int] = []

    def __repr__(self) -> str:
        return f"Field(kind={self.kind}, {self.end - self.start} B)"


def strings(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of the strings in the object whose members begin at `start`."""
    depth = 0
    key = b""
    for token in _TOKEN.finditer(data, start, min(end, start + MEMBERS_LIMIT)):
        if token[1] is None:
            depth += 1 if token[0] in b"[{" else -1
            if depth < 0:
                return
        elif depth == 0 and token[2]:
            key = token[1]
        elif depth == 0 and key:
            yield key, token[1]
        if depth == 0 and not token[2]:
            key = b""
