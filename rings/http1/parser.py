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
start line at the beginning of a segment; one that only begins there is held until its
LF. A gap that the framer cannot place inside a body may hide a message, which the
pairer is told, unless it is too short for one: then only what follows is in doubt.
"""

from typing import Any, Protocol

import cython

from rings.bodies import media
from rings.bodies.keeping import Keeper
from rings.http1.doubt import Doubt
from rings.http1.framing import Framer
from rings.http1.head import Fields
from rings.http1.proxied import LONGEST_LINE, Header
from rings.http1.proxied import may_begin as may_begin_header
from rings.http2.exchanges import Exchanges
from rings.http2.parser import Parser as Frames
from rings.memory import Octets
from rings.pairs.message import Message
from rings.pairs.pairing import Pairer
from rings.websocket.exchange import Exchange as WebSocket
from rings.websocket.protocol import opens

if not cython.compiled:
    from rings.http1.doubt import (
        CLOSED,
        ELSEWHERE,
        LINE_OPEN,
        LINE_PREFACE,
        LINE_PROVEN,
        TUNNEL,
        WEBSOCKET,
    )
    from rings.http1.framing import (
        BODY_CHUNKED,
        BODY_UNTIL_CLOSE,
        HEAD_BAD,
        HEAD_DONE,
        MESSAGE_BAD,
        MESSAGE_DONE,
    )
    from rings.http1.head import LENGTH_ABSENT
    from rings.http1.protocol import (
        HTTP2,
        MAYBE_HTTP,
        NOT_HTTP,
        REQUEST,
        RESPONSE,
        TLS,
        UNKNOWN,
        foreign,
        is_tls,
        is_tls_record,
        may_begin,
        proven_role,
        starting_role,
    )
    from rings.http2.protocol import PREFACE, is_framed, is_preface
    from rings.memory import copy, find_byte
    from rings.pairs.message import SSE

EVENTS = media.EVENTS

_START = 0
_HEAD = 1
_BODY = 2
_SEEK = 3
_LINE = 4
"""A start line may have begun, which is held."""
_PROXY = 5
"""Within a load balancer's header."""
_OFF = 6

_SMALLEST_MESSAGE = 14
"""`HTTP/1.1 200` and two line ends; a shorter gap hides none."""
_PREFACE_START = 5

_LF = 10
_CR = 13
_P = 80

_NONE: Any = None


class Owner(Protocol):
    """The connection, which is told once who asks and who answers, and who the client
    is if a load balancer says it."""

    def learn_roles(self, learned: "Parser") -> None: ...

    def learn_client(self, address: bytes, port: int) -> None: ...


@cython.no_gc
@cython.cclass
class Parser:
    """Messages of one direction, handed to the connection's pairer."""

    def __init__(
        self,
        pairer: Pairer,
        owner: "Owner",
        keeper: Keeper,
        fields: Fields,
        role: int,
    ) -> None:
        self.pairer = pairer
        self.owner = owner
        self.stats = self.pairer.stats
        self.peer: Parser = _NONE
        self.role = role
        self.framer = Framer(keeper, fields)
        self.state = _START if role else _SEEK
        self.off_reason = 0
        self.frames: Frames = _NONE
        """Reads on if this is HTTP/2."""
        self.socket: WebSocket = _NONE
        """Reads on behind the switch to WebSocket."""
        self.doubt: Doubt = _NONE
        """Once there was any."""
        self.may_lack_body = False
        """The open response's request is not certain, so it may have been HEAD."""
        self.origin = 0
        """Position at which messages begin, behind a load balancer's header."""
        self.header: Header = _NONE
        """That header, while it comes."""
        self.lacks_header = False
        """What looked like one was none."""
        self.is_in_doubt = False
        """A gap was too short for a message; what follows does not begin one."""

    def feed(
        self,
        data: Octets,
        start: int,
        end: int,
        position: int,
        acknowledged: int,
        now_ns: int,
        is_beginning: bool,
    ) -> None:
        """Takes data[start:end]; its first byte stands at `position` of the stream.
        `is_beginning`: it is a segment's first one.
        """
        origin = position - start
        if self.state > _BODY and start < end:
            start = self._feed_in_doubt(
                data, start, end, position, acknowledged, now_ns, is_beginning
            )
        while start < end:
            state = self.state
            if state == _BODY:
                start = self._take_body(data, start, end, origin)
                if self.framer.is_due:
                    self.framer.is_due = False
                    self.pairer.tell_open(True, now_ns)
            elif state == _START:
                start = self._begin(data, start, end, origin, acknowledged, now_ns)
            elif state == _HEAD:
                start = self._take_head(data, start, end, origin)
            elif state == _PROXY:
                start = self._take_header(
                    data, start, end, position, acknowledged, now_ns, is_beginning
                )
            elif self.frames is not None:
                self._feed_frames(data, start, end, is_beginning, now_ns)
                return
            elif self.socket is not None:
                self.socket.feed(self.role == REQUEST, data, start, end, now_ns)
                return
            else:
                self._count_off(end - start)
                return

    def gap(self, length: int, position: int) -> None:
        """`length` bytes that begin at `position` are missing."""
        if self.frames is not None:
            self._drop_header()
        state = self.state
        if state == _OFF:
            if self.frames is not None:
                self.frames.gap(length)
            elif self.socket is not None:
                self.socket.gap(self.role == REQUEST, length)
            return
        if state == _BODY and self.framer.skip(length):
            self._settle(position + length)
        elif (
            state == _START
            and length < _SMALLEST_MESSAGE
            and self.framer.message is None
        ):
            self.is_in_doubt = True
            self.state = _SEEK
        else:
            self._lose(position)

    def tell(self, now_ns: int) -> None:
        """A moment has passed: tells what stays open in parts."""
        if self.state == _BODY:
            self.framer.keeper.divide(self.framer.message)
            self.pairer.tell_open(False, now_ns)
        elif self.frames is not None and self.role == REQUEST:
            self.frames.exchanges.tell(now_ns)
        elif self.socket is not None and self.role == REQUEST:
            self.socket.tell(now_ns)

    def finish(self, position: int, is_reset: bool) -> None:
        """The stream ended at `position`."""
        framer = self.framer
        if self.frames is not None:
            self._drop_header()
        if self.state == _OFF:
            if self.frames is not None:
                self.frames.finish()
            elif self.socket is not None:
                self.socket.finish(self.role == REQUEST)
            return
        if self.state == _BODY and framer.phase == BODY_UNTIL_CLOSE:
            framer.message.truncated = framer.message.truncated or is_reset
            self._end_message(position)
        if self.state != _START:
            if not self.is_in_doubt:
                self._lose(position)
        elif self.role == RESPONSE and not is_reset:
            self.pairer.end_responses(position)
        self.turn_off(CLOSED)

    def turn_off(self, reason: int) -> None:
        """Only count from now on, under a reason."""
        if self.state != _OFF:
            self._break(0)
            if self.doubt is not None:
                self.doubt.decide(reason)
            self.is_in_doubt = False
            self.state = _OFF
            self.off_reason = reason

    def await_preamble(self) -> None:
        """This is another protocol, or its negotiation before the first message."""
        if self.state != _OFF:
            self._break(0)
            self._doubts().await_preamble()

    def leave_elsewhere(self) -> None:
        """Another interface's view of this connection is the one reported."""
        self._turn_both_off(ELSEWHERE)
        if self.frames is not None:
            self.frames.leave()
            self.peer.frames.leave()

    def untie(self) -> None:
        """Lets go what would keep the memory alive."""
        self.peer = _NONE
        self.owner = _NONE
        if self.frames is not None:
            self.frames.peer = _NONE

    def _feed_in_doubt(
        self,
        data: Octets,
        start: int,
        end: int,
        position: int,
        acknowledged: int,
        now_ns: int,
        is_beginning: bool,
    ) -> int:
        """Looks for a start line; the position up to which bytes were held for it."""
        if self.is_in_doubt:
            self.is_in_doubt = False
            self._lose(position)
        if self.state == _LINE:
            taken = self._extend_line(data, start, end, is_beginning)
            if taken >= 0:
                return taken
            self._drop_line()
        if position == 0 and self._opens_header(data, start, end, acknowledged, now_ns):
            return start
        if self.state != _SEEK:
            return start
        if is_beginning and self._seek(data, start, end, position):
            self._doubts().begin_line(position, acknowledged, now_ns)
            self.state = _LINE
            return self._hold_line(data, start, end)
        return start

    def _seek(self, data: Octets, start: int, end: int, position: int) -> bool:
        """Whether a start line may have begun here, and does not end."""
        kind = proven_role(data, start, end)
        role = self.role if self.pairer.is_touched else UNKNOWN
        if kind != UNKNOWN and role in (UNKNOWN, kind):
            self._learn(kind)
        elif not self.pairer.is_touched and self._is_other(data, start, end, position):
            if 20 <= data[start] <= 23:
                self._turn_both_off(TLS)
            else:
                self._turn_to_http2(0, is_preface(data, start, end))
        elif find_byte(data, _LF, start, end) < 0:
            return may_begin(data, start, end, role)
        return False

    def _is_other(self, data: Octets, start: int, end: int, position: int) -> bool:
        """Whether this is TLS or HTTP/2, by a beginning or from its middle."""
        if is_tls_record(data, start, end):
            return True
        if position == self.origin and is_tls(data, start, end):
            return self.role == UNKNOWN
        if end - start >= _PREFACE_START and is_preface(data, start, end):
            return True
        return is_framed(data, start, end)

    def _hold_line(self, data: Octets, start: int, end: int) -> int:
        """Adds to the line that may have begun, as far as the bounds allow."""
        if self.framer.is_over(self.doubt.hold_line(data, start, end)):
            self._drop_line()
        return end

    def _extend_line(
        self, data: Octets, start: int, end: int, is_beginning: bool
    ) -> int:
        """The position up to which bytes were held; -1 if what was held is no start
        line, or these bytes are a likelier one.
        """
        doubt, is_touched = self.doubt, self.pairer.is_touched
        role = self.role if is_touched else UNKNOWN
        found = doubt.judge_line(data, start, end, is_beginning, role)
        if found == LINE_OPEN:
            return self._hold_line(data, start, end)
        if found == LINE_PREFACE and not is_touched:
            self._turn_to_http2(len(doubt.line), True)
            return start
        if found != LINE_PROVEN:
            return -1
        self._learn(doubt.line_role)
        if self.state == _LINE:
            self._open(doubt.line_position, doubt.line_acknowledged, doubt.line_ns)
            self.framer.resume(doubt.take_line())
            self.state = _HEAD
        return start

    def _drop_line(self) -> None:
        """It is none: its bytes are like others that begin no message."""
        size = 0 if self.doubt is None else self.doubt.drop_line()
        if size:
            self.state = _SEEK
            self._count_off(size)

    def _opens_header(
        self, data: Octets, start: int, end: int, acknowledged: int, now_ns: int
    ) -> bool:
        """Whether a load balancer's header may begin here, which is then taken."""
        if self.role == RESPONSE or (data[start] != _P and data[start] != _CR):
            return False
        if self.lacks_header or (self.state == _OFF and self.frames is None):
            return False
        if not may_begin_header(copy(data, start, min(end, start + LONGEST_LINE))):
            return False
        self.header = Header(acknowledged, now_ns)
        self.state = _PROXY
        return True

    def _take_header(
        self,
        data: Octets,
        start: int,
        end: int,
        position: int,
        acknowledged: int,
        now_ns: int,
        is_beginning: bool,
    ) -> int:
        """If it is none, what was taken of it is read as what else it may be."""
        header = self.header
        start += header.take(copy(data, start, end))
        if header.is_whole:
            self._end_header(header)
        elif header.is_broken:
            begun = header.start
            self.lacks_header = True
            self._leave_header(_START if self.role else _SEEK)
            self.feed(
                begun,
                0,
                len(begun),
                0,
                header.acknowledged,
                header.now_ns,
                True,
            )
            self.feed(data, start, end, position, acknowledged, now_ns, is_beginning)
            return end
        return start

    def _end_header(self, header: Header) -> None:
        self.stats.proxy_headers += 1
        self.stats.proxy_header_bytes += header.taken
        self.stats.in_flight_bytes -= header.taken
        self.origin = header.taken
        self._leave_header(_START)
        self._learn(REQUEST)
        if header.client is not None:
            self.owner.learn_client(header.client[0], header.client[1])

    def _drop_header(self) -> None:
        """It is none, or not whole."""
        if self.header is not None:
            size = self.header.taken
            self._leave_header(_SEEK)
            self._count_off(size)

    def _leave_header(self, state: int) -> None:
        """Goes on in this state, or in HTTP/2 if the server began with that."""
        self.header = _NONE
        self.state = state if self.frames is None else _OFF

    def _learn(self, kind: int) -> None:
        """A start line of this kind stands here."""
        self._end_doubt()
        self.peer._end_doubt()
        if self.role != kind:
            self.role = kind
            self.peer.role = REQUEST if kind == RESPONSE else RESPONSE
            self.owner.learn_roles(self)
        if self.state == _SEEK:
            self.state = _START

    def _doubts(self) -> Doubt:
        if self.doubt is None:
            self.doubt = Doubt(self.stats, self.pairer.budget)
        return self.doubt

    def _end_doubt(self) -> None:
        """A message begins, of either side: what came before is in none."""
        if self.doubt is not None:
            self.doubt.decide(CLOSED)
            self.doubt.preamble_left = 0

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
        if origin + start == 0 and self._opens_header(
            data, start, end, acknowledged, now_ns
        ):
            return start
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
            if reason == HTTP2 and not self.pairer.is_busy():
                self._turn_to_http2(0, True)
                return start
            if reason != MAYBE_HTTP:
                self._reject(reason, origin + start)
                return start
            self._open(origin + start, acknowledged, now_ns)
        else:
            # Behind an interim response; its own place is where the answer began.
            message.first_ns = now_ns
        self.state = _HEAD
        return start

    def _open(self, position: int, acknowledged: int, now_ns: int) -> None:
        """A message begins at `position`."""
        message = Message()
        message.is_request = self.role == REQUEST
        message.start = message.head_end = message.end = position
        message.acknowledged = acknowledged
        message.first_ns = now_ns
        self.framer.message = message
        if message.is_request:
            self.pairer.begin_request(acknowledged)

    def _is_swapped(self, data: Octets, start: int, end: int) -> bool:
        """The side that accepted the connection may be the one that asks."""
        kind = starting_role(data, start, end)
        if kind == UNKNOWN or self.pairer.is_touched:
            return False
        self._learn(kind)
        return True

    def _reject(self, reason: int, position: int) -> None:
        """No message begins at `position`."""
        if reason != NOT_HTTP and not self.pairer.is_busy():
            self._turn_both_off(reason)
        elif position == self.origin and not self.pairer.is_touched:
            self.await_preamble()
            self.peer.await_preamble()
            # A first message within it would not be seen.
            self.pairer.lose()
        else:
            self._lose(position)

    def _take_head(self, data: Octets, start: int, end: int, origin: int) -> int:
        framer = self.framer
        start = framer.read_head(data, start, end)
        if framer.phase == HEAD_DONE:
            self._end_head(origin + start)
        elif framer.phase == HEAD_BAD:
            if framer.is_http2 and not self.pairer.is_busy():
                self._turn_to_http2(framer.message.wire_bytes, True)
            else:
                self._reject(framer.refuse(), framer.message.start)
        else:
            self._settle(origin + start)
        return start

    def _end_head(self, position: int) -> None:
        message = self.framer.message
        message.head_end = position
        if message.is_request:
            self.pairer.take_request(message)
            self._begin_body(position, 0)
        elif 100 <= message.status < 200 and message.status != 101:
            self.state = _START
        else:
            self._begin_response_body(position)

    def _begin_response_body(self, position: int) -> None:
        message = self.framer.message
        request = self.pairer.match(message)
        status = message.status
        is_connect = request is not None and request.asks_tunnel
        if status == 101 and b"h2c" in message.field(b"upgrade").lower():
            self._upgrade(position)
            return
        if status == 101 and self._opens_websocket(request, position):
            return
        if status == 101 or (is_connect and 200 <= status < 300):
            self._end_message(position)
            if status == 101:
                self.pairer.confirm_switch()
            self._turn_both_off(TUNNEL)
            return
        if request is not None and message.kind == EVENTS:
            request.protocol = SSE
        self.may_lack_body = request is None or self.pairer.is_proposed
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
            self._drop_line()
            self._drop_header()
            self.framer.drop()
        self.state = _SEEK

    def _lose(self, position: int) -> None:
        """What follows may hide a message."""
        self._break(position)
        if self.role == REQUEST:
            self.pairer.lose_requests()
        else:
            self.pairer.lose()

    def _turn_both_off(self, reason: int) -> None:
        self.turn_off(reason)
        self.peer.turn_off(reason)
        self.pairer.lose()

    def _upgrade(self, position: int) -> None:
        """The server goes on in HTTP/2; there it answers the request that asked (RFC
        7540 section 3.2)."""
        message = self.framer.message
        request = self.pairer.switch()
        if request is None:
            self._end_message(position)
            self.pairer.confirm_switch()
        else:
            self.framer.let_go()
            self.state = _START
        self._turn_to_http2(0, True)
        if request is not None:
            self.frames.exchanges.adopt(request, message.wire_bytes)

    def _opens_websocket(self, request: Message | None, position: int) -> bool:
        """Whether the server goes on as a WebSocket. That it answers this request is
        proven by the key, even if it is not certain by order."""
        message = self.framer.message
        if request is None or not request.is_done or not opens(request, message):
            return False
        self.framer.end(position)
        self.state = _START
        self.pairer.take_over()
        self._turn_both_off(WEBSOCKET)
        limits = self.framer.limits
        self.socket = WebSocket(self.pairer, limits, request, message)
        self.peer.socket = self.socket
        if self.peer.off_reason == CLOSED:
            self.socket.finish(True)
        return True

    def _turn_to_http2(self, done: int, is_start: bool) -> None:
        """Both directions go on as HTTP/2: from its start on, of which `done` bytes are
        read, or from somewhere in it.
        """
        if is_start and self.role == UNKNOWN:
            self._learn(REQUEST)
            if self.state == _OFF:
                return
        peer, limits = self.peer, self.framer.limits
        header, peer.header = peer.header, _NONE
        self._turn_both_off(HTTP2)
        self.stats.http2_connections += 1
        exchanges = Exchanges(self.pairer, self.framer.keeper)
        preface = len(PREFACE) if is_start else 0
        asks = self.role == REQUEST
        self.frames = Frames(exchanges, limits, self.role, (preface - done) * asks)
        answers = self.role == RESPONSE
        peer.frames = Frames(exchanges, limits, peer.role, preface * answers)
        self.frames.peer = peer.frames
        peer.frames.peer = self.frames
        if not is_start:
            self.frames.await_proof()
            peer.frames.await_proof()
        if header is not None:
            peer.header = header
            peer.state = _PROXY
        if peer.off_reason == CLOSED:
            peer.frames.finish()

    def _feed_frames(
        self, data: Octets, start: int, end: int, is_beginning: bool, now_ns: int
    ) -> None:
        frames = self.frames
        frames.feed(data, start, end, is_beginning, now_ns)
        if frames.is_ready():
            if self.role != frames.role:
                self._learn(frames.role)
            frames.begin()

    def _count_off(self, size: int) -> None:
        """Bytes that are in no message."""
        doubt = self._doubts()
        if self.state == _OFF:
            doubt.count(size, NOT_HTTP if doubt.preamble_left else self.off_reason)
            return
        is_over = doubt.add(size)
        if doubt.preamble_left:
            if doubt.pass_preamble(size):
                self._turn_both_off(NOT_HTTP)
        elif self.pairer.is_touched or is_over:
            doubt.decide(CLOSED)
