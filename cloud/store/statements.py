"""The statements that write rows, as text for the driver.

SQLAlchemy's own way costs several times what the database does, so ingestion talks to
the driver. SQLite takes many rows in one call of a prepared statement. PostgreSQL takes
each column as one array, written as text: a statement a table, however many rows, and
nothing for the driver to adapt.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy import BigInteger, Connection, Integer, LargeBinary, SmallInteger, Table

from cloud.store.schema import MOST, Merge

Rows = Sequence[Sequence[Any]]
Listed = TypeVar("Listed")

_TYPES = {
    BigInteger: "bigint",
    Integer: "integer",
    SmallInteger: "smallint",
    LargeBinary: "bytea",
}
_TOLD = "CAST(excluded.{0} AS text) NOT IN ('', '0')"
_KEYS_AT_ONCE = 500
"""Values in one statement of SQLite; it takes 32,766."""


class Statements(Protocol):
    """Writes on a connection that is in a transaction."""

    def merge(self, connection: Connection, table: Table, rows: Rows) -> None:
        """Adds rows; what is there already becomes one with them."""

    def put(self, connection: Connection, table: Table, rows: Rows) -> None:
        """Adds rows; what is there already is replaced."""

    def remove(self, connection: Connection, table: Table, keys: Rows) -> None:
        """Deletes the rows of these primary keys."""

    def find(
        self, connection: Connection, table: Table, keys: Rows
    ) -> list[tuple[Any, ...]]:
        """The rows of these primary keys, those there are."""


class SqliteStatements:
    """With one parameter a value."""

    def merge(self, connection: Connection, table: Table, rows: Rows) -> None:
        driver = _driver(connection)
        first = _indexed_first(table)
        earlier = _before_latest(driver, table, first, rows) if first else []
        text = _insert(table, _marks(table)) + _merging(table, "min", "max", first)
        driver.executemany(text, rows)
        if earlier:
            names = _key(table)
            matches = " AND ".join(f"{n} = ?{at}" for at, n in enumerate(names, 2))
            text = f"UPDATE {table.name} SET {first} = ?1 WHERE {first} > ?1 AND "
            places = positions(table, first, *names)
            values = [tuple(row[place] for place in places) for row in earlier]
            driver.executemany(text + matches, values)

    def put(self, connection: Connection, table: Table, rows: Rows) -> None:
        text = _insert(table, _marks(table)) + _replacing(table)
        _driver(connection).executemany(text, rows)

    def remove(self, connection: Connection, table: Table, keys: Rows) -> None:
        matches = " AND ".join(f"{name} = ?" for name in _key(table))
        _driver(connection).executemany(
            f"DELETE FROM {table.name} WHERE {matches}", keys
        )

    def find(
        self, connection: Connection, table: Table, keys: Rows
    ) -> list[tuple[Any, ...]]:
        driver, names = _driver(connection), _key(table)
        found: list[tuple[Any, ...]] = []
        mark = f"({', '.join('?' * len(names))})"
        for chunk in chunks(keys, _KEYS_AT_ONCE):
            marks = ", ".join([mark] * len(chunk))
            text = (
                f"WITH k({', '.join(names)}) AS (VALUES {marks}) "
                f"SELECT {_columns(table, 't.')} FROM k CROSS JOIN {table.name} t "
                f"USING ({', '.join(names)})"
            )
            values = [value for key in chunk for value in key]
            found += driver.execute(text, values).fetchall()
        return found


class PostgresStatements:
    """With one parameter a column."""

    def merge(self, connection: Connection, table: Table, rows: Rows) -> None:
        text = _insert(table, f"SELECT * FROM {_arrays(table)}")
        self._run(connection, text + _merging(table, "least", "greatest"), table, rows)

    def put(self, connection: Connection, table: Table, rows: Rows) -> None:
        text = _insert(table, f"SELECT * FROM {_arrays(table)}") + _replacing(table)
        self._run(connection, text, table, rows)

    def remove(self, connection: Connection, table: Table, keys: Rows) -> None:
        names = _key(table)
        matches = " AND ".join(f"t.{name} = k.{name}" for name in names)
        text = (
            f"DELETE FROM {table.name} t USING {_arrays(table, names)} "
            f"AS k({', '.join(names)}) WHERE {matches}"
        )
        self._run(connection, text, table, keys)

    def find(
        self, connection: Connection, table: Table, keys: Rows
    ) -> list[tuple[Any, ...]]:
        if not keys:
            return []
        names = _key(table)
        listed = ", ".join(names)
        text = (
            f"SELECT {_columns(table, 't.')} FROM {_arrays(table, names)} "
            f"AS k({listed}) JOIN {table.name} t USING ({listed})"
        )
        columns = zip(*keys, strict=True)
        cursor = _driver(connection).execute(text, [_array(c) for c in columns])
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def _run(self, connection: Connection, text: str, table: Table, rows: Rows) -> None:
        if rows:
            columns = zip(*rows, strict=True)
            _driver(connection).execute(text, [_array(column) for column in columns])


def _driver(connection: Connection) -> Any:
    """The driver's own connection: sqlite3's or psycopg's, which execute alike."""
    driver = connection.connection.driver_connection
    return driver if hasattr(driver, "executemany") else driver.cursor()  # type: ignore[union-attr]


def _insert(table: Table, source: str) -> str:
    return f"INSERT INTO {table.name} ({_columns(table)}) {source}"


def _columns(table: Table, prefix: str = "") -> str:
    return ", ".join(f'{prefix}"{name}"' for name in table.c.keys())  # noqa: SIM118


def _key(table: Table) -> list[str]:
    return [column.name for column in table.primary_key]


def _marks(table: Table) -> str:
    return f"VALUES ({', '.join('?' * len(table.c))})"


def _arrays(table: Table, names: Iterable[str] | None = None) -> str:
    """A relation of the parameters, one array a column."""
    types = (_TYPES.get(type(table.c[n].type), "text") for n in names or table.c.keys())
    return f"unnest({', '.join(f'%s::{type_}[]' for type_ in types)})"


def _array(column: Sequence[Any]) -> str:
    """PostgreSQL's text form of an array.

    Text is quoted as in JSON: of all that JSON escapes only quotes and backslashes are
    printable, and those PostgreSQL escapes alike.
    """
    if isinstance(column[0], int):
        return f"{{{','.join(map(str, column))}}}"
    if isinstance(column[0], bytes):
        return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in column]) + "}"
    return "{" + msgspec.json.encode(column).decode()[1:-1] + "}"


def _indexed_first(table: Table) -> str:
    """The column of first sight, if there is an index on it.

    SQLite writes an index entry anew whenever a statement names its column, even where
    nothing changes, and for each row on another page. So rows that came earlier than
    what is stored, which are few, get a statement of their own.
    """
    first = "first_seen_ns"
    for index in table.indexes:
        if next(iter(index.columns.keys())) == first:
            return first
    return ""


def _before_latest(driver: Any, table: Table, first: str, rows: Rows) -> Rows:
    """Rows that may have come earlier than what is stored: before the latest first
    sight of all. Where little is new, these are few."""
    [(latest,)] = driver.execute(f"SELECT MAX({first}) FROM {table.name}").fetchall()
    if latest is None:
        return []
    (place,) = positions(table, first)
    return [row for row in rows if row[place] < latest]


def positions(table: Table, *names: str) -> tuple[int, ...]:
    """Where in a row these columns are."""
    columns = list(table.c.keys())
    return tuple(columns.index(name) for name in names)


def _merging(table: Table, least: str, greatest: str, without: str = "") -> str:
    forms = {
        Merge.ADD: f"{least}({table.name}.{{0}} + excluded.{{0}}, {MOST})",
        Merge.LEAST: f"{least}({table.name}.{{0}}, excluded.{{0}})",
        Merge.GREATEST: f"{greatest}({table.name}.{{0}}, excluded.{{0}})",
        Merge.LATEST: "excluded.{0}",
        Merge.TOLD: f"CASE WHEN {_TOLD} THEN excluded.{{0}} "
        f"ELSE {table.name}.{{0}} END",
    }
    merged = [
        f'"{column.name}" = ' + forms[column.info["merge"]].format(f'"{column.name}"')
        for column in table.c
        if "merge" in column.info and column.name != without
    ]
    if not merged:
        return " ON CONFLICT DO NOTHING"
    merging = f" ON CONFLICT ({', '.join(_key(table))}) DO UPDATE SET "
    return merging + ", ".join(merged) + _where_changed(table, without)


def _where_changed(table: Table, without: str) -> str:
    """A condition that leaves rows alone in which nothing changes; none if values are
    added up, as those change nearly always."""
    forms = {
        Merge.LEAST: "excluded.{0} < {1}.{0}",
        Merge.GREATEST: "excluded.{0} > {1}.{0}",
        Merge.LATEST: "excluded.{0} <> {1}.{0}",
        Merge.TOLD: f"{_TOLD} AND excluded.{{0}} <> {{1}}.{{0}}",
    }
    merges = {
        column.name: column.info["merge"]
        for column in table.c
        if "merge" in column.info and column.name != without
    }
    if Merge.ADD in merges.values():
        return ""
    changed = [forms[how].format(f'"{n}"', table.name) for n, how in merges.items()]
    return " WHERE " + " OR ".join(changed)


def _replacing(table: Table) -> str:
    replaced = ", ".join(
        f'"{column.name}" = excluded."{column.name}"'
        for column in table.c
        if not column.primary_key
    )
    return f" ON CONFLICT ({', '.join(_key(table))}) DO UPDATE SET {replaced}"


def chunks(listed: Sequence[Listed], most: int) -> Iterator[Sequence[Listed]]:
    """A list in parts, which a statement can name."""
    return (listed[start : start + most] for start in range(0, len(listed), most))
