"""The coverage, read from both databases: shares that hide nothing."""

import pytest

from cloud.pages.coverage import listing, one
from cloud.pages.coverage.filters import Sought
from cloud.pages.coverage.reports import CoverageQuery, CoverageReport
from cloud.store.store import Store
from cloud.visitor import EVERYTHING, Scope, read_scope
from proto.v1 import collector_pb2 as c
from tests.cloud import packages
from tests.cloud.packages import offsets, package

NOW = packages.START / packages.SECOND + 400


def report(
    store: Store, query: CoverageQuery | None = None, scope: Scope = EVERYTHING
) -> CoverageReport:
    with store.reading() as connection:
        return listing.report(connection, query or CoverageQuery(), scope, NOW)


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
    second = report(store, CoverageQuery(page=2, size=2))
    assert (second.paging.total, second.paging.pages) == (5, 3)
    assert [part.node for part in second.parts] == ["node-2", "node-1"]


def test_losses_are_told_wherever_they_happened(store: Store) -> None:
    node = {"kafka_queue_full": 20, "ring_drops": 300, "ring_frames": 5_000}
    queue = packages.coverage({}, {"expired": 1}, workload=c.Workload(), node="")
    send(store, packages.coverage({}, node), queue)
    store.add(package(offsets(8, 9, follows=1)))
    losses = report(store).losses
    assert (losses.records, losses.frames) == (28, 300)


def test_steps_tell_bytes_and_exchanges_when_they_were(store: Store) -> None:
    buckets = {"paired": 60, "tls": 30, "gap": 10, "duplicate": 7}
    counts = {"pairs": 5, "pairs_not_json": 2, "unpaired_no_response": 1, "frames": 9}
    send(store, packages.coverage(buckets, counts))
    told = report(store, CoverageQuery(window="hours")).over_time
    heard = [step for step in told.steps if step.heard]
    [step] = heard
    assert step.start.timestamp() * packages.SECOND == packages.START
    assert step.groups == {
        "captured": 60,
        "left_out": 0,
        "unreadable": 30,
        "missed": 10,
        "aside": 7,
    }
    assert step.exchanges == {"captured": 5, "left_out": 2, "missed": 1}
    assert (step.reasons, step.counts) == (buckets, counts)
    assert told.steps[0].reasons == {}
    assert not told.steps[0].heard


def test_steps_of_a_cluster_are_the_sum_of_its_parts(store: Store) -> None:
    store.add(packages.shop())
    whole = report(store, CoverageQuery(cluster="local", window="day"))
    parts = sum(part.coverage.bytes for part in whole.parts)
    assert whole.total.bytes == parts > 0
    assert whole.total.bytes == report(store).total.bytes
    narrowed = report(store, CoverageQuery(namespace="shop", window="day"))
    unnamed = [part for part in whole.parts if not part.workload.name]
    rest = sum(part.coverage.bytes for part in unnamed)
    assert narrowed.total.bytes == parts - rest


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (CoverageQuery(text="ledg"), ["ledger"]),
        (CoverageQuery(text="node-1"), ["shop-api"]),
        (CoverageQuery(node="node-2"), ["ledger", ""]),
        (CoverageQuery(namespace="shop"), ["ledger", "shop-api"]),
        (CoverageQuery(reason="tls"), ["shop-api"]),
        (CoverageQuery(reason="ring_drops"), [""]),
        (CoverageQuery(cluster="elsewhere"), []),
        (CoverageQuery(text="%"), []),
    ],
)
def test_filters_choose_parts(
    store: Store, query: CoverageQuery, names: list[str]
) -> None:
    store.add(packages.shop())
    found = report(store, query)
    assert [part.workload.name for part in found.parts] == names
    assert found.paging.total == len(names)
    if not query.reason:
        assert found.total.bytes == sum(part.coverage.bytes for part in found.parts)


def test_reason_is_drawn_alone(store: Store) -> None:
    send(store, packages.coverage({"paired": 60, "tls": 30, "gap": 10}))
    told = report(store, CoverageQuery(reason="tls")).over_time
    assert [step.reasons for step in told.steps if step.heard] == [{"tls": 30}]


def test_part_that_was_not_seen_in_the_window_is_left_out(store: Store) -> None:
    day_before = packages.START - 26 * 3_600 * packages.SECOND
    send(store, packages.coverage({"tls": 5}, node="old", at=day_before))
    send(store, packages.coverage({"tls": 6}, node="new"), first=1)
    assert [part.node for part in report(store).parts] == ["new", "old"]
    lately = report(store, CoverageQuery(window="day"))
    assert [(p.node, p.coverage.bytes) for p in lately.parts] == [("new", 6)]
    assert lately.total.bytes == 6


def test_blind_spots_say_what_to_do(store: Store) -> None:
    pieces = {"missed_no_right": 3, "frames": 9}
    send(store, packages.coverage({"paired": 70, "tls": 30, "duplicate": 5}, pieces))
    first, second = report(store).blind_spots
    assert (first.reason, first.share, first.group) == ("tls", 0.3, "unreadable")
    assert (second.reason, second.count) == ("missed_no_right", 3)
    assert first.advice
    assert second.advice


def agent(node: str, state: str, version: str = "0.1.0") -> c.Agent:
    return c.Agent(
        node=node, state=state, version=version, workers=2, reported_ns=packages.START
    )


def test_agents_are_counted_by_state_and_version(store: Store) -> None:
    told = [agent("a", "ready"), agent("b", "kafka_away", "0.0.9"), agent("c", "ready")]
    seen = [packages.coverage({"paired": 1}, node=node) for node in "abcd"]
    sent = package(offsets(0, 1), coverage=seen)
    sent.agents.extend(told)
    store.add(sent)
    found = report(store, CoverageQuery(cluster="local"))
    assert {one.name: one.nodes for one in found.states} == {
        "ready": 2,
        "kafka_away": 1,
        "heard": 1,
    }
    versions = {one.name: one.nodes for one in found.versions}
    assert versions == {"0.1.0": 2, "0.0.9": 1, "": 1}
    lines = {one.node: one for one in found.nodes}
    assert (lines["b"].state, lines["b"].agent_version) == ("kafka_away", "0.0.9")
    assert lines["d"].captured_share == 1
    assert found.nodes_total == 4


def test_node_and_part_are_told_alone(store: Store) -> None:
    store.add(packages.shop())
    with store.reading() as connection:
        wanted = Sought(cluster="local", node="node-2")
        node = one.node_report(connection, wanted, "day", NOW)
        missing = one.node_report(
            connection, Sought(cluster="local", node="x"), "day", NOW
        )
        assert node is not None
        assert missing is None
        assert node.total.bytes == sum(part.coverage.bytes for part in node.parts)
        [ledger, _] = node.parts
        part = one.part_report(connection, int(ledger.id, 16), EVERYTHING, "day", NOW)
        assert part is not None
        assert part.part.workload.name == "ledger"
        assert part.workload_id
        assert [s.reasons for s in part.over_time.steps if s.heard] == [
            {"not_http": 30_500_000, "paired": 220_000, "ring_drop": 5_000}
        ]


def test_visitor_of_a_namespace_sees_its_parts_and_no_agent(store: Store) -> None:
    rows = [
        packages.coverage({"paired": 1, "tls": 4}),
        packages.coverage({"gap": 90}, workload=packages.GATEWAY),
    ]
    sent = package(offsets(0, 1), coverage=rows)
    sent.agents.append(agent("node-1", "ready"))
    store.add(sent)
    scope = read_scope("local/shop")
    found = report(store, CoverageQuery(window="day"), scope)
    assert found.total.bytes == 5
    assert (found.states, found.nodes, found.clusters) == ([], [], [])
    with store.reading() as connection:
        wanted = Sought(scope, "local", node="node-1")
        node = one.node_report(connection, wanted, "day", NOW)
        assert node is not None
        assert (node.total.bytes, node.node.state, node.node.heard) == (5, "", None)
        [theirs] = [
            part for part in report(store).parts if part.workload.name == "gateway"
        ]
        key = int(theirs.id, 16)
        assert one.part_report(connection, key, scope, "day", NOW) is None


def test_other_clusters_of_the_same_node_names_stay_apart(store: Store) -> None:
    for number, cluster in enumerate(("east", "west")):
        amount = packages.coverage({"paired": 10 + number})
        store.add(package(offsets(0, 1), coverage=[amount], cluster=cluster))
    scope = read_scope("west")
    assert report(store, CoverageQuery(window="day"), scope).total.bytes == 11
    east = CoverageQuery(cluster="east", window="day")
    assert report(store, east, scope).total.bytes == 0
    east_node = CoverageQuery(cluster="east", node="node-1", window="day")
    assert report(store, east_node, scope).total.bytes == 0
    assert report(store, CoverageQuery(window="day")).total.bytes == 21
