# cython: annotation_typing=False
"""Exchanges: the streams of one HTTP/2 connection (RFC 9113 sections 5 and 8).

In come heads, bodies and ends by the number of their stream, of either direction; out
go pairs. A number is used once in a connection, so a request and a response that share
one belong together, whatever was lost between. What is not certain is not paired: a
response whose head may have been missed, and one of which it cannot be told whether it
is interim. Of a message that is lost on the way what came is kept, as truncated.
"""

from typing import Any

import cython

from rings.bodies import media
from rings.bodies.keeping import Keeper
from rings.http2.head import Head
from rings.http2.hpack import Decoder
from rings.http2.lines import Lines
from rings.pairs.message import Message
from rings.pairs.pairing import Pairer
from rings.websocket.exchange import Exchange as WebSocket
from rings.websocket.protocol import opens_within

if not cython.compiled:
    from rings.http2.head import (
        MALFORMED,
        add_trailers,
        is_request,
        status_of,
    )
    from rings.memory import starts_with
    from rings.pairs.message import GRPC, HTTP_2, SSE
    from rings.pairs.pairing import has_news

EVENTS = media.EVENTS
_GRPC_TYPE = b"application/grpc"

_NONE: Any = None


@cython.no_gc
@cython.cclass
class Exchange:
    """One stream."""

    def begin(self, number: int, request: Message) -> None:
        """Sets all fields: none has a value before."""
        self.number = number
        self.request = request
        self.response: Message = _NONE
        """Once its head came."""
        self.is_asking = self.is_answering = False
        """The request's body is open, the response's is."""
        self.interim_bytes = 0
        """Of heads before the response's own (RFC 9110 section 15.2)."""
        self.is_closed = False
        self.is_tunnel = False
        """What follows is not HTTP; the exchange is handed on already …"""
        self.socket: WebSocket = _NONE
        """… or goes on as a WebSocket (RFC 8441)."""
        self.is_doubtful = False
        """The response's head may have been missed."""
        self.may_be_interim = False
        """The response's status is not known, and nothing came behind its head."""


@cython.no_gc
@cython.cclass
class Exchanges:
    """Those that are open."""

    def __init__(self, pairer: Pairer, keeper: Keeper) -> None:
        self.pairer = pairer
        self.stats = self.pairer.stats
        self.budget = self.pairer.budget
        self.keeper = keeper
        self.limits = self.keeper.limits
        self.open: dict[int, Exchange] = {}
        self.recent: Exchange = _NONE
        """The one that was asked for last: most are, several times in a row."""
        self.last = 0
        """The highest number that a client's request had."""
        self.is_requests_lost = False
        """Some of the client's frames may have been missed."""
        self.fields = Lines()
        """Serves all blocks in turn, of either direction."""
        self.head = Head(self.fields)

    def adopt(self, request: Message, switch_bytes: int) -> None:
        """A request of HTTP/1 that asked for HTTP/2 is its first stream's."""
        exchange = Exchange.__new__(Exchange)
        exchange.begin(1, request)
        request.is_done = True
        exchange.interim_bytes = switch_bytes
        self.open[1] = self.recent = exchange
        self.last = 1

    def ask(
        self, number: int, decoder: Decoder, size: int, is_end: bool, now_ns: int
    ) -> None:
        """The client's block, `size` bytes in frames: a request's head or trailers."""
        exchange = self._found(number)
        is_used = exchange is not None or number <= self.last
        if is_used and self.is_requests_lost and is_request(decoder.fields):
            # Once in a connection: what is open is an earlier one's, or a lie.
            self.begin_anew()
            self.last = number
            self.stray(size)
            return
        if exchange is not None and not exchange.is_tunnel:
            self._take_trailers(exchange, exchange.request, decoder, size, is_end)
            return
        if is_used or not number & 1 or not is_request(decoder.fields):
            self.stray(size)
            return
        self.last = number
        exchange = self._opened(number, decoder, size, now_ns)
        if exchange is not None and is_end:
            self.end(exchange, True)

    def promise(self, number: int, decoder: Decoder, size: int, now_ns: int) -> None:
        """The server's block that tells which request it answers unasked."""
        if number & 1 or number in self.open or not is_request(decoder.fields):
            self.stray(size)
            return
        exchange = self._opened(number, decoder, size, now_ns)
        if exchange is not None:
            self.stats.http2_pushes += 1
            self.end(exchange, True)

    def answer(
        self, number: int, decoder: Decoder, size: int, is_end: bool, now_ns: int
    ) -> None:
        """The server's block: a response's head, interim or not, or trailers."""
        status = status_of(decoder.fields)
        exchange = self._found(number)
        if exchange is None or exchange.is_tunnel:
            if exchange is None and status >= 200:
                self.stats.responses += 1
                self.stats.unpaired_no_request += 1
            self.stray(size)
            return
        response = exchange.response
        if response is not None and not (exchange.may_be_interim and status):
            if exchange.may_be_interim and decoder.unknown:
                # Trailers, or the head behind an interim one.
                self.stats.unpaired_ambiguous += 1
                self._give_up(exchange, size)
            else:
                self._take_trailers(exchange, response, decoder, size, is_end)
            return
        if response is not None:
            self._take_as_interim(exchange)
        if 100 <= status < 200 and not is_end:
            exchange.interim_bytes += size
            return
        if status == 0 and exchange.is_doubtful:
            self.stats.unpaired_ambiguous += 1
            self._give_up(exchange, size)
            return
        answer = self._message(False, decoder, size, now_ns)
        if answer is None:
            self._give_up(exchange, 0)
            return
        self._begin_response(exchange, answer)
        if is_end:
            self.end(exchange, False)

    def body(self, number: int, is_asking: bool) -> Exchange | None:
        """The exchange whose body goes on, or none."""
        exchange = self._found(number)
        if exchange is None or exchange.is_tunnel:
            return exchange
        if is_asking:
            return exchange if exchange.is_asking else None
        if not exchange.is_answering:
            if exchange.response is None:
                self._give_up(exchange, 0)
            return None
        exchange.may_be_interim = False
        return exchange

    def end(self, exchange: Exchange, is_asking: bool) -> None:
        """All of a message that can come has come."""
        if exchange.is_tunnel:
            if exchange.socket is not None:
                exchange.socket.finish(is_asking)
                if exchange.socket.is_over and not exchange.is_closed:
                    self._forget(exchange)
            return
        if is_asking:
            self._end_request(exchange)
            exchange.request.is_done = True
        else:
            self._end_response(exchange)
            exchange.may_be_interim = False
            exchange.response.is_done = True
        response = exchange.response
        if exchange.request.is_done and response is not None and response.is_done:
            self._forget(exchange)
            self.pairer.emit(exchange.request, response)

    def reset(self, number: int) -> None:
        """Either side gave the stream up."""
        self.stats.http2_resets += 1
        exchange = self._found(number)
        if exchange is not None:
            self._close(exchange)

    def lose(self, is_asking: bool) -> None:
        """Frames of one direction may have been missed."""
        self.is_requests_lost |= is_asking
        for exchange in list(self.open.values()):
            if exchange.is_tunnel:
                if exchange.socket is not None:
                    exchange.socket.lose(is_asking)
                continue
            if is_asking:
                if exchange.is_asking:
                    exchange.request.truncated = True
                    self.end(exchange, True)
            elif exchange.response is None:
                exchange.is_doubtful = True
            elif exchange.is_answering:
                if exchange.may_be_interim:
                    self.stats.unpaired_ambiguous += 1
                    self._give_up(exchange, 0)
                else:
                    exchange.response.truncated = True
                    self.end(exchange, False)

    def tell(self, now_ns: int) -> None:
        """A moment has passed: tells what stays open in parts."""
        for exchange in self.open.values():
            if exchange.is_tunnel:
                if exchange.socket is not None:
                    exchange.socket.tell(now_ns)
            elif now_ns - exchange.request.first_ns >= self.limits.part_ns:
                self.tell_one(exchange, False, now_ns)

    def tell_one(self, exchange: Exchange, is_due: bool, now_ns: int) -> None:
        """Tells what has come of an exchange, if there is something to tell; a request
        before its response, too."""
        if exchange.is_tunnel or exchange.is_doubtful or exchange.may_be_interim:
            return
        if exchange.is_asking:
            self.keeper.divide(exchange.request)
        if exchange.is_answering:
            self.keeper.divide(exchange.response)
        response = exchange.response
        if response is None:
            response = Message()
        if has_news(exchange.request, response, is_due):
            if exchange.response is None:
                response.first_ns = exchange.request.first_ns
            self.pairer.tell(exchange.request, response, now_ns)

    def close(self) -> None:
        """No response will come any more."""
        for exchange in list(self.open.values()):
            self._close(exchange)

    def begin_anew(self) -> None:
        """This may be another connection: no answer that comes is to what was asked."""
        self.close()
        self.last = 0

    def refuse(self, number: int, is_asking: bool) -> None:
        """A block of this stream is not read."""
        exchange = self._found(number)
        if exchange is None or exchange.is_tunnel:
            return
        if is_asking:
            if exchange.is_asking:
                exchange.request.truncated = True
                self.end(exchange, True)
        elif exchange.is_answering and not exchange.may_be_interim:
            exchange.response.truncated = True
            self.end(exchange, False)
        elif exchange.response is None or not exchange.response.is_done:
            self._give_up(exchange, 0)

    def _found(self, number: int) -> Exchange | None:
        """The exchange that is open on this stream."""
        recent = self.recent
        if recent is not None and recent.number == number and not recent.is_closed:
            return recent
        found = self.open.get(number)
        if found is not None:
            self.recent = found
        return found

    def stray(self, size: int) -> None:
        """Bytes of a message that is in no pair."""
        self.stats.in_flight_bytes -= size
        self.stats.unpaired_bytes += size

    def _opened(
        self, number: int, decoder: Decoder, size: int, now_ns: int
    ) -> Exchange | None:
        """A request's head came: its exchange, if it is one."""
        request = self._message(True, decoder, size, now_ns)
        if request is None:
            return None
        if self._is_full():
            self.stats.http2_streams_refused += 1
            self._close(next(iter(self.open.values())))
        self.stats.requests += 1
        self.pairer.is_touched = True
        exchange = Exchange.__new__(Exchange)
        exchange.begin(number, request)
        self._begin_body(request)
        exchange.is_asking = True
        if request.asks_tunnel:
            # What the client sends there, before the answer too, is the tunnel's.
            request.keeps_body = False
        self.open[number] = self.recent = exchange
        return exchange

    def _begin_response(self, exchange: Exchange, response: Message) -> None:
        self.stats.responses += 1
        response.wire_bytes += exchange.interim_bytes
        exchange.interim_bytes = 0
        request = exchange.request
        exchange.response = response
        exchange.may_be_interim = response.status == 0
        if request.asks_tunnel and 200 <= response.status < 300:
            self.stats.http2_tunnels += 1
            self._begin_body(response)
            self.keeper.end(response)
            self._end_request(exchange)
            self._turn_to_tunnel(exchange)
            return
        self._begin_body(response)
        exchange.is_answering = True
        if response.kind == EVENTS:
            request.protocol = SSE

    def _turn_to_tunnel(self, exchange: Exchange) -> None:
        request, response = exchange.request, exchange.response
        exchange.is_tunnel = True
        exchange.request = exchange.response = _NONE
        if opens_within(request, response):
            exchange.socket = WebSocket(self.pairer, self.limits, request, response)
        else:
            self.pairer.emit(request, response)

    def _take_as_interim(self, exchange: Exchange) -> None:
        """What seemed to be the response's head was an interim one's."""
        response = exchange.response
        exchange.interim_bytes += response.wire_bytes
        self.budget.held_bytes -= response.held_bytes
        exchange.response = _NONE
        exchange.is_answering = False
        exchange.may_be_interim = False

    def _take_trailers(
        self,
        exchange: Exchange,
        message: Message,
        decoder: Decoder,
        size: int,
        is_end: bool,
    ) -> None:
        """Behind a body, always the message's end (RFC 9113 section 8.1)."""
        if not (exchange.is_asking if message.is_request else exchange.is_answering):
            self.stray(size)
            return
        message.wire_bytes += size
        before = len(message.head)
        if is_end and not decoder.is_over and add_trailers(decoder.fields, message):
            self.keeper.hold(message, len(message.head) - before)
        else:
            message.truncated = True
        self.end(exchange, message.is_request)

    def _message(
        self, is_asking: bool, decoder: Decoder, size: int, now_ns: int
    ) -> Message | None:
        """With the block's head."""
        message = Message()
        message.is_request = is_asking
        message.protocol = HTTP_2
        message.first_ns = now_ns
        message.wire_bytes = size
        message.kind = MALFORMED
        if not decoder.is_over:
            message.kind = self.head.fill(message, decoder.unknown)
        if message.kind == MALFORMED:
            self.stats.http2_blocks_refused += 1
            self.stats.broken_messages += 1
            self.stats.in_flight_bytes -= size
            self.stats.broken_bytes += size
            return None
        if decoder.unknown:
            self.stats.http2_heads_unknown += 1
        data = message.head
        if starts_with(data, message.type_start, message.type_end, _GRPC_TYPE):
            message.protocol = GRPC
        return message

    def _begin_body(self, message: Message) -> None:
        """Of a message that was just made."""
        self.keeper.begin(message, message.kind)
        self.keeper.hold(message, len(message.head))

    def _end_request(self, exchange: Exchange) -> None:
        if exchange.is_asking:
            exchange.is_asking = False
            self.keeper.end(exchange.request)

    def _end_response(self, exchange: Exchange) -> None:
        if exchange.is_answering:
            exchange.is_answering = False
            self.keeper.end(exchange.response)

    def _is_full(self) -> bool:
        if len(self.open) >= self.limits.streams:
            return True
        if self.budget.held_bytes <= self.budget.limit_bytes or not self.open:
            return False
        self.stats.memory_refusals += 1
        return True

    def _forget(self, exchange: Exchange) -> None:
        del self.open[exchange.number]
        exchange.is_closed = True
        self.recent = _NONE

    def _close(self, exchange: Exchange) -> None:
        """No more of it comes: hands on what there is."""
        if exchange.is_tunnel:
            self._forget(exchange)
            self.end(exchange, True)
            self.end(exchange, False)
        elif exchange.response is None or exchange.may_be_interim:
            self._give_up(exchange, 0)
        else:
            exchange.request.truncated |= exchange.is_asking
            exchange.response.truncated |= exchange.is_answering
            if exchange.is_answering:
                self.end(exchange, False)
            if exchange.is_asking:
                self.end(exchange, True)

    def _give_up(self, exchange: Exchange, size: int) -> None:
        """Hands the request on without its response, of which `size` bytes came now."""
        self.stats.unpaired_no_response += 1
        self._forget(exchange)
        exchange.request.truncated |= exchange.is_asking
        self._end_request(exchange)
        if exchange.response is not None:
            self._end_response(exchange)
            self.pairer.discard(exchange.response)
        self.stray(size + exchange.interim_bytes)
        exchange.interim_bytes = 0
        self.pairer.give_up(exchange.request)
