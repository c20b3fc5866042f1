"""Reads the overview: what there is, what is sensitive, who talks to whom."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud.pages import reports
from cloud.pages.coverage.filters import Sought
from cloud.pages.coverage.shares import losses, shares, summary
from cloud.pages.endpoints import (
    MOST_LISTED_TYPES,
    MOST_TYPES,
    by_weight,
    data_type,
    most_sensitive,
    rows,
    workload,
)
from cloud.pages.page import Asked
from cloud.pages.reports import (
    Cluster,
    DataType,
    DataTypeTotal,
    Edge,
    Overview,
    Workload,
)
from cloud.store.keys import among
from cloud.store.rows import SURE
from cloud.store.schema import (
    clusters,
    data_types,
    edge_types,
    edges,
    endpoints,
    places,
    workloads,
)
from cloud.visitor import EVERYTHING, Scope

MOST_ENDPOINTS = 10
MOST_EDGES = 20
MOST_CLUSTERS = 100


def read(asked: Asked) -> Overview:
    return report(asked.connection, asked.scope)


def report(connection: Connection, scope: Scope = EVERYTHING) -> Overview:
    """Everything at a glance."""
    edges_total = connection.execute(_edges_counted(scope)).scalar_one()
    totals = connection.execute(_totals(scope)).one()
    endpoints_total, pairs, inspected = totals
    return Overview(
        endpoints=int(endpoints_total),
        workloads=_workloads(connection, scope),
        pairs=int(pairs),
        inspected=int(inspected),
        data_types=_data_types(connection, scope),
        most_sensitive=rows(connection, most_sensitive(MOST_ENDPOINTS, scope)),
        edges=_edges(connection, scope),
        edges_total=int(edges_total),
        coverage=summary(connection, Sought(scope)),
        losses=losses(connection, Sought(scope)),
        clusters=_clusters(connection, scope),
    )


def _totals(scope: Scope) -> sa.Select[Any]:
    """Endpoints, pairs and inspected pairs; of namespaces they are added up here."""
    if scope.is_of_clusters:
        summed = (clusters.c[name] for name in ("endpoints", "pairs", "inspected"))
        chosen = sa.select(*(sa.func.coalesce(sa.func.sum(c), 0) for c in summed))
        return chosen.where(scope.of_cluster(clusters.c.name))
    served = endpoints.join(workloads, workloads.c.id == endpoints.c.server_id)
    added: list[Any] = [reports.total(endpoints.c[n]) for n in ("pairs", "inspected")]
    chosen = sa.select(sa.func.count(), *added).select_from(served)
    return chosen.where(scope.workloads(workloads))


def _workloads(connection: Connection, scope: Scope) -> int:
    """Workloads that serve or ask; those that only have coverage are left out."""
    known = sa.select(sa.func.count()).select_from(workloads)
    known = known.where(workloads.c.talks == 1, scope.workloads(workloads))
    return connection.execute(known).scalar_one()


def _data_types(connection: Connection, scope: Scope) -> list[DataTypeTotal]:
    selected = (
        sa.select(
            sa.func.sum(data_types.c.endpoints),
            data_types.c.data_type,
            sa.func.max(data_types.c.sensitivity),
            sa.func.sum(data_types.c.count),
        )
        .where(scope.of_cluster(data_types.c.cluster))
        .group_by(data_types.c.data_type)
    )
    if not scope.is_of_clusters:
        selected = _types_within(scope)
    return [
        DataTypeTotal(
            data_type=name,
            sensitivity=reports.sensitivity(sensitivity),
            endpoints=int(endpoints_total),
            count=int(count),
        )
        for endpoints_total, name, sensitivity, count in by_weight(
            connection.execute(selected).all()
        )[:MOST_LISTED_TYPES]
    ]


def _types_within(scope: Scope) -> sa.Select[Any]:
    """Endpoints, name, sensitivity and values of each sure data type."""
    found = places.join(endpoints, endpoints.c.id == places.c.endpoint_id).join(
        workloads, workloads.c.id == endpoints.c.server_id
    )
    return (
        sa.select(
            sa.func.count(places.c.endpoint_id.distinct()),
            places.c.data_type,
            sa.func.max(places.c.sensitivity),
            reports.total(places.c.count),
        )
        .select_from(found)
        .where(places.c.likelihood >= SURE, scope.workloads(workloads))
        .group_by(places.c.data_type)
    )


def touching(scope: Scope, table: sa.FromClause = edges) -> sa.ColumnElement[bool]:
    """Rows of edges, or of their data types, of which one end is within; the other end
    is named then, too."""
    if scope.is_everything:
        return sa.true()
    within = sa.select(workloads.c.id).where(scope.workloads(workloads))
    return sa.or_(table.c.client_id.in_(within), table.c.server_id.in_(within))


def _edges_counted(scope: Scope) -> sa.Select[Any]:
    if scope.is_everything:
        return sa.select(sa.func.coalesce(sa.func.sum(clusters.c.edges), 0))
    return sa.select(sa.func.count()).select_from(edges).where(touching(scope))


def _edges(connection: Connection, scope: Scope) -> list[Edge]:
    order = (edges.c.sensitivity.desc(), edges.c.pairs.desc())
    chosen = sa.select(edges).where(touching(scope))
    selected = chosen.order_by(*order).limit(MOST_EDGES)
    found = connection.execute(selected).all()
    names = named(connection, {key for row in found for key in row[:2]})
    types = _types_between(connection, found)
    return [
        Edge(
            client=names[row.client_id],
            server=names[row.server_id],
            endpoints=row.endpoints,
            pairs=int(row.pairs),
            sensitivity=reports.sensitivity(row.sensitivity),
            data_types=types[row.client_id, row.server_id],
        )
        for row in found
    ]


def named(connection: Connection, keys: Collection[int]) -> dict[int, Workload]:
    """Workloads by their keys."""
    selected = sa.select(workloads).where(workloads.c.id.in_(keys))
    return {row.id: workload(row) for row in connection.execute(selected)}


def _types_between(
    connection: Connection, found: Iterable[Row[Any]]
) -> defaultdict[tuple[int, int], list[DataType]]:
    pairs = [(row.client_id, row.server_id) for row in found]
    columns = [edge_types.c[n] for n in ("client_id", "server_id", "data_type")]
    selected = sa.select(
        *columns, edge_types.c.sensitivity, edge_types.c["count"]
    ).where(among(connection, columns[:2], pairs))
    types: defaultdict[tuple[int, int], list[DataType]] = defaultdict(list)
    for client, server, *typed in by_weight(connection.execute(selected).all()):
        if len(types[client, server]) < MOST_TYPES:
            types[client, server].append(data_type(*typed))
    return types


def _clusters(connection: Connection, scope: Scope) -> list[Cluster]:
    """Those that may be seen whole."""
    chosen = sa.select(clusters).where(scope.of_cluster(clusters.c.name))
    selected = chosen.order_by(clusters.c.name).limit(MOST_CLUSTERS)
    captured = shares(connection, Sought(scope))
    return [
        Cluster(
            name=row.name,
            packages=row.packages,
            catalog_digest=row.catalog_digest,
            first_seen=reports.time(row.first_seen_ns),
            last_seen=reports.time(row.last_seen_ns),
            captured_share=captured.get(row.name),
        )
        for row in connection.execute(selected)
    ]
