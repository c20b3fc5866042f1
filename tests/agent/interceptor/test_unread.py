"""What workers left out, brought to what the interfaces counted."""

import random
from collections.abc import Callable

import pytest

from agent.interceptor.coverage import Counts, Coverage, Report
from agent.interceptor.reading.witness import HEADER_BYTES, Traffic
from agent.interceptor.unread import Unread

VETH, INSIDE = 7, 1 << 31
SIZE = 1000
"""Payload of each packet."""
STEP_NS = 500_000_000
NOTHING = Traffic(0, 0)


class Capture:
    """An interface and its workers, step by step; what workers read is told at once
    unless they lag."""

    def __init__(self, header_bytes: int = HEADER_BYTES, workers: int = 1) -> None:
        self.coverage = Coverage("n")
        self.unread = Unread(self.coverage)
        self.now_ns = 0
        self.payload_bytes = 0
        """That passed the interface, all of it."""
        self._header_bytes = header_bytes
        self._traffic = Traffic(0, 0)
        self._read = [0] * workers
        self.carry()

    def carry(self, packets: int = 0, other: Traffic = NOTHING) -> None:
        """Half a second passes."""
        self.now_ns += STEP_NS
        size = packets * (SIZE + self._header_bytes)
        self._traffic = self._traffic.plus(Traffic(size, packets)).plus(other)
        self.payload_bytes += packets * SIZE
        self.unread.carry(self.now_ns, {VETH: self._traffic})

    def read(
        self,
        packets: int,
        left_out: dict[str, int] | None = None,
        worker: int = 0,
        lag_ns: int = 0,
        is_losing: bool = False,
    ) -> None:
        self._read[worker] += packets * SIZE
        counts = Counts({}, {"payload_bytes": self._read[worker]})
        report = Report(
            Counts(),
            {VETH: counts},
            left_out={VETH: left_out} if left_out else {},
            header_bytes={VETH: float(self._header_bytes)},
            read_ns=self.now_ns - lag_ns,
            is_losing=is_losing or bool(left_out),
            revision=1,
        )
        self.unread.feed(worker, report, self.now_ns)

    def pause(self) -> None:
        """Long enough for what was lost to be over."""
        for _ in range(2):
            self.carry()
            for worker in range(len(self._read)):
                self.read(0, worker=worker)

    @property
    def told(self) -> dict[str, int]:
        return self.coverage.total().buckets


@pytest.mark.parametrize("estimated", [SIZE, 50 * SIZE, 500 * SIZE])
def test_what_was_left_out_is_as_much_as_the_interface_says(estimated: int) -> None:
    capture = Capture()
    capture.carry(100)
    capture.read(100)
    capture.carry(100)
    capture.read(40, {"shed": 2 * estimated, "ring_drop": estimated})
    capture.pause()
    assert capture.told == {"shed": 40 * SIZE, "ring_drop": 20 * SIZE}


def test_while_nothing_is_left_out_other_traffic_is_nobodys() -> None:
    capture = Capture()
    for _ in range(20):
        capture.carry(100, Traffic(90_000, 100))
        capture.read(100)
    assert capture.told == {}


def test_other_traffic_is_taken_to_go_on_as_it_was() -> None:
    capture, other = Capture(), Traffic(100_000, 100)
    for _ in range(20):
        capture.carry(100, other)
        capture.read(100)
    capture.carry(100, other)
    capture.read(30, {"shed": 10 * SIZE})
    capture.carry(100, other)
    capture.read(100)
    capture.carry(100, other)
    capture.read(100)
    assert capture.told["shed"] == pytest.approx(70 * SIZE, rel=0.01)


def test_headers_are_as_long_as_those_that_were_read() -> None:
    capture = Capture(header_bytes=86)
    capture.carry(100)
    capture.read(60, {"shed": SIZE})
    capture.pause()
    assert capture.told == {"shed": 40 * SIZE}


def test_what_waits_in_a_ring_is_not_left_out() -> None:
    capture = Capture()
    capture.read(0)
    for _ in range(8):
        capture.carry(100)
        capture.read(25, {"shed": SIZE}, lag_ns=capture.now_ns * 3 // 4)
    assert capture.told.get("shed", 0) <= SIZE
    capture.read(600, is_losing=True)
    capture.pause()
    assert sum(capture.told.values()) == 0


def test_a_sample_that_was_lost_is_told_as_dropped() -> None:
    capture = Capture()
    capture.carry(100)
    capture.read(0, is_losing=True)
    capture.pause()
    assert capture.told == {"ring_drop": 100 * SIZE}


def test_what_was_told_for_another_reason_is_told_once() -> None:
    capture = Capture()
    capture.carry(100)
    capture.unread.count(VETH, 30 * SIZE)
    capture.read(50, {"shed": 90 * SIZE})
    capture.pause()
    assert capture.told == {"shed": 20 * SIZE}


def test_inside_namespaces_the_estimate_is_told() -> None:
    capture = Capture()
    report = Report(Counts(), left_out={INSIDE: {"shed": 70}}, is_losing=True)
    capture.unread.feed(0, report, capture.now_ns)
    assert capture.told == {"shed": 70}


def test_of_an_interface_that_went_the_estimate_is_told() -> None:
    capture = Capture()
    capture.carry(100)
    capture.read(50, {"shed": 30 * SIZE}, lag_ns=2 * STEP_NS)
    assert capture.told == {}
    capture.unread.carry(capture.now_ns + 1, {})
    ended = Report(Counts(), ended={VETH: Counts()}, read_ns=capture.now_ns)
    capture.unread.feed(0, ended, capture.now_ns)
    assert capture.told == {"shed": 30 * SIZE}


def test_a_worker_that_crashed_leaves_nothing_to_the_next_but_what_it_read() -> None:
    capture = Capture()
    capture.carry(100)
    capture.read(90)
    capture.unread.end(0)
    capture.carry(100)
    capture.unread.count(VETH, 110 * SIZE)
    capture.carry(10)
    capture.read(-80)
    capture.carry(100)
    capture.read(20, {"ring_drop": SIZE})
    capture.pause()
    assert capture.told == {"ring_drop": 80 * SIZE}


def _losing(chance: random.Random) -> Callable[[int], int]:
    return lambda packets: chance.randint(0, packets)


@pytest.mark.parametrize("seed", range(20))
def test_all_buckets_together_are_what_the_interface_carried(seed: int) -> None:
    chance = random.Random(seed)
    capture = Capture(workers=2)
    keep = _losing(chance)
    read = 0
    for step in range(60):
        packets = chance.randint(0, 1000)
        is_losing = 20 <= step < 40
        capture.carry(packets)
        ours = keep(packets)
        for worker, part in enumerate((ours, packets - ours)):
            kept = keep(part) if is_losing else part
            read += kept
            guess = {"shed": chance.randint(1, 2000) * SIZE}
            capture.read(kept, guess if is_losing else None, worker)
    capture.pause()
    told = sum(capture.told.values())
    assert told + read * SIZE == pytest.approx(capture.payload_bytes, rel=0.001)
    assert told > 0
