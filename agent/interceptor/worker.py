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
from collections.abc import Iterable
from multiprocessing.connection import Connection

import msgspec

from agent.interceptor import budget
from agent.interceptor.coverage import Counts, Report
from agent.interceptor.inside import Rings
from agent.interceptor.mesh import Proxies, identity
from agent.interceptor.orders import (
    Cluster,
    Flush,
    Monitor,
    Order,
    Start,
    decode_order,
)
from agent.interceptor.overload import DroppedBytes, Overload
from agent.interceptor.translation import Translation
from agent.kafka.producer import RecordProducer
from agent.kafka.reachability import Reachability
from agent.keys import KeyFileError
from agent.logs import set_up
from agent.record import VERSION
from agent.settings import Settings
from rings.assembler import Assembler
from rings.chooser import Chooser
from rings.gatherer import Gatherer, Packed
from rings.limits import Limits
from rings.message import Pair
from rings.ring import BLOCK_BYTES, RETIRE_MS, Ring, RingError
from rings.stats import Stats

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


class Monitored:
    """The addresses monitored anywhere: the list is long, this node's share is not.

    Who leaves is known on while frames from before are read: their exchanges belong to
    the views that know them.
    """

    def __init__(self, assembler: Assembler) -> None:
        self._assembler = assembler
        self._cluster: frozenset[bytes] = frozenset()
        self._own: frozenset[bytes] = frozenset()
        self._left_ns: dict[object, int] = {}

    def __contains__(self, address: object) -> bool:
        return (
            address in self._own
            or address in self._cluster
            or self._left_ns.get(address, 0) > self._assembler.now_ns
        )

    def set_cluster(self, addresses: frozenset[bytes], now_ns: int) -> None:
        gone, self._cluster = self._cluster - addresses, addresses
        self._leave(gone, now_ns)

    def set_own(self, addresses: frozenset[bytes], now_ns: int) -> None:
        gone, self._own = self._own - addresses, addresses
        self._leave(gone, now_ns)

    def _leave(self, gone: frozenset[bytes], now_ns: int) -> None:
        read_ns = self._assembler.now_ns
        self._left_ns = {ip: at for ip, at in self._left_ns.items() if at > read_ns}
        self._left_ns |= dict.fromkeys(gone, now_ns)


class Worker:
    """Reads the rings until told to stop."""

    def __init__(self, orders: Connection, start: Start) -> None:
        self._orders = orders
        self._number = start.number
        self._assembler = Assembler(
            Limits(body_bytes=start.settings.capture.body_bytes)
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
        self._dropped_bytes = DroppedBytes()
        self._drain_seconds = DRAIN_SHARE * start.settings.capture.stop_seconds
        self._deliver_seconds = DELIVER_SHARE * start.settings.capture.stop_seconds
        self._wake = select.poll()
        self._wake.register(self._rings, select.POLLIN)
        self._wake.register(orders, select.POLLIN)
        self._monitored = Monitored(self._assembler)
        self._proxies = Proxies()
        self._loopbacks: set[int] = set()
        self._gatherer.behind_proxy = self._loopbacks
        self._gone: dict[int, float] = {}
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
            self._wake.poll(READ_SECONDS * 1000)
            self._is_news |= self._read(0)
            while self._orders.poll(0):
                self._obey(decode_order(self._orders.recv_bytes()))
            if self._is_report_due():
                self._report()

    def close(self) -> None:
        """Hands on what was captured, within the bounds, and reports the end."""
        self._drain(self._drain_seconds)
        self._hand_on(self._assembler.close())
        self._send(self._gatherer.close())
        self._producer.close(self._deliver_seconds)
        self._report(is_flushed=True)
        self._rings.close_all()
        self._ring.close()
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
            self._end_views(time.monotonic())
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

    def _obey(self, order: Order) -> None:
        if isinstance(order, Monitor):
            self._monitor(order)
        elif isinstance(order, Cluster):
            addresses = frozenset(order.addresses)
            self._monitored.set_cluster(addresses, time.time_ns())
        elif isinstance(order, Flush):
            self._drain(self._drain_seconds)
            self._send(self._gatherer.close())
            self._producer.flush(self._deliver_seconds)
            self._report(is_flushed=True)
        else:
            self._is_stopping = True

    def _monitor(self, order: Monitor) -> None:
        mine = {n: i for n, i in order.inside.items() if i.worker == self._number}
        self._ring.set_interfaces(frozenset(order.host))
        self._rings.open(mine)
        self._loopbacks |= {n for n, place in mine.items() if place.is_loopback}
        self._monitored.set_own(order.own, time.time_ns())
        views = {**order.host, **{n: i.addresses for n, i in mine.items()}}
        for number, addresses in views.items():
            view = self._assembler.view(number)
            view.own = frozenset(addresses)
            view.monitored = self._monitored
            view.translation = self._translation if number in order.host else None
            loopback = order.inside.get(order.proxied.get(number, 0))
            view.proxy = self._proxies.of(number, loopback)
        end = time.monotonic() + _QUIET_SECONDS
        gone = set(self._assembler.views) - set(views)
        for number in gone:
            self._rings.mute(number)
        self._gone = {number: self._gone.get(number, end) for number in gone}
        self._revision = order.revision
        self._report()

    def _end_views(self, now: float) -> None:
        """Of interfaces that went, once all their frames must have been read."""
        for number, end in list(self._gone.items()):
            if now >= end:
                del self._gone[number]
                self._rings.close(number)
                self._proxies.close(number)
                self._loopbacks.discard(number)
                self._end_view(number)

    def _end_view(self, number: int) -> None:
        """Its connections end, then its counters, which the assembler keeps, are told
        a last time under its own number."""
        view = self._assembler.views.get(number)
        self._hand_on(self._assembler.drop_view(number))
        lost = _dropped(self._dropped_bytes.by_interface.pop(number, 0))
        if view is not None:
            counts = counts_of(view.stats)
            self._ended[number] = counts.plus(lost)
            self._told = self._told.plus(counts)

    def _hand_on(self, pairs: list[Pair]) -> None:
        if pairs:
            self._gatherer.most_bytes = self._producer.largest
            self._send(self._gatherer.feed(pairs, self._assembler.now_ns))

    def _send(self, batches: Iterable[Packed]) -> None:
        for key, value, exchanges in batches:
            self._producer.send(key, value, exchanges)

    def _report(self, is_flushed: bool = False) -> None:
        self._overload.count()
        counts = dict(self._overload.counts)
        counts |= {f"kafka_{name}": n for name, n in self._producer.dropped.items()}
        counts |= gathered(self._gatherer)
        self._dropped_bytes.feed(
            self._assembler.views,
            counts["ring_drops"],
            time.time_ns(),
            math.inf if is_flushed else self._assembler.now_ns,
        )
        lost = self._dropped_bytes.by_interface
        views = {
            interface: counts_of(view.stats).plus(_dropped(lost[interface]))
            for interface, view in self._assembler.views.items()
            if view.stats.frames
        }
        untold = counts_of(self._assembler.stats).added_since(self._told)
        report = Report(
            node=untold.plus(Counts({}, counts)),
            views=views,
            ended=self._ended,
            revision=self._revision,
            refused=self._rings.refused,
            delivered=self._producer.delivered,
            is_flushed=is_flushed,
            is_linked=self._producer.reachability.is_up,
        )
        self._orders.send_bytes(_encode_report(report))
        self._ended = {}
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
    """What is not zero."""
    return Counts(
        {name: value for name, value in stats.buckets().items() if value},
        {name: value for name, value in stats.counts().items() if value},
    )


def _dropped(lost_bytes: int) -> Counts:
    """What the kernel dropped, in the bucket and in the sum of all."""
    if not lost_bytes:
        return Counts()
    return Counts({"ring_drop": lost_bytes}, {"payload_bytes": lost_bytes})


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
