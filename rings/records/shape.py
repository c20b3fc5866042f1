# cython: annotation_typing=False
"""Shape: what kinds of bodies an exchange has, as one number of 64 bits.

In come messages, out goes a number that two bodies share if their media type, their
first byte and the set of JSON key names in their first 16 KiB are the same. Order,
repetition and values do not matter; keys that hold digits are left out, for they are
often ids. It stands on Kafka, so it is the same in all processes and on all machines
(Python's own hash is not). The hash is no secret: who likes may forge one shape to look
like another, which hides only bodies of their own from being inspected as new.

A key is what stands in quotation marks before a colon: looking for colons, which are
few, costs less than parsing. Coded bodies (RFC 9110 section 8.4) are decoded, but only
a part of them.
"""

import cython

from rings.bodies.content import codings, decode
from rings.memory import Octets
from rings.pairs.message import Message

if not cython.compiled:
    from rings.memory import find_byte, read_le64

_SHAPE_BYTES = 16_384
_CODED_BYTES = 4_096
"""Decoded, of a coded body: decoding costs ten times as much as looking."""
_LONGEST_NAME = 64
_MOST_NAMES = 192
"""Different names in one body: more are data, and make the shape of all such bodies."""
_SLOTS = 256
"""A power of two, a third more than names."""

_MASK = 0xFFFF_FFFF_FFFF_FFFF
_MULTIPLIER = 0x9E37_79B9_7F4A_7C15
_BEGIN = 0xCBF2_9CE4_8422_2325
_LOWER = 0x2020_2020_2020_2020
"""Of eight letters at once: case does not matter."""
_MANY = 0x6D61_6E79
_FOLD = 29
_COLON = 58
_QUOTE = 34
_SPACE = 32
_TAB = 9
_LF = 10
_CR = 13
_BEGINS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_$@"
_KINDS = bytes(
    2 if octet in _BEGINS else 1 if octet in b".-" else 0 for octet in range(256)
)
"""Of each byte: may begin a name, may stand in one, neither."""


class Shapes:
    """Makes the shapes of one message after another."""

    def __init__(self) -> None:
        if not cython.compiled:
            self._names = [0] * _SLOTS
            self._used = [0] * _MOST_NAMES
        self._count = 0
        self._sum = 0

    def of_both(self, request: Message, response: Message) -> int:
        number = mixed(_BEGIN, self.of_message(request))
        return mixed(number, self.of_message(response))

    def of_message(self, message: Message) -> int:
        head = message.head
        number = hashed(head, message.type_start, message.type_end, _LOWER)
        body = message.body
        end = len(body)
        if end == 0:
            return number
        if message.coding_end > message.coding_start:
            coded = bytes(body[:_SHAPE_BYTES])
            body = decode(codings(message.head), coded, _CODED_BYTES)[0]
            end = len(body)
        if end == 0:
            return number
        if end > _SHAPE_BYTES:
            end = _SHAPE_BYTES
        data = body
        return mixed(mixed(number, data[0]), self._names_in(data, end))

    def _names_in(self, data: Octets, end: int) -> int:
        """The sum over different names, so that order and repetition do not matter."""
        kinds = _KINDS
        self._sum = 0
        place = find_byte(data, _COLON, 0, end)
        while place >= 0:
            stop = place - 1
            while stop > 0 and data[stop] in (_SPACE, _TAB, _LF, _CR):
                stop -= 1
            if stop > 1 and data[stop] == _QUOTE:
                start = stop
                least = stop - _LONGEST_NAME
                if least < 1:
                    least = 1
                while start > least and kinds[data[start - 1]]:
                    start -= 1
                if (
                    start < stop
                    and data[start - 1] == _QUOTE
                    and kinds[data[start]] == 2
                    and not self._add(hashed(data, start, stop, 0))
                ):
                    self._sum = _MANY
                    break
            place = find_byte(data, _COLON, place + 1, end)
        self._clear()
        return self._sum

    def _add(self, name: int) -> bool:
        """False if there are too many."""
        slot = name & (_SLOTS - 1)
        while self._names[slot]:
            if self._names[slot] == name:
                return True
            slot = (slot + 1) & (_SLOTS - 1)
        if self._count == _MOST_NAMES:
            return False
        self._names[slot] = name
        self._used[self._count] = slot
        self._count += 1
        self._sum = (self._sum + name) & _MASK
        return True

    def _clear(self) -> None:
        for place in range(self._count):
            self._names[self._used[place]] = 0
        self._count = 0


def mixed(number: int, word: int) -> int:
    number = ((number ^ word) * _MULTIPLIER) & _MASK
    return number ^ number >> _FOLD


def hashed(data: Octets, start: int, end: int, lower: int) -> int:
    """Of data[start:end], eight bytes at a time, the bits of `lower` set; never 0."""
    number = mixed(_BEGIN, end - start)
    while end - start >= 8:
        number = mixed(number, read_le64(data, start) | lower)
        start += 8
    if start < end:
        word = 0
        for place in range(start, end):
            word = word << 8 | data[place]
        number = mixed(number, word | lower)
    return mixed(number, lower) or 1
