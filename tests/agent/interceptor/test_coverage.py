"""Coverage: sums over workers, windows that add up to the whole."""

from agent.interceptor.coverage import Counts, Coverage, Report

POD = bytes([10, 0, 0, 1])


def _report(paired: int, drops: int) -> Report:
    return Report(
        Counts({}, {"ring_drops": drops}),
        {7: Counts({"paired": paired}, {"pairs": 1})},
        delivered=paired,
    )


def test_windows_add_up_to_the_total() -> None:
    coverage = Coverage("node")
    coverage.name(7, frozenset([POD]))
    seen = 0
    for paired in (10, 25, 25, 60):
        coverage.update(0, _report(paired, 0))
        seen += sum(window.buckets.get("paired", 0) for window in coverage.window(0, 1))
    assert seen == coverage.total().buckets["paired"] == 60


def test_a_silent_window_reports_nothing() -> None:
    coverage = Coverage("node")
    coverage.update(0, _report(5, 1))
    assert coverage.window(0, 1)
    assert coverage.window(1, 2) == []


def test_an_ended_worker_still_counts() -> None:
    coverage = Coverage("node")
    coverage.update(0, _report(5, 1))
    coverage.end(0)
    coverage.update(0, _report(3, 0))
    coverage.count("worker_restarts")
    assert coverage.total().buckets == {"paired": 8}
    assert coverage.total().counts == {
        "ring_drops": 1,
        "pairs": 2,
        "worker_restarts": 1,
    }
    assert coverage.delivered == 8


def test_a_pod_is_named_by_its_ipv4_address_if_it_has_one() -> None:
    coverage = Coverage("node")
    coverage.name(7, frozenset([bytes(16), POD]))
    coverage.update(0, _report(5, 0))
    assert {window.pod for window in coverage.window(0, 1)} == {POD}


def test_an_unnamed_interface_counts_for_the_node() -> None:
    coverage = Coverage("node")
    coverage.update(0, _report(5, 2))
    (window,) = coverage.window(0, 1)
    assert window.pod == b""
    assert (window.buckets, window.counts["ring_drops"]) == ({"paired": 5}, 2)


def test_bytes_in_flight_are_in_no_window() -> None:
    coverage = Coverage("node")
    for in_flight in (50, 10):
        node = Counts({"in_flight": in_flight, "tls": 100 - in_flight})
        coverage.update(0, Report(node))
        for window in coverage.window(0, 1):
            assert set(window.buckets) == {"tls"}
            assert window.buckets["tls"] > 0
    assert coverage.total().buckets["in_flight"] == 10
