"""What an inspection costs a digger that asks a detector of its own.

A digger never waits for its detector, so it cannot be made to have a whole backlog
inspected. So traffic comes at a pace that the detector bears, from many servers so that
each endpoint is free for its next inspection, twice: with every exchange inspected that
can be, and with as few as there may be. What the two runs differ in is the inspections.
"""

import time
from itertools import cycle, islice

import msgspec

from agent.record import Batch, Record, batch_decoder, encoder, server_key
from benchmarks import targets
from benchmarks.pipeline import line, records
from benchmarks.pipeline.line import Place
from rings.gatherer import Packed

SERVERS = 1_000
PER_SECOND = 400
SECONDS = 30.0
AIM = 15_000
TICK_SECONDS = 0.02

_MANY = {
    "digger-first-sights-per-second": "1e9",
    "digger-inspect-bytes-per-second": "1e12",
    "digger-inspect-per-second": "1e9",
    "digger-inspect-share": "64",
}
_FEW = {"digger-inspect-per-second": "0", "digger-first-sights-per-second": "1"}


def measure(place: Place, per_cpu_second: float) -> None:
    """`per_cpu_second`: exchanges that a digger counts without inspections."""
    batches = _of_many_servers()
    many, most = _run(place, batches, _MANY)
    few, least = _run(place, batches, _FEW)
    each = (many - few) / max(1, most - least)
    name = "one digger, every pair inspected elsewhere"
    targets.at_least(name, 1 / (each + 1 / per_cpu_second), AIM, "a CPU second")
    targets.told("  an inspection, of the digger", each * 1e6, "µs", 1)
    share = 100 * most / (PER_SECOND * SECONDS)
    targets.told("  inspected at a pace", share, "% of the exchanges", 1)


def _run(
    place: Place, batches: list[Packed], settings: dict[str, str]
) -> tuple[float, int]:
    """Processor seconds of the digger, and exchanges inspected."""
    producer = place.begin()
    with line.running(place, settings=settings) as running:
        began, written = time.monotonic(), 0
        waiting = cycle(batches)
        while written < PER_SECOND * SECONDS:
            due = int((time.monotonic() - began) * PER_SECOND)
            while written < due:
                key, value, count = next(waiting)
                producer.send(key, value, count)
                written += count
            producer.poll()
            time.sleep(TICK_SECONDS)
        assert producer.flush(line.FLUSH_SECONDS) == 0
        running.wait(written)
        return sum(running.cpu_seconds()), running.stored("inspected")


def _of_many_servers() -> list[Packed]:
    """Of each server one batch, with one exchange of each endpoint of the demo."""
    first = batch_decoder.decode(records.of_demo("all")[0][1])
    kinds: dict[tuple[bytes, int, int], Record] = {}
    for record in first.records:
        fact = record.fact
        kinds.setdefault((fact.method, fact.shape, fact.target.count(b"/")), record)
    packed = []
    for port in islice(range(1_024, 65_536), SERVERS):
        batch: Batch = msgspec.structs.replace(
            first, server_port=port, facts=[], records=list(kinds.values())
        )
        key = server_key(batch.server, port)
        packed.append((key, encoder.encode(batch), batch.exchanges))
    return packed
