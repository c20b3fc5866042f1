"""Unread: what workers left out, by the interfaces' own counters.

In come workers' reports and what host interfaces carried; out go bytes of `shed` and
`ring_drop`, as coverage. How much was left out of an interface is its traffic less
headers, less what was read, less what is not TCP; all of it over the same time. The
estimates of workers (`reading/left_out.py`) say how that is shared between the buckets.
They are all there is inside namespaces, where nobody reads counters.

As long as nothing is left out nothing is told: the difference that remains then is
other traffic than TCP, and is taken to go on as it was.
"""

import math
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agent.interceptor.coverage import Counts, Coverage, Report
from agent.interceptor.reading.left_out import DROPPED
from agent.interceptor.reading.witness import HEADER_BYTES, Traffic

READINGS = 64
"""Of the counters are kept, 13 seconds at least: so late may workers read what they
captured. A node's 250 interfaces take 4 MiB."""
MARK_SECONDS = 2.0
"""What passes without loss is compared no more often than this."""
OTHER_SECONDS = 30.0
"""Other traffic than TCP is known by the mean of about so long."""


@dataclass(slots=True)
class _Mark:
    """A time until which nothing was left out, or all of it was told."""

    ns: int
    carried: Traffic
    read_bytes: int
    is_whole: bool = True
    """No worker has crashed since."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Since then, by the workers' estimates …"""
    told: Counter[str] = field(default_factory=Counter)
    """… and as coverage."""


@dataclass(slots=True)
class _Interface:
    mark: _Mark
    ended_bytes: int = 0
    """Payload in other buckets that no worker tells any more."""
    header_bytes: float = HEADER_BYTES
    other_bytes: float = 0.0
    """What is no TCP, as if it were payload; what is older weighs less …"""
    other_seconds: float = 0.0
    """… and the time that it took."""

    def learn_other(self, payload_bytes: float, seconds: float) -> None:
        kept = math.exp(-seconds / OTHER_SECONDS)
        self.other_bytes = self.other_bytes * kept + payload_bytes
        self.other_seconds = self.other_seconds * kept + seconds

    def other_over(self, seconds: float) -> float:
        if self.other_seconds <= 0:
            return 0.0
        return max(0.0, self.other_bytes) * seconds / self.other_seconds


class Unread:
    """Of one node's interfaces and workers, told by their numbers."""

    def __init__(self, coverage: Coverage) -> None:
        self._coverage = coverage
        self._readings: deque[tuple[int, Mapping[int, Traffic]]] = deque(
            maxlen=READINGS
        )
        self._interfaces: dict[int, _Interface] = {}
        """Those with counters."""
        self._read: dict[int, dict[int, int]] = {}
        """Worker → interface → payload that it counted."""
        self._read_ns: dict[int, int] = {}
        """Worker → all until then is in it."""
        self._away: set[int] = set()
        """Workers whose place nobody took yet."""
        self._losing_ns = 0
        """Something was left out until then."""

    def carry(self, now_ns: int, carried: Mapping[int, Traffic]) -> None:
        """What the captured interfaces have carried by now."""
        self._readings.append((now_ns, carried))
        for number, traffic in carried.items():
            if number not in self._interfaces:
                self._interfaces[number] = _Interface(_Mark(now_ns, traffic, 0))

    def count(self, number: int, payload_bytes: int) -> None:
        """It passed this interface unread, and was told for another reason."""
        if interface := self._interfaces.get(number):
            interface.ended_bytes += payload_bytes

    def feed(self, worker: int, report: Report, now_ns: int) -> None:
        """A worker's word."""
        self._read[worker] = {i: _payload(c) for i, c in report.views.items()}
        self._read_ns[worker] = report.read_ns
        if report.revision:
            self._away.discard(worker)
        for number, counts in report.ended.items():
            self.count(number, _payload(counts))
        for number, header_bytes in report.header_bytes.items():
            if interface := self._interfaces.get(number):
                interface.header_bytes = header_bytes
        if report.is_losing:
            self._losing_ns = now_ns
        for number, left_out in report.left_out.items():
            self._estimate(number, left_out)
        if not self._away:
            for number, ns, carried in self._carried(min(self._read_ns.values())):
                self._settle(number, ns, carried)
            self._forget_gone()

    def end(self, worker: int) -> None:
        """It is gone, and what its ring held."""
        self._away.add(worker)
        for number, payload_bytes in self._read.pop(worker, {}).items():
            self.count(number, payload_bytes)
        self._read_ns.pop(worker, None)
        for interface in self._interfaces.values():
            interface.mark.is_whole = False

    def _known(self, number: int, interface: _Interface) -> int:
        read = sum(views.get(number, 0) for views in self._read.values())
        return interface.ended_bytes + read

    def _estimate(self, number: int, left_out: Mapping[str, int]) -> None:
        if interface := self._interfaces.get(number):
            interface.mark.left_out.update(left_out)
            return
        for bucket, payload_bytes in left_out.items():
            self._coverage.lose(bucket, {number: payload_bytes})

    def _carried(self, ns: int) -> Iterator[tuple[int, int, Traffic]]:
        """What each interface had carried at this time, or at the last reading."""
        later_ns, later = 0, None
        for before_ns, before in reversed(self._readings):
            if before_ns <= ns:
                break
            later_ns, later = before_ns, before
        else:
            return
        for number, traffic in before.items():
            if later is None:
                yield number, before_ns, traffic
            elif number in later:
                share = (ns - before_ns) / (later_ns - before_ns)
                yield number, ns, traffic.towards(later[number], share)

    def _settle(self, number: int, ns: int, carried: Traffic) -> None:
        """All that passed this interface until `ns` was read, or left out."""
        interface = self._interfaces[number]
        mark = interface.mark
        is_losing = self._losing_ns > mark.ns
        if ns <= mark.ns or (not is_losing and ns - mark.ns < MARK_SECONDS * 1e9):
            return
        seconds = (ns - mark.ns) / 1e9
        known = self._known(number, interface)
        passed = carried.since(mark.carried).payload_bytes(interface.header_bytes)
        rest = passed - (known - mark.read_bytes)
        if is_losing:
            self._approach(number, mark, rest - interface.other_over(seconds))
        elif mark.is_whole:
            interface.learn_other(rest, seconds)
        if ns > self._losing_ns:
            interface.mark = _Mark(ns, carried, known)

    def _approach(self, number: int, mark: _Mark, total: float) -> None:
        """Tells what is missing until so much was told since the mark."""
        room = round(total) - mark.told.total()
        estimated = mark.left_out or Counter({DROPPED: 1})
        for bucket, part in estimated.items():
            due = math.ceil(total * part / estimated.total()) - mark.told[bucket]
            told = max(0, min(room, due))
            room -= told
            mark.told[bucket] += told
            self._coverage.lose(bucket, {number: told})

    def _forget_gone(self) -> None:
        """Of interfaces that went, the estimate has to do."""
        there = self._readings[-1][1] if self._readings else {}
        read = {number for views in self._read.values() for number in views}
        for number in self._interfaces.keys() - there.keys() - read:
            mark = self._interfaces.pop(number).mark
            self._approach(number, mark, mark.left_out.total())


def _payload(counts: Counts) -> int:
    return counts.counts.get("payload_bytes", 0)
