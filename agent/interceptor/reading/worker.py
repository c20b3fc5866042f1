"""A worker: one ring, its pairs, what is sent of them.

A process of its own, started by the interceptor with one end of a socket pair as its
argument. In come `Order`s on it and frames on the ring; out go batches to Kafka and
`Report`s on the socket. It ends when ordered to or when the interceptor is gone.
"""

import contextlib
import logging
import math
import os
import select
import signal
import sys
import time
from collections.abc import Iterable, Set
from multiprocessing.connection import Connection

import msgspec

from agent.cluster.address_list.blocks import AddressSet
from agent.interceptor.coverage import Counts, Report
from agent.interceptor.orders import (
    Cluster,
    Flush,
    Monitor,
    Order,
    Start,
    decode_order,
)
from agent.interceptor.reading import budget
from agent.interceptor.reading.inside import Rings
from agent.interceptor.reading.left_out import SHED, LeftOut
from agent.interceptor.reading.mesh import Proxies, identity
from agent.interceptor.reading.monitored import EVERYWHERE, Monitored
from agent.interceptor.reading.overload import Overload
from agent.interceptor.reading.translation import Translation
from agent.interceptor.reading.witness import Traffic, Witness
from agent.kafka.producer import RecordProducer
from agent.kafka.reachability import Reachability
from agent.keys import KeyFileError
from agent.logs import set_up
from agent.record import VERSION
from agent.settings import Settings
from rings.limits import Limits
from rings.packets.ring import BLOCK_BYTES, RETIRE_MS, Ring, RingError
from rings.pairs.message import Pair
from rings.records.chooser import Chooser
from rings.records.gatherer import Gatherer, Packed
from rings.stats import Stats
from rings.streams.assembler import Assembler

log = logging.getLogger("vethscope")

READ_SECONDS = 0.1
REPORT_SECONDS = 0.5
QUIET_SECONDS = 5.0
"""A worker reports that often when it has read nothing since the last time: what it
gives up waiting for changes counters too."""
DRAIN_SHARE = 0.3
"""Of capture.stop_seconds: so long at most a worker reads what the ring still holds."""
DELIVER_SHARE = 0.6
"""… and so long it waits for the broker."""

_QUIET_SECONDS = 3 * RETIRE_MS / 1000
"""When the ring stays empty for so long, all frames before were read."""


_encode_report = msgspec.msgpack.Encoder().encode


class Worker:
    """Reads the rings until told to stop."""

    def __init__(self, orders: Connection, start: Start) -> None:
        self._orders = orders
        self._number = start.number
        self._assembler = Assembler(
            Limits(
                body_bytes=start.settings.capture.body_bytes,
                json_by_structure=start.settings.capture.json_by_structure,
                part_ns=int(start.settings.capture.part_seconds * 1e9),
            )
        )
        # The interceptor's own producer has the same settings, and tells what is wrong.
        reachability = Reachability(start.settings.kafka.bootstrap, log.debug)
        self._producer = RecordProducer(start.settings, reachability)
        self._gatherer = gatherer(start.settings, start.workers, start.seed)
        self._translation = Translation()
        self._ring = Ring(start.ring_bytes, start.fanout_group)
        self._rings = Rings(self._ring)
        self._overload = Overload(
            self._rings,
            self._assembler,
            start.settings.capture,
            start.workers,
            start.seed,
        )
        self._left_out = LeftOut()
        self._told_losses = (0, 0)
        self._ends_ns: float = math.inf
        """When capturing ended."""
        self._drain_seconds = DRAIN_SHARE * start.settings.capture.stop_seconds
        self._deliver_seconds = DELIVER_SHARE * start.settings.capture.stop_seconds
        self._wake = select.poll()
        self._wake.register(self._rings, select.POLLIN)
        self._wake.register(orders, select.POLLIN)
        self._monitored = Monitored(self._assembler)
        self._nodes = AddressSet()
        self._node_ports = start.settings.capture.node_port_range
        self._proxies = Proxies()
        self._hiding: set[int] = set()
        """Views of loopbacks where a proxy stands before its clients' addresses."""
        self._gatherer.behind_proxy = self._hiding
        self._gone: dict[int, int] = {}
        """Views whose interfaces went, and when (nanoseconds)."""
        self._witness = Witness()
        self._captured: frozenset[int] = frozenset()
        """Host interfaces."""
        self._began: dict[int, Traffic] = {}
        """What they had carried when their capture began, for the next report."""
        self._ended: dict[int, Counts] = {}
        """Last counters of views, for the next report."""
        self._told = Counts()
        """Those told before, all together: the assembler keeps them."""
        self._delivered = 0
        self._reported_at = 0.0
        self._is_news = False
        self._is_linked = False
        self._revision = 0
        self._is_stopping = False

    def run(self) -> None:
        self._report()
        while not self._is_stopping:
            ready = self._wake.poll(READ_SECONDS * 1000)
            self._is_news |= self._read(0)
            if any(file == self._orders.fileno() for file, _ in ready):
                self._obey(decode_order(self._orders.recv_bytes()))
            if self._is_report_due():
                self._report()

    def close(self) -> None:
        """Hands on what was captured, within the bounds, and reports the end."""
        self._empty()
        self._hand_on(self._assembler.close())
        self._send(self._gatherer.close())
        self._report()
        self._producer.close(self._deliver_seconds)
        self._report(is_flushed=True)
        self._rings.close_all()
        self._ring.close()
        self._overload.close()
        self._witness.close()
        self._translation.close()
        self._proxies.close_all()

    def _is_report_due(self) -> bool:
        is_news = (
            self._is_news
            or bool(self._ended)
            or self._delivered != self._producer.delivered
            or self._is_linked != self._producer.reachability.is_up
        )
        age = time.monotonic() - self._reported_at
        return age >= (REPORT_SECONDS if is_news else QUIET_SECONDS)

    def _read(self, timeout_seconds: float) -> bool:
        """Takes the blocks that are ready; true if there were any."""
        took = False
        for ring in self._rings.ready(timeout_seconds):
            for block in ring.read(0):
                took = True
                self._hand_on(self._assembler.feed(block))
                self._hand_on(self._overload.check())
                self._producer.poll()
        if self._gone:
            self._end_views(time.time_ns())
        if not took:
            now_ns = time.time_ns() - 2 * RETIRE_MS * 1_000_000
            self._hand_on(self._assembler.expire(now_ns))
            self._hand_on(self._overload.check())
            self._producer.poll()
        self._send(self._gatherer.expire(self._assembler.now_ns))
        return took

    def _drain(self, seconds: float) -> None:
        end = quiet = time.monotonic() + seconds
        while (now := time.monotonic()) < min(end, quiet):
            if self._read(RETIRE_MS / 1000) or quiet == end:
                quiet = now + _QUIET_SECONDS

    def _empty(self) -> None:
        """Captures nothing more, reads what waits, and counts what there is no time
        for: then each frame that the kernel captured was counted."""
        self._rings.mute_all()
        self._ends_ns = time.time_ns()
        end = time.monotonic() + self._drain_seconds
        while self._overload.frames_waiting and time.monotonic() < end:
            self._read(RETIRE_MS / 1000)
        end = time.monotonic() + _QUIET_SECONDS
        while self._overload.frames_waiting and time.monotonic() < end:
            for ring in self._rings.ready(RETIRE_MS / 1000):
                for block in ring.read(0):
                    self._assembler.leave(block)

    def _obey(self, order: Order) -> None:
        if isinstance(order, Monitor):
            self._monitor(order)
        elif isinstance(order, Cluster):
            if order.nodes is not None:
                self._nodes = AddressSet.decode(order.nodes)
                for view in self._assembler.views.values():
                    view.nodes = self._nodes
            self._monitored.set_cluster(order, time.time_ns())
        elif isinstance(order, Flush):
            self._drain(self._drain_seconds)
            self._send(self._gatherer.close())
            self._producer.flush(self._deliver_seconds)
            self._report(is_flushed=True)
        else:
            self._is_stopping = True

    def _monitor(self, order: Monitor) -> None:
        mine = {n: i for n, i in order.inside.items() if i.worker == self._number}
        new = order.host.keys() - self._captured
        self._captured = frozenset(order.host)
        self._ring.set_interfaces(self._captured)
        self._began |= self._carried(new)
        self._rings.open(mine)
        loopbacks = {n: place for n, place in mine.items() if place.is_loopback}
        self._hiding |= {n for n, p in loopbacks.items() if not p.is_transparent}
        self._monitored.set_own(order.own, time.time_ns())
        views = {**order.host, **{n: i.addresses for n, i in mine.items()}}
        for number, addresses in views.items():
            view = self._assembler.view(number)
            view.own = frozenset(addresses)
            view.monitored = EVERYWHERE if number in loopbacks else self._monitored
            view.aliases = order.aliases
            view.nodes, view.node_ports = self._nodes, self._node_ports
            view.translation = self._translation if number in order.host else None
            loopback = order.inside.get(order.proxied.get(number, 0))
            view.proxy = self._proxies.of(number, loopback)
        now_ns = time.time_ns()
        gone = set(self._assembler.views) - set(views)
        for number in gone:
            self._rings.mute(number)
        self._gone = {number: self._gone.get(number, now_ns) for number in gone}
        self._revision = order.revision
        self._report()

    def _carried(self, interfaces: Set[int]) -> dict[int, Traffic]:
        """What they have carried by now; those that are gone are left out."""
        if not interfaces:
            return {}
        try:
            carried = self._witness.read()
        except OSError as error:
            log.debug("interface counters are not told: %s", error)
            return {}
        return {index: carried[index] for index in interfaces & carried.keys()}

    def _end_views(self, now_ns: int) -> None:
        """Of interfaces that went, once all their frames must have been read: those
        before were, and the kernel handed over the last."""
        for number, gone_ns in list(self._gone.items()):
            is_handed_over = now_ns - gone_ns >= _QUIET_SECONDS * 1e9
            if is_handed_over and self._assembler.now_ns >= gone_ns:
                del self._gone[number]
                for block in self._rings.rest(number):
                    self._hand_on(self._assembler.feed(block))
                self._rings.close(number)
                self._proxies.close(number)
                self._hiding.discard(number)
                self._end_view(number)

    def _end_view(self, number: int) -> None:
        """Its connections end, then its counters, which the assembler keeps, are told
        a last time under its own number."""
        view = self._assembler.views.get(number)
        self._hand_on(self._assembler.drop_view(number))
        if view is not None:
            self._left_out.end(number, view.stats)
            self._ended[number] = counts_of(view.stats)
            self._told = self._told.plus(self._ended[number])

    def _hand_on(self, pairs: list[Pair]) -> None:
        if pairs:
            self._gatherer.most_bytes = self._producer.largest
            self._send(self._gatherer.feed(pairs, self._assembler.now_ns))

    def _send(self, batches: Iterable[Packed]) -> None:
        for key, value, exchanges in batches:
            self._producer.send(key, value, exchanges)

    def _report(self, is_flushed: bool = False) -> None:
        now_ns = time.time_ns()
        is_all_read = self._overload.frames_waiting == 0
        counts = dict(self._overload.counts)
        counts |= {f"kafka_{name}": n for name, n in self._producer.dropped.items()}
        counts |= gathered(self._gatherer)
        views = self._assembler.views
        read_ns = now_ns if is_all_read else self._assembler.now_ns
        until_ns = math.inf if is_flushed else read_ns
        self._left_out.feed(views, counts["ring_drops"], now_ns, until_ns)
        losses, self._told_losses = self._told_losses, self._overload.losses
        stats = {i: view.stats for i, view in views.items() if view.stats.frames}
        untold = counts_of(self._assembler.stats).added_since(self._told)
        report = Report(
            node=untold.plus(Counts({}, counts)),
            views={interface: counts_of(one) for interface, one in stats.items()},
            ended=self._ended,
            left_out=self._left_out.take(),
            header_bytes={
                i: s.header_bytes / s.segments for i, s in stats.items() if s.segments
            },
            read_ns=int(min(read_ns, self._ends_ns)),
            is_losing=self._overload.level > 0 or losses != self._told_losses,
            began=self._began,
            revision=self._revision,
            refused=self._rings.refused,
            delivered=self._producer.delivered,
            is_flushed=is_flushed,
            is_linked=self._producer.reachability.is_up,
        )
        self._orders.send_bytes(_encode_report(report))
        self._ended, self._began = {}, {}
        self._delivered = report.delivered
        self._is_linked = report.is_linked
        self._reported_at = time.monotonic()
        self._is_news = False


def gatherer(settings: Settings, workers: int, seed: int) -> Gatherer:
    """As `capture.bodies` wants it; the rate is the node's, shared by its workers."""
    capture = settings.capture
    chooser = None
    if capture.bodies == "chosen":
        rate = capture.whole_per_second / workers
        chooser = Chooser(rate, capture.whole_interval_seconds, seed)
    return Gatherer(VERSION, settings.node, chooser, identity)


def gathered(source: Gatherer) -> dict[str, int]:
    """Its counters that are not zero."""
    counts = {
        "sent_whole": source.records,
        "record_cut": source.records_cut,
        "sights_delayed": source.delayed,
    }
    return {name: count for name, count in counts.items() if count}


def counts_of(stats: Stats) -> Counts:
    """What is not zero, and was read: not what samples say of what was shed."""
    buckets = {name: value for name, value in stats.buckets().items() if value}
    counts = stats.counts() | {
        "payload_bytes": stats.payload_bytes - buckets.pop(SHED, 0)
    }
    return Counts(buckets, {name: value for name, value in counts.items() if value})


def main(descriptor: int) -> int:
    """Works on the socket `descriptor`; the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with Connection(descriptor) as orders:
        start = decode_order(orders.recv_bytes())
        if not isinstance(start, Start):
            return 2
        set_up(start.settings.logs.level)
        budget.lower_priority(start.settings.capture.priority)
        try:
            worker = Worker(orders, start)
        except (RingError, KeyFileError) as error:
            orders.send_bytes(_encode_report(Report(Counts(), failure=str(error))))
            return 1
        # The interceptor is gone when its end of the socket is.
        with contextlib.suppress(EOFError, ConnectionError):
            worker.run()
        with contextlib.suppress(ConnectionError):
            worker.close()
    return 0


def ring_bytes(total: int, workers: int) -> int:
    """Each worker's part of the node's ring memory, in whole blocks."""
    return max(2 * BLOCK_BYTES, total // workers // BLOCK_BYTES * BLOCK_BYTES)


def worker_count(configured: int) -> int:
    return configured or max(1, (os.cpu_count() or 1) // 4)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
