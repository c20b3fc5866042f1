"""What passed while nobody captured, by the kernel's own counters of loopback."""

import socket
from collections.abc import Iterator, Mapping

import pytest

from agent.interceptor.coverage import Counts, Coverage, Report
from agent.interceptor.placement import Plan
from agent.interceptor.reading.witness import HEADER_BYTES, Traffic
from agent.interceptor.unseen import Unseen

LOOPBACK = 1
PAYLOAD = 60_000
"""Of one datagram; other programs' traffic on loopback comes on top."""


@pytest.fixture
def coverage() -> Coverage:
    made = Coverage("n")
    made.place(Plan(host={LOOPBACK: (b"\x0a\0\0\1",)}, where={LOOPBACK: "host"}))
    return made


@pytest.fixture
def unseen(coverage: Coverage) -> Iterator[Unseen]:
    with Unseen(coverage, 1) as made:
        yield made


def pass_bytes() -> None:
    """One datagram over loopback, to nobody."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(bytes(PAYLOAD), ("127.0.0.1", 9))


def began(carried: Mapping[int, Traffic]) -> Report:
    """A worker's word that it captures these from now on."""
    return Report(Counts(), began=dict(carried))


def buckets(coverage: Coverage) -> dict[str, int]:
    return coverage.total().buckets


def test_what_passed_between_an_order_and_its_obeying_is_counted(
    coverage: Coverage, unseen: Unseen
) -> None:
    unseen.order({LOOPBACK})
    pass_bytes()
    unseen.report(0, began(unseen.read()))
    told = buckets(coverage)
    assert told.keys() == {"before_capture"}
    assert told["before_capture"] >= PAYLOAD - HEADER_BYTES
    unseen.report(0, began({}))
    assert buckets(coverage) == told


def test_what_passed_a_crashed_worker_is_lost_once_another_takes_its_place(
    coverage: Coverage, unseen: Unseen
) -> None:
    unseen.order({LOOPBACK})
    unseen.report(0, began(unseen.read()))
    before = buckets(coverage)
    pass_bytes()
    unseen.lose(0)
    assert buckets(coverage) == before
    unseen.report(0, began(unseen.read()))
    assert buckets(coverage)["worker_lost"] >= PAYLOAD - HEADER_BYTES


def test_what_passed_a_worker_that_did_not_end_is_lost_at_once(
    coverage: Coverage, unseen: Unseen
) -> None:
    unseen.order({LOOPBACK})
    unseen.report(0, began(unseen.read()))
    pass_bytes()
    unseen.end(0)
    assert buckets(coverage)["worker_lost"] >= PAYLOAD - HEADER_BYTES


def test_each_of_several_workers_loses_its_part(coverage: Coverage) -> None:
    with Unseen(coverage, 4) as unseen:
        unseen.order({LOOPBACK})
        carried = unseen.read()[LOOPBACK]
        later = Traffic(carried.frame_bytes + (4 << 30), carried.packets)
        unseen.report(2, began({LOOPBACK: later}))
    assert buckets(coverage) == {"before_capture": pytest.approx(1 << 30, rel=0.01)}


def test_an_interface_that_was_not_ordered_loses_nothing(
    coverage: Coverage, unseen: Unseen
) -> None:
    unseen.order({LOOPBACK})
    unseen.report(0, began({77: Traffic(1 << 30, 1)}))
    assert buckets(coverage) == {}
