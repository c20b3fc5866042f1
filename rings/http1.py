# cython: annotation_typing=False
"""HTTP/1.0 and 1.1 messages out of one direction's bytes (RFC 9110, RFC 9112).

Theory of operation. One parser reads one stream. It gets the stream's bytes in order,
in pieces of any size, each with the position of its first byte, the acknowledgement
that came with it and its capture time; and it is told of gaps. Between messages it
skips empty lines (RFC 9112 section 2.2) and looks at the first bytes: a start line, or
something that is not HTTP/1, which turns it off. A head is copied once; if a piece
holds all of it there is no other copy. Framing follows RFC 9112 section 6.3; where it
is contradictory, nothing more of that message is trusted and the parser seeks the next
start line at the beginning of a piece. A gap inside a body of known length costs only
the missing bytes; any other may hide a message, which the pairer is told.

Lenient where receivers are: bare LF ends a line, obs-fold continues one. Bodies are
kept only if JSON or a form; other bytes are skipped without being touched.
"""

from typing import Any, Protocol

import cython

from rings.chunked import Chunks
from rings.head import Fields
from rings.limits import Limits
from rings.memory import Octets
from rings.message import Message
from rings.pairing import Pairer

if not cython.compiled:
    from rings.chunked import CHUNK_DATA, CHUNKS_BAD, CHUNKS_DONE
    from rings.head import LENGTH_ABSENT, LENGTH_BAD, find_head_end
    from rings.memory import append, copy
    from rings.protocol import (
        HTTP2,
        MAYBE_HTTP,
        NOT_HTTP,
        REQUEST,
        RESPONSE,
        TLS,
        UNKNOWN,
        foreign,
        is_tls,
        starting_role,
    )

_START = 0
_HEAD = 1
_BODY = 2
_CHUNKED = 3
_UNTIL_CLOSE = 4
_SEEK = 5
_OFF = 6

_TUNNEL = 5
_CLOSED = 6
_ELSEWHERE = 7
"""Reasons to be off, after those of `protocol`."""

_PREAMBLE_BYTES = 1024
"""Of each side, before the first message: a proxy's negotiation, as SOCKS' (RFC 1928
and 1929 need at most 1032 of both sides together)."""

_LF = 10
_CR = 13


_NONE: Any = None


class Owner(Protocol):
    """The connection, which is told once who asks and who answers."""

    def learn_roles(self, learned: "Parser") -> None: ...


@cython.no_gc
@cython.cclass
class Parser:
    """Messages of one direction, handed to the connection's pairer."""

    def __init__(
        self,
        pairer: Pairer,
        owner: "Owner",
        fields: Fields,
        limits: Limits,
        role: int,
    ) -> None:
        self.pairer = pairer
        self.owner = owner
        self.stats = self.pairer.stats
        self.peer: Parser = _NONE
        self.role = role
        self.limits = limits
        self.state = _START if role else _SEEK
        self.off_reason = 0
        self.message: Message = _NONE
        self.buffer: bytearray = _NONE
        """Of a head that came in pieces."""
        self.body: bytearray = _NONE
        self.fields = fields
        self.chunks: Chunks = _NONE
        self.remaining = 0
        self.preamble_left = 0
        """Bytes of a negotiation that may still precede the first message."""
        self.may_lack_body = False
        """The open response's request is not certain, so it may have been HEAD."""

    def feed(
        self,
        data: Octets,
        start: int,
        end: int,
        position: int,
        acknowledged: int,
        now_ns: int,
    ) -> None:
        """Takes data[start:end]; its first byte stands at `position` of the stream."""
        origin = position - start
        if self.state == _SEEK and start < end:
            self._seek(data, start, end, position)
        while start < end:
            state = self.state
            if state in (_BODY, _UNTIL_CLOSE):
                start = self._take_body(data, start, end, origin)
            elif state == _START:
                start = self._begin(data, start, end, origin, acknowledged, now_ns)
            elif state == _HEAD:
                start = self._take_head(data, start, end, origin)
            elif state in (_SEEK, _OFF):
                self._count_off(end - start)
                return
            else:
                start = self._take_chunked(data, start, end, origin)

    def gap(self, length: int, position: int) -> None:
        """`length` bytes that begin at `position` are missing."""
        message = self.message
        state = self.state
        if state == _OFF:
            return
        is_inside = (
            state == _UNTIL_CLOSE
            or (state == _BODY and length <= self.remaining)
            or (state == _CHUNKED and self._is_within_chunk(length))
        )
        if not is_inside:
            self._lose(position)
            return
        message.gap_bytes += length
        message.body_bytes += length
        message.truncated = True
        if state == _CHUNKED:
            self.chunks.skip(length)
        elif state == _BODY:
            self.remaining -= length
            if self.remaining == 0:
                self._end_message(position + length)

    def _is_within_chunk(self, length: int) -> bool:
        return self.chunks.phase == CHUNK_DATA and length <= self.chunks.remaining

    def finish(self, position: int, is_reset: bool) -> None:
        """The stream ended at `position`."""
        message = self.message
        if self.state == _OFF:
            return
        if self.state == _UNTIL_CLOSE:
            message.truncated = message.truncated or is_reset
            self._end_message(position)
        if self.state != _START:
            self._lose(position)
        elif self.role == RESPONSE and not is_reset:
            self.pairer.end_responses(position)
        self.turn_off(_CLOSED)

    def turn_off(self, reason: int) -> None:
        """Only count from now on, under a reason."""
        if self.state != _OFF:
            self._break(0)
            self.state = _OFF
            self.off_reason = reason

    def await_preamble(self) -> None:
        """This is another protocol, or its negotiation before the first message."""
        if self.state != _OFF:
            self._break(0)
            self.preamble_left = _PREAMBLE_BYTES

    def leave_elsewhere(self) -> None:
        """Another interface's view of this connection is the one reported."""
        self._turn_both_off(_ELSEWHERE)

    def _seek(self, data: Octets, start: int, end: int, position: int) -> None:
        kind = starting_role(data, start, end)
        if kind != UNKNOWN and (
            self.role in (UNKNOWN, kind) or not self.pairer.is_touched
        ):
            self._learn(kind)
        elif position == 0 and self.role == UNKNOWN and is_tls(data, start, end):
            self._turn_both_off(TLS)
        elif self.preamble_left:
            self.preamble_left = max(0, self.preamble_left - (end - start))
            if self.preamble_left == 0:
                self._turn_both_off(NOT_HTTP)

    def _learn(self, kind: int) -> None:
        """A start line of this kind stands here."""
        self.preamble_left = 0
        self.peer.preamble_left = 0
        if self.role != kind:
            self.role = kind
            self.peer.role = REQUEST if kind == RESPONSE else RESPONSE
            self.owner.learn_roles(self)
        if self.state == _SEEK:
            self.state = _START

    def _begin(
        self,
        data: Octets,
        start: int,
        end: int,
        origin: int,
        acknowledged: int,
        now_ns: int,
    ) -> int:
        message = self.message
        skipped = start
        while skipped < end and (data[skipped] == _CR or data[skipped] == _LF):
            skipped += 1
        if skipped > start:
            if message is not None:
                message.wire_bytes += skipped - start
                return skipped
            stats = self.stats
            stats.in_flight_bytes -= skipped - start
            stats.unsynchronized_bytes += skipped - start
            return skipped
        if message is None:
            reason = foreign(data, start, end, self.role)
            if reason != MAYBE_HTTP and self._is_swapped(data, start, end):
                reason = MAYBE_HTTP
            if reason != MAYBE_HTTP:
                self._reject(reason, origin + start)
                return start
            message = Message()
            message.is_request = self.role == REQUEST
            message.start = message.head_end = message.end = origin + start
            message.acknowledged = acknowledged
            message.first_ns = now_ns
            self.message = message
        self.state = _HEAD
        return start

    def _is_swapped(self, data: Octets, start: int, end: int) -> bool:
        """The side that accepted the connection may be the one that asks."""
        kind = starting_role(data, start, end)
        if kind == UNKNOWN or self.pairer.is_touched:
            return False
        self._learn(kind)
        return True

    def _reject(self, reason: int, position: int) -> None:
        """No message begins at `position`."""
        if reason != NOT_HTTP:
            self._turn_both_off(reason)
        elif position == 0 and not self.pairer.is_touched:
            self.await_preamble()
            self.peer.await_preamble()
        else:
            self._lose(position)

    def _take_head(self, data: Octets, start: int, end: int, origin: int) -> int:
        buffer = self.buffer
        if buffer is None:
            stop = find_head_end(data, start, end)
            if stop >= 0:
                self.message.wire_bytes += stop - start
                self._end_head(copy(data, start, stop), origin + stop)
                return stop
            self.buffer = buffer = bytearray()
            append(buffer, data, start, end)
        else:
            known = len(buffer)
            append(buffer, data, start, end)
            stop = find_head_end(buffer, max(known - 3, 0), len(buffer))
            if stop >= 0:
                head = bytes(buffer[:stop])
                self.buffer = _NONE
                self.pairer.budget.held_bytes -= known
                stop = start + stop - known
                self.message.wire_bytes += stop - start
                self._end_head(head, origin + stop)
                return stop
        self.message.wire_bytes += end - start
        self.pairer.budget.held_bytes += end - start
        if len(buffer) > self.limits.head_bytes or self._is_refused(0):
            self._lose(origin + end)
        return end

    def _end_head(self, head: bytes, position: int) -> None:
        message = self.message
        fields = self.fields
        if not fields.read(head, message) or len(head) > self.limits.head_bytes:
            self._reject(NOT_HTTP, message.start)
            return
        self._hold(len(head) - len(message.head))
        message.head = head
        message.head_end = position
        message.is_json = fields.is_json
        message.keeps_body = (
            fields.is_json or fields.is_form or self.limits.keep_all_bodies
        )
        if message.is_request:
            self.pairer.take_request(message)
            self._begin_body(fields, position, 0)
        elif message.status < 200 and message.status != 101:
            self.state = _START
        else:
            self._begin_response_body(fields, position)

    def _begin_response_body(self, fields: Fields, position: int) -> None:
        message = self.message
        request = self.pairer.match(message)
        status = message.status
        is_connect = request is not None and request.asks_tunnel
        if status == 101 or (is_connect and 200 <= status < 300):
            self._end_message(position)
            self._turn_both_off(_TUNNEL)
            return
        self.may_lack_body = request is None or not self.pairer.is_certain
        is_head = request is not None and request.asks_head
        if is_head or status == 204 or status == 304:
            self._end_message(position)
            return
        self._begin_body(fields, position, LENGTH_ABSENT)

    def _begin_body(self, fields: Fields, position: int, absent: int) -> None:
        length = fields.length
        if fields.is_chunked:
            self.state = _CHUNKED
            self.chunks = Chunks(self.limits.head_bytes)
            return
        if fields.is_transfer_coded:
            length = LENGTH_BAD if absent == 0 else LENGTH_ABSENT
        elif length == LENGTH_ABSENT:
            length = absent
        if length == LENGTH_BAD:
            self.message.truncated = True
            self._end_message(position)
            self._lose(position)
        elif length == LENGTH_ABSENT:
            self.state = _UNTIL_CLOSE
        elif length == 0:
            self._end_message(position)
        else:
            self.state = _BODY
            self.remaining = length

    def _take_body(self, data: Octets, start: int, end: int, origin: int) -> int:
        if self.may_lack_body:
            self.may_lack_body = False
            if foreign(data, start, end, RESPONSE) == MAYBE_HTTP:
                self._end_message(origin + start)
                return start
        size = end - start
        if self.state == _BODY and size > self.remaining:
            size = self.remaining
        self._keep(data, start, size)
        self.message.wire_bytes += size
        if self.state == _BODY:
            self.remaining -= size
            if self.remaining == 0:
                self._end_message(origin + start + size)
        return start + size

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
        if kept == 0 and self.state == _BODY and size == self.remaining:
            message.body = copy(data, start, start + size)
            return
        if kept == 0:
            self.body = bytearray()
            message.body = self.body
        append(self.body, data, start, start + size)

    def _hold(self, size: int) -> None:
        """Counts so many bytes more of the open message."""
        self.message.held_bytes += size
        self.pairer.budget.held_bytes += size

    def _is_refused(self, size: int) -> bool:
        """Whether the budget has no room for so many bytes."""
        budget = self.pairer.budget
        if budget.held_bytes + size <= budget.limit_bytes:
            return False
        self.stats.memory_refusals += 1
        return True

    def _take_chunked(self, data: Octets, start: int, end: int, origin: int) -> int:
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
            self._end_message(origin + start)
        elif chunks.phase == CHUNKS_BAD:
            self._lose(origin + start)
        return start

    def _end_message(self, position: int) -> None:
        message = self.message
        self.message = _NONE
        self.body = _NONE
        self.state = _START
        message.end = position
        message.is_done = True
        if message.is_request:
            self.pairer.end_request(message)
        else:
            self.pairer.end_response(message)

    def _break(self, position: int) -> None:
        """The open message ends here, whatever it lacks; then seek the next."""
        message = self.message
        budget = self.pairer.budget
        if self.buffer is not None:
            budget.held_bytes -= len(self.buffer)
            self.buffer = _NONE
        state = self.state
        if message is not None:
            if state in (_HEAD, _START):
                self.message = _NONE
                budget.held_bytes -= message.held_bytes
                self.stats.broken_messages += 1
                self.stats.in_flight_bytes -= message.wire_bytes
                self.stats.broken_bytes += message.wire_bytes
            else:
                message.truncated = True
                self._end_message(position)
        self.state = _SEEK

    def _lose(self, position: int) -> None:
        """What follows may hide a message."""
        self._break(position)
        self.pairer.lose()

    def _turn_both_off(self, reason: int) -> None:
        self.turn_off(reason)
        self.peer.turn_off(reason)
        self.pairer.lose()

    def _count_off(self, size: int) -> None:
        stats = self.stats
        stats.in_flight_bytes -= size
        if self.preamble_left:
            stats.not_http_bytes += size
        elif self.state == _SEEK or self.off_reason == _CLOSED:
            stats.unsynchronized_bytes += size
        elif self.off_reason == TLS:
            stats.tls_bytes += size
        elif self.off_reason == HTTP2:
            stats.http2_bytes += size
        elif self.off_reason == _TUNNEL:
            stats.tunnel_bytes += size
        elif self.off_reason == _ELSEWHERE:
            stats.elsewhere_bytes += size
        else:
            stats.not_http_bytes += size
