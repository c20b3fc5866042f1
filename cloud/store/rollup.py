"""Rolls up facts: minutes into hours, hours into days.

In: a level and a time before which its facts become coarser. Out: the same sums in the
next level, in slices: each takes the facts of one coarse interval, of a part of all
keys, adds them to what the coarser level has and deletes them, in one transaction. So a
crash at any moment leaves each fact at exactly one level, and late facts are added when
they are found.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Table

from cloud.store.facts import amounts_of, encode, seen_of
from cloud.store.partitions import Partitions
from cloud.store.rows import capped
from cloud.store.schema import Level
from cloud.store.statements import Statements

SLICE_ROWS = 4_000
"""Facts of one transaction: packages wait for it, some 100 ms."""
_KEYS = 1 << 63
"""Keys are digests, so equal ranges of them hold about as many rows each."""

Merge = Callable[[list[Any], list[Any]], None]


class Rollup:
    """Makes facts of one level coarser."""

    def __init__(self, statements: Statements, partitions: Partitions) -> None:
        self._statements = statements
        self._partitions = partitions

    def step(
        self, connection: Connection, fine: Level, coarse: Level, before: int
    ) -> bool:
        """Rolls up one slice that lies before `before`; false if there is none.

        `before` must begin an interval of the coarse level.
        """
        for table, into, merge in (
            (fine.traffic, coarse.traffic, _merge_traffic),
            (fine.coverage, coarse.coverage, _merge_coverage),
        ):
            oldest = connection.scalar(sa.select(sa.func.min(table.c.start_seconds)))
            if oldest is not None and oldest < before:
                start = oldest - oldest % coarse.seconds
                self._partitions.ensure(connection, coarse, [start])
                self._slice(connection, table, into, merge, (start, coarse.seconds))
                return True
        return False

    def _slice(
        self,
        connection: Connection,
        table: Table,
        into: Table,
        merge: Merge,
        interval: tuple[int, int],
    ) -> None:
        start, seconds = interval
        key = table.c[list(table.c.keys())[1]]
        is_within = sa.and_(
            table.c.start_seconds >= start, table.c.start_seconds < start + seconds
        )
        counted = sa.select(sa.func.count(), sa.func.min(key)).where(is_within)
        total, least = connection.execute(counted).one()
        end = least + _KEYS // (total // SLICE_ROWS + 1)
        chosen = sa.and_(is_within, key < end) if end < _KEYS else is_within
        width = len(table.primary_key)
        merged: dict[tuple[Any, ...], list[Any]] = {}
        for row in connection.execute(sa.select(table).where(chosen)):
            _add(merged, (start, *row[1:width]), list(row[width:]), merge)
        keys = sorted(merged)
        for stored in self._statements.find(connection, into, keys):
            merge(merged[stored[:width]], list(stored[width:]))
        rows = [(*key_, *merged[key_]) for key_ in keys]
        self._statements.put(connection, into, rows)
        connection.execute(sa.delete(table).where(chosen))


def _add(
    merged: dict[tuple[Any, ...], list[Any]],
    key: tuple[Any, ...],
    values: list[Any],
    merge: Merge,
) -> None:
    known = merged.setdefault(key, values)
    if known is not values:
        merge(known, values)


def _merge_traffic(known: list[Any], values: list[Any]) -> None:
    for position, amount in enumerate(values[:-1]):
        known[position] = capped(known[position], amount)
    seen = seen_of(known[-1])
    seen.add(seen_of(values[-1]))
    known[-1] = encode(seen)


def _merge_coverage(known: list[Any], values: list[Any]) -> None:
    amounts = amounts_of(known[-1])
    amounts.add(amounts_of(values[-1]))
    known[-1] = encode(amounts)
