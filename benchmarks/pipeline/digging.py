"""Diggers that read a backlog: exchanges a processor second, and what two reach."""

import time
from dataclasses import dataclass

from benchmarks import targets
from benchmarks.pipeline import line, records
from benchmarks.pipeline.line import Place
from rings.records.gatherer import Packed

WHOLE = 30_000
LEAN = 150_000
SCALE = 1.9
LEAN_SHARE = 3
"""Times as many lean exchanges, for they take less."""
LEAD_SECONDS = 0.5
OUTAGE_SECONDS = 20.0
MEMORY_MIB = 256.0


@dataclass(frozen=True)
class Dug:
    """What diggers did with a backlog."""

    exchanges: list[int]
    cpu_seconds: list[float]
    seconds: float
    inspected: int
    peak_mib: float

    @property
    def per_cpu_second(self) -> float:
        """The sum of what each reaches by itself, however busy the machine is."""
        each = zip(self.exchanges, self.cpu_seconds, strict=True)
        return sum(n / used for n, used in each if used)


def measure(place: Place, count: int) -> None:
    """Prints all."""
    whole, lean = records.of_demo("all"), records.of_demo("chosen")
    one = dig(place, whole, count)
    _print("whole", one, WHOLE)
    _print("lean", dig(place, lean, LEAN_SHARE * count), LEAN)
    two = dig(place, whole, count, diggers=2)
    ratio = two.per_cpu_second / one.per_cpu_second
    targets.at_least("two diggers to one, by CPU seconds", ratio, SCALE, "times", 2)
    shares = " and ".join(f"{n:,}" for n in two.exchanges)
    print(f"  they read {shares}")
    targets.told("  by the clock", one.seconds / two.seconds, "times", 2)
    away = dig(place, whole, count, outage_seconds=OUTAGE_SECONDS)
    name = f"cloud away for {OUTAGE_SECONDS:.0f} s in a backlog: peak memory"
    targets.at_most(name, away.peak_mib, MEMORY_MIB, "MiB")


def dig(
    place: Place,
    batches: list[Packed],
    count: int,
    diggers: int = 1,
    outage_seconds: float = 0.0,
) -> Dug:
    """Writes at least so many exchanges, then has so many diggers read them. The cloud
    may go away for a while as soon as they read."""
    written = line.fill(place.begin(), records.repeated(batches, count))
    with line.running(place, diggers) as running:
        began = time.monotonic()
        if outage_seconds:
            time.sleep(LEAD_SECONDS)
            running.cloud.kill()
            time.sleep(outage_seconds)
            running.cloud.start()
        running.wait(written)
        cpu_seconds = running.cpu_seconds()
        return Dug(
            exchanges=running.digested(),
            cpu_seconds=cpu_seconds,
            seconds=time.monotonic() - began,
            inspected=running.stored("inspected"),
            peak_mib=running.peak_mib,
        )


def _print(name: str, dug: Dug, aim: float) -> None:
    rate = dug.per_cpu_second
    name = f"one digger, {name} exchanges, default sampling"
    targets.at_least(name, rate, aim, "a CPU second")
    share = 100 * dug.inspected / sum(dug.exchanges)
    targets.told("  inspected", share, "%", 2)
    targets.told("  peak memory", dug.peak_mib, "MiB")
