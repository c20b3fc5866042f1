"""Keeps the store within its time and size: rolls up, and forgets.

In: how long each level is kept, a bound on size, and the time. Out: a database in which
nothing grows for ever. What goes first, when the size is over its bound: minutes become
hours earlier, down to the last hour; then hours become days, down to the last day; then
the oldest days go, and with them the names not seen since. Summaries stay as long as
the names that they belong to. Once a day coverage is compared (`falls`).

Each step is a transaction of its own between two groups of packages. Of several clouds
on one database the one that first notes the run in the table `job` does it; if it dies,
the next run goes on where it stopped.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.errors import UnavailableError
from cloud.store import falls, forgetting
from cloud.store.database import Database
from cloud.store.news import BASELINE_NS, SECOND_NS
from cloud.store.partitions import Partitions
from cloud.store.rollup import Rollup
from cloud.store.schema import DAY, DAYS, HOUR, HOURS, MINUTES, Level, job
from cloud.store.statements import Statements
from cloud.store.writer import Writer

log = logging.getLogger("vethscope")

PERIOD_SECONDS = 600
"""Between two runs: a run then has two intervals of five minutes to roll up."""
STEP_SECONDS = 120.0
"""For one step: it waits for the packages before it."""


class Keeping(msgspec.Struct, frozen=True):
    """How long facts are kept, in how many bytes, and from when on they are news."""

    minutes_seconds: int = 2 * DAY
    """Intervals of five minutes; older ones become hours."""
    hours_seconds: int = 90 * DAY
    """Hours; older ones become days."""
    days_seconds: int = 400 * DAY
    """Days, and names that are not seen any more."""
    most_bytes: int = 20 << 30
    """Of the database."""
    baseline_seconds: int = BASELINE_NS // SECOND_NS
    """Of a cluster's life: what is seen in it is no news."""

    @property
    def baseline_ns(self) -> int:
        return self.baseline_seconds * SECOND_NS

    def tighter(self) -> "Keeping | None":
        """Half of what goes first; None: there is nothing left to shorten."""
        for name, least in (
            ("minutes_seconds", HOUR),
            ("hours_seconds", DAY),
            ("days_seconds", DAY),
        ):
            kept = getattr(self, name)
            if kept > least:
                halved = {name: max(kept // 2, least)}
                return msgspec.structs.replace(self, **halved)
        return None


class Keeper:
    """Does it now and then; use `run_once` to do it now."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        rolling: tuple[Statements, Partitions],
        keeping: Keeping,
        clock: Callable[[], int],
    ) -> None:
        self._database = database
        self._writer = writer
        self._statements, self._partitions = rolling
        self._rollup = Rollup(*rolling)
        self.keeping = keeping
        self._clock = clock
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Runs every ten minutes from now on, in a thread."""
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends after the step under way."""
        self._stop.set()
        if self._thread:
            self._thread.join()

    def run_once(self) -> None:
        """Rolls up and forgets all that is due. Raises UnavailableError."""
        self._compare()
        keeping: Keeping | None = self.keeping
        while keeping and not self._stop.is_set():
            self._keep(keeping)
            if self._database.size_bytes() <= keeping.most_bytes:
                return
            keeping = keeping.tighter()
        if keeping is None:
            log.error("store %s: larger than cloud.store_bytes", self._database.shown)

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_SECONDS):
            try:
                if self._do(self._begin):
                    self.run_once()
            except UnavailableError as error:
                log.warning("roll-up: %s; tried again later", error)

    def _begin(self, connection: Connection) -> bool:
        """Notes the run; false if another cloud did so a short time ago."""
        now = self._clock()
        noted = (
            sa.update(job)
            .where(job.c.id == 1, job.c.run_seconds <= now - PERIOD_SECONDS // 2)
            .values(run_seconds=now)
        )
        return connection.execute(noted).rowcount == 1

    def _keep(self, keeping: Keeping) -> None:
        now = self._clock()
        for fine, coarse, kept in (
            (MINUTES, HOURS, keeping.minutes_seconds),
            (HOURS, DAYS, keeping.hours_seconds),
        ):
            before = now - kept
            before -= before % coarse.seconds
            self._repeat(
                partial(self._rollup.step, fine=fine, coarse=coarse, before=before)
            )
            self._drop(fine, before)
        before = now - keeping.days_seconds
        before -= before % DAY
        self._repeat(partial(forgetting.facts, level=DAYS, before=before))
        self._drop(DAYS, before)
        for step in forgetting.NAMES:
            self._repeat(partial(step, before_ns=before * 10**9))
        self._do(forgetting.recount)
        self._repeat(partial(forgetting.old_changes, before_ns=before * 10**9))
        self._repeat(forgetting.surplus_changes)

    def _compare(self) -> None:
        """Tells once a day whose coverage fell, while its facts are fine still."""
        now = self._clock()
        with self._database.reading() as connection:
            day = falls.due(connection, now)
        if day is not None:
            found = falls.fallen(self._database, day)
            self._do(falls.telling(self._statements, day, found, now * 10**9))

    def _drop(self, level: Level, before: int) -> None:
        def drop(connection: Connection) -> bool:
            if self._partitions.drop(connection, level, before):
                forgetting.tell(connection)
            return False

        self._do(drop)

    def _repeat(self, step: Callable[[Connection], bool]) -> None:
        while not self._stop.is_set() and self._do(step):
            pass

    def _do(self, step: Callable[[Connection], bool]) -> bool:
        try:
            return self._writer.run(step).result(STEP_SECONDS)
        except TimeoutError:
            raise UnavailableError("a step took too long") from None
