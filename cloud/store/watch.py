"""The watch: looks every few seconds whether the store answers and can be written.

In: the store's parts. Out: what was seen last, from memory, so that whoever asks —
probes, metrics, the banner of each page — waits for no database and is told the same.
It really writes: a full disk and a database that only reads are found so. The write
carries what was counted of refused packages.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.errors import UnavailableError
from cloud.store.database import Database
from cloud.store.keeper import Keeping
from cloud.store.outlook import Seen
from cloud.store.problems import (
    AHEAD_SECONDS,
    NODE_SILENT_SECONDS,
    Problem,
    is_ready,
    problems,
)
from cloud.store.refused import Refused, Row
from cloud.store.schema import DAYS, HOURS, MINUTES, job
from cloud.store.sight import Sight, seen
from cloud.store.tally import Failure
from cloud.store.writer import Writer

log = logging.getLogger("vethscope")

PERIOD_SECONDS = 10.0
"""Between two looks: a probe that asks every ten seconds gets news each time."""
FAILING_SECONDS = 2.0
"""While it fails, so that it is ready again soon after."""
PROBE_SECONDS = 5.0
"""For the write. It waits for the group before it, some hundred milliseconds."""
LAST_SECONDS = 1.0
"""For the last write, at the end."""


class Watch:
    """Looks in a thread of its own; use `look` to look now."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        refused: Refused,
        keeping: Keeping,
        clock: Callable[[], int],
    ) -> None:
        self.sight = Sight()
        self.keeping = keeping
        self.began_seconds = clock()
        self.clock = clock
        self._database = database
        self._writer = writer
        self._refused = refused
        self._failure: Failure | None = None
        self._probing: Future[bool] | None = None
        self.is_away = False
        """The database could not be read when looked at last."""
        self._is_closed = False
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Looks now, and from now on."""
        self.look()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends, and writes what was counted."""
        self._is_closed = True
        self._wake.set()
        if self._thread:
            self._thread.join()
            if self._refused.rows():
                self._probe(LAST_SECONDS)

    def wake(self) -> None:
        """Somebody could not read: look now, not when it is time, so that all pages
        tell it at once."""
        if not self.failure:
            self._wake.set()

    def look(self) -> None:
        """Writes, then reads; what fails is kept as failure."""
        words = self._probe(PROBE_SECONDS)
        try:
            self.sight = self._read()
        except UnavailableError as error:
            words = words or error.reason
            self.is_away = True
        else:
            self.is_away = False
        now = self.clock()
        since = self._failure.since_seconds if self._failure else now
        self._failure = Failure(since, now, words) if words else None

    @property
    def failure(self) -> Failure | None:
        """Of the watch's own write, or of packages."""
        return self._failure or self._writer.tally.failure(self.clock())

    @property
    def waiting(self) -> int:
        """Packages and jobs that wait for the writer."""
        return self._writer.waiting

    @property
    def is_ready(self) -> bool:
        """Whether the store answers and can be written."""
        return is_ready(self.sight, self.failure, self.clock())

    def seen(self) -> Seen:
        """All that it knows, for another process."""
        return Seen(self.sight, self.failure, self.is_away, self.waiting)

    def problems(self) -> list[Problem]:
        """Those there are now, the gravest first."""
        return problems(self.sight, self.failure, self.began_seconds, self.clock())

    def _run(self) -> None:
        while True:
            self._wake.wait(FAILING_SECONDS if self.failure else PERIOD_SECONDS)
            if self._is_closed:
                return
            self._wake.clear()
            try:
                self.look()
            except Exception:
                log.exception("watch: looking failed")

    def _probe(self, seconds: float) -> str:
        """Why nothing can be written; empty: it can."""
        if self._probing is None or self._probing.done():
            try:
                self._probing = self._try()
            except UnavailableError as error:
                return error.reason
        try:
            self._probing.result(seconds)
        except UnavailableError as error:
            return error.reason
        except TimeoutError:
            return "the database does not answer"
        return ""

    def _try(self) -> Future[bool]:
        rows = self._refused.rows()

        def done(probe: Future[bool]) -> None:
            if not probe.exception():
                self._refused.written(rows)

        probe = self._writer.run(lambda connection: self._write(connection, rows))
        probe.add_done_callback(done)
        return probe

    def _write(self, connection: Connection, rows: list[Row]) -> bool:
        """The row of the job stays as it is, which takes a page, and room for it."""
        connection.execute(sa.update(job).values(run_seconds=job.c.run_seconds))
        self._refused.write(connection, rows)
        return False

    def _read(self) -> Sight:
        now_ns = self.clock() * 10**9
        silent_ns = now_ns - NODE_SILENT_SECONDS * 10**9
        kept = {
            MINUTES.name: self.keeping.minutes_seconds,
            HOURS.name: self.keeping.hours_seconds,
            DAYS.name: self.keeping.days_seconds,
        }
        with self._database.reading() as connection:
            found = seen(connection, kept, (now_ns, silent_ns, AHEAD_SECONDS * 10**9))
        return msgspec.structs.replace(
            found,
            stored_bytes=self._database.size_bytes(),
            wal_bytes=self._database.wal_bytes(),
            free_bytes=self._database.free_bytes(),
        )
