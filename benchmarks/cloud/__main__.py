"""What the cloud's store and pages cost: `python -m benchmarks.cloud [--scale F]`.

Fills a store with the rounds of some days, on SQLite and PostgreSQL, then reads every
page while it goes on to store, rolls up, and prints rates, times, bytes and memory.
"""

import argparse
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path

from benchmarks import targets
from benchmarks.cloud.packages import Fleet, Size
from benchmarks.cloud.pages import Pages
from cloud.store.keeper import Keeping
from cloud.store.store import Store
from proto.v1 import collector_pb2
from tests.cloud import postgres

WHOLE = Size(clusters=50, services=2_000, endpoints=50_000, fields=300_000)
WAITING = 64
"""Packages sent and not yet stored: what as many senders have under way."""
INTERVAL, DAY = 300, 86_400


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of endpoints, fields")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    options = parser.parse_args()
    targets.print_machine()
    size = Size(WHOLE.clusters, *(int(n * options.scale) for n in WHOLE[1:]))
    for name in (options.only,) if options.only else ("sqlite", "postgresql"):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = f"sqlite:///{folder}/cloud.sqlite3"
            if name == "postgresql":
                if reason := postgres.missing():
                    print(f"{name}: nothing is measured: {reason}", file=sys.stderr)
                    continue
                url = stack.enter_context(postgres.Postgres()).emptied()
            print(f"{name}: {size}, {options.days} days")
            Measured(url, folder, size, options.days).run(name)
    return 0


class Measured:
    """One database, filled and read."""

    def __init__(self, url: str, folder: Path, size: Size, days: int) -> None:
        self._folder, self._size, self._days = folder, size, days
        self._fleet = Fleet(size)
        self._generator_bytes = sum(map(len, self._fleet.round(0))) + _resident_bytes()
        self._fleet = Fleet(size)
        self._store = Store(url, Keeping())
        self._wal_bytes = 0

    def run(self, name: str) -> None:
        aim = 40_000 if name == "sqlite" else 30_000
        end = int(time.time()) // INTERVAL * INTERVAL - INTERVAL
        first = self._send(end - (self._days - 1) * DAY)
        rates = [
            self._send(end - (self._days - 1 - day) * DAY)
            for day in range(1, self._days)
        ]
        targets.told("rows a CPU second, all of them new", first, "rows/s")
        rate = statistics.median(rates) if rates else first
        targets.at_least("rows a CPU second, known ones", rate, aim, "rows/s")
        self._roll_up()
        self._read(end)
        if name == "sqlite":
            targets.at_most("largest WAL", self._wal_bytes / 2**20, 256, "MiB")
        stored = self._store._database.size_bytes()
        each = stored / self._size.endpoints / max(self._days, 1)
        targets.told("stored an endpoint and day", each, "bytes")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
        own = peak - self._generator_bytes / 2**20
        targets.at_most("memory at most, over the generator's", own, 256, "MiB")
        self._store.close()

    def _send(self, start: int) -> float:
        """Stores one round; gives rows a CPU second, parsing and commit included."""
        waiting: deque[Future[bool]] = deque()
        messages = list(self._fleet.round(start))
        began = time.process_time()
        for message in messages:
            if len(waiting) >= WAITING:
                assert waiting.popleft().result()
            package = collector_pb2.Package.FromString(message)
            waiting.append(self._store.submit(package))
            self._look()
        while waiting:
            assert waiting.popleft().result()
        return self._size.rows / (time.process_time() - began)

    def _roll_up(self) -> None:
        began, cpu = time.monotonic(), time.process_time()
        self._store.keeper.run_once()
        targets.told("roll-up of all that is due", time.monotonic() - began, "s", 1)
        targets.told("of that the cloud's CPU", time.process_time() - cpu, "s", 1)

    def _read(self, end: int) -> None:
        pages = Pages(self._store)
        quiet = pages.cpu_seconds()
        for path, seconds in quiet.items():
            aim = 50 if path in ("/", "/.json") else 100
            targets.at_most(f"CPU of {path}", seconds * 1_000, aim, "ms", 1)
        stop = threading.Event()
        sender = threading.Thread(target=self._go_on, args=(end, stop))
        sender.start()
        for path, seconds in pages.slow_seconds().items():
            name = f"p95 of {path} while storing"
            targets.at_most(name, seconds * 1_000, 300, "ms")
        stop.set()
        sender.join()
        pages.close()

    def _go_on(self, start: int, stop: threading.Event) -> None:
        """A twentieth of all endpoints each second: as fast as diggers send."""
        while not stop.is_set():
            for message in self._fleet.round(start):
                self._store.submit(collector_pb2.Package.FromString(message)).result()
                self._look()
                if stop.wait(0.01):
                    return

    def _look(self) -> None:
        for wal in self._folder.glob("*-wal"):
            self._wal_bytes = max(self._wal_bytes, wal.stat().st_size)


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(main())
