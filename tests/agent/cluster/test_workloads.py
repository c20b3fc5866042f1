"""Owners, groups, labels and revisions are read off pods and told once."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from agent.cluster import workloads
from agent.cluster.addresses import Workload
from agent.cluster.watching.objects import Pod
from agent.cluster.workloads import AGAIN_SECONDS, Workloads

ORDERS = Workload("shop", "Deployment", "orders")


def pod(
    revision: str = "7f9c4",
    minute: int = 0,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    **more: Any,
) -> Pod:
    """As the API server tells it."""
    told: dict[str, Any] = {
        "metadata": {
            "name": f"orders-{revision}-x",
            "namespace": "shop",
            "uid": revision + str(minute),
            "labels": {"pod-template-hash": revision} | (labels or {}),
            "annotations": annotations or {},
            "ownerReferences": [
                {"kind": "ReplicaSet", "name": f"orders-{revision}", "controller": True}
            ],
        },
        "spec": {
            "containers": [
                {"name": "istio-proxy", "image": "proxy:1"},
                {"name": "main", "image": f"shop/orders:{revision}"},
            ]
        }
        | more,
        "status": {
            "phase": "Running",
            "startTime": datetime(2026, 1, 1, 0, minute, tzinfo=UTC).isoformat(),
            "containerStatuses": [
                {"name": "istio-proxy", "imageID": "proxy@sha256:9"},
                {"name": "main", "imageID": "shop/orders@sha256:1"},
            ],
        },
    }
    return msgspec.json.decode(msgspec.json.encode(told), type=Pod)


def told(known: Workloads) -> list[Any]:
    return known.news({ORDERS})


def at(minute: int) -> int:
    return int(datetime(2026, 1, 1, 0, minute, tzinfo=UTC).timestamp()) * 10**9


def test_chosen_labels_and_annotations_are_told() -> None:
    known = Workloads(["owner", "team"], ["tier", "none"])
    labels = {"tier": "gold", "secret": "x", "app.kubernetes.io/part-of": "store"}
    known.put(pod(labels=labels, annotations={"team": "payments"}))
    (facts,) = told(known)
    assert (facts.workload.name, facts.owner, facts.part_of) == (
        *("orders", "payments", "store"),
    )
    assert dict(facts.labels) == {"tier": "gold"}
    (revision,) = facts.revisions
    assert (revision.name, revision.image, revision.since_ns) == (
        *("7f9c4", "shop/orders:7f9c4@sha256:1", at(0)),
    )


def test_facts_are_told_when_they_change_only() -> None:
    known = Workloads(["owner"])
    known.put(pod())
    assert len(told(known)) == 1
    known.put(pod(minute=3))
    assert told(known) == []
    known.put(pod(labels={"owner": "jane"}))
    assert told(known)[0].owner == "jane"
    known.clear()
    assert len(told(known)) == 1


def test_facts_are_told_again_after_hours() -> None:
    now = 0.0
    known = Workloads(clock=lambda: now)
    known.put(pod())
    assert len(told(known)) == 1
    now = AGAIN_SECONDS + 1
    assert len(told(known)) == 1


def test_a_rollout_and_its_undoing_are_told() -> None:
    known = Workloads()
    for revision, minute in (("old", 1), ("old", 0), ("new", 5)):
        known.put(pod(revision, minute))
    assert [(r.name, r.since_ns) for r in told(known)[0].revisions] == [
        ("old", at(0)),
        ("new", at(5)),
    ]
    known.put(pod("old", 9))
    assert [r.name for r in told(known)[0].revisions] == ["new", "old"]


def test_revisions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workloads, "MOST_REVISIONS", 2)
    known = Workloads()
    for minute, revision in enumerate("abc"):
        known.put(pod(revision, minute))
    assert [r.name for r in told(known)[0].revisions] == ["b", "c"]
    known.put(pod("a", 0))
    assert told(known) == []


def test_workloads_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workloads, "MOST_WORKLOADS", 1)
    known = Workloads()
    known.put(pod())
    other = pod()
    other.metadata.namespace = "web"
    known.put(other)
    assert told(known) == []
    assert len(known.news({ORDERS._replace(namespace="web")})) == 1


def test_values_are_cut() -> None:
    known = Workloads(["owner"])
    known.put(pod(labels={"owner": "ä" * 200}))
    assert len(told(known)[0].owner.encode()) == 252


@pytest.mark.parametrize("lone", [True, False])
def test_lone_pods_and_nodes_are_not_told(lone: bool) -> None:
    known = Workloads()
    one = pod(hostNetwork=not lone)
    if lone:
        one.metadata.owner_references = None
    known.put(one)
    names = ("Pod", "orders-7f9c4-x"), ("Deployment", "orders")
    assert known.news({Workload("shop", *name) for name in names}) == []
    assert not known.uids()


def test_one_that_has_not_started_has_no_revision() -> None:
    known = Workloads(["owner"])
    waiting = pod(labels={"owner": "jane"})
    waiting.status.startTime = None
    known.put(waiting)
    (facts,) = told(known)
    assert (facts.owner, list(facts.revisions)) == ("jane", [])
