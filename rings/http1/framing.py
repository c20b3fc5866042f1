# cython: annotation_typing=False
"""Framing: where the head and the body of an HTTP/1 message end (RFC 9112 section 6).

In come the bytes of a message from its first one on, in pieces of any size, and its
gaps; out goes how far they are the message's, and the phase that this led to. A body's
length follows section 6.3, but for what only the request tells of its response: that is
the parser's. A head is copied once; if a piece holds all of it there is no other copy.
A gap in a body of known length, or in a chunk, costs only its bytes.

Lenient where receivers are: bare LF ends a line, obs-fold continues one. What is kept
of a body is the keeper's to say (`keeping`).
"""

from typing import Any

import cython

from rings.bodies.keeping import Keeper
from rings.http1.chunked import Chunks
from rings.http1.head import Fields
from rings.memory import Octets
from rings.pairs.message import Message

if not cython.compiled:
    from rings.http1.chunked import CHUNK_DATA, CHUNKS_BAD, CHUNKS_DONE
    from rings.http1.head import LENGTH_ABSENT, LENGTH_BAD, find_head_end
    from rings.http1.protocol import HTTP2, NOT_HTTP
    from rings.http2.protocol import is_preface
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

    def __init__(self, keeper: Keeper, fields: Fields) -> None:
        self.phase = HEAD_OPEN
        """Where the last call ended."""
        self.message: Message = _NONE
        """The parser's to set; none is open between two."""
        self.remaining = 0
        """Octets of a body of known length that are still to come."""
        self.keeper = keeper
        self.is_due = False
        """A part of the body should be told."""
        self.buffer: bytearray = _NONE
        """Of a head that came in pieces."""
        self.chunks: Chunks = _NONE
        self.is_http2 = False
        """What stood where a head should: HTTP/2's preface, which looks like one."""
        self.fields = fields
        self.budget = self.keeper.budget
        self.limits = self.keeper.limits
        self.stats = self.keeper.stats

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

    def resume(self, line: bytearray) -> None:
        """Goes on with a head whose first bytes were held, and counted in the budget,
        before it was known to be one.
        """
        self.buffer = line
        self.message.wire_bytes += len(line)

    def is_over(self, size: int) -> bool:
        """Whether so many bytes of a head are too many, or those held in all."""
        return size > self.limits.head_bytes or self.keeper.is_refused(0)

    def refuse(self) -> int:
        """What a head that is none is instead."""
        return HTTP2 if self.is_http2 else NOT_HTTP

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
        is_all = self.phase == BODY_LENGTH and size == self.remaining
        self.is_due = self.keeper.keep(self.message, data, start, size, is_all)
        self.message.wire_bytes += size
        if self.phase == BODY_LENGTH:
            self._pass(size)
        return start + size

    def skip(self, length: int) -> bool:
        """Goes over missing bytes of a body; false if they may hide its end."""
        chunks = self.chunks
        if self.phase == BODY_CHUNKED:
            if chunks.phase != CHUNK_DATA or length > chunks.remaining:
                return False
            chunks.skip(length)
        elif self.phase == BODY_LENGTH:
            if length > self.remaining:
                return False
            self._pass(length)
        self.keeper.miss(self.message, length)
        return True

    def end(self, position: int) -> Message:
        """The message, which ends at `position`, whatever it lacks."""
        message = self.message
        self.keeper.end(message)
        self.message = _NONE
        message.end = position
        message.is_done = True
        return message

    def let_go(self) -> None:
        """The message is none of its own; its bytes are counted elsewhere."""
        self.budget.held_bytes -= self.message.held_bytes
        self.message = _NONE

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
        stats.in_flight_bytes -= message.wire_bytes
        if self.is_http2:
            self.is_http2 = False
            stats.http2_bytes += message.wire_bytes
            return
        stats.broken_messages += 1
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
        self.phase = MESSAGE_BAD if self.is_over(len(self.buffer)) else HEAD_OPEN
        return end

    def _end_head(self, head: bytes) -> None:
        message = self.message
        fields = self.fields
        if not fields.read(head, message) or len(head) > self.limits.head_bytes:
            self.is_http2 = is_preface(head, 0, len(head))
            self.phase = HEAD_BAD
            return
        self.keeper.begin(message, fields.kind)
        self.keeper.hold(message, len(head) - len(message.head))
        message.head = head
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
            self.is_due = self.keeper.keep(self.message, data, start, size, False)
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
