"""Owners, labels and roll-outs of workloads are stored and read."""

from functools import partial

import pytest
import sqlalchemy as sa

from cloud.doors.clusters.limits import check
from cloud.errors import RefusedError
from cloud.store import bounds, forgetting, schema, workload_facts
from cloud.store.store import Store
from proto.v1 import collector_pb2 as c
from tests.cloud.packages import SHOP, START, offsets, package

SECOND = 10**9


def facts(
    *revisions: tuple[str, int], name: str = "", **more: object
) -> c.WorkloadFacts:
    told = c.WorkloadFacts(
        workload=c.Workload(
            namespace="shop", kind="Deployment", name=name or SHOP.name
        ),
        owner="payments",
        part_of="store",
        labels={"tier": "gold"},
        revisions=[
            c.Revision(name=n, image=f"shop:{n}", since_ns=s) for n, s in revisions
        ],
    )
    for key, value in more.items():
        setattr(told, key, value)
    return told


def sent(*told: c.WorkloadFacts, first: int = 0) -> c.Package:
    made = package(offsets(first, first + 1))
    made.workloads.extend(told)
    return made


def stored(store: Store) -> list[workload_facts.Facts]:
    with store.reading() as connection:
        keys = list(connection.scalars(sa.select(schema.workloads.c.id)))
        return list(workload_facts.of(connection, keys).values())


def rollouts(store: Store, **between: int) -> list[tuple[str, int]]:
    with store.reading() as connection:
        found = workload_facts.rollouts(connection, 10, **between)  # type: ignore[arg-type]
    return [(one.revision, one.since_ns) for one in found]


def test_the_last_facts_count(store: Store) -> None:
    store.add(sent(facts(("a", 5))))
    store.add(sent(facts(("a", 3), ("b", 9), owner="people"), first=1))
    (told,) = stored(store)
    assert told == workload_facts.Facts("people", "store", {"tier": "gold"}, "b")
    assert rollouts(store) == [("b", 9), ("a", 3)]
    assert rollouts(store, start_ns=4, end_ns=9) == []
    assert rollouts(store, start_ns=9) == [("b", 9)]


def test_a_rollout_is_not_of_the_future(store: Store) -> None:
    store.add(sent(facts(("a", 1 << 61))))
    ((_, since_ns),) = rollouts(store)
    assert since_ns < START + 86_400 * SECOND


def test_they_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bounds.MOST_OF_TABLE, "workload_facts", 2)
    monkeypatch.setitem(bounds.MOST_OF_TABLE, "revisions", 3)
    told = [facts(("a", 1), ("b", 2), name=f"w{n}") for n in range(4)]
    for first in (0, 1):
        store.add(sent(*told, first=first))
    assert len(stored(store)) == 2
    assert len(rollouts(store)) == 3


@pytest.mark.parametrize(
    "told",
    [
        facts(owner="o" * 254),
        facts(*[("a", 1)] * 11),
        facts(("a" * 513, 1)),
        facts(("a", -1)),
    ],
    ids=["owner", "revisions", "name", "since"],
)
def test_what_is_no_fact_is_refused(told: c.WorkloadFacts) -> None:
    with pytest.raises(RefusedError, match=r"workloads\[0\]"):
        check(sent(told))


def test_too_many_labels_are_refused() -> None:
    told = facts()
    for number in range(25):
        told.labels[f"l{number}"] = "x"
    with pytest.raises(RefusedError, match=r"workloads\[0\]\.labels"):
        check(sent(told))


def test_they_are_forgotten_with_their_workload(store: Store) -> None:
    store.add(sent(facts(("a", 1))))
    for step in forgetting.NAMES:
        store._writer.run(partial(step, before_ns=1 << 62)).result(10)
    assert stored(store) == []
    assert rollouts(store) == []
