# cython: annotation_typing=False
"""Framing: where the head and the body of an HTTP/1 message end (RFC 9112 section 6).

In come the bytes of a message from its first one on, in pieces of any size, and its
gaps; out goes how far they are the message's, and the phase that this led to. A body's
length follows section 6.3, but for what only the request tells of its response: that is
the parser's. A head is copied once; if a piece holds all of it there is no other copy.
A gap in a body of known length, or in a chunk, costs only its bytes.

Lenient where receivers are: bare LF ends a line, obs-fold continues one. Bodies are
kept only if JSON or a form; other bytes are skipped without being touched.
"""

from typing import Any

import cython

from rings.chunked import Chunks
from rings.head import Fields
from rings.limits import Budget, Limits
from rings.memory import Octets
from rings.message import Message
from rings.stats import Stats

if not cython.compiled:
    from rings.chunked import CHUNK_DATA, CHUNKS_BAD, CHUNKS_DONE
    from rings.head import LENGTH_ABSENT, LENGTH_BAD, find_head_end
    from rings.memory import append, copy

HEAD_OPEN = 0
HEAD_DONE = 1
HEAD_BAD = 2
"""What stands there is no head."""
BODY_LENGTH = 3
BODY_CHUNKED = 4
BODY_UNTIL_CLOSE = 5
MESSAGE_DONE = 6
MESSAGE_BAD = 7
"""It is contradictory, or over a bound; nothing more of it can be trusted."""

_NONE: Any = None


@cython.no_gc
@cython.cclass
class Framer:
    """The open message of one direction. One object serves many in turn."""

    def __init__(
        self, stats: Stats, limits: Limits, budget: Budget, fields: Fields
    ) -> None:
        self.phase = HEAD_OPEN
        """Where the last call ended."""
        self.message: Message = _NONE
        """The parser's to set; none is open between two."""
        self.remaining = 0
        """Octets of a body of known length that are still to come."""
        self.body: bytearray = _NONE
        """Of a body that came in pieces."""
        self.buffer: bytearray = _NONE
        """Of a head that came in pieces."""
        self.chunks: Chunks = _NONE
        self.fields = fields
        self.budget = budget
        self.limits = limits
        self.stats = stats

    def read_head(self, data: Octets, start: int, end: int) -> int:
        """Reads a head in data[start:end]; the position up to which it took it."""
        if self.buffer is not None:
            return self._join_head(data, start, end)
        stop = find_head_end(data, start, end)
        if stop < 0:
            self.buffer = bytearray()
            append(self.buffer, data, start, end)
            return self._await_head(start, end)
        self.message.wire_bytes += stop - start
        self._end_head(copy(data, start, stop))
        return stop

    def begin_body(self, absent: int) -> None:
        """After a head; the length is `absent` if the head tells none."""
        fields = self.fields
        length = fields.length
        if fields.is_chunked:
            self.phase = BODY_CHUNKED
            self.chunks = Chunks(self.limits.head_bytes)
            return
        if fields.is_transfer_coded:
            length = LENGTH_BAD if absent == 0 else LENGTH_ABSENT
        elif length == LENGTH_ABSENT:
            length = absent
        if length == LENGTH_BAD:
            self.phase = MESSAGE_BAD
        elif length == LENGTH_ABSENT:
            self.phase = BODY_UNTIL_CLOSE
        elif length == 0:
            self.phase = MESSAGE_DONE
        else:
            self.phase = BODY_LENGTH
            self.remaining = length

    def read_body(self, data: Octets, start: int, end: int) -> int:
        """Reads a body in data[start:end]; the position up to which it took it."""
        if self.phase == BODY_CHUNKED:
            return self._read_chunked(data, start, end)
        size = end - start
        if self.phase == BODY_LENGTH and size > self.remaining:
            size = self.remaining
        self._keep(data, start, size)
        self.message.wire_bytes += size
        if self.phase == BODY_LENGTH:
            self._pass(size)
        return start + size

    def skip(self, length: int) -> bool:
        """Goes over missing bytes of a body; false if they may hide its end."""
        message, chunks = self.message, self.chunks
        if self.phase == BODY_CHUNKED:
            if chunks.phase != CHUNK_DATA or length > chunks.remaining:
                return False
            chunks.skip(length)
        elif self.phase == BODY_LENGTH:
            if length > self.remaining:
                return False
            self._pass(length)
        message.gap_bytes += length
        message.body_bytes += length
        message.truncated = True
        return True

    def end(self, position: int) -> Message:
        """The message, which ends at `position`, whatever it lacks."""
        message = self.message
        self.message = _NONE
        self.body = _NONE
        message.end = position
        message.is_done = True
        return message

    def drop(self) -> None:
        """The head, if one is open, will not end: it is no message."""
        message = self.message
        stats = self.stats
        if self.buffer is not None:
            self.budget.held_bytes -= len(self.buffer)
            self.buffer = _NONE
        if message is None:
            return
        self.message = _NONE
        self.budget.held_bytes -= message.held_bytes
        stats.broken_messages += 1
        stats.in_flight_bytes -= message.wire_bytes
        stats.broken_bytes += message.wire_bytes

    def _join_head(self, data: Octets, start: int, end: int) -> int:
        """Goes on with a head that came in pieces."""
        buffer = self.buffer
        known = len(buffer)
        append(buffer, data, start, end)
        stop = find_head_end(buffer, max(known - 3, 0), len(buffer))
        if stop < 0:
            return self._await_head(start, end)
        self.buffer = _NONE
        self.budget.held_bytes -= known
        self.message.wire_bytes += stop - known
        self._end_head(bytes(buffer[:stop]))
        return start + stop - known

    def _await_head(self, start: int, end: int) -> int:
        """All of the piece is in the buffer, and the head does not end there."""
        self.message.wire_bytes += end - start
        self.budget.held_bytes += end - start
        is_over = len(self.buffer) > self.limits.head_bytes or self._is_refused(0)
        self.phase = MESSAGE_BAD if is_over else HEAD_OPEN
        return end

    def _end_head(self, head: bytes) -> None:
        message = self.message
        fields = self.fields
        if not fields.read(head, message) or len(head) > self.limits.head_bytes:
            self.phase = HEAD_BAD
            return
        self._hold(len(head) - len(message.head))
        message.head = head
        message.is_json = fields.is_json
        message.keeps_body = (
            fields.is_json or fields.is_form or self.limits.keep_all_bodies
        )
        self.phase = HEAD_DONE

    def _pass(self, size: int) -> None:
        """So many bytes of a body of known length have passed."""
        self.remaining -= size
        if self.remaining == 0:
            self.phase = MESSAGE_DONE

    def _read_chunked(self, data: Octets, start: int, end: int) -> int:
        chunks, begin = self.chunks, start
        if chunks.phase == CHUNK_DATA:
            size = min(end - start, chunks.remaining)
            self._keep(data, start, size)
            chunks.skip(size)
            start += size
        else:
            start = chunks.read(data, start, end)
        self.message.wire_bytes += start - begin
        if chunks.phase == CHUNKS_DONE:
            self.phase = MESSAGE_DONE
        elif chunks.phase == CHUNKS_BAD:
            self.phase = MESSAGE_BAD
        return start

    def _keep(self, data: Octets, start: int, size: int) -> None:
        message = self.message
        message.body_bytes += size
        if not message.keeps_body or message.gap_bytes:
            return
        kept = len(message.body)
        if kept + size > self.limits.body_bytes:
            message.truncated = True
            size = self.limits.body_bytes - kept
        if size == 0:
            return
        if self._is_refused(size):
            message.truncated = True
            message.keeps_body = False
            return
        self._hold(size)
        if kept == 0 and self.phase == BODY_LENGTH and size == self.remaining:
            message.body = copy(data, start, start + size)
            return
        if kept == 0:
            self.body = bytearray()
            message.body = self.body
        append(self.body, data, start, start + size)

    def _hold(self, size: int) -> None:
        """Counts so many bytes more of the open message."""
        self.message.held_bytes += size
        self.budget.held_bytes += size

    def _is_refused(self, size: int) -> bool:
        """Whether the budget has no room for so many bytes."""
        if self.budget.held_bytes + size <= self.budget.limit_bytes:
            return False
        self.stats.memory_refusals += 1
        return True
