"""Refused packages, counted in memory and written now and then.

In: by whose token a package came and why it was not taken. Out: rows of the table
`refusals`, which outlive a restart. Whoever knocks costs a count in memory and no
statement; the database gets one row a cluster and reason, however often.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any

from sqlalchemy import Connection

from cloud.refusals import Refusal
from cloud.store.bounds import MOST_CLUSTERS
from cloud.store.rows import printable
from cloud.store.schema import refusals
from cloud.store.statements import Statements

MOST_WORDS = 200
MOST_ROWS = MOST_CLUSTERS * len(Refusal)
"""That wait; more clusters than the store takes are counted as nobody's."""

Row = list[Any]


class Refused:
    """Safe to use from several threads."""

    def __init__(self, statements: Statements, clock: Callable[[], int]) -> None:
        self._statements = statements
        self._clock = clock
        self._lock = Lock()
        self._waiting: dict[tuple[str, str], Row] = {}

    def note(self, cluster: str, refusal: Refusal, words: str) -> None:
        """Counts one; `cluster` is the token's, empty where none is known."""
        words, at_ns = printable(words)[:MOST_WORDS], self._clock() * 10**9
        with self._lock:
            if len(self._waiting) >= MOST_ROWS:
                cluster = ""
            key = (printable(cluster), refusal.value)
            row = self._waiting.setdefault(key, [*key, 0, at_ns, words])
            row[2:] = [row[2] + 1, at_ns, words]

    def rows(self) -> list[Row]:
        """What waits to be written."""
        with self._lock:
            return [list(row) for _, row in sorted(self._waiting.items())]

    def write(self, connection: Connection, rows: list[Row]) -> None:
        """Adds them to what is stored; call `written` after the commit."""
        if rows:
            self._statements.merge(connection, refusals, rows)

    def written(self, rows: list[Row]) -> None:
        """They are there; what came meanwhile waits on."""
        with self._lock:
            for cluster, reason, count, *_ in rows:
                row = self._waiting[cluster, reason]
                row[2] -= count
                if not row[2]:
                    del self._waiting[cluster, reason]
