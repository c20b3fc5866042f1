"""From producing a record to its row: how long, at the default window of 2 s."""

import bisect
import threading
import time

import sqlalchemy as sa

from agent.kafka.producer import RecordProducer
from agent.kafka.topics import ensure_topics
from agent.record import Record, encoder, server_key
from agent.settings import Kafka, Settings
from benchmarks import targets
from benchmarks.pipeline import digging
from benchmarks.pipeline.digging import Place

PER_SECOND = 200
WARM_SECONDS = 5.0
SECONDS = 30.0
LOOK_SECONDS = 0.02
END_SECONDS = 30.0
AIM_SECONDS = 2.5


def measure(place: Place, pairs: list[Record]) -> None:
    """Rows are counted, records come in order: the n-th row is the n-th record's."""
    place.kafka.delete_topics()
    kafka = Kafka(place.kafka.bootstrap, partitions=digging.PARTITIONS)
    settings = Settings(kafka=kafka)
    ensure_topics(settings, threading.Event())
    database = place.database()
    with digging.parts(place, database, 1, {}):
        producer = RecordProducer(settings)
        sent: list[float] = []
        stored: list[tuple[float, int]] = []
        engine = sa.create_engine(database)
        count = int((WARM_SECONDS + SECONDS) * PER_SECOND)
        began = time.monotonic()
        while not stored or stored[-1][1] < count:
            now = time.monotonic()
            if now > began + WARM_SECONDS + SECONDS + END_SECONDS:
                raise TimeoutError(f"{stored[-1][1]} of {count} are stored")
            while len(sent) < min(count, (now - began) * PER_SECOND):
                pair = pairs[len(sent) % len(pairs)]
                producer.send(server_key(pair), encoder.encode(pair))
                sent.append(time.monotonic())
            producer.poll()
            stored.append((time.monotonic(), _rows(engine)))
            time.sleep(LOOK_SECONDS)
        engine.dispose()
    counts = [number for _, number in stored]
    waits = sorted(
        stored[bisect.bisect_left(counts, number + 1)][0] - at
        for number, at in enumerate(sent)
        if at > began + WARM_SECONDS
    )
    targets.told("produced to stored, median", waits[len(waits) // 2], "s", 2)
    p99 = waits[int(len(waits) * 0.99)]
    targets.at_most("produced to stored, p99", p99, AIM_SECONDS, "s", 2)


def _rows(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        query = sa.text("SELECT COALESCE(SUM(pairs), 0) FROM traffic")
        return int(connection.scalar(query) or 0)
