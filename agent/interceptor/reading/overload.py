"""Overload: what a worker does about having too much to read, and what it says of it.

It measures the ring and the process, lets the `Shedder` decide, tells the ring's
filter, and ends the connections that are left out once the last of their frames was
read. It counts the frames that the kernel dropped, and for how long how much was left
out; how many bytes that may be tells `left_out`.
"""

import logging
import math
import time
from collections import Counter

from agent.interceptor.reading import budget
from agent.interceptor.reading.groups import Groups
from agent.interceptor.reading.inside import Rings
from agent.interceptor.reading.shedding import (
    PERIOD_SECONDS,
    WINDOW_SECONDS,
    Load,
    Shedder,
)
from agent.settings import Capture
from rings.packets.filters import Shed
from rings.packets.ring import RETIRE_MS
from rings.packets.shedding import LEVELS
from rings.pairs.message import Pair
from rings.streams.assembler import Assembler

log = logging.getLogger("vethscope")

LIMITS_SECONDS = 2.0
"""Limits of the control groups are read again this often."""
GROUPS_SECONDS = 60.0
"""And their files are found again: controllers may have been switched on."""
TELL_SECONDS = 60.0
"""Overload is told in the log at most this often."""


class Overload:
    """Keeps one worker within what it can read and may take."""

    def __init__(
        self,
        ring: Rings,
        assembler: Assembler,
        capture: Capture,
        workers: int,
        seed: int,
    ) -> None:
        """`seed` is the same for all workers of the node."""
        self.counts: Counter[str] = Counter(
            ring_frames=0, ring_drops=0, ring_freezes=0, ring_losing_blocks=0
        )
        """Pieces, and milliseconds of the process and of what was left out (times its
        share): their quotient is the share in force over any window."""
        self._ring = ring
        self._assembler = assembler
        self._capture = capture
        self._workers = workers
        self._seed = seed
        self._groups = Groups()
        self._began = self._checked = time.monotonic()
        self._limits_read = self._groups_found = self._began
        self._memory_bytes = budget.memory_bytes()
        self._memory_read = self._began
        self._budget = budget.of_worker(capture, workers, self._groups.limits())
        self._shedder = Shedder(self._load(self._began))
        self._shed_milliseconds = 0.0
        self._told_at = -math.inf
        self._is_told = False
        self._ends_ns: float = math.inf
        """Capture time at which all frames from before the last shedding were read."""

    @property
    def level(self) -> int:
        return self._shedder.level

    @property
    def frames_waiting(self) -> int:
        """In the rings, captured and not read yet."""
        self.count()
        counts = self.counts
        return counts["ring_frames"] - counts["ring_drops"] - self._ring.frames_read

    @property
    def losses(self) -> tuple[int, int]:
        """Grows whenever something is left out or dropped."""
        return self.counts["shed_milliseconds"], self.counts["ring_drops"]

    def check(self) -> list[Pair]:
        """To be called often; pairs of connections that end because they are shed."""
        now = time.monotonic()
        if now - self._checked < PERIOD_SECONDS:
            return []
        if now - self._limits_read >= LIMITS_SECONDS:
            self._read_limits(now)
        self._tell_time(now)
        before = self.level
        level = self._shedder.feed(self._load(now), self._budget)
        if level != before:
            self._set_level(before, level)
        if self._assembler.now_ns < self._ends_ns:
            return []
        self._ends_ns = math.inf
        return self._assembler.shed(level, self._seed)

    def count(self) -> None:
        """Takes what the kernel counted since the last call."""
        statistics = self._ring.statistics()
        self.counts["ring_frames"] += statistics.passed
        self.counts["ring_drops"] += statistics.dropped
        self.counts["ring_freezes"] += statistics.freezes
        self.counts["ring_losing_blocks"] = self._ring.losing_blocks

    def close(self) -> None:
        self._groups.close()

    def _read_limits(self, now: float) -> None:
        self._limits_read = now
        if now - self._groups_found >= GROUPS_SECONDS:
            self._groups_found = now
            self._groups.find()
        limit = self._groups.limits()
        self._budget = budget.of_worker(self._capture, self._workers, limit)

    def _load(self, now: float) -> Load:
        self.count()
        if now - self._memory_read >= WINDOW_SECONDS:
            self._memory_read = now
            self._memory_bytes = budget.memory_bytes()
        return Load(
            now=now,
            cpu_seconds=time.process_time(),
            frames_came=self.counts["ring_frames"],
            frames_read=self._ring.frames_read,
            frames_dropped=self.counts["ring_drops"],
            backlog=self._ring.backlog(),
            memory_bytes=self._memory_bytes,
        )

    def _tell_time(self, now: float) -> None:
        passed = now - self._checked
        self._checked = now
        self._shed_milliseconds += 1000 * passed * self.level / LEVELS
        self.counts["milliseconds"] = round(1000 * (now - self._began))
        self.counts["shed_milliseconds"] = round(self._shed_milliseconds)

    def _set_level(self, before: int, level: int) -> None:
        self._ring.set_shed(Shed(level, self._seed))
        if level > before:
            self._ends_ns = time.time_ns() + 2 * RETIRE_MS * 1_000_000
            self.counts["shed_more"] += 1
        if self._shedder.is_memory_short:
            budget.give_back_memory()
        if level and self._checked - self._told_at >= TELL_SECONDS:
            self._told_at, self._is_told = self._checked, True
            log.warning("overloaded: whole connections are left out, and counted")
        elif level == 0 and self._is_told:
            self._is_told = False
            log.warning("no longer overloaded: all connections are captured")
