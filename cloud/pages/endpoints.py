"""Reads endpoints, their findings and their clients from the store.

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
from cloud.pages.reports import (
    Client,
    DataType,
    EndpointList,
    EndpointReport,
    EndpointRow,
    Field,
    FieldsQuery,
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

_ID = re.compile("[0-7][0-9a-f]{15}")
MOST_TYPES = 30
"""Data types named on a line of a list, the gravest."""
MOST_LISTED_TYPES = 1_000
"""Data types to choose from."""
MOST_NAMED = 3
"""Clients named on a line of the list."""
MOST_CLIENTS = 200
MOST_FIELDS = 1_000
"""On one endpoint's page."""

_FROM = endpoints.join(workloads, workloads.c.id == endpoints.c.server_id)
_LINE: tuple[Any, ...] = (
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


def listed(connection: Connection, query: Query) -> EndpointList:
    """One page of the endpoints that match."""
    conditions = _conditions(query)
    counted = sa.select(sa.func.count()).select_from(_FROM).where(*conditions)
    if not conditions:
        counted = sa.select(sa.func.coalesce(sa.func.sum(clusters.c.endpoints), 0))
    total = int(connection.execute(counted).scalar_one())
    page = (
        sa.select(*_LINE)
        .select_from(_FROM)
        .where(*conditions)
        .order_by(*_ORDERS[query.sort])
        .limit(query.size)
        .offset((query.page - 1) * query.size)
    )
    return EndpointList(
        paging=Paging(page=query.page, size=query.size, total=total),
        endpoints=rows(connection, page),
        data_types=_data_types(connection),
    )


def rows(connection: Connection, page: Select[Any]) -> list[EndpointRow]:
    """The lines that `page` selects, with their data types and clients."""
    found = connection.execute(page).all()
    keys = [row.id for row in found]
    types = _types_of(connection, keys)
    clients = _clients_of(connection, keys)
    return [
        EndpointRow(
            id=shown_id(row.id),
            server=workload(row),
            port=row.port,
            method=row.method,
            path=row.path,
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


def most_sensitive(most: int) -> Select[Any]:
    """Selects the endpoints to look at first."""
    return (
        sa.select(*_LINE)
        .select_from(_FROM)
        .where(endpoints.c.sensitivity > 0)
        .order_by(*_ORDERS["sensitivity"])
        .limit(most)
    )


def one(connection: Connection, key: int, query: FieldsQuery) -> EndpointReport | None:
    """All of one endpoint; None if there is none of this key."""
    selected = sa.select(*_LINE).select_from(_FROM).where(endpoints.c.id == key)
    row = connection.execute(selected).one_or_none()
    if row is None:
        return None
    clients, clients_total = _clients(connection, key)
    fields, fields_total = _fields(connection, key, query.uncertain)
    return EndpointReport(
        id=shown_id(key),
        server=workload(row),
        port=row.port,
        method=row.method,
        path=row.path,
        sensitivity=reports.sensitivity(row.sensitivity),
        pairs=row.pairs,
        inspected=row.inspected,
        truncated=row.truncated,
        request_bytes=row.request_bytes,
        response_bytes=row.response_bytes,
        statuses=statuses(row),
        first_seen=reports.time(row.first_seen_ns),
        last_seen=reports.time(row.last_seen_ns),
        clients=clients,
        clients_total=clients_total,
        fields=fields,
        fields_total=fields_total,
        uncertain_total=_uncertain(connection, key),
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
    if query.data_type:
        having = sa.select(endpoint_types.c.endpoint_id).where(
            endpoint_types.c.data_type == printable(query.data_type)
        )
        conditions.append(endpoints.c.id.in_(having))
    if query.sensitivity:
        least = reports.sensitivity_number(query.sensitivity)
        conditions.append(endpoints.c.sensitivity >= least)
    return conditions


def _data_types(connection: Connection) -> list[str]:
    known = sa.select(data_types.c.data_type).distinct()
    names = known.order_by(data_types.c.data_type).limit(MOST_LISTED_TYPES)
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


def _clients(connection: Connection, key: int) -> tuple[list[Client], int]:
    selected = (
        sa.select(traffic, workloads, sa.func.count().over().label("total"))
        .join(workloads, workloads.c.id == traffic.c.client_id)
        .where(traffic.c.endpoint_id == key)
        .order_by(traffic.c.pairs.desc(), workloads.c.name)
        .limit(MOST_CLIENTS)
    )
    found = connection.execute(selected).all()
    clients = [
        Client(
            client=workload(row),
            pairs=row.pairs,
            sensitivity=reports.sensitivity(row.sensitivity),
            last_seen=reports.time(row.last_seen_ns),
        )
        for row in found
    ]
    return clients, found[0].total if found else 0


_PLACE = (places.c.direction, places.c.location, places.c.path, places.c.data_type)


def _fields(
    connection: Connection, key: int, is_uncertain_shown: bool
) -> tuple[list[Field], int]:
    sensitivity = sa.func.max(places.c.sensitivity)
    selected = (
        sa.select(
            *_PLACE,
            sensitivity.label("sensitivity"),
            sa.func.max(places.c.likelihood).label("likelihood"),
            reports.total(places.c.count).label("counted"),
            sa.func.min(places.c.first_seen_ns).label("first_seen_ns"),
            sa.func.max(places.c.last_seen_ns).label("last_seen_ns"),
            sa.func.count().over().label("total"),
        )
        .where(places.c.endpoint_id == key)
        .where(places.c.likelihood >= (0 if is_uncertain_shown else SURE))
        .group_by(*_PLACE)
        .order_by(sensitivity.desc(), *_PLACE)
        .limit(MOST_FIELDS)
    )
    found = connection.execute(selected).all()
    return [_field(row) for row in found], found[0].total if found else 0


def _field(row: Row[Any]) -> Field:
    return Field(
        direction=reports.direction(row.direction),
        location=reports.location(row.location),
        path=row.path,
        data_type=row.data_type,
        sensitivity=reports.sensitivity(row.sensitivity),
        likelihood=reports.likelihood(row.likelihood),
        count=int(row.counted),
        first_seen=reports.time(row.first_seen_ns),
        last_seen=reports.time(row.last_seen_ns),
    )


def _uncertain(connection: Connection, key: int) -> int:
    unsure = (
        sa.select(*_PLACE)
        .where(places.c.endpoint_id == key, places.c.likelihood < SURE)
        .distinct()
        .subquery()
    )
    counted = sa.select(sa.func.count()).select_from(unsure)
    return connection.execute(counted).scalar_one()
