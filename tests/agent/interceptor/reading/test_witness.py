"""What the kernel counts of the interfaces, and what may have been lost of it."""

import socket

import pytest

from agent.interceptor.coverage import LOST, Counts, Coverage, Report
from agent.interceptor.placement import Plan
from agent.interceptor.reading.witness import Traffic, Witness, payload_lost

LOOPBACK = 1
POD = bytes([10, 0, 0, 1])


def test_the_kernel_counts_what_is_sent() -> None:
    with Witness() as witness:
        before = witness.read()[LOOPBACK]
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hearing,
        ):
            hearing.bind(("127.0.0.1", 0))
            for _ in range(10):
                sending.sendto(bytes(1000), hearing.getsockname())
        carried = witness.read()[LOOPBACK].since(before)
    # Loopback counts each packet on its way out and in.
    assert carried.packets >= 20
    assert carried.frame_bytes >= 20 * 1000


def test_every_interface_is_told() -> None:
    with Witness() as witness:
        assert witness.read().keys() == {index for index, _ in socket.if_nameindex()}


def test_what_the_kernel_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.interceptor.reading.witness._RTM_GETSTATS", 0xFFFE)
    with Witness() as witness, pytest.raises(OSError, match="counters"):
        witness.read()


def test_counters_that_begin_anew_are_a_new_interface() -> None:
    assert Traffic(10, 1).since(Traffic(100, 5)) == Traffic(10, 1)
    assert Traffic(100, 5).since(Traffic(10, 1)) == Traffic(90, 4)


def test_payload_is_what_headers_leave() -> None:
    assert Traffic(1066, 1).payload_bytes() == 1000
    assert Traffic(42, 1).payload_bytes() == 0
    lost = payload_lost({1: Traffic(2000, 10), 2: Traffic(5, 1)}, {1: Traffic(0, 0)})
    assert lost == {1: 2000 - 660}


def _coverage() -> Coverage:
    coverage = Coverage("node")
    coverage.place(Plan(host={7: (POD,)}, where={7: "host"}))
    return coverage


def test_what_interfaces_carry_is_told_per_pod_and_window() -> None:
    coverage = _coverage()
    coverage.witness({7: Traffic(1000, 10)})
    assert coverage.window(0, 1) == []
    for total in (1500, 1700):
        coverage.witness({7: Traffic(total, 12)})
    (window,) = coverage.window(1, 2)
    assert window.pod == POD
    assert window.counts["interface_bytes"] == 700
    assert window.counts["interface_packets"] == 2


def test_a_crashed_worker_loses_what_it_held_and_what_it_did_not_see() -> None:
    coverage = _coverage()
    held = Counts({"paired": 50, "in_flight": 30}, {"payload_bytes": 80})
    coverage.update(0, Report(Counts(), {7: held}))
    coverage.end(0)
    coverage.lose(LOST, {7: 1000, 9: 1000})
    total = coverage.total()
    assert total.buckets == {"paired": 50, "worker_lost": 2030}
    assert total.counts["payload_bytes"] == 2080


def test_metrics_tell_buckets_and_counts() -> None:
    coverage = _coverage()
    counts = Counts({"paired": 50, "in_flight": 30}, {"pairs": 2})
    coverage.update(0, Report(Counts(), {7: counts}, delivered=2))
    told = {metric.name: metric.values for metric in coverage.metrics()}
    assert told == {
        "vethscope_capture_payload_bytes_total": {"paired": 50},
        "vethscope_capture_pieces_total": {"pairs": 2},
        "vethscope_capture_blind_pods": {},
        "vethscope_capture_records_total": {"": 2},
    }
