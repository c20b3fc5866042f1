"""Interceptors tell how they are; the store keeps the last of each node."""

from typing import Any

import pytest
import sqlalchemy as sa

from cloud.doors.clusters.limits import check
from cloud.errors import RefusedError
from cloud.store import bounds, schema
from cloud.store.store import Store
from proto.v1 import collector_pb2 as c
from tests.cloud.packages import START, coverage, offsets, package


def agent(node: str = "node-1", state: str = "ready", **more: object) -> c.Agent:
    told = c.Agent(
        node=node,
        version="1.2",
        kernel="6.8.0",
        state=state,
        workers=2,
        started_ns=START - 5,
        reported_ns=START,
    )
    for key, value in more.items():
        setattr(told, key, value)
    return told


def sent(*told: c.Agent, first: int = 0) -> c.Package:
    made = package(offsets(first, first + 1))
    made.agents.extend(told)
    return made


def listed(store: Store) -> list[sa.Row[Any]]:
    with store.reading() as connection:
        wanted = sa.select(schema.nodes).order_by(schema.nodes.c.node)
        return list(connection.execute(wanted))


def test_the_last_report_of_a_node_counts(store: Store) -> None:
    store.add(sent(agent(), agent("node-2")))
    store.add(sent(agent(state="kafka_away", reported_ns=START + 9), first=1))
    one, two = listed(store)
    assert (one.node, one.state, one.reported_ns) == ("node-1", "kafka_away", START + 9)
    told = (two.cluster, two.node, two.version, two.kernel, two.state, two.workers)
    assert told == ("local", "node-2", "1.2", "6.8.0", "ready", 2)
    assert (two.started_ns, two.reported_ns) == (START - 5, START)
    assert (two.first_seen_ns, two.last_seen_ns) == (START, START)
    assert two.heard_ns > 0


def test_coverage_and_reports_are_of_one_node(store: Store) -> None:
    """In either order, in one group or another: neither takes away what the other
    told."""
    covered = sent(agent(reported_ns=START + 3))
    covered.coverage.append(coverage({"paired": 5}, node="node-1"))
    store.add(covered)
    store.add(sent(agent("node-2"), first=1))
    later = package(offsets(2, 3), coverage=[coverage({"paired": 5}, node="node-2")])
    later.coverage.append(coverage({"paired": 5}, node="node-3"))
    store.add(later)
    store.add(sent(agent("node-1", workers=0, kernel=""), first=3))
    assert [
        (row.node, row.version, row.kernel, row.workers) for row in listed(store)
    ] == [
        ("node-1", "1.2", "6.8.0", 2),
        ("node-2", "1.2", "6.8.0", 2),
        ("node-3", "", "", 0),
    ]
    assert listed(store)[0].reported_ns == START + 3


def test_they_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bounds.MOST_OF_TABLE, "nodes", 2)
    for first in (0, 1):
        store.add(sent(*(agent(f"n{n}") for n in range(5)), first=first))
    assert len(listed(store)) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"node": ""},
        {"state": "All Fine"},
        {"version": "v" * 254},
        {"started_ns": -1},
        {"reported_ns": (1 << 63) - 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_is_no_agent_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(RefusedError, match=r"agents\[0\]"):
        check(sent(agent(**changes)))  # type: ignore[arg-type]
