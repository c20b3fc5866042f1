"""Names over their bound are folded into one, and told."""

import pytest
import sqlalchemy as sa

from cloud.errors import RefusedError
from cloud.store import bounds, schema
from cloud.store import offsets as offsets_of_kafka
from cloud.store.store import Store
from proto.v1 import collector_pb2 as c
from tests.cloud.packages import coverage, endpoint, offsets, package, place


def send(store: Store, number: int) -> None:
    """A package in which every name is new."""
    name = f"n{number}"
    workload = c.Workload(kind="Pod", name=name)
    found = place(f"contact.{name}", f"$.{name}")
    sent = endpoint(f"/{name}", [found], server=workload, client=workload)
    told = coverage({name: 1}, node=name, workload=workload)
    covered = offsets(number, number + 1)
    store.add(package(covered, endpoints=[sent], coverage=[told]))


def count(store: Store, table: sa.Table) -> int:
    with store.reading() as connection:
        counted = sa.select(sa.func.count()).select_from(table)
        return connection.execute(counted).scalar_one()


def test_invented_names_end_at_a_bound_and_sums_stay_right(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MOST", dict.fromkeys(bounds.MOST, 3))
    monkeypatch.setattr(bounds, "MOST_TYPES", 3)
    monkeypatch.setattr(bounds, "MOST_REASONS", 3)
    for number in range(10):
        send(store, number)
    for table in (
        *(schema.endpoints, schema.edges, schema.traffic, schema.data_types),
        *(schema.parts, schema.coverage_totals, schema.workloads, schema.places),
    ):
        assert count(store, table) <= 5, table.name
    with store.reading() as connection:
        totals = schema.coverage_totals.c.amount
        assert connection.scalar(sa.select(sa.func.sum(totals))) == 10
        [cluster] = connection.execute(sa.select(schema.clusters)).all()
        assert connection.scalar(sa.select(sa.func.sum(schema.endpoints.c.pairs))) == 10
    assert cluster.pairs == 10
    assert cluster.folded > 7


def test_clusters_end_at_a_bound(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_CLUSTERS", 1)
    assert store.add(package(cluster="one"))
    with pytest.raises(RefusedError, match="cluster: there are 1"):
        store.add(package(cluster="two"))
    assert store.add(package(offsets(1, 2), cluster="one"))


def test_counters_saturate_and_never_end_a_page(store: Store) -> None:
    huge = endpoint(pairs=1 << 44)
    for number in range(3):
        for traffic in huge.traffic:
            traffic.request_bytes = traffic.response_bytes = schema.MOST - 1
        store.add(package(offsets(number, number + 1), endpoints=[huge]))
    with store.reading() as connection:
        [row] = connection.execute(sa.select(schema.endpoints)).all()
    assert row.request_bytes == schema.MOST


def test_topics_and_partitions_of_a_cluster_are_bounded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offsets_of_kafka, "MOST_PARTITIONS", 5)
    for number in range(5):
        assert store.add(package(offsets(0, 1, topic=f"invented-{number}")))
    for refused in (offsets(0, 1, topic="one.more"), offsets(0, 1, partition=9)):
        with pytest.raises(RefusedError, match="more than 5 partitions"):
            store.add(package(offsets(1, 2, topic="invented-0"), refused))
    assert store.resume("local", "invented-0", [0]) == {0: 1}
    assert store.add(package(offsets(1, 2, topic="invented-0")))
    assert store.add(package(offsets(0, 1), cluster="other"))
