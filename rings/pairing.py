# cython: annotation_typing=False
"""Pairing: which response answers which request of a connection.

In come messages in the order that their heads end, out go pairs. Responses come in
the order of requests (RFC 9112 section 9.3), so while every byte of both directions
since the connection's start is known, order alone decides.

After a gap that may hide a message, and when capture began within the connection,
order is unknown. Then one pair is proposed and held until it is proven:

- one request waits, and its response begins at the very byte that the client had
  acknowledged when it sent the request;
- the server, when it began the response, had acknowledged the request's head and
  nothing after the request: so nothing was sent behind it;
- the client's next request acknowledges exactly the response's end, or the server
  ends the connection there, and nothing was lost in between.

A client that pipelines fails one of these: if requests before this one were lost,
their responses follow this one. It is then known to pipeline, and nothing more is
paired on the connection until it is opened anew. Once a pair is proven, order decides
again. What cannot be paired is counted with its reason.
"""

from typing import Any

import cython

from rings.limits import Budget, Limits
from rings.message import Message, Pair
from rings.stats import Stats

_NONE: Any = None


@cython.no_gc
@cython.cclass
class Pairer:
    """The outstanding requests of one connection."""

    def __init__(
        self,
        stats: Stats,
        limits: Limits,
        budget: Budget,
        sink: list[Pair],
        number: int,
    ) -> None:
        self.stats = stats
        self.limits = limits
        self.budget = budget
        self.sink = sink
        self.number = number
        self.is_certain = False
        """Order decides: no message was missed, or a pair was proven since."""
        self.pipelines = False
        """The client was seen to send a request before it had the last answer."""
        self.oldest: Message = _NONE
        """The requests that wait, each with the next one in `following`."""
        self.newest: Message = _NONE
        self.waiting = 0
        """How many."""
        self.answering: Message = _NONE
        """The request whose response is being received."""
        self.response: Message = _NONE
        """The response that is being received, if its request is known."""
        self.is_touched = False
        """A message was taken: who asks and who answers is settled."""
        self.is_proposed = False
        """That response was matched without certainty."""
        self.is_refuted = False
        """… and cannot be proven any more: something was lost since."""
        self.held: Message = _NONE
        """The request of the proposed pair."""
        self.held_answer: Message = _NONE
        """Its response."""
        self.client = b""
        self.server = b""
        self.client_port = 0
        self.server_port = 0
        self.interface = 0

    def take_request(self, request: Message) -> None:
        """A request's head is complete."""
        self.stats.requests += 1
        self.is_touched = True
        if self.held is not None:
            self._judge_held(request)
        if self._is_early(request):
            self._find_pipelining()
        if self.waiting and self._is_full():
            self._drop(self._pop())
            self.is_certain = False
        if self.waiting:
            self.newest.following = request
        else:
            self.oldest = request
        self.newest = request
        self.waiting += 1

    def match(self, response: Message) -> Message | None:
        """A final response's head is complete: its request, if that is known."""
        self.stats.responses += 1
        self.is_touched = True
        if self.held is not None:
            self._find_pipelining()
        if self.is_certain:
            request = self._next_in_order(response)
        else:
            request = self._propose(response)
        if request is not None:
            self.answering = request
            self.response = response
            self.is_proposed = not self.is_certain
            self.is_refuted = False
        return request

    def end_request(self, request: Message) -> None:
        """All of a request that can come has come."""
        if request is self.answering and self.response.is_done:
            self._complete()

    def end_response(self, response: Message) -> None:
        """All of a response that can come has come."""
        if response is not self.response:
            self.stats.unpaired_no_request += 1
            self._discard(response)
        elif self.answering.is_done:
            self._complete()

    def lose(self) -> None:
        """A message of either direction may have been missed."""
        self.is_certain = False
        self.is_refuted = True
        if self.held is not None:
            self._release_held()

    def end_responses(self, position: int) -> None:
        """The server sends nothing after `position`."""
        if self.held is not None:
            if self.held_answer.end == position:
                self._confirm_held()
            else:
                self._release_held()

    def close(self) -> None:
        """Both streams ended, and their messages: what waits stays unanswered."""
        if self.held is not None:
            self._release_held()
        while self.waiting:
            self._drop(self._pop())

    def _pop(self) -> Message:
        """The oldest request, which waits no more."""
        request = self.oldest
        self.oldest = request.following
        request.following = _NONE
        self.waiting -= 1
        if self.waiting == 0:
            self.newest = _NONE
        return request

    def _is_full(self) -> bool:
        if self.waiting >= self.limits.requests:
            return True
        if self.budget.held_bytes <= self.budget.limit_bytes:
            return False
        self.stats.memory_refusals += 1
        return True

    def _is_early(self, request: Message) -> bool:
        """Whether the client sent this before it had the last request's answer.

        After a gap an answer may have been missed, but not if nothing came in between.
        """
        if self.answering is not None:
            return True
        if not self.waiting:
            return False
        return self.is_certain or request.acknowledged <= self.newest.acknowledged

    def _find_pipelining(self) -> None:
        self.pipelines = True
        if self.held is not None:
            self._release_held()

    def _next_in_order(self, response: Message) -> Message | None:
        """The oldest request, unless the response was sent before it came."""
        if not self.waiting or response.acknowledged <= self.oldest.start:
            return None
        return self._pop()

    def _propose(self, response: Message) -> Message | None:
        if self.pipelines or not self.waiting:
            return None
        request = self.newest
        if (
            request.acknowledged != response.start
            or response.acknowledged < request.head_end
        ):
            return None
        if request.is_done and response.acknowledged > request.end:
            self._find_pipelining()
            return None
        while self.oldest is not request:
            self._drop(self._pop())
        return self._pop()

    def _judge_held(self, request: Message) -> None:
        if request.acknowledged == self.held_answer.end:
            self._confirm_held()
        else:
            self._find_pipelining()

    def _confirm_held(self) -> None:
        request, response = self.held, self.held_answer
        self.held = self.held_answer = _NONE
        self.is_certain = True
        self._emit(request, response)

    def _release_held(self) -> None:
        """The proposed pair cannot be proven any more."""
        self.stats.unpaired_ambiguous += 2
        self._give_up(self.held)
        self._discard(self.held_answer)
        self.held = self.held_answer = _NONE

    def _complete(self) -> None:
        request, response = self.answering, self.response
        self.answering = self.response = _NONE
        if not self.is_proposed:
            self._emit(request, response)
            return
        self.held, self.held_answer = request, response
        if self.is_refuted or self.pipelines:
            self._release_held()

    def _emit(self, request: Message, response: Message) -> None:
        size = request.wire_bytes + response.wire_bytes
        stats = self.stats
        stats.in_flight_bytes -= size
        self.budget.held_bytes -= request.held_bytes + response.held_bytes
        is_json = request.is_json or response.is_json
        if is_json:
            stats.pairs += 1
            stats.paired_bytes += size
            stats.bodies_truncated += request.truncated + response.truncated
        else:
            stats.pairs_not_json += 1
            stats.not_json_bytes += size
        if is_json or self.limits.keep_all_bodies:
            self._hand_on(request, response)

    def _drop(self, request: Message) -> None:
        self.stats.unpaired_no_response += 1
        self._give_up(request)

    def _give_up(self, request: Message) -> None:
        """Hands a request on without a response."""
        self._discard(request)
        if request.is_json or self.limits.keep_all_bodies:
            self._hand_on(request, None)

    def _discard(self, message: Message) -> None:
        self.budget.held_bytes -= message.held_bytes
        self.stats.in_flight_bytes -= message.wire_bytes
        self.stats.unpaired_bytes += message.wire_bytes

    def _hand_on(self, request: Message, response: Message | None) -> None:
        pair = Pair(request, response, self.number)
        pair.client = self.client
        pair.client_port = self.client_port
        pair.server = self.server
        pair.server_port = self.server_port
        pair.interface = self.interface
        self.sink.append(pair)
