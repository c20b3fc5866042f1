# cython: annotation_typing=False
"""Lines: fields as they stand in a head of HTTP/1, behind each other, with a mark each.

In come fields, piece by piece; out go their lines, by the place of their marks. It
serves as a table of HPACK, whose oldest lines go, and as what was read of a header
block. All is in two buffers, so that a connection which is idle with full tables holds
little more than what the fields themselves are: a mark is where the line begins, and a
number of the name's length, the field's kind and whether it is clean.
"""

import cython

from rings.memory import Octets

if not cython.compiled:
    from rings.memory import copy, put, read_le32, resize, shift, write_le32

UNKNOWN = -1
"""The kind of a field whose name is not known."""
OTHER = 0
METHOD = 1
PATH = 2
SCHEME = 3
AUTHORITY = 4
STATUS = 5
PROTOCOL = 6
PSEUDO = 6
"""The last of the pseudo-fields (RFC 9113 section 8.3)."""
TYPE = 7
CODING = 8
LENGTH = 9

_MARK_BYTES = 8
_POSITION = (1 << 32) - 1
"""Positions start anew behind it."""
_FIRST_BYTES = 64
_KEPT_BYTES = 2_048
"""Of the buffer that blocks are read into, between two."""


@cython.no_gc
@cython.cclass
class Lines:
    """Those with places from `first` up to `last`."""

    def __init__(self) -> None:
        self.text = bytearray()
        """From `start` on the lines, up to `end`; the one that is open up to `tip`."""
        self.start = self.end = self.tip = 0
        self.base = 0
        """What begins at text[0] has this position."""
        self.marks = bytearray()
        self.first = self.last = 0
        self.begin = self.name_end = self.until = 0
        """Of the line that was looked at last, in the text; its value stands two bytes
        behind its name, and ends two bytes before it does."""
        self.mark = 0
        """As `mark_of` makes it."""
        self.kind = OTHER

    def look(self, place: int) -> None:
        """Tells of a line what stands in the fields above."""
        marks = self.marks
        row = place * _MARK_BYTES
        self.mark = read_le32(marks, row + 4)
        self.begin = (read_le32(marks, row) - self.base) & _POSITION
        self.until = self.end
        if place + 1 < self.last:
            following = read_le32(marks, row + _MARK_BYTES)
            self.until = (following - self.base) & _POSITION
        self.name_end = self.begin + (self.mark >> 8)
        self.kind = kind_of(self.mark)

    def name(self, place: int) -> bytes:
        self.look(place)
        return bytes(self.text[self.begin : self.name_end])

    def value(self, place: int) -> bytes:
        self.look(place)
        return bytes(self.text[self.name_end + 2 : max(self.until, 2) - 2])

    def clear(self) -> None:
        if len(self.text) > _KEPT_BYTES:
            self.text = bytearray()
            self.marks = bytearray()
        self.start = self.end = self.tip = self.base = 0
        self.first = self.last = 0

    def reserve(self, size: int) -> None:
        """Makes room for so many bytes behind the open line."""
        if self.tip + size > len(self.text):
            self._grow(size)

    def _grow(self, size: int) -> None:
        """Moves the lines to the buffer's start; a larger one if an eighth of it is
        still needed."""
        if self.start:
            shift(self.text, 0, self.start, self.tip)
            self.base = (self.base + self.start) & _POSITION
            self.end -= self.start
            self.tip -= self.start
            self.start = 0
        needed = self.tip + size
        if needed > len(self.text) - (len(self.text) >> 3):
            resize(self.text, max(_FIRST_BYTES, needed + (needed >> 2)))

    def append(self, data: Octets, start: int, end: int) -> None:
        """Adds to the line that is open."""
        self.reserve(end - start)
        target = self.text
        put(target, self.tip, data, start, end)
        self.tip += end - start

    def close(self, mark: int) -> None:
        """The open line is whole."""
        if (self.last + 1) * _MARK_BYTES > len(self.marks):
            held = self.last - self.first
            if self.first:
                shift(
                    self.marks,
                    0,
                    self.first * _MARK_BYTES,
                    self.last * _MARK_BYTES,
                )
                self.first, self.last = 0, held
            if held + 1 > (len(self.marks) >> 3) - (len(self.marks) >> 6):
                resize(self.marks, (held + (held >> 2) + 8) * _MARK_BYTES)
        place = self.last * _MARK_BYTES
        marks = self.marks
        write_le32(marks, place, (self.base + self.end) & _POSITION)
        write_le32(marks, place + 4, mark)
        self.last += 1
        self.end = self.tip

    def taken(self) -> bytes:
        """What is in the open line, which is none then."""
        text = self.text
        taken = copy(text, self.end, self.tip)
        self.tip = self.end
        return taken

    def let_go(self) -> int:
        """The oldest line goes; its length."""
        self.look(self.first)
        self.start = self.until
        self.first += 1
        return self.until - self.begin


def mark_of(name_bytes: int, kind: int, is_clean: bool) -> int:
    """Of a name of fewer than 2^24 bytes."""
    return name_bytes << 8 | (kind + 1) << 1 | is_clean


def kind_of(mark: int) -> int:
    return (mark >> 1 & 0x7F) - 1


def is_clean(data: Octets, start: int, end: int) -> bool:
    """Whether there is nothing that would end a line (RFC 9113 section 8.2.1)."""
    found = 0
    for place in range(start, end):
        octet = data[place]
        found |= (octet == 0) | (octet == 10) | (octet == 13)
    return found == 0
