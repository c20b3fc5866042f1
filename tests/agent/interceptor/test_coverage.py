"""Coverage: sums over workers, windows that add up to the whole."""

from agent.interceptor.coverage import Counts, Coverage, Report
from agent.interceptor.placement import HOST, LOOPBACK, Plan
from agent.interceptor.reading.inside import Inside

POD = bytes([10, 0, 0, 1])


def _report(paired: int, drops: int) -> Report:
    return Report(
        Counts({}, {"ring_drops": drops}),
        {7: Counts({"paired": paired}, {"pairs": 1})},
        delivered=paired,
    )


def test_windows_add_up_to_the_total() -> None:
    coverage = Coverage("node")
    coverage.place(Plan(host={7: (POD,)}, where={7: HOST}))
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


def test_a_window_tells_the_pods_first_address_and_where_it_was_captured() -> None:
    coverage = Coverage("node")
    inside = Inside("", 1, 2, (POD,), is_loopback=True, worker=0)
    coverage.place(
        Plan({7: (POD, bytes(16))}, {9: inside}, where={7: HOST, 9: LOOPBACK})
    )
    coverage.update(0, _report(5, 0))
    (window,) = [window for window in coverage.window(0, 1) if window.pod]
    assert window.pod == POD
    assert window.counts == {"pairs": 1, "captured_host": 1, "captured_loopback": 1}


def test_a_pod_that_is_not_captured_is_told_once_a_minute_with_the_reason() -> None:
    coverage, minute = Coverage("node"), 60_000_000_000
    coverage.place(Plan(missed={POD: "no_budget"}))
    told = [coverage.window(at, at + 1) for at in (minute, minute + 1, 2 * minute)]
    assert [len(windows) for windows in told] == [1, 0, 1]
    assert (told[0][0].pod, told[0][0].counts) == (POD, {"missed_no_budget": 1})
    coverage.place(Plan())
    assert coverage.window(3 * minute, 3 * minute + 1) == []


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


def placed(*numbers: int) -> Plan:
    return Plan(dict.fromkeys(numbers, (POD,)), where=dict.fromkeys(numbers, HOST))


def test_a_view_that_ends_is_counted_once_under_its_pod() -> None:
    coverage = Coverage("node")
    coverage.place(placed(7))
    coverage.update(0, _report(5, 0))
    windows = coverage.window(0, 1)
    coverage.place(Plan())
    last = Counts({"paired": 8}, {"pairs": 1})
    coverage.update(0, Report(Counts(), ended={7: last}))
    for at in range(1, 5):
        windows += coverage.window(at, at + 1)
        coverage.update(0, Report(Counts()))
    paired = [(w.pod, w.buckets["paired"]) for w in windows if w.buckets]
    assert paired == [(POD, 5), (POD, 3)]
    assert all(n > 0 for w in windows for n in w.buckets.values())
    assert all(n > 0 for w in windows for n in w.counts.values())
    assert coverage.total() == last


def test_an_address_that_goes_to_another_pod_goes_on_being_counted() -> None:
    coverage = Coverage("node")
    coverage.place(placed(7))
    coverage.update(0, _report(5, 0))
    coverage.window(0, 1)
    coverage.place(placed(9))
    views = {9: Counts({"paired": 2}, {"pairs": 1})}
    ended = {7: Counts({"paired": 6}, {"pairs": 1})}
    coverage.update(0, Report(Counts(), views, ended))
    (window,) = [w for w in coverage.window(1, 2) if w.pod]
    assert (window.pod, window.buckets["paired"]) == (POD, 3)
    assert coverage.total().buckets == {"paired": 8}


def test_pods_that_are_gone_take_no_memory() -> None:
    coverage = Coverage("node")
    for number in range(1, 200):
        pod = number.to_bytes(4, "big")
        coverage.place(Plan({number: (pod,)}, where={number: HOST}))
        ended = {number - 1: Counts({"paired": 1})} if number > 1 else {}
        coverage.update(0, Report(Counts(), {number: Counts({"paired": 1})}, ended))
        coverage.window(number, number + 1)
        assert len(coverage.held()) <= 4
    assert coverage.total().buckets == {"paired": 199}
