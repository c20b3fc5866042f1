"""PostgreSQL's partitions of the facts by time; SQLite has none.

A partition is made before the first fact of its time, and dropped whole when all in it
were rolled up: no vacuum has to follow.
"""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy import Connection, Table

from cloud.store.schema import Level

_LISTED = sa.text(
    "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
    "WHERE i.inhparent = CAST(:parent AS regclass)"
)


class Partitions:
    """Those known to be there."""

    def __init__(self, is_sqlite: bool) -> None:
        self._is_sqlite = is_sqlite
        self._known: set[tuple[str, int]] = set()

    def forget(self) -> None:
        """Asks the database again."""
        self._known.clear()

    def ensure(
        self, connection: Connection, level: Level, starts: Iterable[int]
    ) -> None:
        """Makes the partitions that facts of these starts belong to."""
        if self._is_sqlite:
            return
        for number in {start // level.partition_seconds for start in starts}:
            for table in (level.traffic, level.coverage):
                if (table.name, number) not in self._known:
                    _make(connection, table, number, level.partition_seconds)
                    self._known.add((table.name, number))

    def drop(self, connection: Connection, level: Level, before: int) -> bool:
        """Drops those that hold only times before `before`; true if there were any."""
        if self._is_sqlite:
            return False
        is_dropped = False
        for table in (level.traffic, level.coverage):
            for name in connection.scalars(_LISTED, {"parent": table.name}).all():
                number = int(name.rsplit("_", 1)[1])
                if (number + 1) * level.partition_seconds <= before:
                    connection.execute(sa.text(f"DROP TABLE {name}"))
                    is_dropped = True
        return is_dropped


def _make(connection: Connection, table: Table, number: int, width: int) -> None:
    first, following = number * width, (number + 1) * width
    connection.execute(
        sa.text(
            f"CREATE TABLE IF NOT EXISTS {table.name}_{number} PARTITION OF "
            f"{table.name} FOR VALUES FROM ({first}) TO ({following})"
        )
    )
