"""The demo without privileges: a capture made by itself, replayed in real time.

Stands where the interceptor stands. Each second of traffic is written as a capture
file, read back as any file is, and its pairs go the way of all pairs.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import msgspec

from agent.demo.capture import ADDRESSES, Capture
from agent.demo.client import Counts
from agent.interceptor.coverage import Counts as CoverageCounts
from agent.interceptor.coverage import Coverage, Report
from agent.interceptor.reading.worker import counts_of, gathered, gatherer
from agent.kafka.producer import RecordProducer
from agent.settings import Settings
from agent.standalone import Standalone
from rings.packets.pcap import read_blocks
from rings.streams.assembler import Assembler

SEED = 2026
PIECE_SECONDS = 0.25
FLUSH_SECONDS = 1.0
_TICK_SECONDS = 0.05


class Recording:
    """Replays what it recorded itself; the interceptor's stand-in."""

    def __init__(self, settings: Settings, file: Path) -> None:
        self.coverage = Coverage(settings.node)
        self.monitored: frozenset[bytes] = frozenset()
        self.rate = 0.0
        """Exchanges a second; 0: none."""
        self._settings = settings
        self._file = file
        self._capture = Capture(SEED)
        self._assembler = Assembler()
        self._gatherer = gatherer(settings, 1, SEED)
        self._flushes: queue.SimpleQueue[threading.Event] = queue.SimpleQueue()
        self._window_ns = time.time_ns()

    @property
    def counts(self) -> Counts:
        return self._capture.counts

    def roll_out(self) -> None:
        self._capture.roll_out()

    def flush(self, timeout_seconds: float) -> bool:
        """Waits until all that was replayed by now is with the broker."""
        done = threading.Event()
        self._flushes.put(done)
        return done.wait(timeout_seconds)

    def run(self, stop: threading.Event) -> None:
        producer = RecordProducer(self._settings)
        coverage = RecordProducer(self._settings)
        due = time.monotonic()
        while not stop.wait(max(_TICK_SECONDS, due - time.monotonic())):
            if self.rate and time.monotonic() >= due:
                due = time.monotonic() + PIECE_SECONDS
                self._replay(producer)
            producer.poll()
            if not self._flushes.empty() and self._deliver(producer):
                self._report(producer)
                self._publish(coverage)
                self._flushes.get().set()
        self._deliver(producer)

    def _deliver(self, producer: RecordProducer) -> bool:
        """Whether all that was replayed is with the broker."""
        for key, value, exchanges in self._gatherer.close():
            producer.send(key, value, exchanges)
        return not producer.flush(FLUSH_SECONDS)

    def _replay(self, producer: RecordProducer) -> None:
        count = int(self.rate * PIECE_SECONDS)
        first = self.counts.exchanges
        piece = self._capture.piece(first, count, time.time_ns(), self.rate)
        self._file.write_bytes(piece)
        for block in read_blocks(str(self._file)):
            pairs = self._assembler.feed(block)
            now_ns = self._assembler.now_ns
            batches = self._gatherer.feed(pairs, now_ns)
            for key, value, exchanges in batches + self._gatherer.expire(now_ns):
                producer.send(key, value, exchanges)
        self._report(producer)

    def _report(self, producer: RecordProducer) -> None:
        captured = counts_of(self._assembler.total())
        counts = {"ring_drops": 0} | gathered(self._gatherer)
        report = Report(
            node=CoverageCounts({}, counts),
            views={0: captured},
            delivered=producer.delivered,
        )
        self.coverage.update(0, report)

    def _publish(self, producer: RecordProducer) -> None:
        start_ns, self._window_ns = self._window_ns, time.time_ns()
        for window in self.coverage.window(start_ns, self._window_ns):
            value = msgspec.msgpack.encode(window)
            producer.send(window.node.encode(), value, 0, producer.topics.coverage)
        producer.flush(FLUSH_SECONDS)


class Recorded:
    """The same as `Live`, of a recording."""

    addresses: Mapping[str, tuple[str, ...]] = ADDRESSES

    def __init__(self, folder: Path) -> None:
        self._file = folder / "demo.pcap"
        self._recording: Recording | None = None

    @property
    def source(self) -> Callable[[Settings], Recording]:
        return self._open

    def begin(self, standalone: Standalone, rate: float) -> None:
        assert self._recording
        self._recording.rate = rate

    def pay(self, standalone: Standalone, rate: float) -> bool:
        """Never: the recording is HTTP/1.1 only."""
        return False

    def roll_out(self, standalone: Standalone) -> bool:
        assert self._recording
        self._recording.roll_out()
        return True

    def counts(self, seconds: float) -> Counts:
        assert self._recording
        time.sleep(seconds)
        return self._recording.counts

    def finish(self) -> Counts:
        assert self._recording
        self._recording.rate = 0.0
        self._recording.flush(FLUSH_SECONDS)
        return msgspec.structs.replace(self._recording.counts, finished=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.unlink(missing_ok=True)

    def _open(self, settings: Settings) -> Recording:
        self._recording = Recording(settings, self._file)
        return self._recording
