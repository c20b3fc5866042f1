"""From producing a record to its row: how long, at the default window of 2 s."""

import bisect
import time

import sqlalchemy as sa

from agent.record import encoder, server_key
from benchmarks import targets
from benchmarks.chaos import traffic
from benchmarks.pipeline import line
from benchmarks.pipeline.line import Place

PER_SECOND = 200
WARM_SECONDS = 5.0
SECONDS = 30.0
LOOK_SECONDS = 0.02
END_SECONDS = 30.0
AIM_SECONDS = 2.5


def measure(place: Place) -> None:
    """Exchanges come in order and are counted: the n-th counted is the n-th sent. Each
    is a batch of its own, sent at once; a worker gathers for half a second more."""
    producer = place.begin()
    with line.running(place):
        sent: list[float] = []
        stored: list[tuple[float, int]] = []
        engine = sa.create_engine(place.database)
        count = int((WARM_SECONDS + SECONDS) * PER_SECOND)
        began = time.monotonic()
        while not stored or stored[-1][1] < count:
            now = time.monotonic()
            if now > began + WARM_SECONDS + SECONDS + END_SECONDS:
                raise TimeoutError(f"{stored[-1][1]} of {count} are stored")
            while len(sent) < min(count, (now - began) * PER_SECOND):
                batch, _ = traffic.batch(len(sent), time.time_ns(), 1)
                key = server_key(batch.server, batch.server_port)
                producer.send(key, encoder.encode(batch), 1)
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
