"""The overview, read from both databases."""

from cloud.pages import overview
from cloud.pages.reports import DataTypeTotal, Overview, Workload
from cloud.store.store import Store
from proto.v1 import collector_pb2 as c
from tests.cloud import packages
from tests.cloud.packages import endpoint, offsets, package, place

SHOP = Workload(cluster="local", namespace="shop", kind="Deployment", name="shop-api")


def report(store: Store) -> Overview:
    with store.reading() as connection:
        return overview.report(connection)


def test_empty_store_has_an_empty_overview(store: Store) -> None:
    empty = report(store)
    assert (empty.endpoints, empty.workloads, empty.pairs) == (0, 0, 0)
    assert empty.coverage.captured_share is None
    assert [*empty.clusters, *empty.edges, *empty.most_sensitive] == []
    assert empty.edges_total == 0


def test_overview_counts_what_the_shop_does(store: Store) -> None:
    store.add(packages.shop())
    seen = report(store)
    assert (seen.endpoints, seen.workloads) == (5, 5)
    assert (seen.pairs, seen.inspected) == (908, 908)
    assert seen.clusters[0].name == "local"
    assert seen.clusters[0].packages == 1
    assert (seen.losses.records, seen.losses.frames) == (0, 4)


def test_data_types_come_gravest_first_and_sure_ones_only(store: Store) -> None:
    store.add(packages.shop())
    types = report(store).data_types
    assert [one.sensitivity for one in types] == ["high"] * 5 + ["medium"] * 3 + [
        "low"
    ] * 3
    assert DataTypeTotal("financial.credit_card", "high", 2, 80) in types
    assert "id.us_ssn" not in {one.data_type for one in types}


def test_most_sensitive_endpoints_leave_out_harmless_ones(store: Store) -> None:
    store.add(packages.shop())
    listed = [(e.sensitivity, e.path) for e in report(store).most_sensitive]
    assert listed == [
        ("high", "/users/{id}"),
        ("high", "/payments"),
        ("high", "/entries"),
    ]


def test_edges_tell_which_data_moves_between_whom(store: Store) -> None:
    store.add(packages.shop())
    edges = {(e.client.name, e.server.name): e for e in report(store).edges}
    assert set(edges) == {
        ("gateway", "shop-api"),
        ("nightly-report", "shop-api"),
        ("shop-api", "ledger"),
        ("", "shop-api"),
    }
    nightly = edges["nightly-report", "shop-api"]
    assert [one.data_type for one in nightly.data_types] == ["contact.email"]
    assert (nightly.sensitivity, nightly.pairs, nightly.endpoints) == ("medium", 5, 1)
    gateway = edges["gateway", "shop-api"]
    assert (gateway.sensitivity, gateway.pairs, gateway.endpoints) == ("high", 851, 3)
    assert gateway.server == SHOP
    assert edges["", "shop-api"].data_types == []


def test_edges_are_the_gravest_of_many(store: Store) -> None:
    clients = [c.Workload(name=f"client-{n}") for n in range(30)]
    calm = [endpoint(client=client, pairs=100) for client in clients]
    grave = endpoint(client=c.Workload(name="grave"), places=[place()])
    store.add(package(offsets(0, 1), endpoints=[*calm, grave]))
    seen = report(store)
    assert seen.edges_total == 31
    assert len(seen.edges) == overview.MOST_EDGES
    assert seen.edges[0].client.name == "grave"
