"""Rows by keys of several columns: those that are asked for, and through an index."""

from typing import Any

import sqlalchemy as sa

from cloud.store.keys import among
from cloud.store.schema import places
from cloud.store.store import Store
from tests.cloud import packages

COLUMNS = (places.c.endpoint_id, places.c.id)


def test_rows_of_these_keys_alone_are_found(store: Store) -> None:
    store.add(packages.shop())
    with store.reading() as connection:
        keys = [tuple(row) for row in connection.execute(sa.select(*COLUMNS))]
        assert len(keys) > 2
        wanted = keys[:2]
        crossed = [(keys[0][0], -1), (-1, keys[1][1])]
        chosen = sa.select(*COLUMNS).where(
            among(connection, COLUMNS, [*wanted, *crossed])
        )
        assert sorted(map(tuple, connection.execute(chosen))) == sorted(wanted)
        none = sa.select(*COLUMNS).where(among(connection, COLUMNS, []))
        assert not connection.execute(none).all()


def test_sqlite_reads_no_whole_table(store: Store) -> None:
    with store.reading() as connection:
        if connection.dialect.name != "sqlite":
            return
        chosen = sa.select(places.c.path).where(
            among(connection, COLUMNS, [(1, 2), (3, 4)])
        )
        sent: list[tuple[str, Any]] = []

        def note(_: Any, __: Any, statement: str, given: Any, *___: Any) -> None:
            sent.append((statement, given))

        sa.event.listen(connection, "before_cursor_execute", note)
        connection.execute(chosen)
        sa.event.remove(connection, "before_cursor_execute", note)
        [(statement, given)] = sent
        explained = f"EXPLAIN QUERY PLAN {statement}"
        plan = connection.exec_driver_sql(explained, given).all()
    told = [row[-1] for row in plan]
    assert not [words for words in told if words.startswith("SCAN places")]
    assert [words for words in told if words.startswith("SEARCH places USING PRIMARY")]
