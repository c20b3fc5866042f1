# cython: annotation_typing=False
"""HTTP/1.0 and 1.1 messages out of one direction's bytes (RFC 9110, RFC 9112).

Theory of operation. One parser reads one stream. It gets the stream's bytes in order,
in pieces of any size, each with the position of its first byte, the acknowledgement
that came with it and its capture time; and it is told of gaps. Between messages it
skips empty lines (RFC 9112 section 2.2) and looks at the first bytes: a start line, or
something that is not HTTP/1, which turns it off. Where the message ends its framer
tells (`framing`); the pairer is told when its head and when all of it came, and says
which request a response answers, for that decides whether a body follows. Where framing
is contradictory, nothing more of that message is trusted and the parser seeks the next
start line at the beginning of a piece. A gap that the framer cannot place inside a body
may hide a message, which the pairer is told.
"""

from typing import Any, Protocol

import cython

from rings.framing import Framer
from rings.head import Fields
from rings.limits import Limits
from rings.memory import Octets
from rings.message import Message
from rings.pairing import Pairer

if not cython.compiled:
    from rings.framing import (
        BODY_CHUNKED,
        BODY_UNTIL_CLOSE,
        HEAD_BAD,
        HEAD_DONE,
        MESSAGE_BAD,
        MESSAGE_DONE,
    )
    from rings.head import LENGTH_ABSENT
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
_SEEK = 3
_OFF = 4

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
        self.framer = Framer(self.stats, limits, self.pairer.budget, fields)
        self.state = _START if role else _SEEK
        self.off_reason = 0
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
            if state == _BODY:
                start = self._take_body(data, start, end, origin)
            elif state == _START:
                start = self._begin(data, start, end, origin, acknowledged, now_ns)
            elif state == _HEAD:
                start = self._take_head(data, start, end, origin)
            else:
                self._count_off(end - start)
                return

    def gap(self, length: int, position: int) -> None:
        """`length` bytes that begin at `position` are missing."""
        state = self.state
        if state == _OFF:
            return
        if state == _BODY and self.framer.skip(length):
            self._settle(position + length)
        else:
            self._lose(position)

    def finish(self, position: int, is_reset: bool) -> None:
        """The stream ended at `position`."""
        framer = self.framer
        if self.state == _OFF:
            return
        if self.state == _BODY and framer.phase == BODY_UNTIL_CLOSE:
            framer.message.truncated = framer.message.truncated or is_reset
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
        message = self.framer.message
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
            self.framer.message = message
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
        framer = self.framer
        start = framer.read_head(data, start, end)
        if framer.phase == HEAD_DONE:
            self._end_head(origin + start)
        elif framer.phase == HEAD_BAD:
            self._reject(NOT_HTTP, framer.message.start)
        else:
            self._settle(origin + start)
        return start

    def _end_head(self, position: int) -> None:
        message = self.framer.message
        message.head_end = position
        if message.is_request:
            self.pairer.take_request(message)
            self._begin_body(position, 0)
        elif message.status < 200 and message.status != 101:
            self.state = _START
        else:
            self._begin_response_body(position)

    def _begin_response_body(self, position: int) -> None:
        message = self.framer.message
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
        self._begin_body(position, LENGTH_ABSENT)

    def _begin_body(self, position: int, absent: int) -> None:
        self.state = _BODY
        self.framer.begin_body(absent)
        self._settle(position)

    def _take_body(self, data: Octets, start: int, end: int, origin: int) -> int:
        framer = self.framer
        if self.may_lack_body and framer.phase != BODY_CHUNKED:
            self.may_lack_body = False
            if foreign(data, start, end, RESPONSE) == MAYBE_HTTP:
                self._end_message(origin + start)
                return start
        start = framer.read_body(data, start, end)
        self._settle(origin + start)
        return start

    def _settle(self, position: int) -> None:
        """The framer took all before `position`, which may end the message."""
        phase = self.framer.phase
        if phase == MESSAGE_DONE:
            self._end_message(position)
        elif phase == MESSAGE_BAD:
            self._lose(position)

    def _end_message(self, position: int) -> None:
        message = self.framer.end(position)
        self.state = _START
        if message.is_request:
            self.pairer.end_request(message)
        else:
            self.pairer.end_response(message)

    def _break(self, position: int) -> None:
        """The open message ends here, whatever it lacks; then seek the next."""
        if self.state == _BODY:
            self.framer.message.truncated = True
            self._end_message(position)
        else:
            self.framer.drop()
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
