"""Kills parts of a running line and compares what was sent with what is stored.

`python -m benchmarks.chaos [--kills N] [--records N] [--database URL] [--seed N]`: a
real Kafka, a cloud, a detector and two diggers, each a process, are killed at random
while numbered records are written. `--outage cloud|kafka|detector|disk --seconds S`:
that part is away once, for so long. Exit status 1 if a cell of what is stored is not
what was sent and the difference is not told to the record.
"""

import argparse
import random
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from benchmarks.chaos import faults, outage, verdict
from benchmarks.chaos.line import Line
from benchmarks.chaos.stored import Stored
from tests.kafka import broker
from tests.kafka.parts import PartError

PER_SECOND = 1500.0


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    if reason := broker.missing():
        print(f"nothing is killed: {reason}", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder, disk = Path(name), Path(name) / "disk"
        disk.mkdir()
        is_small = options.outage == outage.DISK
        url = options.database or f"sqlite:///{disk / 'cloud.sqlite3'}"
        print(f"seed {options.seed}, {options.per_second:,.0f} records a second")
        with outage.small_disk(disk) if is_small else nullcontext():
            return _run(options, folder, disk, url)


def _run(options: argparse.Namespace, folder: Path, disk: Path, url: str) -> int:
    began = time.monotonic()

    def tell(words: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {words}", flush=True)

    failure = ""
    with Line(folder, url, options.per_second) as line:
        stored = Stored(url)
        try:
            if options.outage:
                seconds = options.seconds + 2 * outage.LEAD_SECONDS
                line.traffic.start(int(seconds * options.per_second))
                outage.run(line, stored, options.outage, options.seconds, disk, tell)
            else:
                line.traffic.start(options.records)
                seconds = options.records / options.per_second
                faults.run(line, options.kills, seconds, options.seed, tell)
            tell("all parts run again")
        except (PartError, outage.OutageError) as error:
            failure = str(error)
            tell(f"FAILED: {failure}")
        try:
            result = verdict.judge(line, stored)
        except PartError as error:
            print(f"FAILED: {error}")
            return 1
        finally:
            stored.close()
        tell("judged")
        print("\n".join([*verdict.memory_lines(line), *result.lines()]))
        is_good = result.is_good and verdict.is_small(line) and not failure
    return 0 if is_good else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--per-second", type=float, default=PER_SECOND)
    parser.add_argument("--database", default="", help="URL; empty: SQLite in a file")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--outage", choices=outage.PARTS)
    parser.add_argument("--seconds", type=float, default=180.0, help="of the outage")
    options = parser.parse_args(arguments)
    if options.outage == outage.DISK and options.database:
        parser.error("--outage disk fills the disk of its own SQLite file")
    return options


if __name__ == "__main__":
    sys.exit(main())
