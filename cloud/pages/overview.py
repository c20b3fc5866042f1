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
)
from cloud.pages.reports import (
    Cluster,
    DataType,
    DataTypeTotal,
    Edge,
    Overview,
    Workload,
)
from cloud.store.rows import SURE
from cloud.store.schema import clusters, endpoints, places, traffic, workloads

MOST_ENDPOINTS = 10
MOST_EDGES = 20
MOST_CLUSTERS = 100

_PAIR = (traffic.c.client_id, endpoints.c.server_id)
_JOINED = traffic.join(endpoints, endpoints.c.id == traffic.c.endpoint_id)


def report(connection: Connection) -> Overview:
    """Everything at a glance."""
    totals = connection.execute(
        sa.select(
            sa.func.count(),
            reports.total(endpoints.c.pairs),
            reports.total(endpoints.c.inspected),
        ).select_from(endpoints)
    )
    endpoints_total, pairs, inspected = totals.one()
    edges, edges_total = _edges(connection)
    return Overview(
        endpoints=endpoints_total,
        workloads=_workloads(connection),
        pairs=int(pairs),
        inspected=int(inspected),
        data_types=_data_types(connection),
        most_sensitive=rows(connection, most_sensitive(MOST_ENDPOINTS)),
        edges=edges,
        edges_total=edges_total,
        coverage=coverage.summary(connection),
        losses=coverage.losses(connection),
        clusters=_clusters(connection),
    )


def _workloads(connection: Connection) -> int:
    """Workloads that serve or ask; those that only have coverage are left out."""
    known = sa.union(
        sa.select(endpoints.c.server_id), sa.select(traffic.c.client_id)
    ).subquery()
    return connection.execute(
        sa.select(sa.func.count()).select_from(known)
    ).scalar_one()


def _data_types(connection: Connection) -> list[DataTypeTotal]:
    selected = (
        sa.select(
            sa.func.count(places.c.endpoint_id.distinct()),
            places.c.data_type,
            sa.func.max(places.c.sensitivity),
            reports.total(places.c.count),
        )
        .where(places.c.likelihood >= SURE)
        .group_by(places.c.data_type)
    )
    return [
        DataTypeTotal(
            data_type=name,
            sensitivity=reports.sensitivity(sensitivity),
            endpoints=endpoints_total,
            count=int(count),
        )
        for endpoints_total, name, sensitivity, count in by_weight(
            connection.execute(selected)
        )[:MOST_LISTED_TYPES]
    ]


def _edges(connection: Connection) -> tuple[list[Edge], int]:
    sensitivity = sa.func.max(traffic.c.sensitivity)
    pairs = reports.total(traffic.c.pairs)
    selected = (
        sa.select(
            *_PAIR,
            sa.func.count().label("endpoints"),
            pairs.label("pairs"),
            sensitivity.label("sensitivity"),
            sa.func.count().over().label("total"),
        )
        .select_from(_JOINED)
        .group_by(*_PAIR)
        .order_by(sensitivity.desc(), pairs.desc(), *_PAIR)
        .limit(MOST_EDGES)
    )
    found = connection.execute(selected).all()
    names = _names(connection, found)
    types = _types_between(connection, found)
    edges = [
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
    return edges, found[0].total if found else 0


def _names(connection: Connection, edges: Iterable[Row[Any]]) -> dict[int, Workload]:
    keys = {key for row in edges for key in (row.client_id, row.server_id)}
    selected = sa.select(workloads).where(workloads.c.id.in_(keys))
    return {
        key: Workload(cluster=cluster, namespace=namespace, kind=kind, name=name)
        for key, cluster, namespace, kind, name in connection.execute(selected)
    }


def _types_between(
    connection: Connection, edges: Iterable[Row[Any]]
) -> defaultdict[tuple[int, int], list[DataType]]:
    pair = (places.c.client_id, endpoints.c.server_id)
    selected = (
        sa.select(
            *pair,
            places.c.data_type,
            sa.func.max(places.c.sensitivity),
            reports.total(places.c.count),
        )
        .join(endpoints, endpoints.c.id == places.c.endpoint_id)
        .where(
            places.c.likelihood >= SURE,
            places.c.client_id.in_({row.client_id for row in edges}),
            endpoints.c.server_id.in_({row.server_id for row in edges}),
        )
        .group_by(*pair, places.c.data_type)
    )
    types: defaultdict[tuple[int, int], list[DataType]] = defaultdict(list)
    for client, server, *found in by_weight(connection.execute(selected)):
        if len(types[client, server]) < MOST_TYPES:
            types[client, server].append(data_type(*found))
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
