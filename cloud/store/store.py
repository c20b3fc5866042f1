"""The store: packages and the Kafka offsets they cover, in one transaction.

In: checked packages. Out: whether a package was new, where to resume, and connections
for the pages to read from. SQLite and PostgreSQL hold the same. The parts: a `database`
with its connections, brought to our tables by `migrations`; one `writer` that stores
groups of packages (`offsets`, `rows`, `writing`); a `keeper` that rolls up; and a
`watch` that knows whether all of this works.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Event
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from cloud.errors import StoreError
from cloud.refusals import Refusal
from cloud.store import measures, offsets
from cloud.store.database import DATABASE_ERRORS, Database, reason
from cloud.store.keeper import Keeper, Keeping
from cloud.store.measures import Measure
from cloud.store.migrations import upgrade
from cloud.store.partitions import Partitions
from cloud.store.refused import Refused
from cloud.store.statements import PostgresStatements, SqliteStatements, Statements
from cloud.store.watch import Watch
from cloud.store.writer import Job, Writer
from cloud.store.writing import Writing
from proto.v1 import collector_pb2

log = logging.getLogger("vethscope")

RETRY_SECONDS = 0.5
"""Between two looks for a database that is away at start."""
LOCKED_TRIES = 10
"""For an SQLite file that others open at the same moment."""


def _now_seconds() -> int:
    return int(time.time())


class Store:
    """One database; safe to use from several threads."""

    def __init__(
        self,
        database_url: str,
        keeping: Keeping = Keeping(),  # noqa: B008
        clock: Callable[[], int] = _now_seconds,
        stop: Event | None = None,
    ) -> None:
        """Connects, and creates or upgrades the tables. Raises StoreError.

        With `stop` a PostgreSQL that is away is waited for, until that is set. `clock`
        gives seconds since 1970.
        """
        self._database = Database(database_url)
        try:
            self._prepare(stop)
        except StoreError:
            self._database.close()
            raise
        is_sqlite = self._database.is_sqlite
        statements: Statements = (
            SqliteStatements() if is_sqlite else PostgresStatements()
        )
        partitions = Partitions(is_sqlite)
        self._writing = Writing(statements, partitions, keeping.baseline_ns)
        self._writer = Writer(self._database, self._writing, clock)
        rolling = (statements, partitions)
        self.keeper = Keeper(self._database, self._writer, rolling, keeping, clock)
        self._refused = Refused(statements, clock)
        self.watch = Watch(self._database, self._writer, self._refused, keeping, clock)

    def submit(self, package: collector_pb2.Package) -> Future[bool]:
        """Stores a checked package; the receipt comes after the commit.

        It is false if the package was there already and nothing changed. It raises
        OverlapError, RefusedError and UnavailableError; then nothing has changed.
        """
        return self._writer.add(package)

    def add(self, package: collector_pb2.Package) -> bool:
        """As `submit`, and waits."""
        return self.submit(package).result()

    def run(self, job: Job) -> Future[bool]:
        """Does a job in a transaction of the writer's. Raises UnavailableError."""
        return self._writer.run(job)

    def tell_new_places(
        self, listener: Callable[[list[tuple[Any, ...]]], None]
    ) -> None:
        """Calls it after each commit with the keys of places that may be new."""
        self._writing.on_new_places = listener

    def refuse(self, cluster: str, refusal: Refusal, words: str) -> None:
        """Counts a package that was not taken; `cluster` is that of its token."""
        self._refused.note(cluster, refusal, words)

    def measures(self) -> Iterator[Measure]:
        """Its numbers, from memory."""
        yield from measures.of_writer(self._writer.tally, self.watch.waiting)
        yield from measures.of_sight(self.watch.sight, self.watch.clock())
        yield from measures.of_problems(self.watch.problems(), self.watch.is_ready)

    def resume(
        self, cluster: str, topic: str, partitions: Iterable[int]
    ) -> dict[int, int]:
        """Partition → next offset, of those ever stored. Raises UnavailableError."""
        asked = set(partitions)
        with self.reading() as connection:
            stored = offsets.stored(connection, cluster, topic)
        return {partition: stored[partition] for partition in asked & stored.keys()}

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state throughout. Raises UnavailableError."""
        with self._database.reading() as connection:
            yield connection

    def close(self) -> None:
        """Writes what waits and gives all connections back."""
        self.keeper.close()
        self.watch.close()
        self._writer.close()
        self._database.close()

    def _prepare(self, stop: Event | None) -> None:
        shown, tries = self._database.shown, LOCKED_TRIES
        while True:
            try:
                with self._database.writing() as connection:
                    upgrade(connection)
                return
            except StoreError as error:
                raise StoreError(f"{shown}: {error}") from None
            except DATABASE_ERRORS as error:
                tries -= 1
                if not self._may_come(error, tries, stop):
                    raise StoreError(f"{shown}: {reason(error)}") from None
                if tries == LOCKED_TRIES - 1:
                    log.warning("%s: %s; waiting for it", shown, reason(error))
                if (stop or Event()).wait(RETRY_SECONDS):
                    raise StoreError(f"{shown}: {reason(error)}") from None

    def _may_come(self, error: Exception, tries: int, stop: Event | None) -> bool:
        """SQLite does not wait for who else makes the file; PostgreSQL may be away."""
        if self._database.is_sqlite:
            return "locked" in reason(error) and tries > 0
        return stop is not None and isinstance(error, OperationalError)
