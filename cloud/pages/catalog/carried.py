"""Reads what a workload receives, returns, sends on and gets back, and from whom.

In: a workload. Out: a line a data type, with the other ends of each of the four ways;
and the neighbours themselves. Two statements, however many ends there are.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud.pages import reports
from cloud.pages.catalog.reports import Carried, End, Ends, Neighbour
from cloud.pages.endpoints import shown_id, workload
from cloud.store.schema import edge_types, edges, workloads
from cloud.store.windows import EXTERNAL

MOST_ROWS = 20_000
"""Data types of edges that are read, the gravest; a workload has some hundred."""
MOST_NAMED = 3
"""Ends named of one data type and way."""
MOST_NEIGHBOURS = 20
"""Listed of each role."""
_WAYS = ("receives", "returns", "sends", "gets")
_Amounts = dict[int, int]
"""Other end → values."""


def carried(connection: Connection, key: int) -> list[Carried]:
    """What it takes and gives, the gravest first."""
    found: defaultdict[str, dict[str, _Amounts]] = defaultdict(
        lambda: {way: {} for way in _WAYS}
    )
    gravest: defaultdict[str, int] = defaultdict(int)
    for row in connection.execute(_types(key)):
        sent = int(row.counted - row.returned)
        ways = found[row.data_type]
        gravest[row.data_type] = max(gravest[row.data_type], row.sensitivity)
        if row.server_id == key:
            _add(ways["receives"], row.client_id, sent)
            _add(ways["returns"], row.client_id, int(row.returned))
        if row.client_id == key:
            _add(ways["sends"], row.server_id, sent)
            _add(ways["gets"], row.server_id, int(row.returned))
    all_ways = [way for ways in found.values() for way in ways.values()]
    outside = _outside(connection, {end for way in all_ways for end in way})
    ends = _ends(connection, {end for way in all_ways for end in _top(way, outside)})
    order = sorted(found, key=lambda name: (-gravest[name], name))
    return [_carried(name, gravest[name], found[name], ends) for name in order]


def neighbours(connection: Connection, key: int) -> tuple[list[Neighbour], int]:
    """Those who ask it and whom it asks, the gravest first; and how many there are."""
    asks, asked = edges.c.server_id == key, edges.c.client_id == key
    found: list[Neighbour] = []
    total = 0
    for role, is_it, other in (
        ("client", asks, edges.c.client_id),
        ("server", asked, edges.c.server_id),
    ):
        chosen = (
            sa.select(edges, workloads)
            .join(workloads, workloads.c.id == other)
            .where(is_it)
            .order_by(edges.c.sensitivity.desc(), edges.c.pairs.desc(), workloads.c.id)
            .limit(MOST_NEIGHBOURS)
        )
        counted = sa.select(sa.func.count()).select_from(edges).where(is_it)
        total += connection.scalar(counted) or 0
        found += [_neighbour(role, row) for row in connection.execute(chosen)]
    return found, total


def _types(key: int) -> sa.Select[Any]:
    """Both sides of its edges, each by its own index."""
    columns = (edge_types, edge_types.c["count"].label("counted"))
    is_of = sa.and_(
        edge_types.c.client_id == edges.c.client_id,
        edge_types.c.server_id == edges.c.server_id,
    )
    asking = sa.select(*columns).where(edge_types.c.client_id == key)
    serving = (
        sa.select(*columns)
        .join(edges, is_of)
        .where(edges.c.server_id == key, edges.c.client_id != key)
    )
    both = sa.union_all(asking, serving).subquery()
    return sa.select(both).order_by(both.c.sensitivity.desc()).limit(MOST_ROWS)


def _add(amounts: _Amounts, end: int, values: int) -> None:
    if values > 0:
        amounts[end] = amounts.get(end, 0) + values


def _outside(connection: Connection, keys: set[int]) -> set[int]:
    is_outside = sa.and_(workloads.c.id.in_(keys), workloads.c.kind == EXTERNAL)
    return set(connection.scalars(sa.select(workloads.c.id).where(is_outside)))


def _top(amounts: _Amounts, outside: Collection[int]) -> list[int]:
    """Those outside first, however little they get."""

    def rank(end: int) -> tuple[bool, int, int]:
        return end not in outside, -amounts[end], end

    return sorted(amounts, key=rank)[:MOST_NAMED]


def _carried(
    name: str, gravest: int, ways: Mapping[str, _Amounts], ends: Mapping[int, End]
) -> Carried:
    told = {
        way: Ends(
            values=sum(amounts.values()),
            total=len(amounts),
            named=_named(amounts, ends),
        )
        for way, amounts in ways.items()
    }
    return Carried(
        data_type=name,
        sensitivity=reports.sensitivity(gravest),  # type: ignore[arg-type]
        is_passed_on=bool((ways["receives"] or ways["gets"]) and ways["sends"]),
        **told,
    )


def _named(amounts: _Amounts, ends: Mapping[int, End]) -> list[End]:
    outside = {key for key, end in ends.items() if end.workload.kind == EXTERNAL}
    return [ends[end] for end in _top(amounts, outside) if end in ends]


def _ends(connection: Connection, keys: set[int]) -> dict[int, End]:
    chosen = sa.select(workloads).where(workloads.c.id.in_(keys))
    return {
        row.id: End(id=shown_id(row.id), workload=workload(row))
        for row in connection.execute(chosen)
    }


def _neighbour(role: str, row: Row[Any]) -> Neighbour:
    return Neighbour(
        end=End(id=shown_id(row.id), workload=workload(row)),
        role=role,
        endpoints=row.endpoints,
        pairs=int(row.pairs),
        sensitivity=reports.sensitivity(row.sensitivity),
        first_seen=reports.time(row.first_seen_ns),
        last_seen=reports.time(row.last_seen_ns),
    )
