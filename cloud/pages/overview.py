"""Reads the overview: what there is, what is sensitive, who talks to whom."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud.pages import coverage, reports
from cloud.pages.endpoints import (
    MOST_LISTED_TYPES,
    MOST_TYPES,
    by_weight,
    data_type,
    most_sensitive,
    rows,
    workload,
)
from cloud.pages.reports import (
    Cluster,
    DataType,
    DataTypeTotal,
    Edge,
    Overview,
    Workload,
)
from cloud.store.schema import clusters, data_types, edge_types, edges, workloads

MOST_ENDPOINTS = 10
MOST_EDGES = 20
MOST_CLUSTERS = 100


def report(connection: Connection) -> Overview:
    """Everything at a glance."""
    totals = sa.select(
        *(
            sa.func.coalesce(sa.func.sum(clusters.c[name]), 0)
            for name in ("endpoints", "pairs", "inspected", "edges")
        )
    )
    endpoints_total, pairs, inspected, edges_total = connection.execute(totals).one()
    return Overview(
        endpoints=int(endpoints_total),
        workloads=_workloads(connection),
        pairs=int(pairs),
        inspected=int(inspected),
        data_types=_data_types(connection),
        most_sensitive=rows(connection, most_sensitive(MOST_ENDPOINTS)),
        edges=_edges(connection),
        edges_total=int(edges_total),
        coverage=coverage.summary(connection),
        losses=coverage.losses(connection),
        clusters=_clusters(connection),
    )


def _workloads(connection: Connection) -> int:
    """Workloads that serve or ask; those that only have coverage are left out."""
    known = sa.select(sa.func.count()).where(workloads.c.talks == 1)
    return connection.execute(known).scalar_one()


def _data_types(connection: Connection) -> list[DataTypeTotal]:
    selected = sa.select(
        sa.func.sum(data_types.c.endpoints),
        data_types.c.data_type,
        sa.func.max(data_types.c.sensitivity),
        sa.func.sum(data_types.c.count),
    ).group_by(data_types.c.data_type)
    return [
        DataTypeTotal(
            data_type=name,
            sensitivity=reports.sensitivity(sensitivity),
            endpoints=int(endpoints_total),
            count=int(count),
        )
        for endpoints_total, name, sensitivity, count in by_weight(
            connection.execute(selected)
        )[:MOST_LISTED_TYPES]
    ]


def _edges(connection: Connection) -> list[Edge]:
    order = (edges.c.sensitivity.desc(), edges.c.pairs.desc())
    selected = sa.select(edges).order_by(*order).limit(MOST_EDGES)
    found = connection.execute(selected).all()
    names = _names(connection, found)
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


def _names(connection: Connection, found: Iterable[Row[Any]]) -> dict[int, Workload]:
    keys = {key for row in found for key in (row.client_id, row.server_id)}
    selected = sa.select(workloads).where(workloads.c.id.in_(keys))
    return {row.id: workload(row) for row in connection.execute(selected)}


def _types_between(
    connection: Connection, found: Iterable[Row[Any]]
) -> defaultdict[tuple[int, int], list[DataType]]:
    pairs = [(row.client_id, row.server_id) for row in found]
    selected = sa.select(edge_types).where(
        sa.tuple_(edge_types.c.client_id, edge_types.c.server_id).in_(pairs)
    )
    types: defaultdict[tuple[int, int], list[DataType]] = defaultdict(list)
    for client, server, *typed in by_weight(connection.execute(selected)):
        if len(types[client, server]) < MOST_TYPES:
            types[client, server].append(data_type(*typed))
    return types


def _clusters(connection: Connection) -> list[Cluster]:
    selected = sa.select(clusters).order_by(clusters.c.name).limit(MOST_CLUSTERS)
    shares = coverage.shares(connection)
    return [
        Cluster(
            name=row.name,
            packages=row.packages,
            catalog_digest=row.catalog_digest,
            first_seen=reports.time(row.first_seen_ns),
            last_seen=reports.time(row.last_seen_ns),
            captured_share=shares.get(row.name),
        )
        for row in connection.execute(selected)
    ]
