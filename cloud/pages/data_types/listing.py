"""Reads the list of data types: how many endpoints, workloads and parties have each.

In: a query and a visitor. Out: a line a data type. There are some hundred, so all lines
are made, filtered and sorted here; a line is made of three statements, whatever is
stored. Limited to namespaces, a visitor sees what one end of within exchanges.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.pages import reports
from cloud.pages.data_types.reports import TypeList, TypeRow, TypesQuery
from cloud.pages.endpoints import MOST_LISTED_TYPES
from cloud.pages.formats import data_type as words_of
from cloud.pages.overview import touching
from cloud.pages.page import Asked
from cloud.pages.reports import Paging
from cloud.pages.revision import revision
from cloud.store import catalogs
from cloud.store.rows import SURE, printable
from cloud.store.schema import (
    data_types,
    edge_types,
    endpoint_types,
    endpoints,
    places,
    workloads,
)
from cloud.store.windows import EXTERNAL
from cloud.visitor import EVERYTHING, Scope


class Ends(NamedTuple):
    """Who has a data type."""

    workloads: int
    """Inside."""
    receivers: int
    """Outside."""


LISTS = 16
"""Kept: one for each scope that was asked for lately."""
SERVERS, CLIENTS = workloads.alias("servers"), workloads.alias("clients")
PLACES = (
    places.join(endpoints, endpoints.c.id == places.c.endpoint_id)
    .join(SERVERS, SERVERS.c.id == endpoints.c.server_id)
    .join(CLIENTS, CLIENTS.c.id == places.c.client_id)
)
_NOBODY = Ends(0, 0)
_UNKNOWN = catalogs.DataType("", 0, frozenset())
_ORDERS: dict[str, Callable[[TypeRow], Any]] = {
    "sensitivity": lambda row: -reports.sensitivity_number(row.sensitivity),
    "name": lambda row: "",
    "endpoints": lambda row: -row.endpoints,
    "values": lambda row: -row.count,
    "last_seen": lambda row: -row.last_seen.timestamp(),
}


def read(asked: Asked) -> TypeList:
    rows = asked.kept.current(
        "data types",
        LISTS,
        str(asked.scope),
        asked.connection,
        revision,
        lambda connection: totals(connection, asked.scope),
    )
    return listed(rows, asked.query)


def listed(rows: list[TypeRow], query: TypesQuery) -> TypeList:
    """One page of those rows that match."""
    found = [row for row in rows if _matches(row, query)]
    order = _ORDERS[query.sort]
    found.sort(key=lambda row: (order(row), row.data_type))
    start = (query.page - 1) * query.size
    return TypeList(
        paging=Paging(page=query.page, size=query.size, total=len(found)),
        types=found[start : start + query.size],
        tags=sorted({tag for row in rows for tag in row.tags}),
    )


def totals(
    connection: Connection,
    scope: Scope = EVERYTHING,
    name: str = "",
    ends: Mapping[str, Ends] | None = None,
) -> list[TypeRow]:
    """Every data type that was seen within, or the one of this name if it was; `ends`:
    who has it, if that is known."""
    counted = _counted(scope) if scope.is_of_clusters else _counted_within(scope, name)
    column = counted.selected_columns["data_type"]
    if name:
        counted = counted.where(column == name)
    known = catalogs.data_types(connection, _clusters(scope))
    if ends is None:
        told = connection.execute(_ends(scope, name))
        ends = {row.data_type: Ends(row.workloads, row.receivers) for row in told}
    rows = []
    for row in connection.execute(counted.order_by(column).limit(MOST_LISTED_TYPES)):
        about = known.get(row.data_type, _UNKNOWN)
        end = ends.get(row.data_type, _NOBODY)
        rows.append(
            TypeRow(
                data_type=row.data_type,
                title=about.title,
                sensitivity=reports.sensitivity(row.sensitivity),
                usual_sensitivity=reports.sensitivity(about.sensitivity),  # type: ignore[arg-type]
                tags=sorted(about.tags),
                is_own=about.is_own,
                is_off=about.is_off,
                endpoints=int(row.endpoints),
                workloads=end.workloads,
                receivers=end.receivers,
                count=int(row.counted),
                first_seen=reports.time(row.first_seen_ns),
                last_seen=reports.time(row.last_seen_ns),
            )
        )
    return rows


def row_of(
    connection: Connection, scope: Scope, name: str, first_ns: int, last_ns: int
) -> TypeRow:
    """Of a data type that stands nowhere now, with when it was found."""
    told = catalogs.data_types(connection, _clusters(scope)).get(name, _UNKNOWN)
    return TypeRow(
        data_type=name,
        title=told.title,
        sensitivity=reports.sensitivity(0),  # type: ignore[arg-type]
        usual_sensitivity=reports.sensitivity(told.sensitivity),  # type: ignore[arg-type]
        tags=sorted(told.tags),
        is_own=told.is_own,
        is_off=told.is_off,
        endpoints=0,
        workloads=0,
        receivers=0,
        count=0,
        first_seen=reports.time(first_ns),
        last_seen=reports.time(last_ns),
    )


def within(scope: Scope) -> sa.ColumnElement[bool]:
    """Whether one end of a row of PLACES is within."""
    if scope.is_everything:
        return sa.true()
    return sa.or_(scope.workloads(SERVERS), scope.workloads(CLIENTS))


def _counted(scope: Scope) -> sa.Select[Any]:
    """Of whole clusters: what ingestion added up."""
    of = data_types.c
    return (
        sa.select(
            of.data_type,
            reports.total(of.endpoints).label("endpoints"),
            reports.total(of["count"]).label("counted"),
            *_extremes(data_types),
        )
        .where(scope.of_cluster(of.cluster))
        .group_by(of.data_type)
        .having(sa.func.sum(of.endpoints) > 0)
    )


def _counted_within(scope: Scope, name: str) -> sa.Select[Any]:
    """Of namespaces: added up over the places."""
    of = places.c
    counted = (
        sa.select(
            of.data_type,
            sa.func.count(of.endpoint_id.distinct()).label("endpoints"),
            reports.total(of["count"]).label("counted"),
            *_extremes(places),
        )
        .select_from(PLACES)
        .where(of.likelihood >= SURE, within(scope))
        .group_by(of.data_type)
    )
    if name:
        having = sa.select(endpoint_types.c.endpoint_id)
        having = having.where(endpoint_types.c.data_type == name)
        counted = counted.where(of.endpoint_id.in_(having))
    return counted


def _extremes(table: sa.Table) -> Iterable[Any]:
    yield sa.func.max(table.c.sensitivity).label("sensitivity")
    yield sa.func.min(table.c.first_seen_ns).label("first_seen_ns")
    yield sa.func.max(table.c.last_seen_ns).label("last_seen_ns")


def _ends(scope: Scope, name: str) -> sa.Select[Any]:
    """Data type → workloads inside that have it, parties outside that receive it."""
    of = edge_types.c
    is_asked = sa.case((of["count"] > of.returned, 1), else_=0).label("receives")
    is_told = sa.case((of.returned > 0, 1), else_=0).label("receives")
    sides = [
        sa.select(of.data_type, of.server_id.label("end"), is_asked),
        sa.select(of.data_type, of.client_id.label("end"), is_told),
    ]
    wanted = [touching(scope, edge_types), *([of.data_type == name] if name else ())]
    both = sa.union_all(*(side.where(*wanted) for side in sides)).subquery()
    is_outside = workloads.c.kind == EXTERNAL
    inside = sa.case((~is_outside, both.c.end))
    receiving = sa.case((sa.and_(is_outside, both.c.receives == 1), both.c.end))
    return (
        sa.select(
            both.c.data_type,
            sa.func.count(inside.distinct()).label("workloads"),
            sa.func.count(receiving.distinct()).label("receivers"),
        )
        .join(workloads, workloads.c.id == both.c.end)
        .group_by(both.c.data_type)
    )


def _clusters(scope: Scope) -> set[str] | None:
    """Whose catalogs a visitor may know."""
    if scope.is_everything:
        return None
    return {*scope.clusters, *(cluster for cluster, _ in scope.namespaces)}


def _matches(row: TypeRow, query: TypesQuery) -> bool:
    text = printable(query.text).casefold()
    names = (row.data_type, words_of(row.data_type), row.title)
    found = reports.sensitivity_number(row.sensitivity)
    marks = {"outside": row.receivers > 0, "own": row.is_own, "off": row.is_off}
    return (
        any(text in name.casefold() for name in names)
        and (not query.tag or query.tag in row.tags)
        and (
            not query.sensitivity
            or found >= reports.sensitivity_number(query.sensitivity)
        )
        and marks.get(query.only, True)
    )
