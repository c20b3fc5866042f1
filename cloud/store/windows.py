"""What was there in a window of time, what is new in it, and what is gone.

In: a connection, a kind of thing and a window. Out: its keys, a page at a time, in the
order of the keys. Each is a question of first and last sight, which ingestion keeps:

- new: first seen in the window;
- gone: last seen in it, so it was not seen since;
- there: seen in it. First and last sight tell who may have been; the facts of the
  window tell who was, at the length of interval that they are kept in.

Facts are looked at for the keys of one page only, by their own key, so the cost is that
of a page, however much is stored.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Table

from cloud.store import schema
from cloud.store.facts import Amounts, Seen, amounts_of, seen_of
from cloud.store.rows import capped
from cloud.store.schema import LEVELS, Level

EXTERNAL = "External"
"""The kind of workload that stands for parties outside of the cluster."""
MOST_STARTS = 2_500
"""Intervals named in a statement: all hours that are kept. More are kept only of a
sender that was away for long; then a range of the facts is read."""
_SECOND_NS = 10**9


class Window(NamedTuple):
    """Seconds since 1970: from `start` on, before `end`."""

    start: int
    end: int

    @property
    def start_ns(self) -> int:
        return self.start * _SECOND_NS

    @property
    def end_ns(self) -> int:
        return self.end * _SECOND_NS


class Page(NamedTuple):
    """How many keys, and after which one."""

    size: int = 50
    after: tuple[Any, ...] | None = None
    clusters: tuple[str, ...] | None = None
    """Only of these; None: of all."""


class Kind(NamedTuple):
    """A kind of thing with first and last sight."""

    table: Table
    workload: sa.ColumnElement[int]
    """The workload that says of which cluster it is."""
    condition: sa.ColumnElement[bool] | None = None


_WORKLOADS = schema.workloads.alias("outside")
ENDPOINTS = Kind(schema.endpoints, schema.endpoints.c.server_id)
PLACES = Kind(
    schema.places,
    sa.select(schema.endpoints.c.server_id)
    .where(schema.endpoints.c.id == schema.places.c.endpoint_id)
    .scalar_subquery(),
)
EDGES = Kind(schema.edges, schema.edges.c.server_id)
PARTIES = Kind(
    schema.edges,
    schema.edges.c.server_id,
    sa.exists(
        sa.select(sa.literal(1)).where(
            _WORKLOADS.c.kind == EXTERNAL,
            _WORKLOADS.c.id.in_((schema.edges.c.client_id, schema.edges.c.server_id)),
        )
    ),
)
"""Edges with one end outside of the cluster."""
PARTS = Kind(schema.parts, schema.parts.c.workload_id)

Key = tuple[Any, ...]


def new(connection: Connection, kind: Kind, window: Window, page: Page) -> list[Key]:
    """Keys of what was first seen in the window."""
    first = kind.table.c.first_seen_ns
    is_new = sa.and_(first >= window.start_ns, first < window.end_ns)
    return _keys(connection, kind, page, is_new)


def gone(connection: Connection, kind: Kind, window: Window, page: Page) -> list[Key]:
    """Keys of what was last seen in the window, and not since."""
    last = kind.table.c.last_seen_ns
    is_gone = sa.and_(last >= window.start_ns, last < window.end_ns)
    return _keys(connection, kind, page, is_gone)


def there(connection: Connection, kind: Kind, window: Window, page: Page) -> list[Key]:
    """Keys of what was seen in the window; may be fewer than a page, [] at the end."""
    table = kind.table
    may_be = sa.and_(
        table.c.first_seen_ns < window.end_ns, table.c.last_seen_ns >= window.start_ns
    )
    while found := _keys(connection, kind, page, may_be):
        if seen := _seen(connection, kind, window, found):
            return [key for key in found if key in seen]
        page = page._replace(after=found[-1])
    return []


def traffic(
    connection: Connection, endpoint: int, window: Window
) -> dict[int, tuple[list[int], Seen]]:
    """Start of interval → counters and document of an endpoint, over its clients.

    Intervals are those that the facts are kept in, so older ones are longer.
    """
    found: dict[int, tuple[list[int], Seen]] = {}
    for level in LEVELS:
        table = level.traffic
        chosen = sa.select(table).where(table.c.endpoint_id == endpoint)
        for start, _, _, *counters, seen in within(connection, chosen, level, window):
            known = found.get(start)
            if known is None:
                found[start] = list(counters), seen_of(seen)
                continue
            known[1].add(seen_of(seen))
            for position, amount in enumerate(counters):
                known[0][position] = capped(known[0][position], amount)
    return dict(sorted(found.items()))


def coverage(connection: Connection, part: int, window: Window) -> dict[int, Amounts]:
    """Start of interval → what became of a part's bytes."""
    found: dict[int, Amounts] = {}
    for level in LEVELS:
        table = level.coverage
        chosen = sa.select(table).where(table.c.part_id == part)
        for start, _, amounts in within(connection, chosen, level, window):
            found.setdefault(start, Amounts()).add(amounts_of(amounts))
    return dict(sorted(found.items()))


def _keys(
    connection: Connection, kind: Kind, page: Page, condition: sa.ColumnElement[bool]
) -> list[Key]:
    key = list(kind.table.primary_key)
    chosen = sa.select(*key).where(condition).order_by(*key).limit(page.size)
    if kind.condition is not None:
        chosen = chosen.where(kind.condition)
    if page.after is not None:
        chosen = chosen.where(sa.tuple_(*key) > page.after)
    if page.clusters is not None:
        workloads = schema.workloads
        owned = sa.select(workloads.c.id).where(workloads.c.cluster.in_(page.clusters))
        chosen = chosen.where(kind.workload.in_(owned))
    return [tuple(row) for row in connection.execute(chosen)]


def _seen(
    connection: Connection, kind: Kind, window: Window, keys: Iterable[Key]
) -> set[Key]:
    """Those of the keys that facts of the window tell of."""
    if kind.table is schema.parts:
        return _with_facts(connection, window, {key[0] for key in keys})
    if kind.table is schema.edges:
        return _edges_seen(connection, window, set(keys))
    endpoints = {key[0] for key in keys}
    if kind.table is schema.endpoints:
        return {key[:1] for key, _ in _facts(connection, window, endpoints)}
    wanted = set(keys)
    return {
        (endpoint, place)
        for (endpoint, _), seen in _facts(connection, window, endpoints)
        for place in seen_of(seen).places
        if (endpoint, place) in wanted
    }


def _facts(
    connection: Connection, window: Window, endpoints: set[int]
) -> Iterable[tuple[tuple[int, int], bytes]]:
    """Endpoint and client, and document, of all facts of endpoints in the window."""
    for level in LEVELS:
        table = level.traffic
        columns = (table.c.start_seconds, table.c.endpoint_id, table.c.client_id)
        chosen = sa.select(*columns, table.c.seen).where(
            table.c.endpoint_id.in_(endpoints)
        )
        for _, endpoint, client, seen in within(connection, chosen, level, window):
            yield (endpoint, client), seen


def _with_facts(connection: Connection, window: Window, parts: set[int]) -> set[Key]:
    found: set[Key] = set()
    for level in LEVELS:
        table = level.coverage
        chosen = sa.select(table.c.start_seconds, table.c.part_id).where(
            table.c.part_id.in_(parts)
        )
        found |= {(part,) for _, part in within(connection, chosen, level, window)}
    return found


def _edges_seen(connection: Connection, window: Window, edges: set[Key]) -> set[Key]:
    known, endpoints = schema.traffic, schema.endpoints
    asked = (
        sa.select(known.c.endpoint_id, known.c.client_id, endpoints.c.server_id)
        .join(endpoints, endpoints.c.id == known.c.endpoint_id)
        .where(
            known.c.client_id.in_({client for client, _ in edges}),
            endpoints.c.server_id.in_({server for _, server in edges}),
            known.c.last_seen_ns >= window.start_ns,
            known.c.first_seen_ns < window.end_ns,
        )
    )
    servers = {row[0]: row[2] for row in connection.execute(asked)}
    return {
        (client, servers[endpoint])
        for (endpoint, client), _ in _facts(connection, window, set(servers))
        if (client, servers[endpoint]) in edges
    }


def within(
    connection: Connection, chosen: sa.Select[Any], level: Level, window: Window
) -> Iterable[Any]:
    """Facts whose interval touches the window; their starts are given one by one.

    The keys of facts begin with the start: with each start named, a key is found
    without reading what others did at that time.
    """
    start = chosen.selected_columns["start_seconds"]
    oldest = connection.scalar(sa.select(sa.func.min(start)))
    if oldest is None:
        return []
    first = max(window.start - window.start % level.seconds, oldest)
    starts = range(first, window.end, level.seconds)
    if len(starts) > MOST_STARTS:
        return connection.execute(chosen.where(start >= first, start < window.end))
    return connection.execute(chosen.where(start.in_(list(starts))))
