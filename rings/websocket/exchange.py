# cython: annotation_typing=False
"""A WebSocket's exchange: the request that opened it, and its answer, which stay open.

In come both directions' bytes behind the handshake, out go parts of the exchange: texts
that the client sent are the request's body, those of the server the response's.
"""

import cython

from rings.limits import Limits
from rings.memory import Octets
from rings.pairs.message import Message
from rings.pairs.pairing import Pairer
from rings.websocket.inflating import Inflater
from rings.websocket.parser import Parser
from rings.websocket.protocol import Way, agreed

if not cython.compiled:
    from rings.pairs.message import WEBSOCKET


@cython.no_gc
@cython.cclass
class Exchange:
    """Both directions of one WebSocket."""

    def __init__(
        self, pairer: Pairer, limits: Limits, request: Message, response: Message
    ) -> None:
        self.pairer = pairer
        self.limits = limits
        self.request = request
        self.response = response
        self.is_asking_over = False
        self.is_answering_over = False
        self.is_over = False
        """Both are, and the last part is told."""
        request.protocol = response.protocol = WEBSOCKET
        request.is_done = response.is_done = True
        request.is_json = response.is_json = False
        pairer.stats.websockets += 1
        agreement = agreed(request, response)
        self.asking = self._parser(request, agreement.client)
        self.answering = self._parser(response, agreement.server)

    def feed(
        self, is_asking: bool, data: Octets, start: int, end: int, now_ns: int
    ) -> None:
        """Takes data[start:end] of the client's or the server's bytes."""
        parser = self.asking if is_asking else self.answering
        parser.feed(data, start, end)
        if len(parser.message.body) >= self.limits.part_bytes and self.limits.in_parts:
            self.pairer.tell(self.request, self.response, now_ns)

    def gap(self, is_asking: bool, length: int) -> None:
        """So many bytes of one side are missing."""
        (self.asking if is_asking else self.answering).gap(length)

    def lose(self, is_asking: bool) -> None:
        """It is not known how many bytes of one side are missing."""
        (self.asking if is_asking else self.answering).lose()

    def tell(self, now_ns: int) -> None:
        """A moment has passed: tells what came, if it came long ago."""
        is_old = now_ns - self.request.first_ns >= self.limits.part_ns
        if is_old and (self.request.body or self.response.body):
            self.pairer.tell(self.request, self.response, now_ns)

    def finish(self, is_asking: bool) -> None:
        """One side sends no more; with the other, the exchange ends."""
        (self.asking if is_asking else self.answering).finish()
        if is_asking:
            self.is_asking_over = True
        else:
            self.is_answering_over = True
        if self.is_asking_over and self.is_answering_over and not self.is_over:
            self.is_over = True
            self.pairer.emit(self.request, self.response)

    def _parser(self, message: Message, way: Way) -> Parser:
        pairer = self.pairer
        inflater = Inflater(way, pairer.budget) if way.bits else None
        return Parser(message, inflater, pairer.stats, self.limits, pairer.budget)
