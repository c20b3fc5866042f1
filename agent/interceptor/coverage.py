"""Coverage: what a node's workers captured, missed and did with every byte.

In come the workers' counters and what the interfaces carried, out go sums for the whole
run and, per window, what was added to them, as `NodeCoverage` for the coverage topic.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from agent.interceptor.placement import Plan
from agent.interceptor.witness import Traffic
from agent.metrics import COUNTER, Metric, counter
from agent.record import VERSION, NodeCoverage

LEVEL = "in_flight"
"""Bytes not yet decided: the one bucket that shrinks, so windows leave it out."""
LOST = "worker_lost"
"""Bytes that a worker held, or did not read, when it crashed."""

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
    """By host interface index."""
    revision: int = 0
    """Of the last order to monitor that is in force."""
    refused: dict[int, str] = {}
    """Number of an interface that cannot be captured inside its namespace → why."""
    delivered: int = 0
    """Records that the broker took."""
    is_flushed: bool = False
    """An answer to a flush: all that was captured before it is included."""
    failure: str = ""
    """Why the worker ends."""


class Coverage:
    """Sums of a node's workers, ended ones included."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._current: dict[int, Report] = {}
        self._ended: list[Report] = []
        self._sent: dict[bytes, Counts] = {}
        self._pods: dict[int, bytes] = {}
        self._where: dict[bytes, set[str]] = {}
        self._missed: dict[bytes, str] = {}
        self._told_ns: dict[bytes, int] = {}
        self._carried: dict[int, Traffic] = {}
        self._last_read: dict[int, Traffic] = {}

    def update(self, worker: int, report: Report) -> None:
        # Replaced, not changed: metrics are read in another thread.
        self._current = {**self._current, worker: report}

    def end(self, worker: int) -> None:
        """The worker is gone; what it counted stays, what it held is lost."""
        if report := self._current.get(worker):
            self._current = {n: r for n, r in self._current.items() if n != worker}
            for counts in (report.node, *report.views.values()):
                if held := counts.buckets.pop(LEVEL, 0):
                    counts.buckets[LOST] = counts.buckets.get(LOST, 0) + held
            self._ended.append(report)

    def lose(self, payload_bytes: Mapping[int, int]) -> None:
        """By interface: what passed while a worker was away (estimated)."""
        views = {
            interface: Counts({LOST: lost}, {"payload_bytes": lost})
            for interface, lost in payload_bytes.items()
            if lost and interface in self._pods
        }
        self._ended.append(Report(Counts(), views))

    def witness(self, read: Mapping[int, Traffic]) -> None:
        """What the monitored interfaces carried, by their own counters."""
        carried = dict(self._carried)
        for interface in read:
            if before := self._last_read.get(interface):
                added = read[interface].since(before)
                carried[interface] = carried.get(interface, _NOTHING).plus(added)
        self._carried = carried
        self._last_read = dict(read)

    def count(self, reason: str) -> None:
        """Something of the node as a whole, once."""
        self._ended.append(Report(Counts({}, {reason: 1})))

    def place(self, plan: Plan) -> None:
        """What is captured from now on, and where.

        Counters are reported under the first address of the interface's pod.
        """
        self._where = {}
        for number, addresses in plan.addresses.items():
            pod = addresses[0] if addresses else b""
            self._pods[number] = pod
            self._where.setdefault(pod, set()).add(plan.where[number])
        self._missed = plan.missed

    def missed(self) -> dict[bytes, str]:
        """Pods that are not captured, or not wholly → why."""
        return self._missed

    def places(self) -> dict[bytes, set[str]]:
        """Pods that are → where."""
        return self._where

    def total(self) -> Counts:
        """Of the whole node."""
        total = Counts()
        for counts in self._by_pod().values():
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
        yield counter(
            "vethscope_capture_records_total",
            "Records that the broker took.",
            self.delivered,
        )

    @property
    def delivered(self) -> int:
        return sum(report.delivered for report in self._reports())

    def window(self, start_ns: int, end_ns: int) -> list[NodeCoverage]:
        """What was added since the last call, per pod; nothing for silent ones."""
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
        return windows + self._not_captured(start_ns, end_ns)

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

    def _reports(self) -> list[Report]:
        return [*self._ended, *self._current.values()]

    def _by_pod(self) -> dict[bytes, Counts]:
        sums: dict[bytes, Counts] = {}
        for report in self._reports():
            sums[b""] = sums.get(b"", Counts()).plus(report.node)
            for interface, counts in report.views.items():
                pod = self._pods.get(interface, b"")
                sums[pod] = sums.get(pod, Counts()).plus(counts)
        for interface, carried in self._carried.items():
            pod = self._pods.get(interface, b"")
            sums[pod] = sums.get(pod, Counts()).plus(_witnessed(carried))
        return sums


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
