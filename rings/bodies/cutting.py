# cython: annotation_typing=False
"""Cutting: where a body of many messages may be told in parts.

In come a body's bytes in pieces, and its gaps; out goes what is kept of it, and how
much of that are whole messages, as its media type divides it (`media`): a message of
gRPC behind its length, an event of an event stream before an empty line (HTML Standard
section 9.2.6), a line of NDJSON, a text behind RFC 7464's separator. Of a message with
a gap, and of one that is too large, the first bytes are kept, as the last of a part.
Behind a gap that may hide an end, the next one is found where the format proves it: an
empty line, a line end, a separator; lengths prove nothing, so of gRPC nothing more is
kept. A content coding is undone on the way (`undoing`): the parts have none, and behind
a gap nothing more is kept. The memory is one body's, a decoder's and a few numbers.
"""

from typing import Any

import cython

from rings.bodies import media
from rings.bodies.undoing import Undoing
from rings.limits import Budget, Limits
from rings.memory import Octets
from rings.pairs.message import Message
from rings.stats import Stats

if not cython.compiled:
    from rings.memory import append, copy, find_byte

PREFIX_BYTES = 5
"""Flags and length before a message of gRPC, gRPC-Web and Connect."""

_PREFIXED = media.PREFIXED
_LINES = media.LINES
_MARKED = media.MARKED
_LF = 10
_CR = 13
_SEPARATOR = 0x1E
_NO_FLAGS = 0x7C
"""Of a prefix: gRPC, gRPC-Web and Connect use the others."""
_NONE: Any = None


@cython.no_gc
@cython.cclass
class Cutter:
    """Of one body."""

    def __init__(
        self,
        message: Message,
        undoing: Undoing | None,
        stats: Stats,
        limits: Limits,
        budget: Budget,
    ) -> None:
        """`undoing` is of the body's content coding; none: it has none."""
        self.division = message.division
        self.body = bytearray()
        """What is kept; the message's own."""
        self.whole = 0
        """Bytes at the body's beginning that are whole messages."""
        self.is_lost = False
        """No other beginning of a message can be known."""
        self.is_full = False
        """Nothing more is kept before the next part."""
        self.is_left_out = False
        """The present message is not kept …"""
        self.is_cut = False
        """… or only its first bytes are."""
        self.left = 0
        """Bytes of the present message's payload that are still to come …"""
        self.prefix = 0
        """… or how many of its prefix came …"""
        self.length = 0
        """… and what they tell so far."""
        self.size = 0
        """Bytes of the present message, or of the present line."""
        self.is_after_cr = False
        self.is_ended = False
        """The last step ended a message."""
        self.undoing = undoing
        self.stats = stats
        self.limits = limits
        self.budget = budget
        self._begin(message)

    def take(self, message: Message, data: Octets, start: int, end: int) -> bool:
        """Takes data[start:end]; whether a part is due."""
        if self.undoing is None:
            self._take_plain(message, data, start, end)
        elif not self.is_lost:
            for piece in self.undoing.pieces(copy(data, start, end)):
                plain = piece
                self._take_plain(message, plain, 0, len(piece))
            self.is_lost = self.is_lost or self.undoing.is_broken
        if self.is_lost:
            message.truncated = True
        return self.whole > 0 and (self.is_full or self.whole >= self.limits.part_bytes)

    def _take_plain(self, message: Message, data: Octets, start: int, end: int) -> None:
        while start < end and not self.is_lost:
            stop = self._next(data, start, end)
            if not self.is_left_out:
                self._keep(message, data, start, stop)
            if self.is_ended:
                self._end(message)
            start = stop

    def miss(self, message: Message, length: int) -> None:
        """So many bytes are missing here."""
        message.truncated = True
        self.is_after_cr = False
        if not self.is_left_out and len(self.body) > self.whole:
            self.is_cut = True
        else:
            self._leave_out(message)
        if self.undoing is not None:
            self.is_lost = True
        elif self.division != _PREFIXED:
            self.size = 1
        elif self.prefix == PREFIX_BYTES and length <= self.left:
            self.left -= length
            if self.left == 0:
                self.prefix = self.length = 0
                self._end(message)
        else:
            self.is_lost = True

    def _begin(self, message: Message) -> None:
        """Takes what was kept before."""
        body = bytes(message.body)
        message.body = self.body
        message.held_bytes -= len(body)
        self.budget.held_bytes -= len(body)
        data = body
        self.take(message, data, 0, len(body))

    def _next(self, data: Octets, start: int, end: int) -> int:
        """Up to where the present message goes; `is_ended`: it ends there."""
        self.is_ended = False
        if self.division == _PREFIXED:
            return self._next_prefixed(data, start, end)
        if self.division == _MARKED:
            if data[start] == _SEPARATOR and self.size == 0:
                self.size = 1
                start += 1
            stop = find_byte(data, _SEPARATOR, start, end)
            self.size += (end if stop < 0 else stop) - start
            if stop < 0:
                return end
            self.is_ended = True
            self.size = 0
            return stop
        if self.division == _LINES:
            stop = find_byte(data, _LF, start, end)
            if stop < 0:
                return end
            self.is_ended = True
            return stop + 1
        return self._next_event(data, start, end)

    def _next_prefixed(self, data: Octets, start: int, end: int) -> int:
        while self.prefix < PREFIX_BYTES:
            if start == end:
                return end
            if self.prefix:
                self.length = self.length << 8 | data[start]
            elif data[start] & _NO_FLAGS:
                self.is_lost = True
                return start
            self.prefix += 1
            start += 1
            if self.prefix == PREFIX_BYTES:
                self.left = self.length
        size = min(self.left, end - start)
        self.left -= size
        if self.left == 0:
            self.prefix = self.length = 0
            self.is_ended = True
        return start + size

    def _next_event(self, data: Octets, start: int, end: int) -> int:
        """An empty line ends it; a line ends by CR, LF or both."""
        while start < end:
            octet = data[start]
            start += 1
            if octet == _LF and self.is_after_cr:
                self.is_after_cr = False
            elif octet in (_LF, _CR):
                self.is_after_cr = octet == _CR
                if self.size == 0:
                    self.is_ended = True
                    return start
                self.size = 0
            else:
                self.is_after_cr = False
                self.size += 1
        return start

    def _keep(self, message: Message, data: Octets, start: int, end: int) -> None:
        size = end - start
        body = self.body
        if self.is_cut:
            return
        room = self.limits.body_bytes - (len(body) - self.whole)
        is_over = self.budget.held_bytes + size > self.budget.limit_bytes
        self.stats.memory_refusals += is_over
        if self.is_full or is_over:
            self._leave_out(message)
            return
        if size > room:
            # The first bytes of a large message, which will be the last of a part.
            message.truncated = True
            self.is_cut = True
            size = max(room, 0)
        append(body, data, start, start + size)
        message.held_bytes += size
        self.budget.held_bytes += size

    def _leave_out(self, message: Message) -> None:
        """The present message is not kept, nor what came of it."""
        body = self.body
        size = len(body) - self.whole
        del body[self.whole :]
        message.held_bytes -= size
        self.budget.held_bytes -= size
        message.truncated = True
        self.is_cut = False
        self.is_left_out = True

    def _end(self, message: Message) -> None:
        """Here the next message begins."""
        if self.is_left_out:
            self.is_left_out = False
            return
        self.whole = len(self.body)
        if self.is_cut or self.whole >= self.limits.body_bytes:
            # So many plain bytes come at once of coded ones only.
            self.is_cut = False
            self.is_full = True


def part_of(message: Message, now_ns: int) -> Message:
    """What came of a message since its last part, as a message of its own; its next one
    begins at `now_ns`. All of its bytes on the wire are counted in this one."""
    part = Message()
    part.is_request = message.is_request
    part.protocol = message.protocol
    part.first_ns = message.first_ns
    part.head = message.head
    part.method_end = message.method_end
    part.target_start = message.target_start
    part.target_end = message.target_end
    part.type_start = message.type_start
    part.type_end = message.type_end
    part.coding_start = message.coding_start
    part.coding_end = message.coding_end
    part.is_path_unknown = message.is_path_unknown
    part.status = message.status
    part.is_json = message.is_json
    cutter: Cutter = message.cutter
    body = message.body
    size = len(body) if message.is_done else 0
    if cutter is not None and not message.is_done:
        size = cutter.whole
        cutter.whole = 0
        cutter.is_full = False
    rest = len(body) - size
    is_coded = cutter is not None and cutter.undoing is not None
    counted = 0 if is_coded else rest
    if size:
        part.body = bytes(body[:size])
        tail = bytearray(body[size:])
        message.body = tail
        if cutter is not None:
            cutter.body = tail
    part.held_bytes = size
    message.held_bytes -= size
    part.wire_bytes, message.wire_bytes = message.wire_bytes, 0
    part.body_bytes, message.body_bytes = message.body_bytes - counted, counted
    if cutter is not None or message.is_done:
        part.gap_bytes, message.gap_bytes = message.gap_bytes, 0
        part.truncated = message.truncated
        message.truncated = cutter is not None and cutter.is_cut
    if message.division == media.DISPATCHED:
        part.is_json = media.has_json_event(bytes(part.body))
    message.first_ns = now_ns
    return part
