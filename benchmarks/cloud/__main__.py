"""What the cloud's store and pages cost: `python -m benchmarks.cloud [--scale F]`.

Runs the cloud as a program of its own, on SQLite and PostgreSQL. Sends the rounds of
some days over gRPC, lets it roll up, then reads every page while it goes on to store,
and prints rates, times, bytes and memory of that program alone. With `--folder` an
SQLite file stays there, and is read only if it is there already; with `--pages` only
addresses are asked for that the pattern finds. Both together take a minute. Pages are
made by a process of their own, as by `vethscope cloud`; with `--inside` in the one.
"""

import argparse
import itertools
import os
import re
import statistics
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import targets
from benchmarks.cloud.packages import TOPIC, Fleet, Size
from benchmarks.cloud.pages import LARGE, Pages
from benchmarks.cloud.served import APART, INSIDE, Served
from cloud.store.database import Database
from cloud.store.keeper import PERIOD_SECONDS, Keeping
from cloud.store.schema import DAY, HOUR, HOURS, MINUTES, changes
from proto.v1 import collector_pb2
from tests.cloud import postgres

WHOLE = Size(clusters=50, services=2_000, endpoints=50_000, fields=300_000)
WAITING = 48
"""Packages sent and not yet stored: less than one a cluster, as diggers do."""
TIMEOUT = 120
INTERVAL = 300
FILE = "cloud.sqlite3"
PEAK = "memory at most, while {}"
NEVER, OFTEN = 1 << 30, 2
"""Seconds between two runs of the keeper."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of endpoints, fields")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    parser.add_argument("--folder", type=Path, help="of an SQLite file that stays")
    parser.add_argument("--pages", default="", help="a pattern of addresses")
    parser.add_argument("--inside", action="store_true", help="pages in one process")
    options = parser.parse_args()
    targets.print_machine()
    size = Size(WHOLE.clusters, *(int(n * options.scale) for n in WHOLE[1:]))
    for name in (options.only,) if options.only else ("sqlite", "postgresql"):
        with ExitStack() as stack:
            own = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            folder = options.folder or own
            folder.mkdir(exist_ok=True)
            url = f"sqlite:///{folder}/{FILE}"
            if name == "postgresql":
                if reason := postgres.missing():
                    print(f"{name}: nothing is measured: {reason}", file=sys.stderr)
                    continue
                url = stack.enter_context(postgres.Postgres()).emptied()
            print(f"{name}: {size}, {options.days} days")
            pages = INSIDE if options.inside else APART
            measured = Measured(url, folder, size, options.days, pages)
            measured.run(name, re.compile(options.pages))
    return 0


class Measured:
    """One database, filled and read."""

    def __init__(
        self, url: str, folder: Path, size: Size, days: int, pages: str
    ) -> None:
        self._url, self._folder, self._size, self._days = url, folder, size, days
        self._fleet = Fleet(size)
        self._wal_bytes = 0
        self._pages = pages

    def run(self, name: str, asked: re.Pattern[str]) -> None:
        aim = 40_000 if name == "sqlite" else 30_000
        end = int(time.time()) // INTERVAL * INTERVAL - INTERVAL
        if not (self._folder / FILE).exists():
            with self._serve(NEVER) as served:
                self._fill(served, end, aim)
                targets.at_most(PEAK.format("filled"), served.peak_mib, 256, "MiB")
        with self._serve(OFTEN) as served:
            self._fleet.resume(lambda cluster: _next(served, cluster))
            self._roll_up(served)
            targets.at_most(PEAK.format("rolling up"), served.peak_mib, 256, "MiB")
        with self._serve(PERIOD_SECONDS) as served:
            self._read(served, end, asked)
            targets.at_most(PEAK.format("read"), served.peak_mib, 256, "MiB")
        if name == "sqlite":
            targets.at_most("largest WAL", self._wal_bytes / 2**20, 256, "MiB")
        self._tell_size()

    def _serve(self, keeper_seconds: int) -> Served:
        return Served(self._url, keeper_seconds, self._pages)

    def _fill(self, served: Served, end: int, aim: int) -> None:
        starts = [end - (self._days - 1 - day) * DAY for day in range(self._days)]
        first = self._send(served, starts[0])
        targets.told("rows a CPU second, all of them new", first, "rows/s")
        rates, resident = [first], []
        for start in starts[1:]:
            rates.append(self._send(served, start))
            resident.append(served.resident_mib)
        rate = statistics.median(rates[1:] or rates)
        targets.at_least("rows a CPU second, known ones", rate, aim, "rows/s")
        if third := len(resident) // 3:
            growth = max(resident[third:]) - max(resident[:third])
            targets.at_most("memory grown after a third", growth, 16, "MiB")
        news = self._size.rows * 5 // 100
        self._fleet.grow(news)
        targets.told(
            "rows a CPU second, a twentieth of them news",
            self._send(served, end, self._size.rows + news),
            "rows/s",
        )
        targets.told("changes stored", self._count(changes), "rows")

    def _send(self, served: Served, start: int, rows: int = 0) -> float:
        """Stores one round; gives rows a CPU second of the whole program."""
        waiting: deque[Any] = deque()
        began = served.cpu_seconds
        stubs = itertools.cycle(served.stubs)
        for message, stub in zip(self._fleet.round(start), stubs, strict=False):
            send: Any = stub.Send.future
            if len(waiting) >= WAITING:
                assert not waiting.popleft().result().duplicate
            package = collector_pb2.Package.FromString(message)
            waiting.append(send(package, timeout=TIMEOUT))
            self._look()
        while waiting:
            assert not waiting.popleft().result().duplicate
        return (rows or self._size.rows) / (served.cpu_seconds - began)

    def _roll_up(self, served: Served) -> None:
        began, cpu = time.monotonic(), served.cpu_seconds
        now = int(time.time())
        keeping = Keeping()
        for level, kept, coarse in (
            (MINUTES, keeping.minutes_seconds, HOUR),
            (HOURS, keeping.hours_seconds, DAY),
        ):
            table = level.traffic
            before = (now - kept) // coarse * coarse
            while self._count(table, table.c.start_seconds < before):
                self._look()
                time.sleep(0.5)
        targets.told("roll-up of all that is due", time.monotonic() - began, "s", 1)
        targets.told("of that the cloud's CPU", served.cpu_seconds - cpu, "s", 1)

    def _read(self, served: Served, end: int, asked: re.Pattern[str]) -> None:
        _settle(served)
        pages = Pages(served, asked)
        with _others(served, "while pages were read alone"):
            quiet = pages.taken()
        for path, taken in quiet.items():
            aim = (
                50
                if path in ("/", "/overview", "/api/v1/today", "/api/v1/overview")
                else 100
            )
            targets.at_most(f"CPU of {path}", taken.cpu * 1_000, aim, "ms", 1)
        for path, taken in sorted(quiet.items(), key=lambda one: -one[1].first)[:5]:
            name = f"{path}, the first time after a start"
            targets.told(name, taken.first * 1_000, "ms")
        targets.at_most("largest page", pages.largest_bytes(), LARGE, "bytes")
        stop = threading.Event()
        sender = threading.Thread(target=self._go_on, args=(served, end, stop))
        sender.start()
        with _others(served, "while pages were read and packages stored"):
            storing = pages.taken()
        for path, taken in storing.items():
            targets.at_most(f"p95 of {path}, storing", taken.slow * 1_000, 300, "ms")
            ours = f"{taken.slow_cpu * 1_000:,.0f} ms of CPU, storing included"
            print(f"  {quiet[path].slow * 1_000:,.0f} ms when not storing; {ours}")
        stop.set()
        sender.join()
        refused = sum(pages.refused.values())
        targets.at_most("pages whose time was over", refused, 0, "answers")
        pages.close()

    def _go_on(self, served: Served, start: int, stop: threading.Event) -> None:
        """A twentieth of all endpoints each second: as fast as diggers send."""
        while not stop.is_set():
            for message in self._fleet.round(start):
                package = collector_pb2.Package.FromString(message)
                served.stubs[0].Send(package, timeout=TIMEOUT)
                self._look()
                if stop.wait(0.01):
                    return

    def _look(self) -> None:
        for wal in self._folder.glob("*-wal"):
            self._wal_bytes = max(self._wal_bytes, wal.stat().st_size)

    def _count(self, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
        """At most the first of them if there are conditions."""
        database = Database(self._url)
        try:
            with database.reading() as connection:
                if conditions:
                    chosen = sa.select(sa.literal(1)).select_from(table).limit(1)
                    found = connection.execute(chosen.where(*conditions)).all()
                    return len(found)
                counted = sa.select(sa.func.count()).select_from(table)
                return connection.execute(counted).scalar_one()
        finally:
            database.close()

    def _tell_size(self) -> None:
        database = Database(self._url)
        stored = database.size_bytes()
        database.close()
        each = stored / self._size.endpoints / max(self._days, 1)
        targets.told("stored an endpoint and day", each, "bytes")


def _settle(served: Served) -> None:
    """Waits until what a start does by itself is over: all is judged by the policies
    once."""
    for _ in range(60):
        spent = served.cpu_seconds
        time.sleep(1)
        if served.cpu_seconds - spent < 0.05:
            return


@contextmanager
def _others(served: Served, when: str) -> Iterator[None]:
    """Tells how much of the machine was not ours, and its load: a page waits for a
    processor as everybody does."""
    began, busy, ours = time.monotonic(), _busy_seconds(), _spent(served)
    yield
    lasted = time.monotonic() - began
    others = _busy_seconds() - busy - (_spent(served) - ours)
    share = 100 * others / lasted / (os.cpu_count() or 1)
    load = os.getloadavg()[0]
    targets.told(f"load {when}", load, "runnable threads", 1)
    targets.told("of the processors others took", max(share, 0.0), "%")


def _spent(served: Served) -> float:
    return served.cpu_seconds + time.process_time()


def _busy_seconds() -> float:
    """Of all processors (proc_stat(5)): all but idle and waiting for disks."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    idle = sum(map(int, fields[3:5]))
    return (sum(map(int, fields)) - idle) / os.sysconf("SC_CLK_TCK")


def _next(served: Served, cluster: str) -> int:
    asked = collector_pb2.ResumeRequest(cluster=cluster, topic=TOPIC, partitions=[0])
    found: int = served.stubs[0].Resume(asked, timeout=TIMEOUT).next[0]
    return found


if __name__ == "__main__":
    sys.exit(main())
