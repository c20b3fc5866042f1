"""The store: packages and the Kafka offsets they cover, in one transaction.

In: checked packages. Out: whether a package was new, where to resume, and connections
for the pages to read from. SQLite and PostgreSQL run the same statements. Of each
partition the store knows the next offset N that it waits for; a range says which offset
it takes that to be: `follows`, or else `first`. So a package is

- new if every range takes N for what it is. Records between N and `first` expired
  unread: they are counted as skipped and shown with the coverage. A range that starts
  over below N moves N back, since the broker lost the end of its log;
- a duplicate if every range ends at N or not far before: nothing changes;
- refused otherwise: stored in part, its counts cannot be told apart any more; behind a
  gap that it does not declare, something is lost on the way; far before N, somebody
  moved N to where the log never was. The sender resumes at N, or starts over.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    NoSuchModuleError,
    SQLAlchemyError,
)

from cloud.errors import (
    OverlapError,
    RefusedError,
    StoreError,
    UnavailableError,
)
from cloud.store import schema
from cloud.store.rows import Row, Rows, printable
from cloud.store.schema import Merge
from proto.v1 import collector_pb2

log = logging.getLogger("vethscope")

WAIT_SECONDS = 2
"""For a connection, or another writer's lock; the sender comes again anyway."""
STATEMENT_SECONDS = 10
"""PostgreSQL ends a statement that takes longer."""
CONNECTIONS = 10
MOST_BEHIND = 1 << 24
"""Records between the end of a duplicate and N: no package covers more, and a sender
repeats its last one only."""
MOST_TOLD = 20
"""Partitions named in an error; Resume tells all."""
DATABASE_ERRORS = (SQLAlchemyError, sqlite3.Error)
"""SQLAlchemy does not wrap what goes wrong while a connection is set up."""
SCHEMA_LOCK = 0x76657468
"""PostgreSQL's advisory lock of those that create the tables."""


class Store:
    """One database; safe to use from several threads."""

    def __init__(self, database_url: str) -> None:
        """Connects and creates what is missing. Raises StoreError."""
        url = _url(database_url)
        self._shown = url.render_as_string(hide_password=True)
        self._engine = _engine(url)
        is_sqlite = url.get_backend_name() == "sqlite"
        self._insert = sqlite.insert if is_sqlite else postgresql.insert
        self._upserts: dict[Table, Any] = {}
        self._writer = self._engine.execution_options(begin="BEGIN IMMEDIATE")
        self._reader = (
            self._engine
            if is_sqlite
            else self._engine.execution_options(isolation_level="REPEATABLE READ")
        )
        try:
            with self._writer.begin() as connection:
                self._create(connection)
        except DATABASE_ERRORS as error:
            self.close()
            raise StoreError(f"{self._shown}: {_reason(error)}") from None
        except StoreError:
            self.close()
            raise

    def add(self, package: collector_pb2.Package) -> bool:
        """Stores a checked package; false: it was there already, nothing changed.

        Raises OverlapError, RefusedError, UnavailableError; then nothing has changed.
        """
        with self._open(self._writer) as connection:
            if not self._advance(connection, package):
                return False
            for table, rows in Rows(package):
                self._upsert(connection, table, rows)
        return True

    def resume(
        self, cluster: str, topic: str, partitions: Iterable[int]
    ) -> dict[int, int]:
        """Partition → next offset, of those ever stored. Raises UnavailableError."""
        offsets = schema.offsets
        stored = sa.select(offsets.c.partition, offsets.c.next).where(
            offsets.c.cluster == printable(cluster),
            offsets.c.topic == printable(topic),
        )
        asked = set(partitions)
        with self._open(self._reader) as connection:
            return {p: n for p, n in connection.execute(stored) if p in asked}

    def data_types(self, cluster: str) -> set[str]:
        """All that were found in a cluster. Raises UnavailableError."""
        places, endpoints = schema.places, schema.endpoints
        servers = schema.workloads
        named = (
            sa.select(places.c.data_type)
            .join(endpoints, endpoints.c.id == places.c.endpoint_id)
            .join(servers, servers.c.id == endpoints.c.server_id)
            .where(servers.c.cluster == printable(cluster))
        )
        with self._open(self._reader) as connection:
            return set(connection.scalars(named.distinct()))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state throughout. Raises UnavailableError."""
        with self._open(self._reader) as connection:
            yield connection

    def close(self) -> None:
        """Gives all connections back."""
        self._engine.dispose()

    @contextmanager
    def _open(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except (DataError, OverflowError):
            raise RefusedError("the database cannot hold one of the values") from None
        except DATABASE_ERRORS as error:
            log.warning("store %s: %s", self._shown, _reason(error))
            raise UnavailableError("the store is not available, try again") from None

    def _create(self, connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))
        schema.metadata.create_all(connection)
        version = connection.scalar(sa.select(schema.schema_version.c.version))
        if version is None:
            first = sa.insert(schema.schema_version).values(version=schema.VERSION)
            connection.execute(first)
        elif version != schema.VERSION:
            raise StoreError(
                f"{self._shown}: its tables are of version {version}, this program "
                f"needs version {schema.VERSION}; name another database"
            )

    def _advance(self, connection: Connection, package: collector_pb2.Package) -> bool:
        """Moves the offsets on; false if all were there. Raises OverlapError."""
        cluster = printable(package.cluster)
        ranges = [
            covered
            for covered in package.offsets
            if covered.first < covered.next or covered.HasField("follows")
        ]
        waits = [
            (covered, self._next(connection, cluster, covered))
            for covered in sorted(ranges, key=lambda c: (c.topic, c.partition))
        ]
        if any(_expected(covered) != next_ for covered, next_ in waits):
            if all(
                0 <= next_ - covered.next <= MOST_BEHIND for covered, next_ in waits
            ):
                return False
            raise OverlapError(_where_to_resume(waits))
        for covered, next_ in waits:
            self._move(connection, cluster, covered, next_)
        return True

    def _next(
        self, connection: Connection, cluster: str, covered: collector_pb2.Offsets
    ) -> int:
        """The next offset wanted, its row locked; a new partition starts anywhere."""
        offsets = schema.offsets
        row = {
            "cluster": cluster,
            "topic": printable(covered.topic),
            "partition": covered.partition,
            "next": _expected(covered),
            "skipped": 0,
        }
        connection.execute(self._insert(offsets).on_conflict_do_nothing(), row)
        wanted = sa.select(offsets.c.next).where(*_is(cluster, covered))
        next_: int = connection.execute(wanted.with_for_update()).scalar_one()
        return next_

    def _move(
        self,
        connection: Connection,
        cluster: str,
        covered: collector_pb2.Offsets,
        next_: int,
    ) -> None:
        offsets = schema.offsets
        skipped = covered.first - next_
        if skipped:
            log.error(
                "partition %d of %s: %s",
                covered.partition,
                printable(covered.topic),
                f"{skipped} records never came" if skipped > 0 else "starts over",
            )
        connection.execute(
            sa.update(offsets)
            .where(*_is(cluster, covered))
            .values(
                next=covered.next, skipped=_added(offsets.c.skipped, max(skipped, 0))
            )
        )

    def _upsert(self, connection: Connection, table: Table, rows: list[Row]) -> None:
        statement = self._upserts.get(table)
        if statement is None:
            statement = self._upserts[table] = _merging(self._insert, table)
        connection.execute(statement, rows)


def _expected(covered: collector_pb2.Offsets) -> int:
    """What the sender takes to be the next offset wanted."""
    return covered.follows if covered.HasField("follows") else covered.first


def _is(cluster: str, covered: collector_pb2.Offsets) -> list[sa.ColumnElement[bool]]:
    offsets = schema.offsets
    return [
        offsets.c.cluster == cluster,
        offsets.c.topic == printable(covered.topic),
        offsets.c.partition == covered.partition,
    ]


def _where_to_resume(waits: Iterable[tuple[collector_pb2.Offsets, int]]) -> str:
    places = [
        f"{printable(covered.topic)} partition {covered.partition} at {next_}"
        for covered, next_ in waits
        if _expected(covered) != next_
    ]
    return "these records do not follow what is stored; resume " + ", ".join(
        places[:MOST_TOLD]
    )


def _merging(insert: Callable[[Table], Any], table: Table) -> Any:
    """INSERT … ON CONFLICT that merges by the rules of the columns."""
    statement = insert(table)
    merged = {
        column.name: _merge(merge, column, statement.excluded[column.name])
        for column in table.c
        if (merge := column.info.get("merge"))
    }
    if not merged:
        return statement.on_conflict_do_nothing()
    keys = list(table.primary_key)
    return statement.on_conflict_do_update(index_elements=keys, set_=merged)


def _added(old: Any, new: Any) -> Any:
    """The sum; a counter that is full stays so, and refuses nothing that follows."""
    return sa.case((old > schema.MOST - new, schema.MOST), else_=old + new)


def _merge(merge: Merge, old: Any, new: Any) -> Any:
    match merge:
        case Merge.ADD:
            return _added(old, new)
        case Merge.LEAST:
            return sa.case((new < old, new), else_=old)
        case Merge.GREATEST:
            return sa.case((new > old, new), else_=old)
        case Merge.LATEST:
            return new


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


def _engine(url: sa.URL) -> Engine:
    is_sqlite = url.get_backend_name() == "sqlite"
    engine = sa.create_engine(
        url,
        connect_args=(
            {"timeout": WAIT_SECONDS}
            if is_sqlite
            else {
                "connect_timeout": WAIT_SECONDS,
                "options": f"-c statement_timeout={STATEMENT_SECONDS}s "
                f"-c lock_timeout={WAIT_SECONDS}s -c timezone=UTC",
            }
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
    """Transactions are ours to begin; synchronous stays FULL: stored means stored."""
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its lock at once: one that read first could not be let in."""
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _reason(error: Exception) -> str:
    """The database's own first line, which holds no value."""
    cause = getattr(error, "orig", None) or error
    return next(iter(str(cause).splitlines()), type(cause).__name__)[:200]
