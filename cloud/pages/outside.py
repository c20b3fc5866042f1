"""Reads who is outside of the clusters: what goes to them, and what comes from them.

In: a query and a visitor. Out: a line for each party outside and role: one that our
workloads ask, or one that asks them. What leaves is what we send to those whom we ask,
and what we answer to those who ask; what comes in is the rest.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud.pages import reports
from cloud.pages.endpoints import by_weight, data_type
from cloud.pages.overview import touching
from cloud.pages.page import Asked
from cloud.pages.reports import DataType, Paging, Shape, Workload
from cloud.store import outward
from cloud.store.keys import among
from cloud.store.rows import printable
from cloud.store.schema import edge_types, edges, parties, workloads
from cloud.store.statements import chunks
from cloud.store.windows import EXTERNAL
from cloud.visitor import EVERYTHING, Scope

MOST_EDGES = 5_000
"""Read for a page, the gravest; a cluster names some hundred parties."""
AT_ONCE = 500
"""Edges named in one statement."""
MOST_NAMED = 3
"""Of ours, on a line."""
MOST_KNOWN = 10
"""Countries and networks named on a line."""

_ORDERS: dict[str, Callable[[list[Row[Any]]], Any]] = {
    "pairs": lambda rows: -sum(row.pairs for row in rows),
    "newest": lambda rows: -min(row.first_seen_ns for row in rows),
    "last_seen": lambda rows: -max(row.last_seen_ns for row in rows),
    "name": lambda rows: _outside_name(rows[0]),
}
"""The edges of a party → where it stands; sensitivity: as they are read."""
_CLIENTS, _SERVERS = workloads.alias("clients"), workloads.alias("servers")
_NAMED = ("cluster", "kind", "name")
_SIDES = ("cluster", "namespace", "kind", "name")


class OutsideQuery(Shape, frozen=True):
    """The query parameters of the list of parties outside."""

    text: Annotated[str, msgspec.Meta(max_length=200)] = msgspec.field(
        name="q", default=""
    )
    """Part of its name."""
    role: Literal["", "asked", "asks"] = ""
    sensitivity: Literal["", "low", "medium", "high"] = ""
    """At least this."""
    sort: Literal["sensitivity", "pairs", "newest", "last_seen", "name"] = "sensitivity"
    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    size: Annotated[int, msgspec.Meta(ge=1, le=200)] = 30


class Party(Shape):
    """Somebody outside, in one role."""

    party: Workload
    role: str
    """asked: our workloads ask it; asks: it asks them."""
    sensitivity: str
    out: list[DataType]
    """What leaves."""
    into: list[DataType]
    """What comes in."""
    peers: list[Workload]
    """The few of ours with most pairs."""
    peers_total: int
    pairs: int
    countries: list[str]
    networks: list[str]
    is_robot: bool
    """Among those who ask under this name are robots."""
    first_seen: datetime
    last_seen: datetime


class OutsideList(Shape):
    """Who is outside, the gravest first."""

    paging: Paging
    parties: list[Party]
    is_whole: bool
    """All were read, not only the gravest."""


def read(asked: Asked) -> OutsideList:
    return listed(asked.connection, asked.query, asked.scope)


def listed(
    connection: Connection, query: OutsideQuery, scope: Scope = EVERYTHING
) -> OutsideList:
    """One page of the parties that match."""
    found = connection.execute(_edges(query, scope)).all()
    ours = _ours(connection, found, scope)
    grouped: defaultdict[tuple[int, str], list[Row[Any]]] = defaultdict(list)
    for row in found:
        role = "asked" if row.server_kind == EXTERNAL else "asks"
        party = row.server_id if role == "asked" else row.client_id
        if query.role in ("", role) and party not in ours:
            grouped[party, role].append(row)
    keys = list(grouped)
    if query.sort in _ORDERS:
        order = _ORDERS[query.sort]
        keys.sort(key=lambda key: order(grouped[key]))
    start = (query.page - 1) * query.size
    shown = {key: grouped[key] for key in keys[start : start + query.size]}
    types = _types(connection, [row for rows in shown.values() for row in rows])
    about = known(connection, [party for party, _ in shown])
    return OutsideList(
        paging=Paging(page=query.page, size=query.size, total=len(keys)),
        parties=[
            _party(role, rows, types, about[party])
            for (party, role), rows in shown.items()
        ],
        is_whole=len(found) < MOST_EDGES,
    )


class _End(NamedTuple):
    """One end of an edge."""

    id: int
    cluster: str
    kind: str
    name: str


def _ours(
    connection: Connection, found: Sequence[Row[Any]], scope: Scope
) -> Collection[int]:
    """Parties that are a workload of another cluster: the map joins them."""
    ends = {
        _End(row._mapping[f"{end}_id"], *(row._mapping[f"{end}_{n}"] for n in _NAMED))
        for row in found
        for end in ("client", "server")
    }
    return outward.joined(connection, ends, scope.workloads(workloads))


def _edges(query: OutsideQuery, scope: Scope) -> sa.Select[Any]:
    outside = sa.or_(_CLIENTS.c.kind == EXTERNAL, _SERVERS.c.kind == EXTERNAL)
    chosen = (
        sa.select(
            edges,
            *(_CLIENTS.c[name].label(f"client_{name}") for name in _SIDES),
            *(_SERVERS.c[name].label(f"server_{name}") for name in _SIDES),
        )
        .join(_CLIENTS, _CLIENTS.c.id == edges.c.client_id)
        .join(_SERVERS, _SERVERS.c.id == edges.c.server_id)
        .where(outside, touching(scope))
        .order_by(edges.c.sensitivity.desc(), edges.c.pairs.desc(), edges.c.client_id)
        .limit(MOST_EDGES)
    )
    if query.sensitivity:
        least = reports.sensitivity_number(query.sensitivity)
        chosen = chosen.where(edges.c.sensitivity >= least)
    if query.text:
        text = printable(query.text)
        named = (
            sa.and_(
                table.c.kind == EXTERNAL, table.c.name.icontains(text, autoescape=True)
            )
            for table in (_CLIENTS, _SERVERS)
        )
        chosen = chosen.where(sa.or_(*named))
    return chosen


_Types = dict[tuple[int, int], list[Row[Any]]]


def _types(connection: Connection, rows: list[Row[Any]]) -> _Types:
    """Edge → its data types."""
    found: _Types = defaultdict(list)
    at = (edge_types.c.client_id, edge_types.c.server_id)
    ends = [(row.client_id, row.server_id) for row in rows]
    for some in chunks(ends, AT_ONCE):
        chosen = sa.select(edge_types, edge_types.c.count.label("counted"))
        chosen = chosen.where(among(connection, at, some))
        for row in connection.execute(chosen):
            found[row.client_id, row.server_id].append(row)
    return found


def known(connection: Connection, keys: list[int]) -> defaultdict[int, list[Row[Any]]]:
    """Party → what is known of it."""
    found: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    chosen = sa.select(parties).where(parties.c.workload_id.in_(keys))
    for row in connection.execute(chosen):
        found[row.workload_id].append(row)
    return found


def places_of(known: list[Row[Any]]) -> tuple[list[str], list[str]]:
    """The countries and networks that are known of a party."""
    countries = sorted({one.country for one in known} - {""})
    networks = sorted({one.network for one in known} - {""})
    return countries[:MOST_KNOWN], networks[:MOST_KNOWN]


def _party(
    role: str, rows: list[Row[Any]], types: _Types, known: list[Row[Any]]
) -> Party:
    ours = "client" if role == "asked" else "server"
    theirs = "server" if role == "asked" else "client"
    sent: dict[str, tuple[int, int]] = {}
    returned: dict[str, tuple[int, int]] = {}
    for row in rows:
        for one in types[row.client_id, row.server_id]:
            _add(sent, one, one.counted - one.returned)
            _add(returned, one, one.returned)
    countries, networks = places_of(known)
    leaving, coming = (sent, returned) if role == "asked" else (returned, sent)
    return Party(
        party=_end(rows[0], theirs),
        role=role,
        sensitivity=reports.sensitivity(max(row.sensitivity for row in rows)),
        out=_told(leaving),
        into=_told(coming),
        peers=[_end(row, ours) for row in rows[:MOST_NAMED]],
        peers_total=len(rows),
        pairs=int(sum(row.pairs for row in rows)),
        countries=countries,
        networks=networks,
        is_robot=any(one.is_robot for one in known),
        first_seen=reports.time(min(row.first_seen_ns for row in rows)),
        last_seen=reports.time(max(row.last_seen_ns for row in rows)),
    )


def _add(types: dict[str, tuple[int, int]], row: Row[Any], count: int) -> None:
    if count > 0:
        sensitivity, before = types.get(row.data_type, (0, 0))
        types[row.data_type] = max(sensitivity, row.sensitivity), before + int(count)


def _told(types: dict[str, tuple[int, int]]) -> list[DataType]:
    return [
        data_type(*row)
        for row in by_weight((name, *amounts) for name, amounts in types.items())
    ]


def _outside_name(row: Row[Any]) -> str:
    name: str = row.server_name if row.server_kind == EXTERNAL else row.client_name
    return name


def _end(row: Row[Any], end: str) -> Workload:
    return Workload(**{name: row._mapping[f"{end}_{name}"] for name in _SIDES})
