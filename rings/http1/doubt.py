# cython: annotation_typing=False
"""Doubt: what becomes of one direction's bytes while no message is known to begin.

In come bytes that stand in no message, out goes the bucket that they belong to, once it
is known what they were: a proxy's negotiation before the first message, another
protocol, or the rest of a message whose beginning was missed. A start line that may
have begun is held until its LF, within the bounds of a head.
"""

from typing import Any

import cython

from rings.limits import Budget
from rings.memory import Octets
from rings.stats import Stats

if not cython.compiled:
    from rings.http1.protocol import (
        HTTP2,
        METHODS,
        NOT_HTTP,
        TLS,
        UNKNOWN,
        may_begin,
        method_at,
        prefers_own,
        proven_role,
    )
    from rings.http2.protocol import is_preface
    from rings.memory import append, copy, find_byte

TUNNEL = 5
CLOSED = 6
ELSEWHERE = 7
WEBSOCKET = 8
"""Reasons to be in no message, after those of `protocol`."""

LINE_OPEN = 0
LINE_NONE = 1
"""What was held is no start line, or what came now is a likelier one."""
LINE_PROVEN = 2
LINE_PREFACE = 3
"""It is HTTP/2's preface."""

_PREAMBLE_BYTES = 1024
"""Of each side, before the first message: a proxy's negotiation, as SOCKS' (RFC 1928
and 1929 need at most 1032 of both sides together)."""

_UNDECIDED_BYTES = 1 << 20
"""Of each side, before it is known what they are; only counted. So much of a large
message stands between two beginnings of frames or records."""

_LF = 10

_NONE: Any = None


@cython.no_gc
@cython.cclass
class Doubt:
    """The bytes of one direction that are in no message."""

    def __init__(self, stats: Stats, budget: Budget) -> None:
        self.stats = stats
        self.budget = budget
        self.preamble_left = 0
        """Bytes of a negotiation that may still precede the first message."""
        self.undecided = 0
        """Bytes of a connection without a message so far: in flight until it is known
        what they are."""
        self.line: bytearray = _NONE
        """What may have begun a start line, and what came with it …"""
        self.line_position = 0
        self.line_acknowledged = 0
        self.line_ns = 0
        """… and where, with what and when it came."""
        self.line_role = UNKNOWN
        """Whose start line was proven."""

    def await_preamble(self) -> None:
        """A proxy's negotiation may come before the first message."""
        self.preamble_left = _PREAMBLE_BYTES

    def begin_line(self, position: int, acknowledged: int, now_ns: int) -> None:
        """A start line may begin at `position`."""
        self.line = bytearray()
        self.line_position = position
        self.line_acknowledged = acknowledged
        self.line_ns = now_ns

    def hold_line(self, data: Octets, start: int, end: int) -> int:
        """Adds to the line that may have begun; its length."""
        append(self.line, data, start, end)
        self.budget.held_bytes += end - start
        return len(self.line)

    def judge_line(
        self, data: Octets, start: int, end: int, is_beginning: bool, role: int
    ) -> int:
        """What the line is with data[start:end] behind it; `role`: whose it must be."""
        stop = find_byte(data, _LF, start, end)
        if stop < 0:
            if is_beginning and _begins_anew(data, start, end, role):
                return LINE_NONE
            return LINE_OPEN
        line = bytes(self.line) + copy(data, start, stop + 1)
        if is_beginning and prefers_own(line, copy(data, start, stop + 1)):
            return LINE_NONE
        self.line_role = proven_role(line, 0, len(line))
        if self.line_role != UNKNOWN and role in (UNKNOWN, self.line_role):
            return LINE_PROVEN
        return LINE_PREFACE if is_preface(line, 0, len(line)) else LINE_NONE

    def take_line(self) -> bytearray:
        """The line is a message's, and so are its bytes in the budget."""
        line = self.line
        self.line = _NONE
        return line

    def drop_line(self) -> int:
        """The line is none: so many bytes are like others that begin no message."""
        if self.line is None:
            return 0
        size = len(self.line)
        self.line = _NONE
        self.budget.held_bytes -= size
        return size

    def pass_preamble(self, size: int) -> bool:
        """So many bytes came in its place; whether no message can follow any more."""
        self.preamble_left = max(0, self.preamble_left - size)
        return self.preamble_left == 0

    def add(self, size: int) -> bool:
        """Bytes of which nothing is known; whether they are too many to wait on."""
        self.undecided += size
        return self.undecided > _UNDECIDED_BYTES

    def decide(self, reason: int) -> None:
        """It is known what the bytes were that are in no message."""
        if self.undecided:
            size = self.undecided
            self.undecided = 0
            is_preamble = self.preamble_left and reason not in (TLS, HTTP2)
            self.count(size, NOT_HTTP if is_preamble else reason)

    def count(self, size: int, reason: int) -> None:
        """So many bytes are not in flight any more, but were this."""
        stats = self.stats
        stats.in_flight_bytes -= size
        if reason == CLOSED:
            stats.unsynchronized_bytes += size
        elif reason == TLS:
            stats.tls_bytes += size
        elif reason == HTTP2:
            stats.http2_bytes += size
        elif reason == WEBSOCKET:
            stats.websocket_bytes += size
        elif reason == TUNNEL:
            stats.tunnel_bytes += size
        elif reason == ELSEWHERE:
            stats.elsewhere_bytes += size
        else:
            stats.not_http_bytes += size


def _begins_anew(data: Octets, start: int, end: int, role: int) -> bool:
    """Whether these bytes themselves begin with a method and a target."""
    if not may_begin(data, start, end, role):
        return False
    return method_at(data, start, end) in METHODS
