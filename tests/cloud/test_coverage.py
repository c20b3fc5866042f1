"""The coverage, read from both databases: shares that hide nothing."""

import pytest

from cloud.pages import coverage
from cloud.pages.reports import CoverageReport, PageQuery
from cloud.store.store import Store
from proto.v1 import collector_pb2 as c
from tests.cloud import packages
from tests.cloud.packages import offsets, package


def report(store: Store, query: PageQuery | None = None) -> CoverageReport:
    with store.reading() as connection:
        return coverage.report(connection, query or PageQuery())


def send(store: Store, *reported: c.Coverage, first: int = 0) -> None:
    store.add(package(offsets(first, first + 1), coverage=reported))


def test_nothing_reported_has_no_share(store: Store) -> None:
    empty = report(store)
    assert empty.total.captured_share is None
    assert empty.total.bytes == empty.paging.total == 0


def test_share_is_of_all_bytes_but_those_counted_elsewhere(store: Store) -> None:
    buckets = {"paired": 60, "tls": 20, "not_json": 10, "gap": 10, "duplicate": 900}
    send(store, packages.coverage(buckets))
    total = report(store).total
    assert total.bytes == 100
    assert total.captured_share == pytest.approx(0.6)
    assert total.groups == {
        "captured": 60,
        "left_out": 10,
        "unreadable": 20,
        "missed": 10,
        "aside": 900,
    }
    shares = {reason.reason: reason.share for reason in total.reasons}
    assert shares.pop("duplicate") is None
    assert sum(share or 0 for share in shares.values()) == pytest.approx(1)


def test_unknown_reason_lowers_the_share(store: Store) -> None:
    send(store, packages.coverage({"paired": 50, "moon_phase": 50}))
    total = report(store).total
    assert total.captured_share == pytest.approx(0.5)
    assert total.groups["missed"] == 50


def test_only_bytes_aside_make_no_share(store: Store) -> None:
    send(store, packages.coverage({"in_flight": 7, "paired": 0}))
    total = report(store).total
    assert total.captured_share is None
    assert [reason.reason for reason in total.reasons] == ["in_flight"]


def test_windows_of_a_part_add_up(store: Store) -> None:
    later = packages.START + 600 * packages.SECOND
    send(store, packages.coverage({"paired": 1}, {"gaps": 2}))
    send(store, packages.coverage({"paired": 4}, {"gaps": 3}, at=later), first=1)
    [part] = report(store).parts
    assert part.coverage.bytes == 5
    assert [(count.reason, count.count) for count in part.counts] == [("gaps", 5)]
    assert (part.last_seen - part.first_seen).total_seconds() == 610


def test_parts_where_most_was_lost_come_first(store: Store) -> None:
    store.add(packages.shop())
    parts = report(store).parts
    assert [(part.node, part.workload.name) for part in parts] == [
        ("node-2", "ledger"),
        ("node-1", "shop-api"),
        ("node-2", ""),
    ]
    assert parts[2].coverage.captured_share == 0


def test_parts_sum_to_the_whole(store: Store) -> None:
    store.add(packages.shop())
    whole = report(store)
    assert sum(part.coverage.bytes for part in whole.parts) == whole.total.bytes


def test_same_workload_on_two_nodes_is_two_parts(store: Store) -> None:
    send(
        store,
        packages.coverage({"paired": 1}, node="a"),
        packages.coverage({"tls": 2}, node="b"),
        packages.coverage({"tls": 4}, node="a", workload=packages.LEDGER),
    )
    parts = {(p.node, p.workload.name): p.coverage.bytes for p in report(store).parts}
    assert parts == {("a", "shop-api"): 1, ("b", "shop-api"): 2, ("a", "ledger"): 4}


def test_clusters_with_equal_names_stay_apart(store: Store) -> None:
    for number, cluster in enumerate(("east", "west")):
        amount = packages.coverage({"paired": 10 + number})
        store.add(package(offsets(0, 1), coverage=[amount], cluster=cluster))
    parts = {p.workload.cluster: p.coverage.bytes for p in report(store).parts}
    assert parts == {"east": 10, "west": 11}


def test_pages_of_parts_are_bounded(store: Store) -> None:
    nodes = [packages.coverage({"tls": n + 1}, node=f"node-{n}") for n in range(5)]
    send(store, *nodes)
    second = report(store, PageQuery(page=2, size=2))
    assert (second.paging.total, second.paging.pages) == (5, 3)
    assert [part.node for part in second.parts] == ["node-2", "node-1"]


def test_losses_are_told_wherever_they_happened(store: Store) -> None:
    node = {"kafka_queue_full": 20, "ring_drops": 300, "ring_frames": 5_000}
    queue = packages.coverage({}, {"expired": 1}, workload=c.Workload(), node="")
    send(store, packages.coverage({}, node), queue)
    store.add(package(offsets(8, 9, follows=1)))
    losses = report(store).losses
    assert (losses.records, losses.frames) == (28, 300)
