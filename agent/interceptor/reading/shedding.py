"""Shedding: how much a worker leaves out when it cannot read all.

In comes what it measures of itself, out goes a level (`rings.packets.shedding`),
nothing else.
What is read is always whole connections. Too much is:

- blocks that fill faster than they are read: half of the ring waits or the kernel
  dropped frames, and more frames came than were read. The share that is kept falls to
  what was read of what came, less a quarter, so that the backlog is worked off too;
- more processor time than the budget: the share falls in proportion;
- more memory than the budget: the share falls by a quarter, which also ends connections
  and frees what they held.

It grows again, `HOLD_SECONDS` after the last change, if the ring is nearly empty and
the budget would bear it: to what the processor time tells, by an eighth at least and
twofold at most. If it falls soon after it grew, then that was too much: the next
attempt at as much waits twice as long, up to `LONGEST_HOLD_SECONDS`. One that stands
halves that again.
"""

import math
from collections import deque
from dataclasses import dataclass

from agent.interceptor.reading.budget import Budget
from rings.packets.shedding import LEVELS

PERIOD_SECONDS = 0.1
"""Between looks at the ring: 64 MiB fill in five times that at 1 Gbit/s."""
WINDOW_SECONDS = 0.5
"""The ring, processor time and memory are judged over this, five periods of a control
group's quota, and no sooner after a change."""
HIGH = 0.5
LOW = 0.125
"""Shares of the ring that wait."""
ROOM = 0.95
"""Of the processor budget that growing may be expected to take."""
HOLD_SECONDS = 1.0
LONGEST_HOLD_SECONDS = 60.0

_LEAST_FACTOR = 0.05
"""The share falls to no less at once: one window's counts may be few."""
_BEHIND = 0.75
_OVER = 1.25
"""Of the processor budget: a control group of that quota may get a period more."""
_MEMORY_FACTOR = 0.75
_LEAST_GROWTH = 1.125
_MOST_GROWTH = 2.0
_FASTEST_CORES = 1.0
"""A worker reads in one thread."""


@dataclass(frozen=True, slots=True)
class Load:
    """A worker's measures; counts and times since its start."""

    now: float
    """Seconds of a clock that only goes forward."""
    cpu_seconds: float
    frames_came: int
    """Passed by the filter, dropped ones among them."""
    frames_read: int
    frames_dropped: int
    backlog: float
    """Share of the ring's blocks that wait."""
    memory_bytes: int


class Shedder:
    """Decides the level, from one load to the next."""

    def __init__(self, start: Load, level: int = 0) -> None:
        self.level = level
        self.is_memory_short = False
        self._recent = deque([start])
        """Since the last change, for at most WINDOW_SECONDS."""
        self._last_slow = start
        self._cores = 0.0
        self._grew_at = -math.inf
        """None since it fell: -inf."""
        self._changed_at = start.now
        self._hold_seconds = HOLD_SECONDS
        self._too_much = LEVELS
        """The share, of LEVELS, that the last attempt failed at."""

    def feed(self, load: Load, budget: Budget) -> int:
        """The level from now on."""
        before = self.level
        factor = self._ring_factor(load)
        if load.now - self._last_slow.now >= WINDOW_SECONDS:
            factor = min(factor, self._slow_factor(load, budget))
            self._last_slow = load
        if factor < 1:
            self._fall(load.now, factor)
        elif self._may_grow(load, budget):
            self._grow(load.now, budget)
        if self.level != before:
            self._recent = deque([load])
        return self.level

    def _ring_factor(self, load: Load) -> float:
        first = self._recent[0]
        came = load.frames_came - first.frames_came
        read = load.frames_read - first.frames_read
        is_full = load.backlog >= HIGH or load.frames_dropped > first.frames_dropped
        self._recent.append(load)
        if load.now - self._changed_at < WINDOW_SECONDS:
            return 1.0
        while load.now - self._recent[0].now > WINDOW_SECONDS:
            self._recent.popleft()
        if not is_full or read >= came:
            return 1.0
        return max(_LEAST_FACTOR, _BEHIND * read / came)

    def _slow_factor(self, load: Load, budget: Budget) -> float:
        seconds = load.now - self._last_slow.now
        self._cores = (load.cpu_seconds - self._last_slow.cpu_seconds) / seconds
        self.is_memory_short = load.memory_bytes > budget.memory_bytes
        factor = _MEMORY_FACTOR if self.is_memory_short else 1.0
        if self._cores > _OVER * budget.cpu_cores:
            kept = ROOM * budget.cpu_cores / self._cores
            factor = min(factor, max(_LEAST_FACTOR, kept))
        return factor

    def _fall(self, now: float, factor: float) -> None:
        kept = LEVELS - self.level
        self.level = LEVELS - max(1, min(kept - 1, math.floor(kept * factor)))
        if now - self._grew_at < 2 * self._hold_seconds:
            self._hold_seconds = min(LONGEST_HOLD_SECONDS, 2 * self._hold_seconds)
            self._too_much = kept
        self._grew_at = -math.inf
        self._changed_at = now

    def _may_grow(self, load: Load, budget: Budget) -> bool:
        if self.level == 0 or load.backlog > LOW or self.is_memory_short:
            return False
        is_bold = self._next_kept(budget) >= self._too_much
        wait_seconds = self._hold_seconds if is_bold else HOLD_SECONDS
        if load.now - self._changed_at < wait_seconds:
            return False
        return self._room(budget) >= _LEAST_GROWTH

    def _grow(self, now: float, budget: Budget) -> None:
        if self._grew_at > -math.inf and LEVELS - self.level >= self._too_much:
            self._hold_seconds = max(HOLD_SECONDS, self._hold_seconds / 2)
        self.level = LEVELS - self._next_kept(budget)
        self._grew_at = self._changed_at = now

    def _next_kept(self, budget: Budget) -> int:
        kept = (LEVELS - self.level) * min(_MOST_GROWTH, self._room(budget))
        return min(LEVELS, math.ceil(kept))

    def _room(self, budget: Budget) -> float:
        """How many times as much the processor budget would bear."""
        cores = min(_FASTEST_CORES, budget.cpu_cores)
        return ROOM * cores / self._cores if self._cores > 0 else math.inf
