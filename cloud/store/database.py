"""A database: its address, and connections set up for writing or reading.

Out: one engine for the writer, and one for readers that the writer never waits for.
SQLite runs in WAL mode, where readers see the state of their start meanwhile.
Statements of readers end after a time, so that no page holds the database back: on
SQLite a reader that went on would keep the WAL from being used anew.
"""

import logging
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from cloud.errors import StoreError, UnavailableError

log = logging.getLogger("vethscope")

WAIT_SECONDS = 2
"""For a connection, or another writer's lock; the sender comes again anyway."""
READ_SECONDS = 10
"""By the clock: a page's statement that takes longer is ended; on SQLite all of a page
has this time."""
WRITE_SECONDS = 60
"""A statement of the writer: rolling up a slice of an hour stays far below."""
READERS = 10
DATABASE_ERRORS = (SQLAlchemyError, sqlite3.Error, psycopg.Error)
"""The driver's own are raised where it is used without SQLAlchemy."""
DATA_ERRORS = (
    *(sqlite3.DataError, sqlite3.IntegrityError, OverflowError),
    *(psycopg.DataError, psycopg.IntegrityError),
)
"""What a package may cause; everything else is the database's."""
WRITERS_LOCK = 0x76657468
"""PostgreSQL's advisory lock: one transaction writes at a time, of any cloud."""

CACHE_KIB = 16_384
"""SQLite's cache of the writer. The pages that groups touch are several times that; the
rest is read from the kernel's cache, which is given back when memory is short. Beside
64 MiB that costs up to 3 % of processor time for new rows, for known ones nothing."""
READER_CACHE_KIB = 4_096
CHECKPOINT_PAGES = 4_000
"""16 MB of WAL are copied back at a time: pages written again and again meanwhile are
copied once, and a restart after a crash reads no more than that."""
JOURNAL_BYTES = 64 << 20
"""The WAL is cut to this when it is used anew after readers held it back."""
_STEPS = 100_000
"""Of SQLite's machine, a few milliseconds, between two looks at the time."""


class Database:
    """Connections to one database; safe to use from several threads."""

    def __init__(self, database_url: str) -> None:
        """Connects to nothing yet. Raises StoreError."""
        self.url = _url(database_url)
        self.shown = self.url.render_as_string(hide_password=True)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._wal = Path(f"{self.url.database}-wal") if self.is_sqlite else None
        make = _sqlite if self.is_sqlite else _postgresql
        self._writer, self._reader = make(self.url)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that alone writes. Raises the database's errors."""
        with self._writer.begin() as connection:
            lock_writers(connection)
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state throughout. Raises UnavailableError."""
        try:
            with self._reader.begin() as connection:
                yield connection
        except DATABASE_ERRORS as error:
            raise self.unavailable(error) from None

    def unavailable(self, error: Exception) -> UnavailableError:
        """Logs what went wrong; gives what to tell the sender."""
        words = reason(error)
        log.warning("store %s: %s", self.shown, words)
        return UnavailableError("the store is not available, try again", words)

    def size_bytes(self) -> int:
        """Of what is stored, without room that is free again."""
        with self.reading() as connection:
            if not self.is_sqlite:
                size = "SELECT pg_database_size(current_database())"
                return int(connection.scalar(sa.text(size)))
            pages, free, each = (
                int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
                for name in ("page_count", "freelist_count", "page_size")
            )
            return (pages - free) * each

    def wal_bytes(self) -> int:
        """Of SQLite's WAL; 0 where there is none."""
        with suppress(OSError):
            return self._wal.stat().st_size if self._wal else 0
        return 0

    def free_bytes(self) -> int | None:
        """Of the file system that SQLite's file is on; None: not known from here."""
        with suppress(OSError):
            if self._wal:
                return shutil.disk_usage(self._wal.absolute().parent).free
        return None

    def tidy(self) -> None:
        """Copies SQLite's WAL back if readers kept it from being used anew.

        Waits for readers, at most WAIT_SECONDS; the next group tries again.
        """
        if self._wal is None:
            return
        try:
            if self._wal.stat().st_size > JOURNAL_BYTES:
                with self._writer.connect() as connection:
                    driver: Any = connection.connection.driver_connection
                    driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except (OSError, *DATABASE_ERRORS) as error:
            log.warning("store %s: WAL: %s", self.shown, reason(error))

    def close(self) -> None:
        """Gives all connections back."""
        self._writer.dispose()
        self._reader.dispose()


def lock_writers(connection: Connection) -> None:
    """From now on this transaction alone writes; SQLite's own lock does that."""
    if connection.dialect.name == "postgresql":
        lock = sa.text(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")
        connection.execute(lock)


def reason(error: Exception) -> str:
    """The database's own first line, which holds no value."""
    cause = getattr(error, "orig", None) or error
    return next(iter(str(cause).splitlines()), type(cause).__name__)[:200]


def _url(database_url: str) -> sa.URL:
    try:
        url = sa.make_url(database_url)
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError):
        raise StoreError(
            "the database URL is not understood; write sqlite:///FILE or "
            "postgresql+psycopg://USER:PASSWORD@HOST/NAME"
        ) from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError("the database URL must name sqlite or postgresql")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise StoreError("the database URL must name a file: sqlite:///FILE")
    return url


def _engine(url: sa.URL, connections: int, connect: dict[str, Any]) -> Engine:
    return sa.create_engine(
        url,
        connect_args=connect,
        hide_parameters=True,
        max_overflow=0,
        pool_pre_ping=True,
        pool_size=connections,
        pool_timeout=WAIT_SECONDS,
        # The one used last: its cache is warm, and those of the others stay empty.
        pool_use_lifo=True,
    )


def _postgresql(url: sa.URL) -> tuple[Engine, Engine]:
    def connect(statement_seconds: int, options: str = "") -> dict[str, Any]:
        return {
            "connect_timeout": WAIT_SECONDS,
            "keepalives_idle": 10,
            "tcp_user_timeout": WRITE_SECONDS * 1_000,
            "options": f"-c statement_timeout={statement_seconds}s "
            f"-c lock_timeout={WAIT_SECONDS}s -c timezone=UTC{options}",
        }

    writer = _engine(url, 1, connect(WRITE_SECONDS))
    is_only_reading = " -c default_transaction_read_only=on"
    reader = _engine(url, READERS, connect(READ_SECONDS, is_only_reading))
    return writer, reader.execution_options(isolation_level="REPEATABLE READ")


def _sqlite(url: sa.URL) -> tuple[Engine, Engine]:
    writer = _engine(url, 1, {"timeout": WAIT_SECONDS})
    reader = _engine(url, READERS, {"timeout": WAIT_SECONDS})
    sa.event.listen(writer, "connect", _set_up_writer)
    sa.event.listen(writer, "begin", _begin_writing)
    sa.event.listen(reader, "connect", _set_up_reader)
    sa.event.listen(reader, "begin", _begin_reading)
    return writer, reader


def _set_up_writer(connection: sqlite3.Connection, _: object) -> None:
    """Transactions are ours to begin; synchronous stays FULL: stored means stored."""
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_BYTES}")


def _set_up_reader(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA query_only = ON")
    connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")


def _begin_writing(connection: Connection) -> None:
    """Takes the lock at once: one that read first could not be let in."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: Connection) -> None:
    end = time.monotonic() + READ_SECONDS
    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    connection.exec_driver_sql("BEGIN")
