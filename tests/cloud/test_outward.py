"""Flows from one cluster into another, joined at both ends, on both databases."""

from collections.abc import Iterable

import pytest

from cloud.doors.clusters.limits import check
from cloud.errors import RefusedError
from cloud.pages import outside
from cloud.pages.kept import Kept
from cloud.pages.map.reading import read_map
from cloud.pages.map.reports import MapQuery, MapReport
from cloud.pages.outside import OutsideQuery
from cloud.pages.page import Asked
from cloud.store.schema import HOUR
from cloud.store.store import Store
from cloud.visitor import EVERYTHING, Role, Scope, Visitor, read_scope
from proto.v1 import collector_pb2 as c
from tests.cloud.packages import GATEWAY, LEDGER, SECOND, SHOP, START, offsets, package
from tests.cloud.packages import endpoint as row

Source = c.Outward.Source
HOST, ADDRESS = "shop.example.com", "10.9.0.7"
PARTY = c.Workload(kind="External", name=HOST)
BARE = c.Workload(kind="Unresolved", name=ADDRESS)


def reached(
    name: str, workload: c.Workload = SHOP, port: int = 8_000, source: int = 1
) -> c.Outward:
    return c.Outward(
        workload=workload, name=name, port=port, source=Source.ValueType(source)
    )


def send(
    store: Store,
    cluster: str,
    rows: Iterable[c.Endpoint] = (),
    told: Iterable[c.Outward] = (),
    at: int = START,
    first: int = 0,
) -> None:
    covered = offsets(first, first + 1)
    sent = package(covered, endpoints=rows, cluster=cluster, at=at)
    sent.outward.extend(told)
    check(sent)
    assert store.add(sent)


def drawn(store: Store, scope: Scope = EVERYTHING) -> MapReport:
    with store.reading() as connection:
        query = MapQuery(level="workloads", size=200)
        who = Visitor("ann", Role.VIEWER, scope)
        asked = Asked(connection, query, "", who, Kept(), store.watch, store.run)
        return read_map(asked)


def flows(store: Store, scope: Scope = EVERYTHING) -> set[str]:
    return {
        " → ".join(
            f"{end.cluster}/{end.name}" if end.kind != "outside" else end.name
            for end in (flow.source, flow.target)
        )
        for flow in drawn(store, scope).flows
    }


def parties(store: Store, scope: Scope = EVERYTHING) -> list[str]:
    with store.reading() as connection:
        found = outside.listed(connection, OutsideQuery(), scope)
    assert found.paging.total == len(found.parties)
    return sorted(one.party.name for one in found.parties)


@pytest.fixture
def two(store: Store) -> Store:
    """The east asks names of the west, and somebody else."""
    far = c.Workload(kind="External", name="api.else.example")
    asked = [row("/", server=server, client=GATEWAY) for server in (PARTY, BARE, far)]
    send(store, "east", asked)
    send(store, "west", [row("/", server=SHOP, client=LEDGER)])
    return store


ALONE = "west/ledger → west/shop-api"
OUT = {
    f"east/gateway → {HOST}",
    f"east/gateway → east/{ADDRESS}",
    "east/gateway → api.else.example",
    ALONE,
}
JOINED = {"east/gateway → west/shop-api", "east/gateway → api.else.example", ALONE}


def test_names_that_nobody_told_stay_outside(two: Store) -> None:
    assert flows(two) == OUT
    assert parties(two) == ["api.else.example", HOST]


def test_host_and_address_lead_to_the_workload_of_the_other_cluster(two: Store) -> None:
    send(two, "west", told=[reached(HOST), reached(ADDRESS)], first=1)
    assert flows(two) == JOINED
    assert parties(two) == ["api.else.example"]


def test_workload_that_was_not_seen_is_named_too(two: Store) -> None:
    unseen = c.Workload(namespace="new", kind="Deployment", name="never-asked")
    send(two, "west", told=[reached(HOST, unseen)], first=1)
    assert "east/gateway → west/never-asked" in flows(two)


def test_wildcard_leads_there_and_the_exact_name_goes_before(two: Store) -> None:
    told = [reached("*.example.com"), reached(HOST, LEDGER)]
    send(two, "west", told=told, first=1)
    assert "east/gateway → west/ledger" in flows(two)
    send(two, "west", told=[reached("*.else.example", port=0)], first=2)
    assert "east/gateway → west/shop-api" in flows(two)
    assert parties(two) == []


def test_other_port_is_something_else(two: Store) -> None:
    send(two, "west", told=[reached(HOST, port=443), reached(ADDRESS, port=0)], first=1)
    assert f"east/gateway → {HOST}" in flows(two)
    assert "east/gateway → west/shop-api" in flows(two)


def test_two_that_may_answer_are_none(two: Store) -> None:
    send(two, "west", told=[reached(HOST), reached(HOST, LEDGER)], first=1)
    send(two, "west", told=[reached(ADDRESS)], first=2)
    send(two, "north", told=[reached(ADDRESS)])
    assert flows(two) == OUT


def test_own_cluster_goes_before_others(two: Store) -> None:
    send(two, "west", told=[reached(ADDRESS)], first=1)
    send(two, "east", told=[reached(ADDRESS, LEDGER)], first=1)
    assert "east/gateway → east/ledger" in flows(two)


def test_client_is_joined_by_its_address(two: Store) -> None:
    node = c.Workload(kind="Node", name="east-1")
    asking = row(
        "/in", server=SHOP, client=c.Workload(kind="Unresolved", name="10.1.1.1")
    )
    send(two, "west", [asking], first=1)
    assert "west/10.1.1.1 → west/shop-api" in flows(two)
    send(two, "east", told=[reached("10.1.1.1", node, 0, source=4)], first=1)
    assert "east/east-1 → west/shop-api" in flows(two)


def test_what_is_told_no_more_holds_no_more(two: Store) -> None:
    send(two, "west", told=[reached(HOST)], at=START - 2 * HOUR * SECOND, first=1)
    assert f"east/gateway → {HOST}" in flows(two)
    send(two, "west", told=[reached(HOST)], first=2)
    assert f"east/gateway → {HOST}" not in flows(two)


def test_visitor_learns_no_name_of_a_cluster_that_they_may_not_see(two: Store) -> None:
    send(two, "west", told=[reached(HOST), reached(ADDRESS)], first=1)
    scope = read_scope("east")
    assert flows(two, scope) == OUT - {ALONE}
    assert parties(two, scope) == ["api.else.example", HOST]
    both = read_scope("east west/shop")
    assert "east/gateway → west/shop-api" in flows(two, both)


def test_rows_are_forgotten_with_their_time(database_url: str) -> None:
    now = START // SECOND
    store = Store(database_url, clock=lambda: now)
    send(store, "west", told=[reached(HOST)])
    now += 500 * 86_400
    store.keeper.run_once()
    with store.reading() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM outward").all()
    store.close()
    assert rows == []


@pytest.mark.parametrize(
    "told",
    [
        reached(""),
        reached("Shop.example"),
        reached("a b"),
        reached("x" * 254),
        reached("shop.example", port=65_536),
        reached("http://shop.example"),
    ],
)
def test_what_is_no_name_is_refused(told: c.Outward) -> None:
    sent = package()
    sent.outward.append(told)
    with pytest.raises(RefusedError, match=r"outward\[0\]"):
        check(sent)


def test_addresses_of_both_versions_are_taken() -> None:
    sent = package()
    names = ("203.0.113.7", "fd00::1", "::1", "*.shop.example", "a_b.c-d.example")
    sent.outward.extend(map(reached, names))
    check(sent)
