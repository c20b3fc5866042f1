"""Copies of an SQLite store, while a cloud works on it.

A backup is one state of the database, taken by a reader: packages are stored meanwhile.
A restore replaces the content in one transaction; the offsets go back with it, so the
diggers read again from Kafka what came after the backup, as far as Kafka keeps it. What
of the database stays as it is, the caller says: a key that was revoked, above all.
PostgreSQL has its own tools for both.
"""

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.errors import StoreError
from cloud.store.database import DATABASE_ERRORS, Database, reason
from cloud.store.migrations import upgrade
from cloud.store.schema import job

AWAY = "move it away, with its -wal, to restore also what was revoked since"
"""Where the database cannot say what was."""
ROWS = 1_000
"""Taken over at a time."""
Keep = Callable[[Connection, Connection | None], None]
"""Changes the copy before it is put in place of the database, which it may read; None:
there is none."""


def backup(database_url: str, file: Path) -> None:
    """Writes a copy to `file`, which must not be there yet. Raises StoreError."""
    if file.exists():
        raise StoreError(f"{file}: is there already; name another file")
    _copied(file.parent, _file(database_url), lambda copy: copy.rename(file))


def restore(database_url: str, file: Path, keep: Keep) -> None:
    """Replaces what is stored by a copy that `backup` made. Raises StoreError.

    The copy may be of an earlier version; a file of another program is refused, as the
    copy and as what it would replace.
    """
    target = _file(database_url)

    def put(copy: Path) -> None:
        database = Database(f"sqlite:///{copy}")
        try:
            with _living(target) as live, database.writing() as connection:
                try:
                    upgrade(connection)
                except StoreError as error:
                    raise StoreError(f"{file}: {error}") from None
                keep(connection, live)
                # A number never used: all writers look up names anew.
                changed = sa.update(job).values(forgotten=time.time_ns())
                connection.execute(changed)
        finally:
            database.close()
        _copy(copy, target)

    _copied(target.parent, file, put)


def take_over(table: sa.Table, copy: Connection, live: Connection) -> None:
    """The table of the copy becomes that of the database."""
    copy.execute(sa.delete(table))
    found = live.execution_options(yield_per=ROWS).execute(sa.select(table))
    for part in found.mappings().partitions(ROWS):
        copy.execute(sa.insert(table), [dict(row) for row in part])


@contextmanager
def _living(target: Path) -> Iterator[Connection | None]:
    """What is to be replaced, with the tables of this program. Raises StoreError."""
    if not target.is_file() or not target.stat().st_size:
        yield None
        return
    database = Database(f"sqlite:///{target}")
    try:
        _upgrade(database, target)
        with database.writing() as connection:
            yield connection
    finally:
        database.close()


def _upgrade(database: Database, file: Path) -> None:
    try:
        with database.writing() as connection:
            upgrade(connection)
    except (StoreError, *DATABASE_ERRORS) as error:
        raise StoreError(f"{file}: {reason(error)}; {AWAY}") from None


def _copied(folder: Path, source: Path, use: Callable[[Path], object]) -> None:
    """Gives a whole copy of `source`, on stable storage, to `use`."""
    if not source.is_file():
        raise StoreError(f"{source}: no such file")
    try:
        with tempfile.TemporaryDirectory(dir=folder) as made:
            copy = Path(made) / "copy.sqlite3"
            _copy(source, copy)
            use(copy)
    except DATABASE_ERRORS as error:
        raise StoreError(f"{source}: {reason(error)}") from None
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror or error}") from None


def _copy(source: Path, target: Path) -> None:
    """In one step: a copy in parts begins anew whenever somebody writes."""
    with (
        closing(sqlite3.connect(source)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.execute("PRAGMA query_only = ON")
        old.backup(new)
        if new.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise StoreError(f"{source}: is damaged")
    with target.open("rb") as written:
        os.fsync(written.fileno())


def _file(database_url: str) -> Path:
    database = Database(database_url)
    database.close()
    if not database.is_sqlite:
        raise StoreError("only SQLite is copied by this command; use pg_dump")
    return Path(str(database.url.database))
