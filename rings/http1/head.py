# cython: annotation_typing=False
"""Heads: what a message's start line and fields say (RFC 9112 sections 3 to 5).

In come the bytes of a whole head, out goes what framing and filtering need of it; all
other fields are skipped. Lenient where receivers are: a bare LF ends a line, a line
that begins with white space continues the one before, repeated spaces are one, and a
target goes on to the line's last space: one within it, which RFC 9112 section 3
forbids, was sent as part of it.
"""

import cython

from rings.bodies import media as media_types
from rings.bodies.media import media
from rings.memory import Octets
from rings.pairs.message import Message

if not cython.compiled:
    from rings.http1.protocol import trimmed
    from rings.memory import copy, equals, equals_folded, find_byte, starts_with

LENGTH_ABSENT = -1
LENGTH_BAD = -2

JSON = media_types.JSON
GENERIC = media_types.GENERIC

_LENGTH_LIMIT = 9_007_199_254_740_992
_LF = 10
_CR = 13
_SPACE = 32
_TAB = 9
_COLON = 58
_COMMA = 44
_C = 99
_T = 116


class Fields:
    """What framing and filtering need of a head. One object serves many in turn."""

    def __init__(self) -> None:
        self.length = LENGTH_ABSENT
        self.is_chunked = False
        self.is_transfer_coded = False
        self.kind = GENERIC
        """Of the media type; without one nothing is said."""
        self._value = b""
        """The last media type that was looked up, for most repeat …"""
        self._kind = GENERIC
        """… and what was found."""
        self._start = self._end = 0

    def read(self, head: bytes, message: Message) -> bool:
        """Reads a whole head; false if its start line is none."""
        self.length = LENGTH_ABSENT
        self.is_chunked = False
        self.is_transfer_coded = False
        self.kind = GENERIC
        message.type_end = message.type_start
        message.coding_end = message.coding_start
        data = head
        end = len(head)
        stop = find_byte(data, _LF, 0, end)
        if message.is_request:
            if not self._read_request_line(data, trimmed(data, 0, stop), message):
                return False
        elif not self._read_status_line(data, trimmed(data, 0, stop), message):
            return False
        start = stop + 1
        while start < end:
            stop = find_byte(data, _LF, start, end)
            while stop + 1 < end and data[stop + 1] in (_SPACE, _TAB):
                stop = find_byte(data, _LF, stop + 1, end)
            if data[start] | 32 in (_C, _T):
                self._read_line(data, start, trimmed(data, start, stop), message)
            start = stop + 1
        return True

    def _read_request_line(self, data: Octets, end: int, message: Message) -> bool:
        space = find_byte(data, _SPACE, 0, end)
        last = end - 1
        while last > space and data[last] != _SPACE:
            last -= 1
        if space <= 0 or last <= space:
            return False
        if not starts_with(data, last + 1, end, b"HTTP/1."):
            return False
        message.method_end = space
        message.asks_head = equals(data, 0, space, b"HEAD")
        message.asks_tunnel = equals(data, 0, space, b"CONNECT")
        while data[space] == _SPACE and space < last:
            space += 1
        message.target_start = space
        message.target_end = trimmed(data, space, last)
        return True

    def _read_status_line(self, data: Octets, end: int, message: Message) -> bool:
        """Any three digits: what is no class of RFC 9110 section 15 answers all the
        same.
        """
        space = find_byte(data, _SPACE, 0, end)
        if space < 6 or not starts_with(data, 0, end, b"HTTP/"):
            return False
        while space < end and data[space] == _SPACE:
            space += 1
        if end - space < 3:
            return False
        status = 0
        for position in range(space, space + 3):
            if not 48 <= data[position] <= 57:
                return False
            status = status * 10 + data[position] - 48
        message.status = status
        return True

    def _read_line(self, data: Octets, start: int, end: int, message: Message) -> None:
        """Of a field whose name begins with C or T, as all do that matter here."""
        colon = find_byte(data, _COLON, start, end)
        if colon < 0:
            return
        name = colon
        while name > start and data[name - 1] in (_SPACE, _TAB):
            name -= 1
        size = name - start
        if size != 14 and size != 12 and size != 17 and size != 16:
            return
        value = colon + 1
        while value < end and data[value] in (_SPACE, _TAB, _CR, _LF):
            value += 1
        if size == 14:
            if equals_folded(data, start, name, b"content-length"):
                self._read_length(data, value, end)
        elif size == 12:
            if equals_folded(data, start, name, b"content-type"):
                self._read_type(data, value, end, message)
        else:
            self._read_coding_line(data, start, name, value, end, message)

    def _read_coding_line(
        self,
        data: Octets,
        start: int,
        name: int,
        value: int,
        end: int,
        message: Message,
    ) -> None:
        if equals_folded(data, start, name, b"transfer-encoding"):
            self._read_codings(data, value, end)
            is_more = end - value > 7
            if is_more and message.coding_end == message.coding_start:
                message.coding_start = value
                message.coding_end = end
        elif equals_folded(data, start, name, b"content-encoding"):
            message.coding_start = value
            message.coding_end = end

    def _read_length(self, data: Octets, start: int, end: int) -> None:
        """One number, or the same number repeated (RFC 9112 section 6.3, rule 5)."""
        known = self.length
        length = 0
        digits = 0
        is_over = False
        for position in range(start, end + 1):
            octet = data[position] if position < end else _COMMA
            if 48 <= octet <= 57 and length <= _LENGTH_LIMIT and not is_over:
                length = length * 10 + octet - 48
                digits += 1
            elif octet == _COMMA and digits and known in (LENGTH_ABSENT, length):
                known = length
                length = 0
                digits = 0
                is_over = False
            elif octet in (_SPACE, _TAB):
                is_over = digits > 0
            else:
                known = LENGTH_BAD
                break
        self.length = known

    def _read_type(self, data: Octets, start: int, end: int, message: Message) -> None:
        """What is JSON says `media`; most by far is what is compared first."""
        if self.kind == JSON and message.type_end > message.type_start:
            return
        if end - start == 16 and equals_folded(data, start, end, b"application/json"):
            self.kind = JSON
            message.type_start = start
            message.type_end = end
            return
        if not equals(data, start, end, self._value):
            self._value = copy(data, start, end)
            found = media(self._value)
            self._kind = found.kind
            self._start = found.start
            self._end = found.end
        self.kind = self._kind
        message.type_start = start + self._start
        message.type_end = start + self._end

    def _read_codings(self, data: Octets, start: int, end: int) -> None:
        self.is_transfer_coded = True
        last = end - 7
        self.is_chunked = last >= start and equals_folded(data, last, end, b"chunked")
        while last > start and data[last - 1] in (_SPACE, _TAB, _CR, _LF):
            last -= 1
        if last > start and data[last - 1] != _COMMA:
            self.is_chunked = False


def find_head_end(data: Octets, start: int, end: int) -> int:
    """Position after the first empty line, -1 if there is none."""
    stop = find_byte(data, _LF, start, end)
    while stop >= 0:
        after = stop + 1
        if after < end and data[after] == _CR:
            after += 1
        if after < end and data[after] == _LF:
            return after + 1
        stop = find_byte(data, _LF, stop + 1, end)
    return -1
