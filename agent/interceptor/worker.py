"""A worker: one ring, its pairs, their records.

A process of its own, started by the interceptor with one end of a socket pair as its
argument. In come `Order`s on it and frames on the ring; out go records to Kafka and
`Report`s on the socket. It ends when ordered to or when the interceptor is gone.
"""

import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Iterable
from multiprocessing.connection import Connection
from typing import cast

import msgspec

from agent.interceptor import budget
from agent.interceptor.coverage import Counts, Report
from agent.interceptor.overload import DroppedBytes, Overload
from agent.interceptor.translation import Translation
from agent.logs import set_up
from agent.queue import RecordProducer
from agent.record import VERSION, Message, Record, encoder, server_key
from agent.settings import Settings
from rings.assembler import Assembler
from rings.limits import Limits
from rings.message import Message as Captured
from rings.message import Pair
from rings.ring import BLOCK_BYTES, RETIRE_MS, Ring, RingError
from rings.stats import Stats

log = logging.getLogger("vethscope")

READ_SECONDS = 0.1
REPORT_SECONDS = 0.5
DRAIN_SHARE = 0.4
"""Of capture.stop_seconds: so long at most a worker reads what the ring still holds,
and again so long it waits for the broker."""

_QUIET_SECONDS = 3 * RETIRE_MS / 1000
"""When the ring stays empty for so long, all frames before were read."""


class Start(msgspec.Struct, tag=True):
    """The first order."""

    settings: Settings
    ring_bytes: int
    fanout_group: int | None
    workers: int
    """Of this node."""
    seed: int
    """Of the numbers by which connections are shed."""


class Monitor(msgspec.Struct, tag=True):
    """Which interfaces to read, and which addresses exist."""

    revision: int
    interfaces: dict[int, list[bytes]]
    """Host interface index → the pod's addresses."""
    monitored: list[bytes]
    """All addresses of the cluster."""


class Flush(msgspec.Struct, tag=True):
    """Hand on all that was captured and say when the broker has it."""


class Stop(msgspec.Struct, tag=True):
    """Hand on all that was captured and end."""


Order = Start | Monitor | Flush | Stop
encode_order = msgspec.msgpack.Encoder().encode
_decode_order = msgspec.msgpack.Decoder(Order).decode
_encode_report = msgspec.msgpack.Encoder().encode


class Worker:
    """Reads the ring until told to stop."""

    def __init__(self, orders: Connection, start: Start) -> None:
        self._orders = orders
        self._node = start.settings.node
        self._assembler = Assembler(
            Limits(body_bytes=start.settings.capture.body_bytes)
        )
        self._producer = RecordProducer(start.settings)
        self._translation = Translation()
        self._ring = Ring(start.ring_bytes, start.fanout_group)
        self._overload = Overload(
            self._ring,
            self._assembler,
            start.settings.capture,
            start.workers,
            start.seed,
        )
        self._dropped_bytes = DroppedBytes()
        self._drain_seconds = DRAIN_SHARE * start.settings.capture.stop_seconds
        self._revision = 0
        self._is_stopping = False

    def run(self) -> None:
        reported = time.monotonic()
        self._report()
        while not self._is_stopping:
            self._read(READ_SECONDS)
            while self._orders.poll(0):
                self._obey(_decode_order(self._orders.recv_bytes()))
            if time.monotonic() - reported >= REPORT_SECONDS:
                reported = time.monotonic()
                self._report()

    def close(self) -> None:
        """Hands on what was captured, within the bounds, and reports the end."""
        self._drain(self._drain_seconds)
        self._hand_on(self._assembler.close())
        left = self._producer.flush(self._drain_seconds)
        if left:
            self._producer.dropped["not_delivered_at_stop"] += left
        self._report(is_flushed=True)
        self._ring.close()
        self._translation.close()

    def _read(self, timeout_seconds: float) -> bool:
        """Takes the blocks that are ready; true if there were any."""
        took = False
        for block in self._ring.read(timeout_seconds):
            took = True
            self._hand_on(self._assembler.feed(block))
            self._hand_on(self._overload.check())
            self._producer.poll()
        if not took:
            now_ns = time.time_ns() - 2 * RETIRE_MS * 1_000_000
            self._hand_on(self._assembler.expire(now_ns))
            self._hand_on(self._overload.check())
            self._producer.poll()
        return took

    def _drain(self, seconds: float) -> None:
        end = quiet = time.monotonic() + seconds
        while (now := time.monotonic()) < min(end, quiet):
            if self._read(RETIRE_MS / 1000) or quiet == end:
                quiet = now + _QUIET_SECONDS

    def _obey(self, order: Order) -> None:
        if isinstance(order, Monitor):
            self._monitor(order)
        elif isinstance(order, Flush):
            self._drain(self._drain_seconds)
            self._producer.flush(self._drain_seconds)
            self._report(is_flushed=True)
        else:
            self._is_stopping = True

    def _monitor(self, order: Monitor) -> None:
        self._ring.set_interfaces(frozenset(order.interfaces))
        monitored = frozenset(order.monitored)
        for gone in set(self._assembler.views) - set(order.interfaces):
            self._hand_on(self._assembler.drop_view(gone))
        for index, addresses in order.interfaces.items():
            view = self._assembler.view(index)
            view.own = frozenset(addresses)
            view.monitored = monitored
            view.translation = self._translation
        self._revision = order.revision
        self._report()

    def _hand_on(self, pairs: Iterable[Pair]) -> None:
        for pair in pairs:
            if pair.response is not None:
                record = record_of(pair, pair.response, self._node)
                self._producer.send(server_key(record), encoder.encode(record))

    def _report(self, is_flushed: bool = False) -> None:
        self._overload.count()
        counts = dict(self._overload.counts)
        counts |= {f"kafka_{name}": n for name, n in self._producer.dropped.items()}
        self._dropped_bytes.feed(self._assembler.views, counts["ring_drops"])
        lost = dict(self._dropped_bytes.by_interface)
        views = {
            interface: counts_of(view.stats).plus(_dropped(lost.pop(interface, 0)))
            for interface, view in self._assembler.views.items()
        }
        ended = counts_of(self._assembler.stats).plus(_dropped(sum(lost.values())))
        report = Report(
            node=ended.plus(Counts({}, counts)),
            views=views,
            revision=self._revision,
            delivered=self._producer.sent - self._producer.waiting,
            is_flushed=is_flushed,
        )
        self._orders.send_bytes(_encode_report(report))


def record_of(pair: Pair, response: Captured, node: str) -> Record:
    """The pair as it stands on Kafka."""
    return Record(
        VERSION,
        node,
        pair.client,
        pair.client_port,
        pair.server,
        pair.server_port,
        pair.request.first_ns,
        response.first_ns,
        _message(pair.request),
        _message(response),
    )


def _message(captured: Captured) -> Message:
    return Message(
        captured.head,
        cast(bytes, captured.body),  # a bytearray is encoded the same
        captured.body_bytes,
        captured.truncated,
        captured.gap_bytes,
    )


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
        start = _decode_order(orders.recv_bytes())
        if not isinstance(start, Start):
            return 2
        set_up(start.settings.logs.level)
        budget.lower_priority(start.settings.capture.priority)
        try:
            worker = Worker(orders, start)
        except RingError as error:
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
