"""Takes corrections, and makes what is stored agree with them.

In: a correction or its undoing, with reason and author. Out: a row, and places and sums
as if it had held from the beginning. What reaches a workload at most, and few places,
is done in the transaction that stores the correction: nobody sees a half of it. What
reaches further is done in slices by a thread, and told as being applied until its end;
what comes meanwhile is stored as it must be (`rows.py`). Slices may be repeated, so a
crash and a second cloud do no harm.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.store import amending
from cloud.store.amending import Rewritten
from cloud.store.corrections import (
    NAME_LENGTH,
    REASON_LENGTH,
    Correction,
    CorrectionError,
    Kept,
    Key,
    check,
    holding,
    is_full,
    listed,
    mark_applied,
    pending,
    revision_of,
)
from cloud.store.measures import GAUGE, Measure
from cloud.store.rules import Rules
from cloud.store.schema import corrections
from cloud.store.statements import chunks
from cloud.store.store import Store

log = logging.getLogger("vethscope")

SLICE_PLACES = 2_000
"""Amended in one transaction, which packages wait for."""
SERVERS_AT_ONCE = 20
"""Whose places are looked for in one statement."""
MOST_PLACES = 1_000_000
"""Of so many servers: a cluster has no more."""
MOST_TRIED = 100_000
"""Counted before a correction is made; there may be more."""
PAUSE_SECONDS = 0.05
"""Between two slices, for the packages."""
LOOK_SECONDS = 60.0
"""Between two looks for what another cloud, or a crash, has left."""
WRITE_SECONDS = 30.0

Follow = Callable[[Connection, list[Rewritten]], None]


class Corrections:
    """Adds and undoes them; safe to use from several threads."""

    def __init__(
        self, store: Store, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._store = store
        self._clock_ns = clock_ns
        self._wake = threading.Event()
        self._is_closed = False
        self._applying = 0
        self._thread = threading.Thread(
            target=self._run, name="correcting", daemon=True
        )
        self.on_rewritten: Follow = lambda _connection, _places: None
        """Called in the transaction that changes places."""

    def __enter__(self) -> "Corrections":
        """Its thread applies meanwhile."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends after the slice under way."""
        self._is_closed = True
        self._wake.set()
        self._thread.join()

    def add(self, correction: Correction, reason: str, author: str) -> int:
        """Its key. Raises CorrectionError and UnavailableError."""
        check(correction, reason, author)
        key = secrets.randbits(62)
        values = msgspec.structs.asdict(correction) | {
            "id": key,
            "scope": correction.scope.value,
            "reason": reason,
            "author": author,
            "created_ns": self._clock_ns(),
            "undone_ns": 0,
            "undone_by": "",
            "undone_reason": "",
            "applied": 0,
        }

        def job(connection: Connection) -> bool:
            if is_full(connection, correction.cluster):
                raise CorrectionError("there are too many corrections; undo some")
            values["revision"] = revision_of(connection) + 1
            connection.execute(sa.insert(corrections).values(values))
            return self._apply_now(connection, key)

        self._do(job)
        return key

    def undo(self, key: int, by: str, reason: str = "") -> bool:
        """From now on it holds no more; false: it did not.

        Raises CorrectionError and UnavailableError.
        """
        if len(reason) > REASON_LENGTH:
            raise CorrectionError("the reason is too long")
        undone: list[int] = []

        def job(connection: Connection) -> bool:
            values = {
                "undone_ns": self._clock_ns(),
                "undone_by": by[:NAME_LENGTH],
                "undone_reason": reason,
                "revision": revision_of(connection) + 1,
            }
            holds = corrections.c.undone_ns == 0
            chosen = sa.update(corrections).where(corrections.c.id == key, holds)
            undone.append(connection.execute(chosen.values(values)).rowcount)
            return bool(undone[0]) and self._apply_now(connection, key)

        self._do(job)
        return undone[0] == 1

    def apply_pending(self) -> None:
        """Makes all that is stored agree with all of them. Raises UnavailableError."""
        with self._store.reading() as connection:
            waiting = pending(connection)
        self._applying = len(waiting)
        for kept in waiting:
            if self._is_closed:
                break
            self._apply(kept)
            self._applying -= 1

    def measures(self) -> Iterator[Measure]:
        """Its number, from memory."""
        words = "Corrections, undone ones too, that are being applied."
        name = "vethscope_cloud_corrections_applying"
        yield Measure(name, GAUGE, words, values={"": float(self._applying)})

    def _do(self, job: Callable[[Connection], bool]) -> None:
        """A job that tells whether there is more to do."""
        if self._store.run(job).result(WRITE_SECONDS):
            self._wake.set()

    def _apply_now(self, connection: Connection, key: int) -> bool:
        """Applies it if that is quick; true: it is left to the thread."""
        (kept,) = listed(connection, corrections.c.id == key)
        one = kept.correction
        if not (one.cluster and one.name):
            return True
        reached = amending.servers(connection, one)
        most = SLICE_PLACES + 1
        wanted = amending.keys(connection, one, reached, most) if reached else []
        if len(wanted) == most:
            return True
        self._amend(connection, wanted)
        self._sum(connection, one, reached)
        self._finish(connection, kept)
        return False

    def _apply(self, kept: Kept) -> None:
        """A slice at a time; a place that comes meanwhile is stored as it must be."""
        one = kept.correction
        with self._store.reading() as connection:
            reached = amending.servers(connection, one)
        for some in chunks(reached, SERVERS_AT_ONCE):
            with self._store.reading() as connection:
                wanted = amending.keys(connection, one, some, MOST_PLACES)
            for keys in chunks(wanted, SLICE_PLACES):
                if self._is_closed:
                    return
                self._write(partial(self._amend, keys=keys))
                time.sleep(PAUSE_SECONDS)
            if wanted:
                self._write(partial(self._sum, one=one, servers=some))
        self._write(partial(self._finish, kept=kept))

    def _amend(self, connection: Connection, keys: Iterable[Key]) -> None:
        # The rules of this moment: others may have changed since the correction was.
        rules = Rules(holding(connection))
        rewritten = amending.amend(connection, rules, keys)
        if rewritten:
            self.on_rewritten(connection, rewritten)

    def _sum(
        self, connection: Connection, one: Correction, servers: Iterable[int]
    ) -> None:
        types = amending.types_beside(connection, one.data_type)
        amending.sum_edges(connection, list(servers), types)

    def _finish(self, connection: Connection, kept: Kept) -> None:
        one = kept.correction
        types = amending.types_beside(connection, one.data_type)
        amending.sum_types(connection, types, one.cluster)
        mark_applied(connection, kept)

    def _write(self, work: Callable[[Connection], None]) -> None:
        def job(connection: Connection) -> bool:
            work(connection)
            return False

        self._store.run(job).result(WRITE_SECONDS)

    def _run(self) -> None:
        while not self._is_closed:
            self._wake.clear()
            try:
                self.apply_pending()
            except Exception as error:
                # Whatever it was: it is done again from its beginning.
                log.warning("corrections: %s; applied later", type(error).__name__)
            if not self._is_closed:
                self._wake.wait(LOOK_SECONDS)


def tried(connection: Connection, one: Correction) -> int:
    """How many stored places it would reach; counted up to MOST_TRIED."""
    total = 0
    for some in chunks(amending.servers(connection, one), SERVERS_AT_ONCE):
        total += len(amending.keys(connection, one, some, MOST_TRIED - total))
        if total >= MOST_TRIED:
            break
    return total
