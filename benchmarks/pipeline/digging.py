"""Diggers that read a backlog: records a processor second, and what two reach."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from agent.kafka.producer import RecordProducer
from agent.kafka.topics import ensure_topics
from agent.record import Record
from agent.settings import Kafka, Settings
from benchmarks import targets
from benchmarks.pipeline import records
from tests.kafka.broker import KafkaNode
from tests.kafka.parts import Part, cloud_settings, digger_settings
from tests.ports import steady_port

READY_SECONDS = 60.0
LOOK_SECONDS = 0.02
STILL_SECONDS = 120.0
FLUSH_SECONDS = 120.0
MOST_WAITING = 50_000
PARTITIONS = 2
RECORDS_TOTAL = "vethscope_digger_records_total"
OUTAGE_SECONDS = 20.0
MEMORY_MIB = 256.0
INSPECT_ALL = {
    "digger-inspect-per-second": "1000000000",
    "detector-processes": "1",
}

WHOLE = 30_000
INSPECTED = 15_000
SCALE = 1.9


@dataclass
class Place:
    """Where a run takes place; each has its own cloud, and topics of its own."""

    kafka: KafkaNode
    folder: Path
    names: str
    runs: int = 0

    def database(self) -> str:
        self.runs += 1
        return f"sqlite:///{self.folder / f'store{self.runs}.sqlite3'}"


@dataclass(frozen=True)
class Dug:
    """What diggers did with a backlog."""

    records: list[int]
    cpu_seconds: list[float]
    seconds: float
    inspected: int
    peak_bytes: int

    @property
    def per_cpu_second(self) -> float:
        """The sum of what each reaches by itself, however busy the machine is."""
        pairs = zip(self.records, self.cpu_seconds, strict=True)
        return sum(n / used for n, used in pairs if used)


def measure(place: Place, pairs: list[Record], count: int) -> None:
    one = dig(place, pairs, count, 1, {})
    name = "one digger, whole records, default sampling"
    targets.at_least(name, one.per_cpu_second, WHOLE, "records a CPU second")
    targets.told("  inspected", 100 * one.inspected / count, "% of the pairs", 1)
    two = dig(place, pairs, count, 2, {})
    ratio = two.per_cpu_second / one.per_cpu_second
    targets.at_least("two diggers to one, by CPU seconds", ratio, SCALE, "times", 2)
    targets.told("  by the clock", one.seconds / two.seconds, "times", 2)
    every = dig(place, pairs, count // 4, 1, INSPECT_ALL)
    name = "one digger, every pair inspected elsewhere"
    targets.at_least(name, every.per_cpu_second, INSPECTED, "records a CPU second")
    targets.told("  inspected", 400 * every.inspected / count, "% of the pairs", 1)
    peak = dig(place, pairs, count, 1, {}, is_cloud_late=True).peak_bytes / (1 << 20)
    name = f"one digger, cloud away for {OUTAGE_SECONDS:.0f} s: peak memory"
    targets.at_most(name, peak, MEMORY_MIB, "MiB")


def dig(
    place: Place,
    pairs: list[Record],
    count: int,
    diggers: int,
    settings: dict[str, str],
    is_cloud_late: bool = False,
) -> Dug:
    """Writes the records, then starts so many diggers and waits for the last record."""
    place.kafka.delete_topics()
    fill(place.kafka.bootstrap, pairs, count)
    database = place.database()
    with parts(place, database, diggers, settings, is_cloud_late) as running:
        used = [part.cpu_seconds for part in running]
        began, since, before = time.monotonic(), time.monotonic(), -1
        while (done := _digested(running)) < count:
            if done != before:
                before, since = done, time.monotonic()
            if time.monotonic() - since > STILL_SECONDS:
                raise TimeoutError(f"{done} of {count}: {running[0].last_words()}")
            time.sleep(LOOK_SECONDS)
        return Dug(
            records=[_digested([part]) for part in running],
            cpu_seconds=[
                part.cpu_seconds - at for part, at in zip(running, used, strict=True)
            ],
            seconds=time.monotonic() - began,
            inspected=_inspected(database),
            peak_bytes=max(part.peak_bytes for part in running),
        )


@contextmanager
def parts(
    place: Place,
    database: str,
    diggers: int,
    settings: dict[str, str],
    is_cloud_late: bool = False,
) -> Iterator[list[Part]]:
    """Cloud and detector, and the diggers, which are ready and begin to read."""
    cloud = cloud_settings(database)
    detector = f"127.0.0.1:{steady_port()}"
    with ExitStack() as ending:

        def begin(name: str, role: str, flags: dict[str, str]) -> Part:
            part = Part(f"{name}-{place.runs}", role, place.folder, flags)
            ending.callback(part.stop)
            part.start()
            return part

        if not is_cloud_late:
            begin("cloud", "cloud", cloud).wait_ready(READY_SECONDS)
        listen = {"detector-listen": detector}
        processes = {k: v for k, v in settings.items() if k.startswith("detector")}
        begin("detector", "detector", listen | processes).wait_ready(READY_SECONDS)
        own = {k: v for k, v in settings.items() if k.startswith("digger")}
        running = []
        for number in range(diggers):
            between = digger_settings(
                place.kafka.bootstrap, cloud["cloud-collector-listen"], detector
            )
            flags = between | own | {"addresses-file": place.names}
            running.append(begin(f"digger{number}", "digger", flags))
        for part in running:
            part.wait_ready(READY_SECONDS)
        if is_cloud_late:
            time.sleep(OUTAGE_SECONDS)
            begin("cloud", "cloud", cloud).wait_ready(READY_SECONDS)
        yield running


def fill(bootstrap: str, pairs: list[Record], count: int) -> None:
    settings = Settings(kafka=Kafka(bootstrap, partitions=PARTITIONS))
    ensure_topics(settings, threading.Event())
    producer = RecordProducer(settings)
    for key, value in records.at_pace(pairs, count):
        producer.send(key, value)
        producer.poll()
        while producer.waiting > MOST_WAITING:
            time.sleep(LOOK_SECONDS)
            producer.poll()
    assert producer.flush(FLUSH_SECONDS) == 0
    assert not producer.dropped


def _digested(running: list[Part]) -> int:
    return int(sum(part.metrics().get(RECORDS_TOTAL, 0) for part in running))


def _inspected(database: str) -> int:
    engine = sa.create_engine(database)
    try:
        with engine.connect() as connection:
            query = sa.text("SELECT COALESCE(SUM(inspected), 0) FROM traffic")
            return int(connection.scalar(query) or 0)
    finally:
        engine.dispose()
