"""The harvest: services that the programs of a node's pods know.

In come processes of the pods that are captured, out come services with their types
(`detection/protobuf/services.py`), each told once a day while a program runs that has
it. Nothing of what programs do or hold in memory is looked at, only files of theirs.
Each file is read once as long as it is the same; processor time and bytes have a budget
a minute. What is refused or fails is counted by reason and is no error.
"""

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple, Protocol

from agent.harvest import programs
from agent.harvest.java import search_class, search_jar
from agent.harvest.programs import Kind, Opened
from agent.harvest.python import search_source
from agent.harvest.search import search_all
from agent.lifecycle import told
from agent.metrics import COUNTER, Metric, gauge
from detection.protobuf.services import Service, services

log = logging.getLogger("vethscope")

LOOK_SECONDS = 10.0
"""Between looks for new processes."""
AGES_SECONDS = (5.0, 60.0)
"""A process is looked at when it has been known for so long: once it has begun, and
again when it has loaded what it needs."""
AGAIN_SECONDS = 86_400.0
"""A process that still runs is looked at anew, and its services are told again."""
MINUTE_SECONDS = 60.0
CPU_SECONDS = 1.5
"""Of a minute: 2.5 % of a processor. A program of 10 MiB takes 0.02 s."""
READ_BYTES = 512 << 20
"""Of a minute."""
MOST_FILE_BYTES = 1 << 30
MOST_FILES = 20_000
"""Remembered with what they hold; then all are read again."""
MOST_KEPT_BYTES = 64 << 20
"""Of descriptors of all files that are remembered."""
MOST_TOLD = 20_000
"""Services remembered as told."""
_MOST_SOURCE = 4 << 20
NICE = 10
"""Of the thread: nothing waits for it."""


class Pace(NamedTuple):
    """How soon programs are looked at; the demo has no time to lose."""

    look_seconds: float = LOOK_SECONDS
    ages_seconds: tuple[float, ...] = AGES_SECONDS


USUAL = Pace()


class Telling(Protocol):
    """Where services go to."""

    def tell(self, service: Service) -> bool:
        """False: it cannot be told now."""
        ...

    def poll(self) -> None:
        """To be called now and then."""
        ...

    def close(self, seconds: float = 1.0) -> None: ...


class _Process(NamedTuple):
    """What tells one process from a later one of its number."""

    number: str
    started: str


class Harvest:
    """`run` works in a thread of its own; the rest may be asked from others."""

    def __init__(
        self,
        namespaces: Callable[[], frozenset[int]],
        telling: Telling,
        proc: str = "/proc",
        clock: Callable[[], float] = time.monotonic,
        pace: Pace = USUAL,
    ) -> None:
        """`namespaces` gives the inodes of the network namespaces that are captured."""
        self.counts: Counter[str] = Counter()
        """Files by what became of them."""
        self._namespaces = namespaces
        self._telling = telling
        self._proc = proc
        self._clock = clock
        self._pace = pace
        self._known: dict[_Process, tuple[float, int]] = {}
        """Since when, and how often it was looked at."""
        self._files: dict[tuple[int, int, int, int], tuple[bytes, ...]] = {}
        self._kept = 0
        self._told: dict[Service, float] = {}
        self._minute = self._used = 0.0
        self._read = 0

    def metrics(self) -> Iterator[Metric]:
        yield Metric(
            "vethscope_capture_descriptor_files_total",
            COUNTER,
            "Files of pods' programs that were looked at for names, by outcome.",
            "outcome",
            {outcome: float(n) for outcome, n in self.counts.copy().items()},
        )
        yield gauge(
            "vethscope_capture_services",
            "Services whose messages' names were found in programs.",
            len(self._told),
        )

    def run(self, stop: threading.Event) -> None:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while not stop.wait(self._pace.look_seconds):
            self.look(stop)
            self._telling.poll()
        self._telling.close()

    def look(self, stop: threading.Event) -> None:
        """Looks at the processes that are due."""
        for process in self._due():
            if stop.is_set():
                return
            try:
                self._harvest(process, stop)
            except PermissionError:
                self.counts["denied"] += 1
            except Exception as error:
                if not self.counts["failed"]:
                    log.error("a program's names are not read: %s", told(error))
                self.counts["failed"] += 1

    def _due(self) -> list[_Process]:
        now, wanted = self._clock(), self._namespaces()
        ages = self._pace.ages_seconds
        running = set(self._running(wanted)) if wanted else set()
        for gone in self._known.keys() - running:
            del self._known[gone]
        due = []
        for process in running:
            since, looks = self._known.setdefault(process, (now, 0))
            age = ages[looks] if looks < len(ages) else AGAIN_SECONDS
            if now - since >= age:
                is_again = looks == len(ages)
                self._known[process] = (now, looks) if is_again else (since, looks + 1)
                due.append(process)
        return due

    def _running(self, namespaces: frozenset[int]) -> Iterator[_Process]:
        """Processes within these network namespaces."""
        for name in os.listdir(self._proc):  # noqa: PTH208 - thousands of them
            if not name.isdigit():
                continue
            with suppress(OSError, IndexError):
                inode = os.stat(f"{self._proc}/{name}/ns/net").st_ino  # noqa: PTH116
                if inode in namespaces:
                    yield _Process(name, _started(f"{self._proc}/{name}"))

    def _harvest(self, process: _Process, stop: threading.Event) -> None:
        found: dict[bytes, None] = {}
        for opened in programs.files(f"{self._proc}/{process.number}"):
            found |= dict.fromkeys(self._descriptors(opened))
            if not self._rest(stop):
                return
        for service in services(found):
            self._publish(service)

    def _publish(self, service: Service) -> None:
        now = self._clock()
        if now - self._told.get(service, -AGAIN_SECONDS) < AGAIN_SECONDS / 2:
            return
        if self._telling.tell(service):
            if len(self._told) >= MOST_TOLD:
                self._told.clear()
            self._told[service] = now
        else:
            self.counts["not_told"] += 1

    def _descriptors(self, opened: Opened) -> Iterable[bytes]:
        known = self._files.get(opened.identity)
        if known is not None:
            return known
        if opened.size > MOST_FILE_BYTES:
            self.counts["too_large"] += 1
            return ()
        found = tuple(dict.fromkeys(_search(opened)))
        self._read += opened.size
        self.counts["with_names" if found else "without_names"] += 1
        self._kept += sum(map(len, found))
        if len(self._files) >= MOST_FILES or self._kept > MOST_KEPT_BYTES:
            self._files.clear()
            self._kept = sum(map(len, found))
        self._files[opened.identity] = found
        return found

    def _rest(self, stop: threading.Event) -> bool:
        """Waits for the next minute if this one's budget is spent; false: stopped."""
        now, used = self._clock(), time.thread_time()
        if now - self._minute >= MINUTE_SECONDS:
            self._minute, self._used, self._read = now, used, 0
        elif used - self._used >= CPU_SECONDS or self._read >= READ_BYTES:
            self.counts["waits"] += 1
            return not stop.wait(self._minute + MINUTE_SECONDS - now)
        return not stop.is_set()


def _search(opened: Opened) -> Iterator[bytes]:
    if opened.kind is Kind.BINARY:
        return search_all(opened.read, opened.size)
    if opened.kind is Kind.JAR:
        return search_jar(opened.read, opened.size)
    source = opened.read(0, _MOST_SOURCE)
    return search_class(source) if opened.kind is Kind.CLASS else search_source(source)


def _started(process: str) -> str:
    """Field 22 of proc_pid_stat(5), behind a name that may hold anything."""
    with open(f"{process}/stat", "rb") as source:  # noqa: PTH123
        return (
            source.read(4096).rpartition(b")")[2].split()[19].decode("ascii", "replace")
        )
