"""The interceptor: captures the pods of one node and puts pairs on Kafka.

It finds the pods' interfaces, matches them with the digger's address list, and keeps
the workers that read the rings: tells them what to monitor, starts crashed ones again,
and sums their counters into coverage reports. The workers do the capturing.
"""

import logging
import os
import queue
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection, wait

import msgspec

from agent.cluster.address_list.client import AddressClient, Listed
from agent.harvest.harvest import USUAL, Harvest, Pace
from agent.health import Pulse
from agent.interceptor import privileges
from agent.interceptor.coverage import Coverage, Report
from agent.interceptor.orders import (
    Cluster,
    Flush,
    Monitor,
    Order,
    Start,
    Stop,
)
from agent.interceptor.placement import Placement
from agent.interceptor.process import Process
from agent.interceptor.reading.worker import ring_bytes, worker_count
from agent.interceptor.reporting import Reporting
from agent.interceptor.search.interfaces import Interfaces
from agent.interceptor.search.pods import PodInterface
from agent.interceptor.unseen import Unseen
from agent.kafka.descriptors import DescriptorsTopic
from agent.kafka.producer import RecordProducer
from agent.kafka.reachability import Reachability
from agent.lifecycle import Roles
from agent.metrics import Metric, gauge
from agent.settings import Settings

log = logging.getLogger("vethscope")

LIST_SECONDS = 3.0
"""So long after the start the digger's list is awaited, lest pods be captured that are
not on it; then all pods are captured until it comes."""
RESTART_SECONDS = 1.0
"""A crashed worker is started again after this."""

LEAST_QUEUE_BYTES = 1 << 20
"""A worker's part of kafka.queue_bytes, however many workers there are."""

_TICK_SECONDS = 0.25
_decode_report = msgspec.msgpack.Decoder(Report).decode


class InterceptorError(Exception):
    """Capturing is not possible; the text says what is missing."""


class Interceptor:
    """One node's capture. `run` works; the rest may be asked from other threads."""

    name = "interceptor"

    def __init__(self, settings: Settings, pace: Pace = USUAL) -> None:
        """`pace` is that of the harvest."""
        self._settings = settings
        self._pace = pace
        self._count = worker_count(settings.capture.workers)
        server, files = settings.addresses.server, settings.addresses.files
        self._client = AddressClient(server, settings.node, files) if server else None
        self._found: tuple[PodInterface, ...] | None = None
        """None: the interfaces were not read yet."""
        self._listed: Listed | None = None
        self._list_until = 0.0
        self._planned_for: tuple[PodInterface, ...] | None = None
        self._placement = Placement(settings.capture.inside_bytes, self._count)
        self._ordered = Monitor(0, {}, {}, {}, frozenset())
        self._changed = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """Readable when the interfaces have changed."""
        self._ordered_views: dict[int, tuple[bytes, ...]] = {}
        self._monitored: frozenset[bytes] = frozenset()
        self._told_places: tuple[int, int] | None = None
        """Interfaces, and of these inside namespaces, as the log has them."""
        self._seed = secrets.randbits(32)
        self._pulse = Pulse()
        self._in_force = 0
        """Revision of the last order that all workers obey; 0: none."""
        self._has_been_in_force = False
        self._reachability = Reachability(settings.kafka.bootstrap)
        self._workers: dict[int, Process] = {}
        self._restart_at: dict[int, float] = {}
        self._flushes: queue.SimpleQueue[threading.Event] = queue.SimpleQueue()
        self._flushing: list[threading.Event] = []
        self.coverage = Coverage(settings.node)
        self._reporting = Reporting(settings.node, self.coverage)
        self._unseen = Unseen(self.coverage, self._count)
        self._harvest: Harvest | None = None
        self._is_stopping = False

    @property
    def monitored(self) -> frozenset[bytes]:
        """Addresses whose interfaces all workers capture now."""
        return self._monitored

    @property
    def is_live(self) -> bool:
        return self._pulse.is_live

    @property
    def is_ready(self) -> bool:
        """All workers capture all that is found and wanted now, and nobody whom they
        need is away or refuses them."""
        workers = list(self._workers.values())
        return (
            self._is_in_force
            and self._is_planned
            and self._reachability.is_up
            and (self._client is None or self._client.is_up)
            and all(worker.is_linked for worker in workers)
        )

    @property
    def _is_in_force(self) -> bool:
        return 0 < self._in_force == self._ordered.revision

    @property
    def _is_planned(self) -> bool:
        """What is ordered takes all into account that is known."""
        listed = self._client.wanted if self._client else None
        return self._planned_for is self._found and self._listed is listed

    @property
    def state(self) -> str:
        """In a word, see `agent/record.py`; the first of what is wrong."""
        workers = self._workers.copy()
        wrong = {
            "stopped": self._is_stopping,
            "starting": not self._has_been_in_force,
            "workers_down": len(workers) < self._count,
            "kafka_away": not self._reachability.is_up,
            "list_away": self._client is not None and not self._client.is_up,
            "list_old": self._client is not None and self._client.is_old,
        }
        return next((word for word, is_so in wrong.items() if is_so), "ready")

    @property
    def has_started(self) -> bool:
        return self._has_been_in_force

    def metrics(self) -> Iterator[Metric]:
        yield from self.coverage.metrics()
        yield gauge(
            "vethscope_capture_workers", "Worker processes.", len(self._workers)
        )
        yield gauge(
            "vethscope_capture_addresses",
            "Addresses of pods that are captured.",
            len(self._monitored),
        )
        if self._client is not None:
            yield gauge(
                "vethscope_capture_list_age_seconds",
                "How long the address list may have been another one.",
                self._client.age_seconds,
            )
        if self._harvest is not None:
            yield from self._harvest.metrics()

    def worker_processes(self) -> list[int]:
        """Ids of the processes that read the rings now."""
        return [worker.process.pid for worker in self._workers.values()]

    def flush(self, timeout_seconds: float) -> bool:
        """Waits until all that was captured by now is with the broker."""
        done = threading.Event()
        self._flushes.put(done)
        os.eventfd_write(self._changed, 1)
        return done.wait(timeout_seconds)

    def run(self, stop: threading.Event) -> None:
        """Captures until `stop` is set, then drains.

        Raises InterceptorError, PrivilegeError.
        """
        for lack in privileges.check():
            log.warning("%s", lack)
        producer = RecordProducer(self._settings, self._reachability)
        for number in range(self._count):
            self._start(number)
        self._list_until = time.monotonic() + LIST_SECONDS
        done = threading.Event()
        with self._unseen, Roles(done) as roles:
            roles.start("interfaces", self._watch_interfaces)
            if self._client:
                roles.start("addresses", self._client.run)
            if self._settings.capture.descriptors:
                topic = DescriptorsTopic(self._settings)
                self._harvest = Harvest(self._namespaces, topic, pace=self._pace)
                roles.start("harvest", self._harvest.run)
            try:
                self._supervise(producer, stop, done)
            finally:
                self._stop_workers(producer)
        os.close(self._changed)
        log.info("interceptor stopped")

    def _supervise(
        self, producer: RecordProducer, stop: threading.Event, failed: threading.Event
    ) -> None:
        while not stop.is_set() and not failed.is_set():
            self._pulse.beat()
            self._read_reports(_TICK_SECONDS)
            self._start_crashed()
            self._order()
            self._pass_on_flushes()
            if self._reporting.is_due:
                self._publish(producer)

    def _watch_interfaces(self, stop: threading.Event) -> None:
        def take(found: tuple[PodInterface, ...]) -> None:
            self._found = found
            os.eventfd_write(self._changed, 1)

        def take_host_pods(count: int) -> None:
            self.coverage.blind["host_network"] = count

        Interfaces().watch(stop, take, take_host_pods)

    def _namespaces(self) -> frozenset[int]:
        """Inodes of the network namespaces of what is captured."""
        return frozenset(
            interface.namespace_inode
            for interface in self._found or ()
            if not interface.addresses.isdisjoint(self._monitored)
        )

    def _start(self, number: int) -> None:
        group = os.getpid() & 0xFFFF if self._count > 1 else None
        kafka = self._settings.kafka
        part = msgspec.structs.replace(
            kafka, queue_bytes=max(LEAST_QUEUE_BYTES, kafka.queue_bytes // self._count)
        )
        settings = msgspec.structs.replace(self._settings, kafka=part)
        size = ring_bytes(self._settings.capture.ring_bytes, self._count)
        worker = Process(Start(settings, number, size, group, self._count, self._seed))
        self._workers[number] = worker
        if self._client:
            worker.send(Cluster(*self._client.whole()))
        worker.send(self._ordered)

    def _start_crashed(self) -> None:
        now = time.monotonic()
        for number, at in list(self._restart_at.items()):
            if now >= at:
                del self._restart_at[number]
                self._start(number)

    def _read_reports(self, timeout_seconds: float) -> None:
        by_connection = {w.reports: n for n, w in self._workers.items()}
        for ready in wait([*by_connection, self._changed], timeout_seconds):
            if isinstance(ready, Connection):
                self._read_report(by_connection[ready])
            else:
                os.eventfd_read(self._changed)
        if self._flushing and all(w.is_flushed for w in self._workers.values()):
            for done in self._flushing:
                done.set()
            self._flushing.clear()
        self._note_force()

    def _note_force(self) -> None:
        """The last order is in force when all workers say so, and could obey it."""
        workers = self._workers.values()
        is_obeyed = len(workers) == self._count and all(
            worker.revision == self._ordered.revision for worker in workers
        )
        can_be = is_obeyed and self._planned_for is not None
        self._in_force = self._ordered.revision if can_be else 0
        if not self._is_in_force:
            return
        self._has_been_in_force = True
        self._monitored = _addresses(self._ordered_views)
        places = len(self._ordered.host), len(self._ordered.inside)
        if places != self._told_places:
            self._told_places = places
            log.info("monitoring %d interfaces, %d inside namespaces", *places)

    def _read_report(self, number: int) -> None:
        worker = self._workers[number]
        try:
            report = _decode_report(worker.reports.recv_bytes())
        except (EOFError, ConnectionError):
            self._lose(number)
            return
        if report.failure:
            raise InterceptorError(report.failure)
        worker.is_flushed = worker.is_flushed or report.is_flushed
        worker.revision = report.revision
        worker.is_linked = report.is_linked
        if self._placement.refuse(report.refused):
            self._planned_for = None
        self.coverage.update(number, report)
        self._unseen.report(number, report)

    def _lose(self, number: int) -> None:
        worker = self._workers.pop(number)
        self._unseen.lose(number)
        worker.end(1.0)
        self.coverage.end(number)
        self.coverage.count("worker_restarts")
        log.error(
            "worker %d ended with status %s, starting it again: what its ring and "
            "streams held is lost",
            number,
            worker.process.returncode,
        )
        self._restart_at[number] = time.monotonic() + RESTART_SECONDS

    def _order(self) -> None:
        """Tells the workers what to monitor, if it changed."""
        if self._found is None or self._awaits_list():
            return
        found, listed = self._found, self._client.wanted if self._client else None
        if found is self._planned_for and listed is self._listed:
            return
        for news in self._client.news() if self._client else ():
            self._tell(Cluster(*news))
        self._planned_for, self._listed = found, listed
        plan = self._placement.plan(found, listed)
        self.coverage.place(plan)
        known = self._ordered
        order = Monitor(
            known.revision, plan.host, plan.inside, plan.proxied, plan.own, plan.aliases
        )
        if order == known and known.revision:
            return
        order.revision += 1
        self._ordered = order
        self._monitored &= _addresses(_both(self._ordered_views, plan.captured))
        self._ordered_views = plan.captured
        self._unseen.order(plan.host.keys())
        self._tell(order)

    def _awaits_list(self) -> bool:
        if self._client is None or self._client.is_complete.is_set():
            return False
        return time.monotonic() < self._list_until

    def _tell(self, order: Order) -> None:
        for worker in self._workers.values():
            worker.send(order)

    def _pass_on_flushes(self) -> None:
        while not self._flushes.empty():
            self._flushing.append(self._flushes.get())
            for worker in self._workers.values():
                worker.is_flushed = False
                worker.send(Flush())

    def _publish(self, producer: RecordProducer) -> None:
        self._unseen.read()
        self._reporting.publish(producer, self.state, len(self._workers))

    def _stop_workers(self, producer: RecordProducer) -> None:
        self._is_stopping = True
        end = time.monotonic() + self._settings.capture.stop_seconds
        for worker in self._workers.values():
            worker.send(Stop())
        while self._workers and time.monotonic() < end:
            for number, worker in list(self._workers.items()):
                self._take_last(number, worker)
        for number in list(self._workers):
            self._end_late(number)
        self._publish(producer)
        producer.flush(1.0)

    def _end_late(self, number: int) -> None:
        """A worker that did not stop in time: what it held, and what passed since its
        last report, is lost."""
        worker = self._workers.pop(number)
        worker.end(0)
        self.coverage.end(number)
        self._unseen.end(number)

    def _take_last(self, number: int, worker: Process) -> None:
        try:
            if worker.reports.poll(_TICK_SECONDS):
                report = _decode_report(worker.reports.recv_bytes())
                self.coverage.update(number, report)
                self._unseen.report(number, report)
        except (EOFError, ConnectionError):
            del self._workers[number]
            self.coverage.end(number)
            self._unseen.leave(number)
            worker.end(1.0)


def _addresses(views: Mapping[int, tuple[bytes, ...]]) -> frozenset[bytes]:
    return frozenset(ip for addresses in views.values() for ip in addresses)


def _both(
    one: Mapping[int, tuple[bytes, ...]], other: Mapping[int, tuple[bytes, ...]]
) -> dict[int, tuple[bytes, ...]]:
    """What stands in both under the same number."""
    return {
        number: tuple({*addresses} & {*other[number]})
        for number, addresses in one.items()
        if number in other
    }
