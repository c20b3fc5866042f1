"""Cloud, detector and diggers in processes, on one Kafka, and what they did."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from agent.kafka.producer import RecordProducer
from agent.kafka.topics import ensure_topics
from agent.settings import Kafka, Settings
from rings.records.gatherer import Packed
from tests.kafka.broker import KafkaNode
from tests.kafka.parts import Part, cloud_settings, digger_settings
from tests.ports import steady_port

READY_SECONDS = 60.0
JOIN_SECONDS = 8.0
"""For the diggers to share the partitions; they read once the cloud says from where."""
LOOK_SECONDS = 0.1
"""At the store: looks at a digger cost it some milliseconds each."""
STILL_SECONDS = 120.0
FLUSH_SECONDS = 120.0
PARTITIONS = 2
MOST_WAITING = 10_000
"""Exchanges, while they are written as fast as Kafka takes them."""
RECORDS_TOTAL = "vethscope_digger_records_total"


@dataclass
class Place:
    """Where runs take place, one after another; each has topics and a store anew."""

    kafka: KafkaNode
    folder: Path
    names: str
    runs: int = 0

    def begin(self) -> RecordProducer:
        """Deletes what the run before left; a producer for the next one."""
        self.runs += 1
        self.kafka.delete_topics()
        kafka = Kafka(self.kafka.bootstrap, partitions=PARTITIONS)
        settings = Settings(kafka=kafka)
        ensure_topics(settings, threading.Event())
        return RecordProducer(settings)

    @property
    def database(self) -> str:
        return f"sqlite:///{self.folder / f'store{self.runs}.sqlite3'}"


@dataclass
class Line:
    """A running one."""

    database: str
    cloud: Part
    diggers: list[Part]
    used_before: list[float] = field(default_factory=list)
    """Processor seconds that starting took."""

    def cpu_seconds(self) -> list[float]:
        return [
            part.cpu_seconds - before
            for part, before in zip(self.diggers, self.used_before, strict=True)
        ]

    def digested(self) -> list[int]:
        """Exchanges that the cloud has taken from each digger."""
        return [int(part.metrics().get(RECORDS_TOTAL, 0)) for part in self.diggers]

    def wait(self, exchanges: int) -> None:
        """Until so many are digested. Raises TimeoutError if nothing goes on."""
        since, before = time.monotonic(), -1
        while (done := self.stored("pairs")) < exchanges:
            if done != before:
                before, since = done, time.monotonic()
            if time.monotonic() - since > STILL_SECONDS:
                words = self.diggers[0].last_words()
                raise TimeoutError(f"{done} of {exchanges}: {words}")
            time.sleep(LOOK_SECONDS)

    @property
    def peak_mib(self) -> float:
        """Of the digger that took most memory."""
        return max(part.peak_bytes for part in self.diggers) / (1 << 20)

    def stored(self, column: str) -> int:
        """A column of the cloud's traffic, summed."""
        engine = sa.create_engine(self.database)
        try:
            with engine.connect() as connection:
                query = sa.text(f"SELECT COALESCE(SUM({column}), 0) FROM traffic")
                return int(connection.scalar(query) or 0)
        finally:
            engine.dispose()


@contextmanager
def running(
    place: Place, diggers: int = 1, settings: dict[str, str] | None = None
) -> Iterator[Line]:
    """Detector and diggers, which share the partitions and wait for the cloud; given
    as soon as that is there, so that they begin to read."""
    addresses = cloud_settings(place.database)
    detector = f"127.0.0.1:{steady_port()}"
    with ExitStack() as ending:

        def begin(name: str, role: str, flags: dict[str, str]) -> Part:
            part = Part(f"{name}-{place.runs}", role, place.folder, flags)
            ending.callback(part.stop)
            part.start()
            return part

        begin("detector", "detector", {"detector-listen": detector}).wait_ready(
            READY_SECONDS
        )
        parts = []
        for number in range(diggers):
            between = digger_settings(
                place.kafka.bootstrap, addresses["cloud-collector-listen"], detector
            )
            flags = between | (settings or {}) | {"addresses-file": place.names}
            parts.append(begin(f"digger{number}", "digger", flags))
        for part in parts:
            part.wait_ready(READY_SECONDS)
        time.sleep(JOIN_SECONDS)
        cloud = begin("cloud", "cloud", addresses)
        line = Line(place.database, cloud, parts)
        line.used_before = [part.cpu_seconds for part in parts]
        cloud.wait_ready(READY_SECONDS)
        yield line


def fill(producer: RecordProducer, batches: Iterable[Packed]) -> int:
    """Writes all; how many exchanges they are."""
    written = 0
    for key, value, count in batches:
        producer.send(key, value, count)
        written += count
        producer.poll()
        while producer.waiting > MOST_WAITING:
            time.sleep(0.001)
            producer.poll()
    assert producer.flush(FLUSH_SECONDS) == 0
    assert not producer.dropped, producer.dropped
    return written
