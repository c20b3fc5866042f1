"""Coverage: what a node's workers captured, missed and did with every byte.

In come the workers' counters and what the interfaces carried, out go sums for the whole
run and, per window, what was added to them, as `NodeCoverage` for the coverage topic.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from agent.interceptor.placement import Plan
from agent.interceptor.reading.witness import Traffic
from agent.metrics import COUNTER, GAUGE, Metric, counter
from agent.record import VERSION, NodeCoverage

LEVEL = "in_flight"
"""Bytes not yet decided: the one bucket that shrinks, so windows leave it out."""
LOST = "worker_lost"
"""Bytes that a worker held, or did not read, when it crashed."""
BEFORE = "before_capture"
"""Bytes that passed an interface before the workers obeyed the order to capture it."""

_NOTHING = Traffic(0, 0)

MISSED_SECONDS = 60.0
"""A pod that is not captured is reported again after this."""


class Counts(msgspec.Struct):
    """Counters that only grow."""

    buckets: dict[str, int] = {}
    """Reason → TCP payload bytes."""
    counts: dict[str, int] = {}
    """Reason → pieces."""

    def added_since(self, before: "Counts") -> "Counts":
        buckets = _difference(self.buckets, before.buckets)
        buckets.pop(LEVEL, None)
        return Counts(buckets, _difference(self.counts, before.counts))

    def plus(self, other: "Counts") -> "Counts":
        return Counts(
            dict(Counter(self.buckets) + Counter(other.buckets)),
            dict(Counter(self.counts) + Counter(other.counts)),
        )


class Report(msgspec.Struct):
    """A worker's counters since its start."""

    node: Counts
    """What belongs to no pod: ring, frames, producer."""
    views: dict[int, Counts] = {}
    """By the number of the view; those that saw nothing are left out."""
    ended: dict[int, Counts] = {}
    """Views that ended since the last report: told once, then they are in no report."""
    revision: int = 0
    """Of the last order to monitor that is in force."""
    left_out: dict[int, dict[str, int]] = {}
    """By view, since the last report: bucket → bytes that it takes to be left out."""
    header_bytes: dict[int, float] = {}
    """By view: in front of the payload of a segment, on average."""
    read_ns: int = 0
    """All that was captured until then, and not left out, is counted."""
    is_losing: bool = False
    """Something was left out or dropped since the last report."""
    began: dict[int, Traffic] = {}
    """Host interfaces captured since the last report → what they had carried then."""
    refused: dict[int, str] = {}
    """Number of an interface that cannot be captured inside its namespace → why."""
    delivered: int = 0
    """Records that the broker took."""
    is_flushed: bool = False
    """An answer to a flush: all that was captured before it is included."""
    failure: str = ""
    """Why the worker ends."""
    is_linked: bool = False
    """Its producer has a broker that serves it."""


class Coverage:
    """Sums of a node's workers, ended ones included."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._lock = threading.Lock()
        """Metrics are read in another thread."""
        self._current: dict[int, Report] = {}
        self._settled: dict[bytes, Counts] = {}
        """What will not change any more, by pod."""
        self._settled_delivered = 0
        self._sent: dict[bytes, Counts] = {}
        self._pods: dict[int, bytes] = {}
        self._where: dict[bytes, set[str]] = {}
        self._placed: frozenset[int] = frozenset()
        self._silent: set[int] = set()
        """Views that are gone, and of which the last window told nothing more."""
        self._missed: dict[bytes, str] = {}
        self.blind: dict[str, int] = {}
        """Known blind spot → pods in it, all of the node together."""
        self._blind_told_ns: dict[str, int] = {}
        self._told_ns: dict[bytes, int] = {}
        self._carried: dict[int, Traffic] = {}
        self._last_read: dict[int, Traffic] = {}

    def update(self, worker: int, report: Report) -> None:
        with self._lock:
            self._current[worker] = report
            for number, counts in report.ended.items():
                self._settle(self._pod(number), counts)

    def end(self, worker: int) -> None:
        """The worker is gone; what it counted stays, what it held is lost."""
        with self._lock:
            if report := self._current.pop(worker, None):
                self._settle_all(report)

    def lose(self, bucket: str, payload_bytes: Mapping[int, int]) -> None:
        """By interface: what passed it and was not read (estimated)."""
        with self._lock:
            for interface, lost in payload_bytes.items():
                if lost:
                    counts = Counts({bucket: lost}, {"payload_bytes": lost})
                    self._settle(self._pod(interface), counts)

    def witness(self, read: Mapping[int, Traffic]) -> None:
        """What the monitored interfaces carried, by their own counters."""
        with self._lock:
            for interface in read:
                if before := self._last_read.get(interface):
                    added = read[interface].since(before)
                    known = self._carried.get(interface, _NOTHING)
                    self._carried[interface] = known.plus(added)
            self._last_read = dict(read)

    def count(self, reason: str) -> None:
        """Something of the node as a whole, once."""
        with self._lock:
            self._settle(b"", Counts({}, {reason: 1}))

    def place(self, plan: Plan) -> None:
        """What is captured from now on, and where.

        Counters are reported under the first address of the interface's pod, and stay
        there if it gets others.
        """
        self._where = {}
        self._placed = frozenset(plan.addresses)
        for number, addresses in plan.addresses.items():
            pod = self._pods.setdefault(number, addresses[0] if addresses else b"")
            self._where.setdefault(pod, set()).add(plan.where[number])
        self._missed = plan.missed

    def missed(self) -> dict[bytes, str]:
        """Pods that are not captured, or not wholly → why."""
        return self._missed

    def places(self) -> dict[bytes, set[str]]:
        """Pods that are → where."""
        return self._where

    def held(self) -> set[bytes]:
        """Pods of which there are sums."""
        return {*self._sent, *self._settled} - {b""}

    def total(self) -> Counts:
        """Of the whole node."""
        total = Counts()
        with self._lock:
            sums = self._by_pod()
        for counts in sums.values():
            total = total.plus(counts)
        return total

    def metrics(self) -> Iterator[Metric]:
        """Of the whole node; reasons are our own words."""
        total = self.total()
        yield Metric(
            "vethscope_capture_payload_bytes_total",
            COUNTER,
            "TCP payload by what became of it; some are estimates.",
            "bucket",
            {name: n for name, n in total.buckets.items() if name != LEVEL},
        )
        yield Metric(
            "vethscope_capture_pieces_total",
            COUNTER,
            "Frames, messages, connections and the like, by what they are.",
            "reason",
            total.counts,
        )
        yield Metric(
            "vethscope_capture_blind_pods",
            GAUGE,
            "Pods of which something passes all rings by, by why.",
            "spot",
            dict(self.blind),
        )
        yield counter(
            "vethscope_capture_records_total",
            "Records that the broker took.",
            self.delivered,
        )

    @property
    def delivered(self) -> int:
        with self._lock:
            current = sum(report.delivered for report in self._current.values())
            return self._settled_delivered + current

    def window(self, start_ns: int, end_ns: int) -> list[NodeCoverage]:
        """What was added since the last call, per pod; nothing for silent ones."""
        with self._lock:
            return [
                *self._added(start_ns, end_ns),
                *self._not_captured(start_ns, end_ns),
                *self._blind_spots(start_ns, end_ns),
            ]

    def _added(self, start_ns: int, end_ns: int) -> list[NodeCoverage]:
        windows = []
        for pod, counts in self._by_pod().items():
            added = counts.added_since(self._sent.get(pod, Counts()))
            if any(added.buckets.values()) or any(added.counts.values()):
                for place in self._where.get(pod, ()):
                    added.counts[f"captured_{place}"] = 1
                windows.append(
                    NodeCoverage(
                        version=VERSION,
                        node=self._node,
                        window_start_ns=start_ns,
                        window_end_ns=end_ns,
                        pod=pod,
                        buckets=added.buckets,
                        counts=added.counts,
                    )
                )
            self._sent[pod] = counts
        self._forget_gone()
        return windows

    def _not_captured(self, start_ns: int, end_ns: int) -> list[NodeCoverage]:
        """A window now and then for each pod that is not captured, or not wholly."""
        told = {pod: at for pod, at in self._told_ns.items() if pod in self._missed}
        due = [
            pod
            for pod in self._missed
            if end_ns - told.get(pod, 0) >= MISSED_SECONDS * 1e9
        ]
        self._told_ns = {**told, **dict.fromkeys(due, end_ns)}
        return [
            NodeCoverage(
                version=VERSION,
                node=self._node,
                window_start_ns=start_ns,
                window_end_ns=end_ns,
                pod=pod,
                counts={f"missed_{self._missed[pod]}": 1},
            )
            for pod in due
        ]

    def _blind_spots(self, start_ns: int, end_ns: int) -> list[NodeCoverage]:
        """One window of the node now and then, while there are any."""
        counts = {}
        for spot, pods in self.blind.items():
            told_ns = self._blind_told_ns.get(spot, 0)
            if pods and end_ns - told_ns >= MISSED_SECONDS * 1e9:
                self._blind_told_ns[spot] = end_ns
                counts[f"blind_{spot}"] = pods
        if not counts:
            return []
        return [NodeCoverage(VERSION, self._node, start_ns, end_ns, counts=counts)]

    def _pod(self, number: int) -> bytes:
        return self._pods.get(number, b"")

    def _settle(self, pod: bytes, counts: Counts) -> None:
        self._settled[pod] = self._settled.get(pod, Counts()).plus(counts)

    def _settle_all(self, report: Report) -> None:
        for counts in (report.node, *report.views.values()):
            if held := counts.buckets.pop(LEVEL, 0):
                counts.buckets[LOST] = counts.buckets.get(LOST, 0) + held
        self._settle(b"", report.node)
        for number, counts in report.views.items():
            self._settle(self._pod(number), counts)
        self._settled_delivered += report.delivered

    def _forget_gone(self) -> None:
        """Views and pods of which nothing more will come; the node keeps their sums."""
        active = {n for report in self._current.values() for n in report.views}
        silent = self._pods.keys() - active - self._placed
        gone, self._silent = silent & self._silent, silent
        for number in gone:
            if carried := self._carried.pop(number, None):
                self._settle(self._pod(number), _witnessed(carried))
            del self._pods[number]
        for pod in self._settled.keys() - {b"", *self._pods.values()}:
            counts = self._settled.pop(pod)
            self._settle(b"", counts)
            self._sent.pop(pod, None)
            self._sent[b""] = self._sent.get(b"", Counts()).plus(counts)

    def _by_pod(self) -> dict[bytes, Counts]:
        sums = dict(self._settled)
        for report in self._current.values():
            _add(sums, b"", report.node)
            for number, counts in report.views.items():
                _add(sums, self._pod(number), counts)
        for number, carried in self._carried.items():
            _add(sums, self._pod(number), _witnessed(carried))
        return sums


def _add(sums: dict[bytes, Counts], pod: bytes, counts: Counts) -> None:
    known = sums.get(pod)
    sums[pod] = known.plus(counts) if known else counts


def _witnessed(carried: Traffic) -> Counts:
    return Counts(
        {},
        {
            "interface_bytes": carried.frame_bytes,
            "interface_packets": carried.packets,
        },
    )


def _difference(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    changed = {name: value - before.get(name, 0) for name, value in now.items()}
    return {name: value for name, value in changed.items() if value}
