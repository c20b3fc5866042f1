"""The one writer of a cloud: packages of many clusters in one transaction.

In: checked packages from any thread, and jobs. Out: a receipt for each package, after
the commit that it is in. While one group is written the next one gathers, so groups are
as large as the load makes them and nothing waits for a timer. Statements and commits
are paid once a group. If a group fails by something that a package may cause, its
packages are written one by one: the bad one is refused, the others are stored.
"""

import gc
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from sqlalchemy import Connection

from cloud.errors import CloudError, OverlapError, RefusedError, UnavailableError
from cloud.store.database import DATA_ERRORS, DATABASE_ERRORS, Database, reason
from cloud.store.rows import Rows, printable
from cloud.store.schema import clusters
from cloud.store.tally import Tally
from cloud.store.writing import Writing
from proto.v1 import collector_pb2

log = logging.getLogger("vethscope")

MOST_WAITING = 256
"""Packages; more are answered with UNAVAILABLE at once."""
MOST_GROUP_BYTES = 2 << 20
"""Of packages in one transaction, and the last one whole: rows take some twenty times
that while they are merged, and the receipts wait for all."""

Job = Callable[[Connection], bool]
"""Does a part of its work in a transaction; true if there is more to do."""


class Waiting:
    """A package that waits for its receipt."""

    def __init__(self, package: collector_pb2.Package) -> None:
        self.package = package
        self.size = package.ByteSize()
        self.receipt: Future[bool] = Future()
        self.outcome: bool | CloudError = False


class Writer:
    """A thread with a connection of its own."""

    def __init__(
        self, database: Database, writing: Writing, clock: Callable[[], int]
    ) -> None:
        self._database = database
        self._writing = writing
        self._clock = clock
        self.tally = Tally()
        self._queue: queue.Queue[Waiting | tuple[Job, Future[bool]] | None]
        self._queue = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()
        self._is_closed = False

    def add(self, package: collector_pb2.Package) -> Future[bool]:
        """The receipt to come: whether the package was new. Raises UnavailableError."""
        waiting = Waiting(package)
        self._put(waiting)
        return waiting.receipt

    def run(self, job: Job) -> Future[bool]:
        """Does one part of a job between two groups. Raises UnavailableError."""
        done: Future[bool] = Future()
        self._put((job, done))
        return done

    @property
    def waiting(self) -> int:
        """Packages and jobs in the queue."""
        return self._queue.qsize()

    def close(self) -> None:
        """Writes what waits, then ends."""
        if not self._is_closed:
            self._is_closed = True
            self._queue.put(None)
            self._thread.join()

    def _put(self, waiting: Waiting | tuple[Job, Future[bool]]) -> None:
        if self._is_closed:
            raise UnavailableError("the store is closed, try again")
        try:
            self._queue.put_nowait(waiting)
        except queue.Full:
            raise UnavailableError("the store is busy, try again") from None

    def _run(self) -> None:
        waiting = self._queue.get()
        while waiting is not None:
            following: tuple[Job, Future[bool]] | None = None
            if isinstance(waiting, Waiting):
                group, following = self._gather(waiting)
                self._store([one for one in group if _is_awaited(one.receipt)])
            elif _is_awaited(waiting[1]):
                self._do(*waiting)
            waiting = following or self._queue.get()

    def _gather(
        self, first: Waiting
    ) -> tuple[list[Waiting], tuple[Job, Future[bool]] | None]:
        """The packages that wait already, and the job after them."""
        group, size = [first], first.size
        while size < MOST_GROUP_BYTES and not self._queue.empty():
            following = self._queue.get()
            if following is None:
                self._queue.put(None)
                break
            if not isinstance(following, Waiting):
                return group, following
            group.append(following)
            size += following.size
        return group, None

    def _store(self, group: list[Waiting]) -> None:
        """Writes a group and hands out its receipts."""
        if not group:
            return
        began = time.monotonic()
        try:
            with _uncollected():
                rows = self._write(group)
        except (RefusedError, *DATA_ERRORS) as error:
            self._writing.failed()
            self._refuse(group, error)
        except Exception as error:
            self._writing.failed()
            self._fail(group, error)
        else:
            self._writing.committed()
            self.tally.stored(len(group), rows, time.monotonic() - began)
            for waiting in group:
                if isinstance(waiting.outcome, CloudError):
                    waiting.receipt.set_exception(waiting.outcome)
                else:
                    waiting.receipt.set_result(waiting.outcome)
            self._database.tidy()

    def _write(self, group: list[Waiting]) -> int:
        """The number of rows that were written."""
        with self._database.writing() as connection:
            names = {printable(waiting.package.cluster) for waiting in group}
            bounds = self._writing.bounds(connection, names)
            rules = self._writing.rules(connection)
            rows = Rows(self._clock(), bounds, rules)
            packages = (waiting.package for waiting in group)
            following = self._writing.following(connection, packages)
            for waiting in group:
                try:
                    waiting.outcome = following.advance(waiting.package)
                except (OverlapError, RefusedError) as error:
                    waiting.outcome = error
                if waiting.outcome is True:
                    rows.add(waiting.package)
            following.write()
            if rows.tables[clusters]:
                self._writing.write(connection, rows)
            return len(rows)

    def _refuse(self, group: list[Waiting], error: Exception) -> None:
        """One of the group has caused it: each is tried alone."""
        if len(group) == 1:
            if not isinstance(error, RefusedError):
                log.warning("store %s: %s", self._database.shown, reason(error))
                kind = type(error).__name__
                error = RefusedError(f"the package cannot be stored: {kind}")
            group[0].receipt.set_exception(error)
            return
        for waiting in group:
            self._store([waiting])

    def _fail(self, group: list[Waiting], error: Exception) -> None:
        """The thread goes on, whatever it was: all senders come again."""
        if not isinstance(error, DATABASE_ERRORS):
            log.exception("store %s: writing failed", self._database.shown)
        refused = self._database.unavailable(error)
        self.tally.failed(refused.reason, self._clock())
        for waiting in group:
            waiting.receipt.set_exception(refused)

    def _do(self, job: Job, done: Future[bool]) -> None:
        try:
            with self._database.writing() as connection:
                is_more = job(connection)
        except CloudError as error:
            done.set_exception(error)
        except Exception as error:
            done.set_exception(self._database.unavailable(error))
        else:
            done.set_result(is_more)


def _is_awaited(receipt: Future[bool]) -> bool:
    """From here on the receipt cannot be cancelled."""
    return receipt.set_running_or_notify_cancel()


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for circles of objects meanwhile: rows are many and make none.

    It would look at each row some times while a group is merged, a fifth of the cost.
    Others' circles wait a moment: they are looked for between two groups.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
