"""What a digger pays for exchanges that are all inspected, by a detector of its own.

A digger never waits for its detector, so it cannot be made to have a whole backlog
inspected. So the demo's traffic comes at a pace that the detector bears. Counted is
the digger's processor time meanwhile, without what it takes when nothing comes: for
reading, counting, asking the detector, and packages.
"""

import time
from collections.abc import Iterator
from itertools import cycle

from agent.kafka.producer import RecordProducer
from benchmarks import targets
from benchmarks.pipeline import line, records
from benchmarks.pipeline.line import Line, Place
from rings.records.gatherer import Packed

PER_SECOND = 800
SECONDS = 20.0
IDLE_SECONDS = 10.0
AIM = 15_000
TICK_SECONDS = 0.02

_ALL = {
    "digger-first-sights-per-second": "1e9",
    "digger-inspect-bytes-per-second": "1000000000000",
    "digger-inspect-per-second": "inf",
    "digger-inspect-share": "64",
}


def measure(place: Place) -> None:
    producer = place.begin()
    with line.running(place, settings=_ALL) as running:
        time.sleep(line.JOIN_SECONDS)
        idle = _idle_share(running)
        before, began = running.cpu_seconds(), time.monotonic()
        written = 0
        waiting = cycle(records.of_demo("all"))
        while written < PER_SECOND * SECONDS:
            due = (time.monotonic() - began) * PER_SECOND
            written += _send(producer, waiting, due - written)
            time.sleep(TICK_SECONDS)
        assert producer.flush(line.FLUSH_SECONDS) == 0
        running.wait(written)
        used, seconds = running.cpu_seconds(), time.monotonic() - began
        inspected = running.stored("inspected")
    busy = sum(used) - sum(before) - idle * seconds
    name = "one digger, every pair inspected elsewhere"
    targets.at_least(name, written / busy, AIM, "a CPU second")
    targets.told("  an exchange, of the digger", busy / written * 1e6, "µs", 1)
    targets.told("  inspected", 100 * inspected / written, "% of the exchanges", 1)


def _send(producer: RecordProducer, waiting: Iterator[Packed], count: float) -> int:
    """At least so many exchanges, if any; how many they are."""
    sent = 0
    while sent < count:
        key, value, exchanges = next(waiting)
        producer.send(key, value, exchanges)
        sent += exchanges
    producer.poll()
    return sent


def _idle_share(running: Line) -> float:
    """Processors that the digger takes when nothing comes."""
    before = sum(running.cpu_seconds())
    time.sleep(IDLE_SECONDS)
    return (sum(running.cpu_seconds()) - before) / IDLE_SECONDS
