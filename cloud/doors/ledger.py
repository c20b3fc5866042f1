"""The ledger: the doors' own connections to the database.

In: the database's address. Out: short transactions on the tables of `tables`. The
connections are apart from the store's, so that who knocks waits for no page and no
package.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import time_ns
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from cloud.doors import tables
from cloud.errors import StoreError, UnavailableError
from cloud.store.database import lock_writers, reason
from cloud.store.migrations import upgrade

log = logging.getLogger("vethscope")

WAIT_SECONDS = 4
"""For a lock: packages are being written meanwhile."""
CONNECTIONS = 4
MOST_AUDITED = 100_000
"""Lines of the audit log; the oldest go first."""
_TRIM = 1_000
"""Lines between two looks at its length."""
TEXT = 200
"""Characters of what a stranger calls himself, in the audit log."""


class Ledger:
    """One database; safe to use from several threads."""

    def __init__(self, database_url: str, now_ns: Callable[[], int] = time_ns) -> None:
        """Connects, and creates or upgrades the tables. Raises StoreError."""
        self.now_ns = now_ns
        url = sa.make_url(database_url)
        self._shown = url.render_as_string(hide_password=True)
        self._engine = _engine(url)
        try:
            with self._engine.begin() as connection:
                lock_writers(connection)
                upgrade(connection)
        except StoreError as error:
            self.close()
            raise StoreError(f"{self._shown}: {error}") from None
        except (SQLAlchemyError, sqlite3.Error) as error:
            self.close()
            raise StoreError(f"{self._shown}: {reason(error)}") from None

    def close(self) -> None:
        """Gives all connections back."""
        self._engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction. Raises UnavailableError."""
        with self._open(self._engine) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """The same, without a writer's lock."""
        with self._open(self._engine.execution_options(begin="BEGIN")) as connection:
            yield connection

    @contextmanager
    def _open(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, sqlite3.Error) as error:
            log.warning("doors %s: %s", self._shown, type(error).__name__)
            raise UnavailableError("the store is not available, try again") from None

    def note(
        self,
        connection: Connection,
        who: str,
        action: str,
        subject: str = "",
        address: str = "",
    ) -> None:
        """Writes a line of the audit log, in the transaction of what it tells of."""
        line = {
            "at_ns": self.now_ns(),
            "who": _printable(who),
            "address": _printable(address),
            "action": action,
            "subject": _printable(subject),
        }
        made = connection.execute(sa.insert(tables.audit).values(line))
        number = made.inserted_primary_key[0] if made.inserted_primary_key else 0
        if number % _TRIM == 0:
            old = tables.audit.c.id <= number - MOST_AUDITED
            connection.execute(sa.delete(tables.audit).where(old))

    def audited(self, most: int) -> list[Any]:
        """The latest lines of the audit log, the oldest of them first."""
        latest = sa.select(tables.audit).order_by(tables.audit.c.id.desc()).limit(most)
        with self.reading() as connection:
            return list(connection.execute(latest))[::-1]

    def lines(
        self, who: str, action: str, page: int, size: int
    ) -> tuple[int, list[Any]]:
        """How many lines of somebody and an action there are (empty: all), and a page
        of them, the latest first."""
        audit = tables.audit.c
        chosen = sa.and_(
            sa.true(),
            *([audit.who == who] if who else []),
            *([audit.action == action] if action else []),
        )
        counted = sa.select(sa.func.count()).select_from(tables.audit).where(chosen)
        wanted = sa.select(tables.audit).where(chosen).order_by(audit.id.desc())
        with self.reading() as connection:
            total = int(connection.scalar(counted) or 0)
            found = connection.execute(wanted.limit(size).offset((page - 1) * size))
            return total, list(found)

    def actions(self) -> list[str]:
        """What lines of the audit log tell of."""
        wanted = sa.select(tables.audit.c.action).distinct()
        with self.reading() as connection:
            return sorted(connection.scalars(wanted))


def _printable(text: str) -> str:
    """A stranger's text on an operator's terminal."""
    return "".join(c if c.isprintable() else "?" for c in text[:TEXT])


def _engine(url: sa.URL) -> Engine:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    is_sqlite = url.get_backend_name() == "sqlite"
    options = f"-c statement_timeout={WAIT_SECONDS}s -c lock_timeout={WAIT_SECONDS}s"
    engine = sa.create_engine(
        url,
        connect_args=(
            {"timeout": WAIT_SECONDS}
            if is_sqlite
            else {"connect_timeout": WAIT_SECONDS, "options": options}
        ),
        hide_parameters=True,
        max_overflow=0,
        pool_pre_ping=True,
        pool_size=CONNECTIONS,
        pool_timeout=WAIT_SECONDS,
    )
    if is_sqlite:
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its lock at once: one that read first could not be let in."""
    begin = connection.get_execution_options().get("begin", "BEGIN IMMEDIATE")
    connection.exec_driver_sql(begin)
