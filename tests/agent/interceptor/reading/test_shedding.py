"""What is left out under overload: enough, not much more, and not for longer."""

import math
from dataclasses import dataclass

import pytest

from agent.interceptor.reading.budget import Budget
from agent.interceptor.reading.shedding import LONGEST_HOLD_SECONDS, Load, Shedder
from rings.packets.shedding import LEVELS

STEP_SECONDS = 0.1
NO_LIMIT = Budget()


@dataclass
class Node:
    """A worker, its ring and its traffic, in numbers."""

    frames_per_second: float
    frames_per_core: float
    ring_frames: float = 50_000.0
    cores: float = 1.0
    """That the worker gets."""
    now: float = 0.0
    cpu_seconds: float = 0.0
    came: float = 0.0
    read: float = 0.0
    dropped: float = 0.0
    waiting: float = 0.0
    memory_bytes: int = 1 << 20

    def load(self) -> Load:
        return Load(
            self.now,
            self.cpu_seconds,
            int(self.came),
            int(self.read),
            int(self.dropped),
            self.waiting / self.ring_frames,
            self.memory_bytes,
        )

    def step(self, level: int) -> None:
        self.now += STEP_SECONDS
        kept = (LEVELS - level) / LEVELS
        came = self.frames_per_second * STEP_SECONDS * kept
        fits = min(came, self.ring_frames - self.waiting)
        self.came += came
        self.dropped += came - fits
        self.waiting += fits
        read = min(self.waiting, self.frames_per_core * self.cores * STEP_SECONDS)
        self.waiting -= read
        self.read += read
        self.cpu_seconds += read / self.frames_per_core


def run(node: Node, shedder: Shedder, seconds: float, budget: Budget) -> list[int]:
    levels = []
    for _ in range(round(seconds / STEP_SECONDS)):
        node.step(shedder.level)
        levels.append(shedder.feed(node.load(), budget))
    return levels


def kept(levels: list[int]) -> float:
    return 1 - sum(levels) / len(levels) / LEVELS


def test_what_can_be_read_is_not_shed() -> None:
    node = Node(frames_per_second=90_000, frames_per_core=100_000)
    assert max(run(node, Shedder(node.load()), 60, NO_LIMIT)) == 0


@pytest.mark.parametrize("times", [1.5, 3, 10, 50])
@pytest.mark.parametrize("is_known", [True, False])
def test_under_overload_nearly_all_that_can_be_read_is_kept(
    times: float, is_known: bool
) -> None:
    """Whether a limit tells how much that is, or only the ring does."""
    node = Node(frames_per_second=100_000 * times, frames_per_core=100_000)
    node.cores = 0.5
    budget = Budget(0.5) if is_known else NO_LIMIT
    shedder = Shedder(node.load())
    run(node, shedder, 20, budget)
    before, dropped = node.read, node.dropped
    levels = run(node, shedder, 60, budget)
    could = 100_000 * node.cores * 60
    assert node.read - before >= 0.7 * could
    assert kept(levels) <= 1.1 * 0.5 / times
    assert node.dropped - dropped <= 0.05 * could


def test_dropping_ends_soon() -> None:
    node = Node(frames_per_second=1_000_000, frames_per_core=100_000)
    shedder = Shedder(node.load())
    run(node, shedder, 5, NO_LIMIT)
    dropped = node.dropped
    run(node, shedder, 5, NO_LIMIT)
    assert node.dropped == dropped


def test_it_recovers_by_itself() -> None:
    node = Node(frames_per_second=1_000_000, frames_per_core=100_000)
    shedder = Shedder(node.load())
    run(node, shedder, 60, NO_LIMIT)
    assert shedder.level > 0
    node.frames_per_second = 10_000
    levels = run(node, shedder, LONGEST_HOLD_SECONDS + 60, NO_LIMIT)
    assert levels[-1] == 0


def test_short_bursts_that_the_ring_holds_shed_nothing() -> None:
    node = Node(frames_per_second=0, frames_per_core=100_000)
    shedder = Shedder(node.load())
    for _ in range(20):
        node.frames_per_second = 200_000
        levels = run(node, shedder, 0.2, NO_LIMIT)
        node.frames_per_second = 20_000
        levels += run(node, shedder, 1.8, NO_LIMIT)
        assert max(levels) == 0


def test_a_processor_budget_that_nobody_enforces_is_kept() -> None:
    node = Node(frames_per_second=80_000, frames_per_core=100_000)
    shedder = Shedder(node.load())
    run(node, shedder, 10, Budget(0.2))
    before = node.cpu_seconds
    run(node, shedder, 60, Budget(0.2))
    assert 0.15 <= (node.cpu_seconds - before) / 60 <= 0.21
    assert node.dropped == 0


def test_memory_over_the_budget_sheds_until_it_is_under() -> None:
    node = Node(frames_per_second=1000, frames_per_core=100_000)
    shedder = Shedder(node.load())
    budget = Budget(math.inf, 1 << 20)
    assert max(run(node, shedder, 5, budget)) == 0
    node.memory_bytes = 2 << 20
    levels = run(node, shedder, 2, budget)
    assert shedder.is_memory_short
    assert 0.2 < 1 - levels[-1] / LEVELS < 0.5
    assert levels == sorted(levels)
    node.memory_bytes = 1 << 20
    assert run(node, shedder, 120, budget)[-1] == 0


def test_one_connection_of_all_is_never_shed() -> None:
    node = Node(frames_per_second=1e9, frames_per_core=1000)
    shedder = Shedder(node.load())
    assert max(run(node, shedder, 60, NO_LIMIT)) == LEVELS - 1


def test_attempts_that_fail_become_rare() -> None:
    """Load that comes in one piece: what is kept is nothing or too much."""
    node = Node(frames_per_second=500_000, frames_per_core=100_000)
    shedder = Shedder(node.load())
    changes = 0
    for _ in range(6000):
        node.frames_per_second = 500_000 if shedder.level < 200 else 0
        node.step(0)
        before = shedder.level
        changes += shedder.feed(node.load(), NO_LIMIT) < before
    assert changes < 100
