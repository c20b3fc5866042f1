"""Reads the log of changes: a page at a time, or counted by kind.

In: a connection, what is asked for, and what the visitor may see. Out: changes with the
names of what they are about, as far as those are stored still. The window is of the
time of storing: what a digger sends late is new to the reader all the same. A visitor
who may see some namespaces sees changes with one end there.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud.store import schema
from cloud.store.news import GRAVEST, Kind
from cloud.store.schema import changes
from cloud.store.windows import Window
from cloud.visitor import EVERYTHING, Scope

_CLIENTS = schema.workloads.alias("clients")
_SERVERS = schema.workloads.alias("servers")
_NAMED = ("namespace", "kind", "name")


class Asked(NamedTuple):
    """Which changes; what is None or empty is not asked for."""

    window: Window
    kinds: tuple[Kind, ...] = ()
    cluster: str = ""
    namespace: str = ""
    """Of the client or the server."""
    workload: int | None = None
    """Client or server, by key."""
    endpoint: int | None = None
    data_type: str = ""
    least_sensitivity: int = 0
    after_ns: int = 0
    """Stored later than this moment, within the window."""
    until_ns: int = 0
    """Stored at this moment at the latest; 0: any."""


class Place(NamedTuple):
    """Where in messages."""

    direction: int
    location: int
    path: str


class Workload(NamedTuple):
    """Who has one end."""

    key: int
    namespace: str
    kind: str
    name: str


class Change(NamedTuple):
    """One line of the log. What it is not about, or is forgotten, is None or empty."""

    key: int
    stored_ns: int
    at_ns: int
    kind: Kind
    gravity: int
    sensitivity: int
    cluster: str
    data_type: str
    before: str
    after: str
    endpoint_id: int
    method: str
    path: str
    client: Workload | None
    server: Workload | None
    place: Place | None
    node: str
    """For COVERAGE_FELL of a part."""
    corrected: str
    """What people say that it is: a data type, or `none`; empty: as it was found."""

    @property
    def position(self) -> tuple[int, int, int]:
        """For the page after it."""
        return self.gravity, self.stored_ns, self.key


class Brief(NamedTuple):
    """A change by its keys, without any name; what it is not about is 0 or empty."""

    stored_ns: int
    at_ns: int
    kind: int
    gravity: int
    sensitivity: int
    cluster: str
    endpoint_id: int
    place_id: int
    client_id: int
    server_id: int
    part_id: int
    data_type: str
    before: str
    after: str


def newest(
    connection: Connection,
    asked: Asked,
    size: int,
    after: tuple[int, int, int] | None = None,
    scope: Scope = EVERYTHING,
) -> list[Change]:
    """A page of changes, the last stored first; `after` the position of one."""
    chosen = _page(asked, scope, size, after[1:] if after else None)
    return [_change(row) for row in connection.execute(chosen)]


def gravest(
    connection: Connection,
    asked: Asked,
    size: int,
    after: tuple[int, int, int] | None = None,
    scope: Scope = EVERYTHING,
) -> list[Change]:
    """As `newest`, the gravest first and those in the order of storing."""
    found: list[Change] = []
    for gravity in range(after[0] if after else GRAVEST, -1, -1):
        rest = after[1:] if after and after[0] == gravity else None
        chosen = _page(asked, scope, size - len(found), rest)
        chosen = chosen.where(changes.c.gravity == gravity)
        found += [_change(row) for row in connection.execute(chosen)]
        if len(found) == size:
            break
    return found


def oldest(
    connection: Connection, chosen: Iterable[sa.ColumnElement[bool]], size: int
) -> list[Change]:
    """Those of `schema.changes` that hold under conditions, the first stored first."""
    of = changes.c
    wanted = sa.select(*_COLUMNS).select_from(_FROM).where(*chosen)
    wanted = wanted.order_by(of.stored_ns, of.id).limit(size)
    return [_change(row) for row in connection.execute(wanted)]


def briefs(
    connection: Connection, asked: Asked, most: int, scope: Scope = EVERYTHING
) -> list[Brief]:
    """As `gravest`, of many changes: nothing is looked up for them."""
    found: list[Brief] = []
    columns = [changes.c[name] for name in Brief._fields]
    matching = list(_matching(asked, scope))
    order = (changes.c.stored_ns.desc(), changes.c.id.desc())
    for gravity in range(GRAVEST, -1, -1):
        chosen = sa.select(*columns).where(changes.c.gravity == gravity, *matching)
        rows = connection.execute(chosen.order_by(*order).limit(most - len(found)))
        found += map(Brief._make, rows.all())
        if len(found) == most:
            break
    return found


def counts(
    connection: Connection, asked: Asked, scope: Scope = EVERYTHING
) -> dict[Kind, int]:
    """How many there are of each kind."""
    chosen = sa.select(changes.c.kind, sa.func.count()).where(*_matching(asked, scope))
    rows = connection.execute(chosen.group_by(changes.c.kind))
    return {Kind(kind): count for kind, count in rows}


def _page(
    asked: Asked, scope: Scope, size: int, after: tuple[int, ...] | None
) -> sa.Select[Any]:
    stored, key = changes.c.stored_ns, changes.c.id
    chosen = sa.select(*_COLUMNS).select_from(_FROM).where(*_matching(asked, scope))
    if after is not None:
        chosen = chosen.where(sa.tuple_(stored, key) < after)
    return chosen.order_by(stored.desc(), key.desc()).limit(size)


def _matching(asked: Asked, scope: Scope) -> Iterator[sa.ColumnElement[bool]]:
    of = changes.c
    yield of.stored_ns >= asked.window.start_ns
    yield of.stored_ns < asked.window.end_ns
    if asked.after_ns:
        yield of.stored_ns > asked.after_ns
    if asked.until_ns:
        yield of.stored_ns <= asked.until_ns
    if asked.kinds:
        yield of.kind.in_(asked.kinds)
    if asked.cluster:
        yield of.cluster == asked.cluster
    if asked.namespace:
        yield sa.or_(
            of.client_namespace == asked.namespace,
            of.server_namespace == asked.namespace,
        )
    if asked.workload is not None:
        yield sa.or_(of.client_id == asked.workload, of.server_id == asked.workload)
    if asked.endpoint is not None:
        yield of.endpoint_id == asked.endpoint
    if asked.data_type:
        yield of.data_type == asked.data_type
    if asked.least_sensitivity:
        yield of.sensitivity >= asked.least_sensitivity
    yield _within(scope)


def _within(scope: Scope) -> sa.ColumnElement[bool]:
    """Whole clusters, or one end in a namespace."""
    if scope.is_everything:
        return sa.true()
    ends = sorted(scope.namespaces)
    within = [changes.c.cluster.in_(sorted(scope.clusters))]
    if ends:
        for namespace in (changes.c.client_namespace, changes.c.server_namespace):
            within.append(sa.tuple_(changes.c.cluster, namespace).in_(ends))
    return sa.or_(*within)


_FROM = (
    changes.outerjoin(schema.endpoints, schema.endpoints.c.id == changes.c.endpoint_id)
    .outerjoin(_CLIENTS, _CLIENTS.c.id == changes.c.client_id)
    .outerjoin(_SERVERS, _SERVERS.c.id == changes.c.server_id)
    .outerjoin(
        schema.places,
        sa.and_(
            schema.places.c.endpoint_id == changes.c.endpoint_id,
            schema.places.c.id == changes.c.place_id,
        ),
    )
    .outerjoin(
        schema.corrected_places,
        sa.and_(
            schema.corrected_places.c.endpoint_id == changes.c.endpoint_id,
            schema.corrected_places.c.place_id == changes.c.place_id,
        ),
    )
    .outerjoin(schema.parts, schema.parts.c.id == changes.c.part_id)
)
_COLUMNS: Iterable[Any] = (
    changes,
    schema.endpoints.c.method,
    schema.endpoints.c.path,
    *(_CLIENTS.c[name].label(f"client_{name}_") for name in _NAMED),
    *(_SERVERS.c[name].label(f"server_{name}_") for name in _NAMED),
    schema.places.c.direction,
    schema.places.c.location,
    schema.places.c.path.label("place_path"),
    schema.places.c.data_type.label("place_type"),
    schema.places.c.likelihood,
    schema.corrected_places.c.correction_id,
    schema.parts.c.node,
)


def _change(row: Row[Any]) -> Change:
    is_placed = row.location is not None
    return Change(
        key=row.id,
        stored_ns=row.stored_ns,
        at_ns=row.at_ns,
        kind=Kind(row.kind),
        gravity=row.gravity,
        sensitivity=row.sensitivity,
        cluster=row.cluster,
        data_type=row.data_type,
        before=row.before,
        after=row.after,
        endpoint_id=row.endpoint_id,
        method=row.method or "",
        path=row.path or "",
        client=_workload(row, row.client_id, "client"),
        server=_workload(row, row.server_id, "server"),
        place=Place(row.direction, row.location, row.place_path) if is_placed else None,
        node=row.node or "",
        corrected=_corrected(row),
    )


def _corrected(row: Row[Any]) -> str:
    if row.correction_id is None or not row.place_type:
        return ""
    return str(row.place_type) if row.likelihood else "none"


def _workload(row: Row[Any], key: int, end: str) -> Workload | None:
    namespace, kind, name = (row._mapping[f"{end}_{name}_"] for name in _NAMED)
    return None if kind is None else Workload(key, namespace, kind, name)
