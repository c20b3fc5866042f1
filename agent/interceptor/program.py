"""The interceptor: captures the pods of one node and puts pairs on Kafka.

It finds the pods' interfaces, matches them with the digger's address list, and keeps
the workers that read the rings: tells them what to monitor, starts crashed ones again,
and sums their counters into coverage reports. The workers do the capturing.
"""

import logging
import os
import queue
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait

import msgspec

from agent.cluster.service import AddressClient
from agent.health import Pulse
from agent.interceptor import privileges
from agent.interceptor.coverage import Coverage, Report
from agent.interceptor.interfaces import Interfaces
from agent.interceptor.orders import (
    Cluster,
    Flush,
    Monitor,
    Order,
    Start,
    Stop,
    encode_order,
)
from agent.interceptor.placement import Placement
from agent.interceptor.pods import PodInterface
from agent.interceptor.witness import Traffic, Witness, payload_lost
from agent.interceptor.worker import ring_bytes, worker_count
from agent.kafka.producer import RecordProducer
from agent.kafka.reachability import Reachability
from agent.lifecycle import Roles
from agent.metrics import Metric, gauge
from agent.record import encoder
from agent.settings import Settings

log = logging.getLogger("vethscope")

WINDOW_SECONDS = 2.0
"""Coverage is reported this often."""
LIST_SECONDS = 3.0
"""So long after the start the digger's list is awaited, lest pods be captured that are
not on it; then all pods are captured until it comes."""
RESTART_SECONDS = 1.0
"""A crashed worker is started again after this."""

LEAST_QUEUE_BYTES = 1 << 20
"""A worker's part of kafka.queue_bytes, however many workers there are."""
WITNESS_SECONDS = 0.4
"""The interfaces' own counters are read this often, a little more than reports come."""

_TICK_SECONDS = 0.1
_decode_report = msgspec.msgpack.Decoder(Report).decode


class InterceptorError(Exception):
    """Capturing is not possible; the text says what is missing."""


class _Worker:
    """A worker process and our end of its socket."""

    def __init__(self, start: Start) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "agent.interceptor.worker",
                    str(theirs.fileno()),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        self.reports = Connection(ours.detach())
        self.is_flushed = True
        self.is_linked = False
        self.revision = 0
        self.carried: dict[int, Traffic] = {}
        """What the interfaces had carried when it reported last."""
        self.send(start)

    def send(self, order: Order) -> None:
        try:
            self.reports.send_bytes(encode_order(order))
        except ConnectionError:
            # Its end is noticed when its reports are read.
            log.debug("a worker is gone")

    def end(self, seconds: float) -> None:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            log.error("a worker did not drain within %.1f s", seconds)
            self.process.kill()
            self.process.wait()
        self.reports.close()


class Interceptor:
    """One node's capture. `run` works; the rest may be asked from other threads."""

    name = "interceptor"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._count = worker_count(settings.capture.workers)
        server, files = settings.addresses.server, settings.addresses.files
        self._client = AddressClient(server, settings.node, files) if server else None
        self._found: tuple[PodInterface, ...] = ()
        self._listed: frozenset[bytes] | None = None
        self._list_until = 0.0
        self._planned_for: tuple[PodInterface, ...] | None = None
        self._placement = Placement(settings.capture.inside_bytes, self._count)
        self._cluster = Cluster([])
        self._ordered = Monitor(0, {}, {}, {}, frozenset())
        self._changed = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """Readable when the interfaces have changed."""
        self._ordered_addresses: frozenset[bytes] = frozenset()
        self._monitored: frozenset[bytes] = frozenset()
        self._seed = secrets.randbits(32)
        self._window_ns = time.time_ns()
        self._pulse = Pulse()
        self._is_in_force = False
        self._has_been_in_force = False
        self._reachability = Reachability(settings.kafka.bootstrap)
        self._workers: dict[int, _Worker] = {}
        self._restart_at: dict[int, float] = {}
        self._lost_since: dict[int, dict[int, Traffic]] = {}
        """Numbers of workers that crashed → what the interfaces had carried."""
        self._witness = Witness()
        self._carried: dict[int, Traffic] = {}
        self._witnessed_at = 0.0
        self._flushes: queue.SimpleQueue[threading.Event] = queue.SimpleQueue()
        self._flushing: list[threading.Event] = []
        self.coverage = Coverage(settings.node)

    @property
    def monitored(self) -> frozenset[bytes]:
        """Addresses whose interfaces all workers capture now."""
        return self._monitored

    @property
    def is_live(self) -> bool:
        return self._pulse.is_live

    @property
    def is_ready(self) -> bool:
        """All workers capture what was ordered last, and nobody whom they need is away
        or refuses them."""
        workers = list(self._workers.values())
        return (
            self._is_in_force
            and self._reachability.is_up
            and (self._client is None or self._client.is_up)
            and all(worker.is_linked for worker in workers)
        )

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

    def worker_processes(self) -> list[int]:
        """Ids of the processes that read the rings now."""
        return [worker.process.pid for worker in self._workers.values()]

    def flush(self, timeout_seconds: float) -> bool:
        """Waits until all that was captured by now is with the broker."""
        done = threading.Event()
        self._flushes.put(done)
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
        with self._witness, Roles(done) as roles:
            roles.start("interfaces", self._watch_interfaces)
            if self._client:
                roles.start("addresses", self._client.run)
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
            if time.time_ns() - self._window_ns > WINDOW_SECONDS * 1e9:
                self._publish(producer)

    def _watch_interfaces(self, stop: threading.Event) -> None:
        def take(found: tuple[PodInterface, ...]) -> None:
            self._found = found
            os.eventfd_write(self._changed, 1)

        Interfaces().watch(stop, take)

    def _start(self, number: int) -> None:
        group = os.getpid() & 0xFFFF if self._count > 1 else None
        kafka = self._settings.kafka
        part = msgspec.structs.replace(
            kafka, queue_bytes=max(LEAST_QUEUE_BYTES, kafka.queue_bytes // self._count)
        )
        settings = msgspec.structs.replace(self._settings, kafka=part)
        size = ring_bytes(self._settings.capture.ring_bytes, self._count)
        worker = _Worker(Start(settings, number, size, group, self._count, self._seed))
        self._workers[number] = worker
        worker.send(self._cluster)
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
        revision = self._ordered.revision
        workers = list(self._workers.values())
        self._is_in_force = len(workers) == self._count and all(
            worker.revision == revision for worker in workers
        )
        if self._is_in_force:
            self._has_been_in_force = True
            self._monitored = self._ordered_addresses

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
        worker.carried = self._read_witness(WITNESS_SECONDS)
        if report.revision == self._ordered.revision:
            self._count_lost(number)

    def _read_witness(self, age_seconds: float = 0.0) -> dict[int, Traffic]:
        """What the interfaces have carried, no older than this."""
        now = time.monotonic()
        if now - self._witnessed_at >= age_seconds:
            self._witnessed_at = now
            monitored = self._ordered.host.keys()
            read = self._witness.read()
            self._carried = {index: read[index] for index in monitored & read.keys()}
            self.coverage.witness(self._carried)
        return self._carried

    def _count_lost(self, number: int) -> None:
        """A worker that was started again captures: what passed since its last word?"""
        if before := self._lost_since.pop(number, None):
            passed = payload_lost(self._read_witness(), before)
            self.coverage.lose({i: n // self._count for i, n in passed.items()})

    def _lose(self, number: int) -> None:
        worker = self._workers.pop(number)
        self._lost_since.setdefault(number, worker.carried)
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
        if self._awaits_list():
            return
        found, listed = self._found, self._client.wanted if self._client else None
        if found is self._planned_for and listed is self._listed:
            return
        if listed is not self._listed:
            self._cluster = Cluster(list(listed or ()))
            self._tell(self._cluster)
        self._planned_for, self._listed = found, listed
        plan = self._placement.plan(found, listed)
        self.coverage.place(plan)
        known = self._ordered
        order = Monitor(known.revision, plan.host, plan.inside, plan.proxied, plan.own)
        if order != known:
            order.revision += 1
            self._ordered = order
            self._ordered_addresses = frozenset(
                ip for addresses in plan.addresses.values() for ip in addresses
            )
            # What a new interface carries counts from before it is captured.
            self._read_witness()
            self._tell(order)
        if known.host.keys() != plan.host.keys() or known.inside != plan.inside:
            log.info(
                "monitoring %d interfaces, %d inside namespaces",
                len(plan.host),
                len(plan.inside),
            )

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
        self._read_witness()
        start_ns, self._window_ns = self._window_ns, time.time_ns()
        for window in self.coverage.window(start_ns, self._window_ns):
            producer.send(
                window.node.encode(),
                encoder.encode(window),
                0,
                producer.topics.coverage,
            )
        producer.poll()

    def _stop_workers(self, producer: RecordProducer) -> None:
        end = time.monotonic() + self._settings.capture.stop_seconds
        for worker in self._workers.values():
            worker.send(Stop())
        while self._workers and time.monotonic() < end:
            for number, worker in list(self._workers.items()):
                self._take_last(number, worker)
        for worker in self._workers.values():
            worker.end(0)
        self._publish(producer)
        producer.flush(1.0)

    def _take_last(self, number: int, worker: _Worker) -> None:
        try:
            if worker.reports.poll(_TICK_SECONDS):
                report = _decode_report(worker.reports.recv_bytes())
                self.coverage.update(number, report)
        except (EOFError, ConnectionError):
            del self._workers[number]
            self.coverage.end(number)
            worker.end(1.0)
