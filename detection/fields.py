# cython: annotation_typing=False
"""Fields and places of JSON documents, and the hits that point to them.

A hit is an integer: the offset of its end, shifted by HIT_BITS, and the rule's number.
Number KEY_HIT means that the hit ends with the colon after a telling key.
"""

from typing import Any

import cython

if not cython.compiled:
    from detection.memory import string_end

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
KEY_LIMIT = 256
"""Bytes of a key that is looked at and remembered: paths of openEHR are the longest."""
KEY = 0
STRING = 1
NUMBER = 2
WORD = 3

RESOURCE = "fhir"
"""First word of what the type of a resource speaks as, in the catalog's phrases."""

MEMBERS_LIMIT = 4096
"""Bytes of an object, from its start, whose members are looked at for a country."""
_MEMBERS_LIMIT = MEMBERS_LIMIT
_QUOTE = 34
_COLON = 58
_OPEN_ARRAY = 91
_CLOSE_ARRAY = 93
_OPEN_OBJECT = 123
_CLOSE_OBJECT = 125


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
        is_type: bool = False,
    ) -> None:
        self.parent = parent
        self.key = key
        self.is_array = is_array
        self.path = path
        self.is_type = is_type
        """Whether the key is the type of a resource, which no path shows."""
        self.types: dict[bytes, Place] = {}
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


def strings(
    data: bytes, start: int, end: int, least: int = 1
) -> list[tuple[bytes, bytes]]:
    """Keys, of `least` bytes or more, and values of the strings in the object whose
    members begin at `start`."""
    text = data
    found: list[tuple[bytes, bytes]] = []
    end = min(end, start + _MEMBERS_LIMIT)
    position = start
    depth = 0
    key_start = key_end = -1
    while position < end:
        octet = text[position]
        position += 1
        if octet == _QUOTE:
            begin = position
            close = string_end(text, begin, end)
            if close >= end:
                break
            position = close + 1
            if depth > 0:
                continue
            while position < end and 0 < text[position] <= 32:
                position += 1
            if position < end and text[position] == _COLON:
                key_start, key_end = begin, close
                position += 1
                continue
            if 0 <= key_start <= key_end - least:
                found.append((text[key_start:key_end], text[begin:close]))
            key_start = -1
        elif octet in (_OPEN_OBJECT, _OPEN_ARRAY):
            depth += 1
        elif octet in (_CLOSE_OBJECT, _CLOSE_ARRAY):
            depth -= 1
            if depth < 0:
                break
            if depth == 0:
                key_start = -1
    return found
