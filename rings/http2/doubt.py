# cython: annotation_typing=False
"""Doubt: whether frames stand in one direction's bytes, from where no one knows.

In come bytes from within a connection, held within a bound; out goes the proof: so many
frames behind each other, from the beginning of a segment on, that make sense by their
headers. A header alone makes sense by chance once in a million places. What is held
when the proof is complete is read as if it came then; what had to be let go before is
in no message. And who asks, where that is not known: the first pseudo-field of a head
tells, for :method, :scheme and most of :status are in HPACK's static table.
"""

from typing import Any

import cython

from rings.limits import Budget
from rings.memory import Octets
from rings.stats import Stats

if not cython.compiled:
    from rings.http2.protocol import (
        HEADER_BYTES,
        HEADERS,
        is_header,
        length_at,
        number_at,
        read_role,
    )
    from rings.memory import append

PROVING_FRAMES = 3
"""Behind each other, in each direction."""
_HELD_BYTES = 64 << 10
"""Of one direction, until both are proven: three frames and more of usual size."""

_NONE: Any = None


@cython.no_gc
@cython.cclass
class Doubt:
    """The bytes of one direction that may be frames."""

    def __init__(self, stats: Stats, budget: Budget) -> None:
        self.stats = stats
        self.budget = budget
        self.held: bytearray = _NONE
        """From the first frame that may be one on."""
        self.next = 0
        """Where in there the next header is due; may be behind its end."""
        self.lead = 0
        """Bytes before the first header in there, of a frame that was let go."""
        self.frames = 0
        self.number = 0
        """The highest stream's in their headers."""
        self.role = 0
        """Whose heads were seen, as in `protocol`."""
        self.first_ns = 0
        """When what is held began to come."""

    def feed(
        self, data: Octets, start: int, end: int, is_beginning: bool, now_ns: int
    ) -> None:
        """Takes data[start:end]; `is_beginning`: it is a segment's first."""
        if self.held is None:
            if not is_beginning:
                self._let_go(end - start)
                return
            self.held = bytearray()
            self.first_ns = now_ns
        append(self.held, data, start, end)
        self.budget.held_bytes += end - start
        if not self._goes_on():
            self._begin_anew(data, start, end, is_beginning, now_ns)
        elif self._is_over():
            self._shorten()

    def _begin_anew(
        self, data: Octets, start: int, end: int, is_beginning: bool, now_ns: int
    ) -> None:
        """What is held are no frames; its end, data[start:end], may begin some."""
        size = end - start
        had = len(self.held) - size
        del self.held[had:]
        self.budget.held_bytes -= size
        self.reset()
        if had and is_beginning:
            self.feed(data, start, end, is_beginning, now_ns)
        else:
            self._let_go(size)

    def is_proven(self) -> bool:
        return self.frames >= PROVING_FRAMES

    def taken(self) -> bytearray:
        """What is held, from the beginning of a frame on; no more is held then."""
        held = self.held
        self.held = _NONE
        self.frames = self.number = self.next = self.lead = 0
        if held is None:
            return bytearray()
        self.budget.held_bytes -= len(held)
        return held

    def reset(self) -> None:
        """What was held are no frames, or the next ones were missed."""
        if self.held is not None:
            self._let_go(len(self.taken()))

    def _goes_on(self) -> bool:
        """Whether every header that is there makes sense."""
        held = self.held
        data, size = held, len(held)
        while size - self.next >= HEADER_BYTES:
            if not is_header(data, self.next, self.number):
                return False
            self.number = max(self.number, number_at(data, self.next))
            if self.role == 0 and data[self.next + 3] == HEADERS:
                self.role = read_role(data, self.next, size)
            self.frames += 1
            self.next += HEADER_BYTES + length_at(data, self.next)
        return True

    def _is_over(self) -> bool:
        if len(self.held) > _HELD_BYTES:
            return True
        if self.budget.held_bytes <= self.budget.limit_bytes:
            return False
        self.stats.memory_refusals += 1
        return True

    def _shorten(self) -> None:
        """Lets all whole frames go, and of the last one what came of it."""
        size = min(self.next, len(self.held))
        self.next -= size
        self.lead = self.next
        self.budget.held_bytes -= size
        del self.held[:size]
        self._let_go(size)

    def _let_go(self, size: int) -> None:
        self.stats.in_flight_bytes -= size
        self.stats.http2_bytes += size
