"""How the cluster is reached from outside: addresses and host names of its own, with
the workload that answers there.

In: services and pods as their watches tell them, and whatever else tells of names that
lead in (`Reached`). Out: rows for packages: all now and then, changes at once. So the
cloud knows what one cluster calls outside and another one is.

What is behind a service its selector says, matched with the labels of pods; of each
workload those of its latest pod are kept.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Set
from ipaddress import ip_address
from typing import Any, NamedTuple

from agent.cluster.addresses import Workload
from agent.cluster.owners import Owners
from agent.cluster.watching.objects import Pod, Service
from proto.v1 import collector_pb2

MOST_REACHED = 10_000
"""Rows of all objects together; a large cluster has some hundred."""
MOST_OF_ONE = 200
"""Rows of one object."""
MOST_WORKLOADS = 50_000
"""Whose labels are kept, about 500 bytes each; the one seen longest ago goes first."""
MOST_BEHIND = 10
"""Workloads behind one service."""
MOST_NEWS = 1_000
"""Rows told in one package; the rest follows in the next."""
AGAIN_SECONDS = 900.0
"""Told anew after so long: the cloud believes an hour."""
LONGEST_NAME = 253

SERVICE = collector_pb2.Outward.SERVICE
Labels = frozenset[tuple[str, str]]


class Reached(NamedTuple):
    """One name or address, and what answers there."""

    workload: Workload
    name: str
    """As `name_of` gives it."""
    port: int
    """0: any."""
    source: int


class _Told(NamedTuple):
    """What one object tells; with a selector, of the workloads behind it."""

    reached: tuple[Reached, ...]
    namespace: str = ""
    selector: Labels = frozenset()


class Outward:
    """Put by the watches' threads, asked by the digger's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.services = Services(self)
        self.pods = Pods(self)
        self.owners = Owners()
        """Who owns pods, as the digger knows it."""
        self._clock = clock
        self._lock = threading.Lock()
        self._objects: dict[str, _Told] = {}
        self._rows = 0
        self._labels: OrderedDict[Workload, Labels] = OrderedDict()
        self._told: dict[Reached, float] = {}
        self._is_changed = False
        self._looked_at = 0.0

    def keep(self, uid: str, reached: Iterable[Reached]) -> None:
        """All that an object, by its uid, tells now."""
        self._keep(uid, _Told(tuple(reached)[:MOST_OF_ONE]))

    def drop(self, uid: str) -> None:
        """It is gone."""
        self._keep(uid, _Told(()))

    def news(self) -> list[Any]:
        """Rows that are new, or were told long ago, for a package."""
        now = self._clock()
        with self._lock:
            if not self._is_changed and now - self._looked_at < AGAIN_SECONDS:
                return []
            held = [row for told in self._objects.values() for row in self._held(told)]
        due = [row for row in held if now - self._told.get(row, -1e9) >= AGAIN_SECONDS]
        news = due[:MOST_NEWS]
        self._told = {
            row: at for row in held if (at := self._told.get(row)) is not None
        }
        self._told |= dict.fromkeys(news, now)
        with self._lock:
            self._is_changed = len(due) > len(news)
            self._looked_at = now
        return [_message(row) for row in news]

    def clear(self) -> None:
        """What was told may have been lost."""
        with self._lock:
            self._told.clear()
            self._is_changed = True

    def _keep(self, uid: str, told: _Told) -> None:
        with self._lock:
            before = self._objects.pop(uid, _Told(()))
            self._rows += len(told.reached) - len(before.reached)
            if self._rows > MOST_REACHED:
                self._rows -= len(told.reached)
                told = _Told(())
            if told.reached:
                self._objects[uid] = told
            self._is_changed |= told != before

    def label(self, workload: Workload, labels: Labels) -> None:
        """Those of a pod of the workload."""
        with self._lock:
            known = self._labels.get(workload)
            if known != labels:
                self._labels[workload] = labels
                self._is_changed = self._is_changed or bool(self._objects)
            self._labels.move_to_end(workload)
            if len(self._labels) > MOST_WORKLOADS:
                self._labels.popitem(last=False)

    def select(self, service: Service) -> None:
        """What a service tells, with what is behind it."""
        spec, metadata = service.spec, service.metadata
        name = Workload(metadata.namespace, "Service", metadata.name)
        names = [entry.ip or entry.hostname for entry in service.fronts]
        known = filter(None, map(name_of, [*names, *(spec.externalIPs or ())]))
        ports = [one.port for one in spec.ports or ()] or [0]
        rows = [Reached(name, n, p, SERVICE) for n in sorted(set(known)) for p in ports]
        selector = frozenset((spec.selector or {}).items())
        told = _Told(tuple(rows)[:MOST_OF_ONE], metadata.namespace, selector)
        self._keep(metadata.uid, told)

    def _held(self, told: _Told) -> Iterable[Reached]:
        """The rows of an object, of each workload behind it."""
        behind = [
            workload
            for workload, labels in self._labels.items()
            if told.selector
            and workload.namespace == told.namespace
            and told.selector <= labels
        ][:MOST_BEHIND]
        for row in told.reached:
            yield from (row._replace(workload=one) for one in behind)
            if not behind:
                yield row


class Services:
    """A sink of services."""

    def __init__(self, outward: Outward) -> None:
        self._outward = outward
        self._uids: set[str] = set()

    def put(self, service: Service) -> None:
        self._uids.add(service.metadata.uid)
        self._outward.select(service)

    def drop(self, uid: str) -> None:
        self._uids.discard(uid)
        self._outward.drop(uid)

    def uids(self) -> Set[str]:
        return self._uids


class Pods:
    """A sink of pods."""

    def __init__(self, outward: Outward) -> None:
        self._outward = outward

    def put(self, pod: Pod) -> None:
        """Pods of nobody may be called by data, and are not told of."""
        workload = self._outward.owners.workload(pod)
        if workload.kind != "Pod" and pod.metadata.labels:
            self._outward.label(workload, frozenset(pod.metadata.labels.items()))

    def drop(self, uid: str) -> None:
        """What ran stays known."""

    def uids(self) -> Set[str]:
        """None: nothing is kept of each pod."""
        return frozenset()


def name_of(text: str) -> str:
    """An address as RFC 5952 writes it, or a host name in small letters; empty: it is
    neither."""
    try:
        return str(ip_address(text))
    except ValueError:
        host = text.lower().rstrip(".")
        plain = host.removeprefix("*.").replace(".", "").replace("-", "")
        is_host = plain.replace("_", "").isalnum() and plain.isascii()
        return host if is_host and len(host) <= LONGEST_NAME else ""


def _message(row: Reached) -> Any:
    return collector_pb2.Outward(
        workload=collector_pb2.Workload(**row.workload._asdict()),
        name=row.name,
        port=row.port,
        source=row.source,  # type: ignore[arg-type]
    )
