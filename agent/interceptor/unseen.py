"""Unseen: what passed interfaces and no worker read.

In come the interfaces to capture, the workers' words, and what the interfaces carried
by their own counters; out go estimated bytes, as coverage: what passed before workers
obeyed an order, and what passed a worker that crashed or did not end in time. What
workers left out is told by `unread`.
"""

import time
from collections.abc import Mapping, Set
from typing import Self

from agent.interceptor.coverage import BEFORE, LOST, Coverage, Report
from agent.interceptor.reading.witness import Traffic, Witness, payload_lost
from agent.interceptor.unread import Unread

WITNESS_SECONDS = 0.2
"""The interfaces' own counters are read no more often than this."""


class Unseen:
    """Of one node's workers, told by their numbers; use as a context."""

    def __init__(self, coverage: Coverage, workers: int) -> None:
        self._coverage = coverage
        self._workers = workers
        self._witness = Witness()
        self._interfaces: Set[int] = frozenset()
        self._unread = Unread(coverage)
        self._carried: dict[int, Traffic] = {}
        self._read_at = 0.0
        self._ordered: dict[int, Traffic] = {}
        """What interfaces had carried when they were ordered to be captured."""
        self._since: dict[int, dict[int, Traffic]] = {}
        """… when each worker said its last word."""
        self._lost: dict[int, dict[int, Traffic]] = {}
        """Likewise, of workers that crashed and whose place nobody took yet."""

    def read(self, age_seconds: float = 0.0) -> dict[int, Traffic]:
        """What the interfaces have carried, no older than this."""
        now = time.monotonic()
        if now - self._read_at >= age_seconds:
            self._read_at = now
            read = self._witness.read()
            self._carried = {i: read[i] for i in self._interfaces & read.keys()}
            self._coverage.witness(self._carried)
            self._unread.carry(time.time_ns(), self._carried)
        return self._carried

    def order(self, interfaces: Set[int]) -> None:
        """To capture these: what they carry counts from now on."""
        self._interfaces = interfaces
        known = self._ordered
        self._ordered = {i: known.get(i, now) for i, now in self.read().items()}

    def report(self, number: int, report: Report) -> None:
        """A worker's word."""
        self._since[number] = self.read(0 if report.is_flushed else WITNESS_SECONDS)
        if report.began:
            self._begin(number, report.began)
        self._unread.feed(number, report, time.time_ns())

    def leave(self, number: int) -> None:
        """The worker has ended well."""
        self._unread.end(number)

    def _begin(self, number: int, began: Mapping[int, Traffic]) -> None:
        """`began`: what interfaces had carried when it began there."""
        lost = self._lost.pop(number, {})
        self._count(LOST, payload_lost(began, lost))
        new = {i: carried for i, carried in began.items() if i not in lost}
        self._count(BEFORE, payload_lost(new, self._ordered))

    def lose(self, number: int) -> None:
        """The worker is gone; another takes its place."""
        self._unread.end(number)
        self._lost.setdefault(number, self._since.pop(number, {}))

    def end(self, number: int) -> None:
        """The worker is gone, for good."""
        self._unread.end(number)
        self._count(LOST, payload_lost(self.read(), self._since.pop(number, {})))

    def _count(self, bucket: str, passed: Mapping[int, int]) -> None:
        """Each worker captures a part of each interface."""
        parts = {i: n // self._workers for i, n in passed.items()}
        self._coverage.lose(bucket, parts)
        for interface, payload_bytes in parts.items():
            self._unread.count(interface, payload_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._witness.close()
