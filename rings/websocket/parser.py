# cython: annotation_typing=False
"""Messages of a WebSocket out of one direction's bytes (RFC 6455 section 5).

Theory of operation. Frames follow each other without a mark, so a reader must know the
first one and every length since: a gap within a payload costs its message, one that may
hide a frame's header costs all that follows, and so does a frame that breaks a rule.
Payloads are unmasked and, where the message is compressed, inflated as they come, so
that it does not matter where segments end; control frames between the fragments of a
message are stepped over. A text that is JSON goes to the body of the exchange's request
or response, behind RFC 7464's separator; all else is counted, after a loss as
unsynchronized.
"""

from typing import Any

import cython

from rings.bodies.media import is_json_text
from rings.limits import Budget, Limits
from rings.memory import Octets
from rings.pairs.message import Message
from rings.stats import Stats
from rings.websocket.inflating import Inflater

if not cython.compiled:
    from rings.memory import append

SEPARATOR = b"\x1e"
LONGEST_HEADER = 14

_HEADER = 0
_PAYLOAD = 1
_OFF = 2
_LOOKED_AT = 512
_FIN = 0x80
_RESERVED = 0x70
_DEFLATED = 0x40
_MASKED = 0x80
_TEXT = 1
_BINARY = 2
_CONTROL = 8
_PONG = 10
_LONGEST_CONTROL = 125
_NONE: Any = None


@cython.no_gc
@cython.cclass
class Parser:
    """Frames of one direction; its texts go to `message`."""

    def __init__(
        self,
        message: Message,
        inflater: Inflater | None,
        stats: Stats,
        limits: Limits,
        budget: Budget,
    ) -> None:
        """Without an inflater nothing may be compressed."""
        self.message = message
        self.stats = stats
        self.limits = limits
        self.budget = budget
        self.inflater = inflater
        self.state = _HEADER
        self.header = bytearray()
        self.wanted = 2
        """Bytes of the header, as far as is known."""
        self.left = 0
        """Bytes of the frame's payload that are still to come."""
        self.mask_place = 0
        self.is_control = False
        self.is_final = False
        self.is_open = False
        """A message began and did not end."""
        self.is_text = False
        self.is_deflated = False
        self.is_left_out = False
        """The open message is not kept."""
        self.held = bytearray()
        """What is kept of the open message."""
        self.counted = 0
        """Of that, what is in the budget."""
        self.pending = 0
        """Bytes of the open message's frames, still in flight."""
        self.is_lost = False

    def feed(self, data: Octets, start: int, end: int) -> None:
        """Takes data[start:end]."""
        while start < end:
            if self.state == _HEADER:
                start = self._take_header(data, start, end)
            elif self.state == _PAYLOAD:
                start = self._take_payload(data, start, end)
            else:
                self._count(end - start)
                return

    def gap(self, length: int) -> None:
        """So many bytes are missing here."""
        message = self.message
        message.gap_bytes += length
        message.truncated = True
        if self.state == _PAYLOAD and length <= self.left:
            self.left -= length
            self.mask_place += length
            if not self.is_control:
                self._leave_out()
                if self.is_deflated and self.inflater is not None:
                    self.inflater.lose()
            if self.left == 0:
                self._end_frame()
        elif self.state != _OFF:
            self.lose()

    def lose(self) -> None:
        """What follows is not known to be frames: it is only counted."""
        if self.state != _OFF:
            self.stats.websocket_losses += 1
            self.message.truncated = True
            self.is_lost = True
            self.finish()

    def finish(self) -> None:
        """The direction ended."""
        if self.state == _OFF:
            return
        self._leave_out()
        self._count(self.pending + (len(self.header) if self.state == _HEADER else 0))
        self.state = _OFF
        self.pending = 0
        self.header.clear()
        if self.inflater is not None:
            self.inflater.close()

    def _take_header(self, data: Octets, start: int, end: int) -> int:
        header = self.header
        size = min(self.wanted - len(header), end - start)
        append(header, data, start, start + size)
        if len(header) < self.wanted:
            return start + size
        if self.wanted == 2:
            length = header[1] & 0x7F
            self.wanted += 2 if length == 126 else 8 if length == 127 else 0
            self.wanted += 4 if header[1] & _MASKED else 0
        if len(header) == self.wanted:
            self._begin_frame()
        return start + size

    def _begin_frame(self) -> None:
        header = self.header
        first = header[0]
        kind = first & 15
        is_masked = header[1] & _MASKED != 0
        length = header[1] & 0x7F
        if length >= 126:
            length = int.from_bytes(header[2 : 4 if length == 126 else 10], "big")
        if is_masked != self.message.is_request or self._is_wrong(first, kind, length):
            self.lose()
            return
        self.state = _PAYLOAD
        self.left = length
        self.mask_place = 0
        self.is_control = kind >= _CONTROL
        if self.is_control:
            self._count(len(header))
        else:
            self.is_final = first & _FIN != 0
            if kind:
                self._begin_message(kind, first & _DEFLATED != 0)
            self.pending += len(header)
        if length == 0:
            self._end_frame()

    def _is_wrong(self, first: int, kind: int, length: int) -> bool:
        """Whether a frame with this first byte cannot stand here (section 5.2)."""
        if kind >= _CONTROL:
            is_whole = first & _FIN and length <= _LONGEST_CONTROL
            return bool(kind > _PONG or first & _RESERVED or not is_whole)
        if kind > _BINARY or length >> 62 or (kind == 0) != self.is_open:
            return True
        allowed = _DEFLATED if kind and self.inflater is not None else 0
        return first & _RESERVED & ~allowed != 0

    def _begin_message(self, kind: int, is_deflated: bool) -> None:
        self.is_open = True
        self.is_text = kind == _TEXT
        self.is_left_out = not self.is_text
        self.is_deflated = is_deflated
        if is_deflated and self.inflater is not None:
            self.inflater.begin()

    def _take_payload(self, data: Octets, start: int, end: int) -> int:
        size = min(self.left, end - start)
        if self.is_control:
            self._count(size)
        else:
            self.pending += size
            if self.is_deflated:
                self._inflate(data, start, size)
            elif not self.is_left_out:
                self._unmask(self.held, data, start, size)
                self._bound()
        self.left -= size
        self.mask_place += size
        if self.left == 0:
            self._end_frame()
        return start + size

    def _unmask(self, target: bytearray, data: Octets, start: int, size: int) -> None:
        """Appends data[start:start + size] as it was before it was masked."""
        place = len(target)
        append(target, data, start, start + size)
        if not self.message.is_request:
            return
        header = self.header
        mask = len(header) - 4
        offset = self.mask_place & 3
        for step in range(size):
            target[place + step] ^= header[mask + ((offset + step) & 3)]

    def _inflate(self, data: Octets, start: int, size: int) -> None:
        inflater = self.inflater
        if inflater is None:
            return
        if not inflater.is_broken:
            coded = bytearray()
            self._unmask(coded, data, start, size)
            limit = 0 if self.is_left_out else self.limits.body_bytes
            target = bytearray() if self.is_left_out else self.held
            inflater.inflate(bytes(coded), target, limit)
        if inflater.is_broken:
            self._leave_out()
        self._bound()

    def _bound(self) -> None:
        """Counts what is held, or lets it go if it is too much."""
        more = len(self.held) - self.counted
        self.counted += more
        self.budget.held_bytes += more
        is_refused = more > 0 and self.budget.held_bytes > self.budget.limit_bytes
        self.stats.memory_refusals += is_refused
        if is_refused or len(self.held) > self.limits.body_bytes:
            self._leave_out()

    def _leave_out(self) -> None:
        """The open message is not kept."""
        if self.is_open and self.is_text and not self.is_left_out:
            self.message.truncated = True
        self.is_left_out = True
        self._clear()

    def _clear(self) -> None:
        self.budget.held_bytes -= self.counted
        self.counted = 0
        self.held = bytearray()

    def _end_frame(self) -> None:
        self.state = _HEADER
        self.header.clear()
        self.wanted = 2
        if not self.is_control and self.is_final:
            self._end_message()

    def _end_message(self) -> None:
        inflater = self.inflater
        if self.is_deflated and inflater is not None:
            if self.is_left_out:
                inflater.end(bytearray(), 0)
            else:
                inflater.end(self.held, self.limits.body_bytes)
                if inflater.is_broken:
                    self._leave_out()
                self._bound()
        self.is_open = False
        size = self.pending
        self.pending = 0
        if self.is_left_out or not is_json_text(bytes(self.held[:_LOOKED_AT])):
            self._clear()
            self._count(size)
            return
        self._deliver(size)

    def _deliver(self, size: int) -> None:
        """The message is JSON, and had so many bytes on the wire."""
        message, held = self.message, self.held
        self._clear()
        if not message.body:
            message.body = bytearray()
        body = message.body
        body += SEPARATOR + held + b"\n"
        kept = len(held) + 2
        message.held_bytes += kept
        self.budget.held_bytes += kept
        message.body_bytes += kept
        message.wire_bytes += size
        message.is_json = True

    def _count(self, size: int) -> None:
        """Bytes that are in no message that is kept."""
        self.stats.in_flight_bytes -= size
        if self.is_lost:
            self.stats.unsynchronized_bytes += size
        else:
            self.stats.websocket_bytes += size
