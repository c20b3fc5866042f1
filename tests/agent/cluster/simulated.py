"""A simulated cluster, with the truth: who had which address when.

In: random numbers. Out: intervals of truth by each node's own clock, and pods as an API
server would tell them, in the order in which it would: kubelets report late and cut
times to seconds, clocks differ, addresses are used again at once, nodes are lost and
come back with their pods at other addresses.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

import msgspec

from agent.cluster.watching.objects import Pod

SECOND = 10**9
START = 1_790_000_000.0
SKEW_SECONDS = 0.9
"""Clocks of nodes, and the digger's, are wrong by that much at most."""


class Told(NamedTuple):
    """At a time the API server has this of a pod."""

    at: float
    kind: str
    pod: Pod


class Truth(NamedTuple):
    """Between these times, by its node's clock, traffic of the address is its."""

    address: str
    workload: str
    start: float
    end: float


@dataclass
class _Node:
    name: str
    skew: float
    free: list[str]


@dataclass
class _Running:
    name: str
    workload: str
    node: _Node
    address: str
    created: float
    made: float
    """When its network was, in true time."""
    traffic: float
    scheduled: float
    before: float | None = None
    """When it ran first, if its node was lost meanwhile."""


class Cluster:
    """`run` it once; then there are events and truth."""

    def __init__(self, random: Random, nodes: int, addresses: int) -> None:
        self._random = random
        self.told: list[Told] = []
        self.truth: list[Truth] = []
        self._now = START
        self._running: list[_Running] = []
        self._count = 0
        self._told_at: dict[str, float] = {}
        self._nodes = [
            _Node(
                f"n{number}",
                random.uniform(-SKEW_SECONDS, SKEW_SECONDS),
                [f"10.{number >> 8}.{number & 255}.{n + 2}" for n in range(addresses)],
            )
            for number in range(nodes)
        ]

    def run(self, steps: int) -> None:
        """Starts pods until half of the addresses are used, then rolls them over."""
        for _ in range(steps):
            self._now += self._random.choice((0.05, 0.3, 2.0, 15.0))
            if self._random.random() < 0.02 and self._running:
                self._reboot(self._random.choice(self._nodes))
            elif self._random.random() < 0.5:
                self._start()
            elif self._running:
                self._end(self._random.choice(self._running))
        for pod in list(self._running):
            self._leave(pod, self._now + 60)
        self.told.sort(key=lambda told: told.at)

    def _start(self) -> None:
        node = self._random.choice(self._nodes)
        if not node.free:
            return
        self._count += 1
        workload = f"w{self._random.randrange(6)}"
        # Scheduled, and waiting for a volume or an image, long before it has a network.
        scheduled = self._now - self._random.choice((0.5, 20.0, 200.0))
        made = self._now
        pod = _Running(
            name=f"{workload}-{self._count}",
            workload=workload,
            node=node,
            address=node.free.pop(self._random.randrange(len(node.free))),
            created=scheduled,
            made=made,
            traffic=made + self._random.choice((0.05, 1.0, 4.0)),
            scheduled=scheduled,
        )
        self._running.append(pod)
        lag = self._random.uniform(0.1, 2.5)
        if self._random.random() < 0.3:
            self._tell(made + lag, "ADDED", self._seen(pod))
            lag += self._random.uniform(0.1, 2)
        self._tell(max(made + lag, pod.traffic + 0.1), "MODIFIED", self._ready(pod))

    def _end(self, pod: _Running) -> None:
        self._running.remove(pod)
        pod_ends = max(self._now, pod.traffic + 1)
        self._leave(pod, pod_ends)
        self._now = pod_ends
        pod.node.free.append(pod.address)
        finished = self._dead(pod, pod_ends)
        lag = self._random.choice((0.2, 1.0, 8.0))
        if self._random.random() < 0.5:
            # The last report came before the object went, or with it.
            self._tell(pod_ends + lag / 2, "MODIFIED", finished)
        last = finished if self._random.random() < 0.8 else self._ready(pod)
        self._tell(pod_ends + lag, "DELETED", last)

    def _reboot(self, node: _Node) -> None:
        """Its pods come back, each with an address that another may have had."""
        pods = [pod for pod in self._running if pod.node is node]
        for pod in pods:
            if pod.traffic >= self._now:
                return
        for pod in pods:
            self._leave(pod, self._now)
        back = self._now + self._random.uniform(20, 90)
        addresses = [pod.address for pod in pods]
        self._random.shuffle(addresses)
        for pod, address in zip(pods, addresses, strict=True):
            pod.before = pod.traffic
            pod.address, pod.made = address, back + self._random.uniform(0, 3)
            pod.traffic = pod.made + self._random.uniform(0.05, 2)
            lag = self._random.uniform(0.1, 4)
            self._tell(pod.traffic + lag, "MODIFIED", self._ready(pod))
        self._now = back + 8

    def _leave(self, pod: _Running, at: float) -> None:
        skew = pod.node.skew
        start = pod.traffic + skew
        self.truth.append(Truth(pod.address, pod.workload, start, at + skew))

    def _tell(self, at: float, kind: str, pod: Pod) -> None:
        # What is told of one pod is told in order.
        at = max(at, self._told_at.get(pod.metadata.uid, 0.0) + 0.01)
        self._told_at[pod.metadata.uid] = at
        self.told.append(Told(at, kind, pod))

    def _seen(self, pod: _Running) -> Pod:
        """It has an address; no more is told."""
        return _pod(pod, {"phase": "Pending"})

    def _ready(self, pod: _Running) -> Pod:
        skew = pod.node.skew
        sandbox = {
            "type": "PodReadyToStartContainers",
            "status": "True",
            # Told when it was noticed.
            "lastTransitionTime": _time(pod.made + skew + self._random.uniform(0, 1.5)),
        }
        state = {"running": {"startedAt": _time(pod.traffic + skew)}}
        container: dict[str, Any] = {"name": "main", "state": state}
        if pod.before is not None:
            run = {"startedAt": _time(pod.before + skew)}
            container["lastState"] = {"terminated": run}
        status = {"containerStatuses": [container]}
        return _pod(pod, {"phase": "Running", "conditions": [sandbox]} | status)

    def _dead(self, pod: _Running, at: float) -> Pod:
        skew = pod.node.skew
        run = {"startedAt": _time(pod.traffic + skew), "finishedAt": _time(at + skew)}
        container = {"name": "main", "state": {"terminated": run}}
        status = {"phase": "Running", "containerStatuses": [container]}
        return _pod(pod, status, {"deletionTimestamp": _time(at)})


def relisted(told: list[Told], at: float) -> Iterator[Told]:
    """What a list at that time has, last things first, and what follows."""
    there: dict[str, Pod] = {}
    for one in told:
        if one.at <= at:
            there[one.pod.metadata.uid] = one.pod
            if one.kind == "DELETED":
                del there[one.pod.metadata.uid]
    for pod in reversed(there.values()):
        yield Told(at, "ADDED", pod)
    yield from (one for one in told if one.at > at)


def _pod(
    pod: _Running, status: dict[str, Any], metadata: dict[str, Any] | None = None
) -> Pod:
    owner = {"kind": "StatefulSet", "name": pod.workload, "controller": True}
    told = {
        "metadata": {
            "name": pod.name,
            "namespace": "shop",
            "uid": pod.name,
            "creationTimestamp": _time(pod.created),
            "ownerReferences": [owner],
        }
        | (metadata or {}),
        "spec": {"nodeName": pod.node.name},
        "status": {
            "podIP": pod.address,
            "podIPs": [{"ip": pod.address}],
            "startTime": _time(pod.scheduled + pod.node.skew),
        }
        | status,
    }
    return msgspec.convert(told, Pod)


def _time(seconds: float) -> str:
    """Cut to a second, as the API does."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()
