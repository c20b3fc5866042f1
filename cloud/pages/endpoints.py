"""Reads endpoints, their data types and their clients from the store, as a list.

Each function is a few indexed statements, however many rows it reports: the list first
picks its page, then fetches what belongs to the endpoints on it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, Select

from cloud.pages import reports
from cloud.pages.page import Asked
from cloud.pages.reports import (
    DataType,
    EndpointList,
    EndpointRow,
    Paging,
    Query,
    Workload,
)
from cloud.store.rows import SURE, printable
from cloud.store.schema import (
    STATUSES,
    clusters,
    data_types,
    endpoint_types,
    endpoints,
    places,
    traffic,
    workloads,
)
from cloud.visitor import EVERYTHING, Scope
from proto.v1 import collector_pb2

_ID = re.compile("[0-7][0-9a-f]{15}")
MOST_TYPES = 30
"""Data types named on a line of a list, the gravest."""
MOST_LISTED_TYPES = 1_000
"""Data types to choose from."""
MOST_NAMED = 3
"""Clients named on a line of the list."""

FROM = endpoints.join(workloads, workloads.c.id == endpoints.c.server_id)
NAMES_UNKNOWN = collector_pb2.NAMES_UNKNOWN
LINE: tuple[Any, ...] = (
    endpoints,
    *(workloads.c[n] for n in ("cluster", "namespace", "kind", "name")),
)
_ORDERS: dict[str, tuple[Any, ...]] = {
    "sensitivity": (
        endpoints.c.sensitivity.desc(),
        endpoints.c.pairs.desc(),
        endpoints.c.id.desc(),
    ),
    "pairs": (endpoints.c.pairs.desc(), endpoints.c.id.desc()),
    "last_seen": (endpoints.c.last_seen_ns.desc(), endpoints.c.id.desc()),
    "path": (endpoints.c.path, endpoints.c.method, workloads.c.name, endpoints.c.id),
}


def read_list(asked: Asked) -> EndpointList:
    return listed(asked.connection, asked.query, asked.scope)


def listed(
    connection: Connection, query: Query, scope: Scope = EVERYTHING
) -> EndpointList:
    """One page of the endpoints that match.

    Those of a party outside are of no namespace: its numbers and fields are those of
    all who ask it, so a visitor of some namespaces does not see them here, but what
    their own workloads exchange with it on the page of Outside.
    """
    conditions = _conditions(query)
    counted = sa.select(sa.func.count()).select_from(FROM)
    counted = counted.where(*conditions, scope.workloads(workloads))
    if not conditions and scope.is_of_clusters:
        counted = sa.select(sa.func.coalesce(sa.func.sum(clusters.c.endpoints), 0))
        counted = counted.where(scope.of_cluster(clusters.c.name))
    total = int(connection.execute(counted).scalar_one())
    conditions.append(scope.workloads(workloads))
    page = (
        sa.select(*LINE)
        .select_from(FROM)
        .where(*conditions)
        .order_by(*_ORDERS[query.sort])
        .limit(query.size)
        .offset((query.page - 1) * query.size)
    )
    return EndpointList(
        paging=Paging(page=query.page, size=query.size, total=total),
        endpoints=rows(connection, page),
        data_types=data_types_of(connection, scope),
    )


def rows(connection: Connection, page: Select[Any]) -> list[EndpointRow]:
    """The lines that `page` selects, with their data types and clients."""
    found = connection.execute(page).all()
    keys = [row.id for row in found]
    types = _types_of(connection, keys)
    clients = _clients_of(connection, keys)
    spoken = protocols_of(connection, keys)
    return [
        EndpointRow(
            id=shown_id(row.id),
            server=workload(row),
            port=row.port,
            method=row.method,
            path=row.path,
            protocols=spoken[row.id],
            names_unknown=row.names == NAMES_UNKNOWN,
            sensitivity=reports.sensitivity(row.sensitivity),
            data_types=types[row.id],
            clients=clients[row.id][0],
            clients_total=clients[row.id][1],
            pairs=row.pairs,
            statuses=statuses(row),
            last_seen=reports.time(row.last_seen_ns),
        )
        for row in found
    ]


def most_sensitive(most: int, scope: Scope = EVERYTHING) -> Select[Any]:
    """Selects the endpoints to look at first."""
    return (
        sa.select(*LINE)
        .select_from(FROM)
        .where(endpoints.c.sensitivity > 0, scope.workloads(workloads))
        .order_by(*_ORDERS["sensitivity"])
        .limit(most)
    )


def shown_id(key: int) -> str:
    """An endpoint's key as in addresses and JSON: 16 hexadecimal digits."""
    return f"{key:016x}"


def key(shown: str) -> int:
    """The way back. Raises ValueError."""
    if not _ID.fullmatch(shown):
        raise ValueError("not the id of an endpoint")
    return int(shown, 16)


def workload(row: Row[Any]) -> Workload:
    """The workload among the columns of a row."""
    return Workload(
        cluster=row.cluster, namespace=row.namespace, kind=row.kind, name=row.name
    )


def statuses(row: Row[Any]) -> dict[str, int]:
    """Pairs by status class, those seen."""
    counts = {
        column.removeprefix("status_"): row._mapping[column] for column in STATUSES
    }
    return {name: pairs for name, pairs in sorted(counts.items()) if pairs}


def _conditions(query: Query) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if query.text:
        text = printable(query.text)
        named = (workloads.c.name, workloads.c.namespace, workloads.c.cluster)
        # A few workloads are searched once, not again at each of their endpoints.
        servers = sa.select(workloads.c.id).where(
            sa.or_(*(column.icontains(text, autoescape=True) for column in named))
        )
        asked = endpoints.c.method + " " + endpoints.c.path
        conditions.append(
            sa.or_(
                endpoints.c.server_id.in_(servers),
                asked.icontains(text, autoescape=True),
            )
        )
    if query.workload:
        conditions.append(endpoints.c.server_id == key(query.workload))
    if query.protocol:
        conditions.append(endpoints.c.id.in_(speaking(query.protocol)))
    if query.data_type:
        having = sa.select(endpoint_types.c.endpoint_id).where(
            endpoint_types.c.data_type == printable(query.data_type)
        )
        conditions.append(endpoints.c.id.in_(having))
    if query.sensitivity:
        least = reports.sensitivity_number(query.sensitivity)
        conditions.append(endpoints.c.sensitivity >= least)
    return conditions


def speaking(protocol: str) -> Select[Any]:
    """Selects the endpoints that some client speaks a protocol with."""
    return sa.select(traffic.c.endpoint_id).where(traffic.c.protocol == protocol)


def protocols_of(
    connection: Connection, keys: Sequence[int]
) -> defaultdict[int, list[str]]:
    named = (traffic.c.endpoint_id, traffic.c.protocol)
    chosen = sa.select(*named).where(traffic.c.endpoint_id.in_(keys)).distinct()
    found: defaultdict[int, list[str]] = defaultdict(list)
    for key, protocol in connection.execute(chosen.order_by(*named)):
        if protocol:
            found[key].append(protocol)
    return found


def data_types_of(connection: Connection, scope: Scope) -> list[str]:
    """All sure ones that may be seen, to choose from."""
    named = data_types.c.data_type
    known = sa.select(named).where(scope.of_cluster(data_types.c.cluster))
    if not scope.is_of_clusters:
        named = endpoint_types.c.data_type
        typed = FROM.join(
            endpoint_types, endpoint_types.c.endpoint_id == endpoints.c.id
        )
        known = sa.select(named).select_from(typed).where(scope.workloads(workloads))
    names = known.distinct().order_by(named).limit(MOST_LISTED_TYPES)
    return list(connection.scalars(names))


def _types_of(
    connection: Connection, keys: Sequence[int]
) -> defaultdict[int, list[DataType]]:
    selected = (
        sa.select(
            places.c.endpoint_id,
            places.c.data_type,
            sa.func.max(places.c.sensitivity).label("sensitivity"),
            reports.total(places.c.count).label("count"),
        )
        .where(places.c.endpoint_id.in_(keys), places.c.likelihood >= SURE)
        .group_by(places.c.endpoint_id, places.c.data_type)
    )
    types: defaultdict[int, list[DataType]] = defaultdict(list)
    for key, *found in by_weight(connection.execute(selected)):
        if len(types[key]) < MOST_TYPES:
            types[key].append(data_type(*found))
    return types


def by_weight(found: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows that end in data type, sensitivity and count, the gravest first."""
    return sorted(found, key=lambda row: (-row[-2], row[-3]))


def data_type(name: str, sensitivity: Any, count: int) -> DataType:
    """From numbers as the database gives them."""
    return DataType(
        data_type=name, sensitivity=reports.sensitivity(sensitivity), count=int(count)
    )


def _clients_of(
    connection: Connection, keys: Sequence[int]
) -> defaultdict[int, tuple[list[Workload], int]]:
    window = traffic.c.endpoint_id
    order = (traffic.c.pairs.desc(), traffic.c.client_id)
    ranked = (
        sa.select(
            traffic.c.endpoint_id,
            traffic.c.client_id,
            sa.func.row_number()
            .over(partition_by=window, order_by=order)
            .label("place"),
            sa.func.count().over(partition_by=window).label("total"),
        )
        .where(traffic.c.endpoint_id.in_(keys))
        .subquery()
    )
    named = (
        sa.select(ranked.c.endpoint_id, ranked.c.total, workloads)
        .join(workloads, workloads.c.id == ranked.c.client_id)
        .where(ranked.c.place <= MOST_NAMED)
        .order_by(ranked.c.endpoint_id, ranked.c.place)
    )
    clients: defaultdict[int, tuple[list[Workload], int]] = defaultdict(lambda: ([], 0))
    for row in connection.execute(named):
        names, _ = clients[row.endpoint_id]
        clients[row.endpoint_id] = ([*names, workload(row)], row.total)
    return clients
