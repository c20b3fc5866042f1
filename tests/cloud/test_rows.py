"""A package as rows: merged within, printable, in an order that cannot deadlock."""

from typing import Any

from cloud.store.rows import Rows, printable
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.cloud import packages
from tests.cloud.packages import SECOND, START, coverage, endpoint, package, place


def rows(sent: c.Package) -> dict[str, list[dict[str, Any]]]:
    merged = Rows(START // SECOND)
    merged.add(sent)
    return {
        table.name: [dict(zip(table.c.keys(), row, strict=True)) for row in found]
        for table, found in merged
    }


def test_same_endpoint_twice_becomes_one_row() -> None:
    later = endpoint(places=[place(count=2)], pairs=3, at=START + 9 * SECOND)
    made = rows(package(endpoints=[endpoint(places=[place()]), later]))
    [found] = made["endpoints"]
    assert found["pairs"] == 4
    assert found["status_2xx"] == 4
    assert found["first_seen_ns"] == START
    assert found["last_seen_ns"] == START + 10 * SECOND
    [merged] = made["places"]
    assert merged["count"] == 3


def test_endpoint_adds_up_over_clients_and_traffic_does_not() -> None:
    made = rows(packages.shop())
    users = [r for r in made["endpoints"] if r["path"] == "/users/{id}"]
    assert [row["pairs"] for row in users] == [315]
    traffic = [r for r in made["traffic"] if r["endpoint_id"] == users[0]["id"]]
    assert sorted(row["pairs"] for row in traffic) == [5, 310]


def test_names_stay_as_told_until_they_are_told_anew() -> None:
    sent = [endpoint() for _ in range(4)]
    sent[1].names, sent[3].names = c.NAMES_UNKNOWN, 7  # type: ignore[assignment]
    [found] = rows(package(endpoints=sent))["endpoints"]
    assert found["names"] == c.NAMES_UNKNOWN
    sent[2].names = c.NAMES_KNOWN
    [found] = rows(package(endpoints=sent))["endpoints"]
    assert found["names"] == c.NAMES_KNOWN


def test_port_and_method_tell_endpoints_apart() -> None:
    other_port = endpoint()
    other_port.server_port = 9000
    sent = [
        endpoint(),
        endpoint(method="PUT"),
        other_port,
        endpoint(server=c.Workload()),
    ]
    assert len(rows(package(endpoints=sent))["endpoints"]) == 4


def test_unsure_findings_do_not_make_an_endpoint_sensitive() -> None:
    unsure = place(sensitivity=d.HIGH, likelihood=d.POSSIBLE)
    [found] = rows(package(endpoints=[endpoint(places=[unsure])]))["endpoints"]
    assert found["sensitivity"] == 0
    sure = place(sensitivity=d.LOW, likelihood=d.LIKELY)
    [found] = rows(package(endpoints=[endpoint(places=[unsure, sure])]))["endpoints"]
    assert found["sensitivity"] == d.LOW


def test_unusual_statuses_are_counted_as_other() -> None:
    statuses = {0: 1, 1: 2, 5: 3, 9: 4}
    [found] = rows(package(endpoints=[endpoint(statuses=statuses)]))["endpoints"]
    assert found["status_other"] == 5
    assert found["status_1xx"] == 2
    assert found["status_5xx"] == 3


def test_times_that_are_not_told_are_the_window() -> None:
    sent = endpoint()
    sent.first_seen_ns = sent.last_seen_ns = 0
    [found] = rows(package(endpoints=[sent]))["endpoints"]
    assert found["first_seen_ns"] == START
    assert found["last_seen_ns"] == START + 2 * SECOND


def test_coverage_windows_add_up() -> None:
    windows = [
        coverage({"paired": 5}, {"gaps": 1}, at=START + n * 10 * SECOND) for n in (0, 1)
    ]
    made = rows(package(coverage=windows))["coverage"]
    assert {(row["reason"], row["is_bytes"], row["amount"]) for row in made} == {
        ("paired", 1, 10),
        ("gaps", 0, 2),
    }


def test_referred_tables_come_first() -> None:
    merged = Rows(START // SECOND)
    merged.add(packages.shop())
    order = [table.name for table, _ in merged]
    assert order.index("workloads") < order.index("endpoints")
    assert order.index("endpoints") < order.index("traffic")


def test_rows_come_sorted_by_key() -> None:
    for name in ("workloads", "endpoints", "parts"):
        keys = [row["id"] for row in rows(packages.shop())[name]]
        assert keys == sorted(keys)


def test_impossible_times_are_taken_as_now_and_told() -> None:
    year = 365 * 86_400 * SECOND
    for wrong in (START + year, START - year):
        made = rows(package(endpoints=[endpoint(at=wrong)]))
        assert made["endpoints"][0]["first_seen_ns"] == START
        assert made["clusters"][0]["clamped"] == 3


def test_what_is_not_printable_is_replaced() -> None:
    assert printable("/users/{id} ä €") == "/users/{id} ä €"
    assert printable("a\0b\n\x1b[31m\u202ec") == "a\ufffdb\ufffd\ufffd[31m\ufffdc"
