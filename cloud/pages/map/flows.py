"""Reads who asks whom, and what data goes there and back.

In: a connection, what a visitor may see, and filters. Out: the parties and the flows
between them, the gravest first, at most MOST_FLOWS. Three statements, however much is
stored: the flows, their data types, the names of their ends. A window ends now, so
first and last sight alone tell exactly what was there in it.
"""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Select

from cloud.store import workload_facts
from cloud.store.schema import edge_types, edges, endpoints, traffic, workloads
from cloud.store.schema import workload_facts as facts
from cloud.store.statements import chunks
from cloud.store.windows import EDGES, EXTERNAL, Window

MOST_FLOWS = 20_000
"""Read for one map; some ten for each of 2,000 services."""
MOST_TYPES = 100_000
"""Read for one map: data types of flows."""
MOST_HUBS = 200
"""Neighbours whose own neighbours are looked for."""
_NAMES = 10_000
"""Ids in one statement (SQLite takes 32,766), and rows read at a time."""

Direction = Literal["", "sent", "returned"]
Show = Literal["", "there", "new", "gone"]
"""Empty as a form sends it: there."""


class Party(NamedTuple):
    """A workload, or somebody outside."""

    id: int
    cluster: str
    namespace: str
    kind: str
    name: str

    @property
    def is_outside(self) -> bool:
        return self.kind == EXTERNAL


class Carried(NamedTuple):
    """A data type between two parties."""

    data_type: str
    sensitivity: int
    values: int
    """How many were counted."""
    returned: int
    """Of them, in answers."""

    @property
    def is_sent(self) -> bool:
        return self.values > self.returned

    @property
    def is_returned(self) -> bool:
        return self.returned > 0


class Flow(NamedTuple):
    """What a client asks of a server."""

    client: int
    server: int
    endpoints: int
    pairs: int
    sensitivity: int
    types: tuple[Carried, ...] = ()
    """The gravest first."""


class Flows(NamedTuple):
    parties: dict[int, Party]
    flows: list[Flow]
    total: int
    """How many there are; more than `flows` if those are not all."""


class Filter(NamedTuple):
    """Which flows are wanted; empty: any."""

    cluster: str = ""
    namespace: str = ""
    group: str = ""
    """The service group or the owner that labels tell."""
    label: str = ""
    """`key=value`, or `key` with any value."""
    data_type: str = ""
    sensitivity: int = 0
    """At least this."""
    protocol: str = ""
    direction: Direction = ""
    window: Window | None = None
    show: Show = "there"
    around: int = 0
    """The workload that they lead to or from, 0: any."""
    hops: int = 1

    @property
    def is_of_types(self) -> bool:
        """Flows without a fitting data type do not count."""
        return bool(self.data_type or self.sensitivity or self.direction)


def read(
    connection: Connection, wanted: Filter, within: ColumnElement[bool] | None = None
) -> Flows:
    """`within`: which workloads the visitor may see; flows that touch one are seen."""
    conditions = _conditions(connection, wanted, within)
    counted = sa.select(sa.func.count()).select_from(edges).where(*conditions)
    e = edges.c
    order = (e.sensitivity.desc(), e.pairs.desc(), *edges.primary_key)
    chosen = (
        sa.select(e.client_id, e.server_id, e.endpoints, e.pairs, e.sensitivity)
        .where(*conditions)
        .order_by(*order)
        .limit(MOST_FLOWS)
    )
    rows = connection.execute(chosen).all()
    total = len(rows)
    if total == MOST_FLOWS:
        total = connection.execute(counted).scalar_one()
    types = _types(connection, wanted, chosen)
    flows = [_flow(row, types.get((row[0], row[1]), ()), wanted) for row in rows]
    ids = {end for flow in flows for end in flow[:2]}
    return Flows(named(connection, ids), flows, total)


def _flow(row: Any, types: Iterable[Carried], wanted: Filter) -> Flow:
    client, server, endpoints, pairs, sensitivity = row
    carried = tuple(types)
    if wanted.is_of_types:
        sensitivity = max((one.sensitivity for one in carried), default=0)
    return Flow(client, server, endpoints, int(pairs), sensitivity, carried)


def _conditions(
    connection: Connection, wanted: Filter, within: ColumnElement[bool] | None
) -> list[ColumnElement[bool]]:
    conditions = []
    if within is not None:
        conditions.append(_touches(sa.select(workloads.c.id).where(within)))
    if wanted.cluster:
        owned = workloads.c.cluster == wanted.cluster
        conditions.append(_touches(sa.select(workloads.c.id).where(owned)))
    if wanted.namespace:
        named = workloads.c.namespace == wanted.namespace
        conditions.append(_touches(sa.select(workloads.c.id).where(named)))
    if wanted.group:
        told = (facts.c.part_of, facts.c.owner)
        its = sa.or_(*(column == wanted.group for column in told))
        conditions.append(_touches(sa.select(facts.c.workload_id).where(its)))
    if wanted.label:
        its_ids = workload_facts.labelled(connection, wanted.label, _NAMES)
        conditions.append(_is_at(set(its_ids)))
    if wanted.is_of_types:
        conditions.append(_carries(wanted))
    if wanted.protocol:
        conditions.append(_speaks(wanted.protocol))
    if wanted.window:
        conditions.append(_seen(wanted.window, wanted.show))
    if wanted.around:
        conditions.append(_near(connection, wanted))
    return conditions


def _touches(ids: Select[Any]) -> ColumnElement[bool]:
    return sa.or_(edges.c.client_id.in_(ids), edges.c.server_id.in_(ids))


def _carries(wanted: Filter) -> ColumnElement[bool]:
    is_its = sa.and_(
        edge_types.c.client_id == edges.c.client_id,
        edge_types.c.server_id == edges.c.server_id,
    )
    return sa.exists(sa.select(sa.literal(1)).where(is_its, *_fitting(wanted)))


def _speaks(protocol: str) -> ColumnElement[bool]:
    """One search through the traffic: it has no index by protocol, which would cost
    each package more than it saves a map."""
    ends = (traffic.c.client_id, endpoints.c.server_id)
    spoken = (
        sa.select(*ends)
        .join(endpoints, endpoints.c.id == traffic.c.endpoint_id)
        .where(traffic.c.protocol == protocol)
    )
    return sa.tuple_(edges.c.client_id, edges.c.server_id).in_(spoken)


def _fitting(wanted: Filter) -> list[ColumnElement[bool]]:
    """Which data types are wanted."""
    conditions = []
    if wanted.data_type:
        conditions.append(edge_types.c.data_type == wanted.data_type)
    if wanted.sensitivity:
        conditions.append(edge_types.c.sensitivity >= wanted.sensitivity)
    if wanted.direction == "sent":
        conditions.append(edge_types.c["count"] > edge_types.c.returned)
    if wanted.direction == "returned":
        conditions.append(edge_types.c.returned > 0)
    return conditions


def _seen(window: Window, show: Show) -> ColumnElement[bool]:
    """New in the window, there in it, or gone: seen in the time of the same length
    before it, and not since."""
    first, last = EDGES.table.c.first_seen_ns, EDGES.table.c.last_seen_ns
    if show == "new":
        return first >= window.start_ns
    if show in ("", "there"):
        return last >= window.start_ns
    before = 2 * window.start_ns - window.end_ns
    return sa.and_(last >= before, last < window.start_ns)


def _near(connection: Connection, wanted: Filter) -> ColumnElement[bool]:
    """Flows within some hops. What is outside or asked by everybody leads no further:
    its neighbours have nothing to do with each other."""
    center = connection.execute(
        sa.select(workloads).where(workloads.c.id == wanted.around)
    ).one_or_none()
    near = {wanted.around}
    if center is not None and center.kind == EXTERNAL:
        same = sa.select(workloads.c.id).where(
            workloads.c.kind == EXTERNAL, workloads.c.name == center.name
        )
        near |= set(connection.scalars(same.limit(MOST_HUBS)))
    for _ in range(1, wanted.hops):
        found = sa.select(edges.c.client_id, edges.c.server_id).where(
            _is_at(near), _is_inside(edges.c.client_id), _is_inside(edges.c.server_id)
        )
        order = (edges.c.sensitivity.desc(), edges.c.pairs.desc(), *edges.primary_key)
        rows = connection.execute(found.order_by(*order).limit(MOST_HUBS))
        near |= {end for row in rows for end in row}
    return _is_at(near)


def _is_at(ids: set[int]) -> ColumnElement[bool]:
    listed = sorted(ids)
    return sa.or_(edges.c.client_id.in_(listed), edges.c.server_id.in_(listed))


def _is_inside(column: ColumnElement[int]) -> ColumnElement[bool]:
    outside = sa.select(workloads.c.id).where(workloads.c.kind == EXTERNAL)
    return column.not_in(outside)


def _types(
    connection: Connection, wanted: Filter, chosen: Select[Any]
) -> dict[tuple[int, int], list[Carried]]:
    within = chosen.subquery()
    is_its = sa.and_(
        edge_types.c.client_id == within.c.client_id,
        edge_types.c.server_id == within.c.server_id,
    )
    t = edge_types.c
    selected = (
        sa.select(
            *(t.client_id, t.server_id),
            *(t.data_type, t.sensitivity, t["count"], t.returned),
        )
        .join(within, is_its)
        .where(*_fitting(wanted))
        .order_by(t.sensitivity.desc(), t["count"].desc(), t.data_type)
        .limit(MOST_TYPES)
    )
    found: dict[tuple[int, int], list[Carried]] = {}
    names: dict[str, str] = {}
    for some in connection.execute(selected).partitions(_NAMES):
        for client, server, name, *told in some:
            # Each name once: there are many rows of few.
            one = Carried(names.setdefault(name, name), *told)
            found.setdefault((client, server), []).append(one)
    return found


def named(connection: Connection, ids: set[int]) -> dict[int, Party]:
    """The workloads of these ids."""
    columns = [workloads.c[name] for name in Party._fields]
    found: dict[int, Party] = {}
    for some in chunks(sorted(ids), _NAMES):
        selected = sa.select(*columns).where(workloads.c.id.in_(some))
        found |= {row[0]: Party(*row) for row in connection.execute(selected)}
    return found
