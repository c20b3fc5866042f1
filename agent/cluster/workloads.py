"""What manifests tell of workloads: owner, service group, labels, and what runs.

In: pods as the cluster has them (a sink of their watch), and which workloads a package
names. Out: facts of those that are new or changed. Labels and annotations are read off
pods, which have those of their templates; only the chosen ones are kept.

A revision is the hash that a controller gives its pods; the one whose pods started last
runs. Pods are not counted, so nothing is kept of each.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Set
from typing import Any

import msgspec

from agent.cluster.addresses import Workload
from agent.cluster.owners import Owners
from agent.cluster.watching.objects import Container, Pod
from proto.v1 import collector_pb2

MOST_WORKLOADS = 50_000
"""Kept, about 1 kB each; the one seen longest ago is forgotten."""
MOST_REVISIONS = 5
"""Of a workload, the latest."""
MOST_LABELS = 20
LONGEST = 253
"""Bytes of a value; longer ones are cut."""
LONGEST_IMAGE = 512
MOST_NEWS = 1_000
"""Workloads told in one package; the rest follows in the next."""
AGAIN_SECONDS = 6 * 3600.0
"""Told anew after so long, for a store that was replaced."""
GROUP_KEY = "app.kubernetes.io/part-of"
REVISION_KEYS = ("pod-template-hash", "controller-revision-hash")
PROXIES = frozenset(("istio-proxy", "linkerd-proxy", "envoy"))
"""Containers beside the main one."""


class Revision(msgspec.Struct):
    """Pods of one template."""

    image: str
    since_ns: int
    """Start of the first pod."""
    latest_ns: int
    """Start of the last one."""


class Known(msgspec.Struct):
    """What is known of one workload."""

    owner: str = ""
    part_of: str = ""
    labels: dict[str, str] = {}
    revisions: dict[str, Revision] = {}
    version: int = 0
    """Grows with each change."""
    told: int = -1
    """The version that was told …"""
    told_at: float = 0.0
    """… and when."""

    def ordered(self) -> list[tuple[str, Revision]]:
        """The one that runs last."""
        return sorted(self.revisions.items(), key=lambda pair: pair[1].latest_ns)


class Workloads:
    """Put by the watch's thread, asked by the digger's."""

    def __init__(
        self,
        owner_keys: Iterable[str] = (),
        labels: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.owners = Owners()
        """Who names them."""
        self._owner_keys = tuple(owner_keys)
        self._labels = tuple(labels)[:MOST_LABELS]
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[Workload, Known] = OrderedDict()

    def put(self, pod: Pod) -> None:
        """Takes what a pod tells of its workload. Pods of nobody may be called by data,
        and those on the host's network count as the node: neither is told of."""
        workload = self.owners.workload(pod)
        if workload.kind == "Pod" or pod.spec.host_network:
            return
        with self._lock:
            known = self._known.setdefault(workload, Known())
            self._known.move_to_end(workload)
            if len(self._known) > MOST_WORKLOADS:
                self._known.popitem(last=False)
            self._take(known, pod)

    def drop(self, uid: str) -> None:
        """What ran stays known."""

    def uids(self) -> Set[str]:
        """None: nothing is kept of each pod."""
        return frozenset()

    def news(self, named: Iterable[Workload]) -> list[Any]:
        """Facts of the named workloads that were not told yet, for a package."""
        news: list[Any] = []
        now = self._clock()
        with self._lock:
            for workload in named:
                known = self._known.get(workload)
                if known is None or len(news) >= MOST_NEWS:
                    continue
                if known.told != known.version or now - known.told_at > AGAIN_SECONDS:
                    known.told, known.told_at = known.version, now
                    news.append(_facts(workload, known))
        return news

    def clear(self) -> None:
        """What was told may have been lost."""
        with self._lock:
            for known in self._known.values():
                known.told = -1

    def _take(self, known: Known, pod: Pod) -> None:
        labels = pod.metadata.labels or {}
        told = (
            _first(self._owner_keys, labels, pod.metadata.annotations or {}),
            _cut(labels.get(GROUP_KEY, "")),
            {key: _cut(labels[key]) for key in self._labels if key in labels},
        )
        is_news = self._run(known, pod, labels)
        if told != (known.owner, known.part_of, known.labels):
            known.owner, known.part_of, known.labels = told
            is_news = True
        known.version += is_news

    def _run(self, known: Known, pod: Pod, labels: dict[str, str]) -> bool:
        """Notes which revision the pod is of; whether that is news."""
        started = pod.status.startTime
        if started is None:
            return False
        start_ns = int(started.timestamp()) * 10**9
        image = _image(pod)
        name = _first(REVISION_KEYS, labels, {}) or image
        running = known.ordered()[-1][0] if known.revisions else None
        revision = known.revisions.get(name)
        if revision is None:
            known.revisions[name] = Revision(image, start_ns, start_ns)
            if len(known.revisions) > MOST_REVISIONS:
                del known.revisions[known.ordered()[0][0]]
            return name in known.revisions
        is_news = start_ns < revision.since_ns or image not in ("", revision.image)
        revision.since_ns = min(revision.since_ns, start_ns)
        revision.latest_ns = max(revision.latest_ns, start_ns)
        revision.image = image or revision.image
        return is_news or known.ordered()[-1][0] != running


def _facts(workload: Workload, known: Known) -> Any:
    return collector_pb2.WorkloadFacts(
        workload=collector_pb2.Workload(**workload._asdict()),
        owner=known.owner,
        part_of=known.part_of,
        labels=known.labels,
        revisions=[
            collector_pb2.Revision(
                name=name, image=revision.image, since_ns=revision.since_ns
            )
            for name, revision in known.ordered()
        ],
    )


def _first(keys: tuple[str, ...], *told: dict[str, str]) -> str:
    found = (one[key] for key in keys for one in told if one.get(key))
    return _cut(next(found, ""))


def _image(pod: Pod) -> str:
    """The main container's, with its digest if the node knows it."""
    containers = pod.spec.containers or [Container()]
    main = next((c for c in containers if c.name not in PROXIES), containers[0])
    for status in pod.status.containerStatuses or ():
        digest = status.image_id.partition("@")[2]
        if status.name == main.name and digest and "@" not in main.image:
            return _cut(f"{main.image}@{digest}", LONGEST_IMAGE)
    return _cut(main.image, LONGEST_IMAGE)


def _cut(text: str, most: int = LONGEST) -> str:
    return text.encode()[:most].decode(errors="ignore")
