# cython: annotation_typing=False
"""Pairing: which response answers which request of a connection.

In come messages in the order that their heads end, out go pairs. Responses come in
the order of requests (RFC 9112 section 9.3), so while every byte of both directions
since the connection's start is known, order alone decides. What the client sends behind
those requests, known or not, does not change whose responses come first: a gap or junk
there leaves them sure.

After a gap that may hide a response, after a response that cannot be an answer, and
when capture began within the connection, order is unknown. Then one pair is proposed
and held until it is proven:

- one request waits, and its response begins at the very byte that the client had
  acknowledged when it sent the request;
- the server, when it began the response, had acknowledged the request's head and
  nothing after the request: so nothing was sent behind it;
- the client's next request acknowledges exactly the response's end, or the server
  ends the connection there, or both fall silent there, the client having acknowledged
  it all, and nothing was lost in between; or the response is the switch of protocols
  (101) that the request asked for, after which no other can come.

A client that pipelines fails one of these: if requests before this one were lost,
their responses follow this one. It is then known to pipeline, and nothing more is
paired on the connection until it is opened anew. Once a pair is proven, order decides
again. What cannot be paired is counted with its reason.
"""

from typing import Any

import cython

from rings.bodies import media
from rings.bodies.cutting import Cutter
from rings.limits import Budget, Limits
from rings.pairs.message import Message, Pair
from rings.stats import Stats

if not cython.compiled:
    from rings.bodies.cutting import part_of

_DISPATCHED = media.DISPATCHED
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
        self.sure = 0
        """So many of the oldest requests are answered in order, whatever came since."""
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
            self.drop(self._pop())
            self.is_certain = False
            self.sure = 0
        if self.waiting:
            self.newest.following = request
        else:
            self.oldest = request
        self.newest = request
        self.waiting += 1

    def begin_request(self, acknowledged: int) -> None:
        """A request's first bytes came, right behind the one before: what they
        acknowledge proves as much as all of it, and the rest may be lost.
        """
        if self.held is not None and acknowledged == self.held_answer.end:
            self._confirm_held()

    def match(self, response: Message) -> Message | None:
        """A final response's head is complete: its request, if that is known."""
        self.stats.responses += 1
        self.is_touched = True
        if self.held is not None:
            self._find_pipelining()
        is_sure = self.is_certain or self.sure > 0
        request = self._next_in_order(response) if is_sure else self._propose(response)
        if request is not None:
            self.answering = request
            self.response = response
            self.is_proposed = not is_sure
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
            self.discard(response)
        elif self.answering.is_done:
            self._complete()

    def is_busy(self) -> bool:
        """Whether an answer is due."""
        return self.waiting > 0 or self.answering is not None

    def lose(self) -> None:
        """A message of either direction may have been missed."""
        self.sure = 0
        self._doubt()

    def lose_requests(self) -> None:
        """The same, but only behind the requests that are known."""
        if self.is_certain:
            self.sure = self.waiting
        self._doubt()

    def confirm_switch(self) -> None:
        """The response was 101: no other one can follow it."""
        held = self.held
        if held is not None and held.field(b"upgrade"):
            self._confirm_held()

    def end_silent(self, acknowledged: int) -> None:
        """Both sides send no more; the client had all before `acknowledged`."""
        if self.held is not None and 0 <= acknowledged - self.held_answer.end <= 1:
            # A FIN takes a number too.
            self._confirm_held()

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
            self.drop(self._pop())

    def _doubt(self) -> None:
        self.is_certain = False
        self.is_refuted = True
        if self.held is not None:
            self._release_held()

    def _pop(self) -> Message:
        """The oldest request, which waits no more."""
        if self.sure:
            self.sure -= 1
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
        if self.is_certain or self.sure:
            return True
        return request.acknowledged <= self.newest.acknowledged

    def _find_pipelining(self) -> None:
        self.pipelines = True
        if self.held is not None:
            self._release_held()

    def _next_in_order(self, response: Message) -> Message | None:
        """The oldest request, unless the response was sent before it came: then what
        was asked is not known, and order says nothing any more.
        """
        if not self.waiting or response.acknowledged <= self.oldest.start:
            self.lose()
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
        if request.is_done and response.acknowledged > request.end + 1:
            # One more may be a FIN.
            self._find_pipelining()
            return None
        while self.oldest is not request:
            self.drop(self._pop())
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
        self.emit(request, response)

    def _release_held(self) -> None:
        """The proposed pair cannot be proven any more."""
        self.stats.unpaired_ambiguous += 2
        self.give_up(self.held)
        self.discard(self.held_answer)
        self.held = self.held_answer = _NONE

    def _complete(self) -> None:
        request, response = self.answering, self.response
        self.answering = self.response = _NONE
        if not self.is_proposed:
            self.emit(request, response)
            return
        self.held, self.held_answer = request, response
        if self.is_refuted or self.pipelines:
            self._release_held()

    def take_over(self) -> None:
        """The exchange that is being answered goes on outside of HTTP."""
        self.answering = self.response = _NONE

    def switch(self) -> Message | None:
        """The response that is being received switches to HTTP/2: the request whose
        answer follows there, if that is certain, or proven by having asked for it."""
        request = self.answering
        if request is None:
            return None
        if self.is_proposed and not self._is_switch_of(request):
            return None
        self.answering = self.response = _NONE
        self.stats.responses -= 1
        return request

    def _is_switch_of(self, request: Message) -> bool:
        is_possible = not (self.is_refuted or self.pipelines)
        return is_possible and b"h2c" in request.field(b"upgrade").lower()

    def emit(self, request: Message, response: Message) -> None:
        """A pair is whole, or as whole as it will be, or its last part is."""
        self._settle(request, request, response, True)

    def tell(self, request: Message, response: Message, now_ns: int) -> None:
        """Hands on what has come of an exchange; its next part begins at `now_ns`.
        Where no response is known yet, `response` has no head."""
        asked, answered = part_of(request, now_ns), part_of(response, now_ns)
        self._settle(request, asked, answered, False)

    def tell_open(self, is_due: bool, now_ns: int) -> None:
        """The same of the exchange that is being answered, if there is something to
        tell, and its last part is old or it `is_due`."""
        request, response = self.answering, self.response
        if response is None or self.is_proposed:
            return
        is_old = now_ns - response.first_ns >= self.limits.part_ns
        if (is_due or is_old) and has_news(request, response, is_due):
            self.tell(request, response, now_ns)

    def _settle(
        self, whole: Message, request: Message, response: Message, is_last: bool
    ) -> None:
        """Counts a part of the exchange with the request `whole`, and hands it on."""
        size = request.wire_bytes + response.wire_bytes
        stats = self.stats
        stats.in_flight_bytes -= size
        self.budget.held_bytes -= request.held_bytes + response.held_bytes
        is_json = request.is_json or response.is_json or whole.parts > 0
        is_headed = len(response.head) > 0
        is_first = not whole.is_paired and is_headed
        if is_first:
            whole.is_paired = True
        if request.is_path_unknown:
            stats.paths_unknown += is_first
            stats.path_unknown_bytes += size
        elif is_json:
            stats.pairs += is_first
            stats.paired_bytes += size
            stats.bodies_truncated += request.truncated + response.truncated
        else:
            stats.pairs_not_json += is_first
            stats.not_json_bytes += size
        if is_json or self.limits.keep_all_bodies:
            is_told = whole.is_told
            if is_headed:
                whole.is_told = True
            pair = self._hand_on(request, response)
            if whole.parts or not is_last:
                pair.part = whole.parts
                pair.is_last = is_last
                pair.exchanges = whole.is_told and not is_told
                whole.parts += 1

    def drop(self, request: Message) -> None:
        """A request has no response."""
        self.stats.unpaired_no_response += 1
        self.give_up(request)

    def give_up(self, request: Message) -> None:
        """Hands a request on without a response."""
        self.discard(request)
        if request.is_json or self.limits.keep_all_bodies:
            self._hand_on(request, None)

    def discard(self, message: Message) -> None:
        """A message is in no pair."""
        self.budget.held_bytes -= message.held_bytes
        self.stats.in_flight_bytes -= message.wire_bytes
        self.stats.unpaired_bytes += message.wire_bytes

    def _hand_on(self, request: Message, response: Message | None) -> Pair:
        pair = Pair(request, response, self.number)
        pair.client = self.client
        pair.client_port = self.client_port
        pair.server = self.server
        pair.server_port = self.server_port
        pair.interface = self.interface
        self.sink.append(pair)
        return pair


def has_news(request: Message, response: Message, is_due: bool) -> bool:
    """Whether whole messages came since the last part. Events without JSON wait until
    they are due: comments keep connections alive."""
    return _has_news(request, is_due) or (
        _has_news(response, is_due or request.is_json)
    )


def _has_news(message: Message, is_enough: bool) -> bool:
    cutter: Cutter = message.cutter
    if cutter is None or message.is_done or cutter.whole == 0:
        return False
    if is_enough or message.division != _DISPATCHED:
        return True
    return media.has_json_event(bytes(message.body[: cutter.whole]))
