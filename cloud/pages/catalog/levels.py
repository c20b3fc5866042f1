"""Reads clusters, and the namespaces of one.

In: a query and a visitor. Out: a line each, with what is in it. Whole clusters are read
from the summaries; namespaces are added up over the workloads of one cluster.
"""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Connection

from cloud.pages import reports
from cloud.pages.catalog.reports import Catalog, CatalogQuery, Group, Level
from cloud.pages.endpoints import MOST_TYPES, by_weight, data_type
from cloud.pages.page import Asked, missing
from cloud.pages.reports import DataType, Paging
from cloud.store.schema import (
    clusters,
    data_types,
    edge_types,
    edges,
    endpoints,
    workload_facts,
    workloads,
)
from cloud.store.windows import EXTERNAL
from cloud.visitor import EVERYTHING, Scope

MOST_GROUPS = 100
_Types = dict[str, list[DataType]]
_Served = dict[str, tuple[Any, ...]]
"""Name → endpoints, pairs, sensitivity, first and last sight."""


def read(asked: Asked) -> Catalog:
    found = listed(asked.connection, asked.query, asked.scope)
    if asked.query.cluster and not found.paging.total:
        raise missing("There is no such cluster.")
    return found


def listed(
    connection: Connection, query: CatalogQuery, scope: Scope = EVERYTHING
) -> Catalog:
    """One page of the clusters, or of the namespaces of the one that is asked for."""
    by = workloads.c.namespace if query.cluster else workloads.c.cluster
    within = _within(query.cluster, scope)
    inside = sa.select(by, sa.func.count()).where(*within).group_by(by).order_by(by)
    counts = _counts(connection, inside)
    start = (query.page - 1) * query.size
    names = list(counts)[start : start + query.size]
    if query.cluster or not scope.is_of_clusters:
        served, types = _added(connection, by, [*within, by.in_(names)])
    else:
        served, types = _summaries(connection, names)
    return Catalog(
        cluster=query.cluster,
        paging=Paging(page=query.page, size=query.size, total=len(counts)),
        levels=[
            _level(query.cluster, name, counts[name], served.get(name), types)
            for name in names
        ],
        groups=_groups(connection, query.cluster, scope),
    )


def _counts(connection: Connection, inside: sa.Select[Any]) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(inside)}


def _within(cluster: str, scope: Scope) -> list[sa.ColumnElement[bool]]:
    """Workloads of a cluster or of all; who is outside is in none."""
    conditions = [workloads.c.talks == 1, workloads.c.kind != EXTERNAL]
    if cluster:
        conditions.append(workloads.c.cluster == cluster)
    return [*conditions, scope.workloads(workloads)]


def _summaries(
    connection: Connection, names: Collection[str]
) -> tuple[_Served, _Types]:
    kept = ("endpoints", "pairs", "first_seen_ns", "last_seen_ns")
    chosen = sa.select(clusters.c.name, *(clusters.c[name] for name in kept))
    chosen = chosen.where(clusters.c.name.in_(names))
    of = data_types.c
    found = sa.select(of.cluster, of.data_type, of.sensitivity, of["count"])
    rows = connection.execute(found.where(of.cluster.in_(names))).all()
    gravest: defaultdict[str, int] = defaultdict(int)
    for cluster, _, sensitivity, _ in rows:
        gravest[cluster] = max(gravest[cluster], sensitivity)
    served = {
        name: (endpoints_total, pairs, gravest[name], *seen)
        for name, endpoints_total, pairs, *seen in connection.execute(chosen)
    }
    return served, _types(rows)


def _added(
    connection: Connection,
    by: Column[str],
    conditions: Collection[sa.ColumnElement[bool]],
) -> tuple[_Served, _Types]:
    summed = (
        sa.select(
            by,
            sa.func.count(),
            reports.total(endpoints.c.pairs),
            sa.func.max(endpoints.c.sensitivity),
            sa.func.min(endpoints.c.first_seen_ns),
            sa.func.max(endpoints.c.last_seen_ns),
        )
        .select_from(workloads)
        .join(endpoints, endpoints.c.server_id == workloads.c.id)
        .where(*conditions)
        .group_by(by)
    )
    served = {name: tuple(rest) for name, *rest in connection.execute(summed)}
    is_of = sa.and_(
        edge_types.c.client_id == edges.c.client_id,
        edge_types.c.server_id == edges.c.server_id,
    )
    carried = (
        sa.select(
            by,
            edge_types.c.data_type,
            sa.func.max(edge_types.c.sensitivity),
            reports.total(edge_types.c["count"]),
        )
        .select_from(workloads)
        .join(edges, edges.c.server_id == workloads.c.id)
        .join(edge_types, is_of)
        .where(*conditions)
        .group_by(by, edge_types.c.data_type)
    )
    return served, _types(connection.execute(carried).all())


def _types(rows: Collection[Any]) -> _Types:
    types: defaultdict[str, list[DataType]] = defaultdict(list)
    for name, *found in by_weight(tuple(row) for row in rows):
        if len(types[name]) < MOST_TYPES:
            types[name].append(data_type(*found))
    return types


def _level(
    cluster: str, name: str, count: int, served: tuple[Any, ...] | None, types: _Types
) -> Level:
    endpoints_total, pairs, sensitivity, first, last = served or (0, 0, 0, None, None)
    return Level(
        cluster=cluster or name,
        namespace=name if cluster else None,
        workloads=count,
        endpoints=int(endpoints_total),
        pairs=int(pairs),
        sensitivity=reports.sensitivity(sensitivity),
        data_types=types.get(name, []),
        first_seen=None if first is None else reports.time(first),
        last_seen=None if last is None else reports.time(last),
    )


def _groups(connection: Connection, cluster: str, scope: Scope) -> list[Group]:
    """Service groups, as labels tell them."""
    name = workload_facts.c.part_of
    chosen = (
        sa.select(workloads.c.cluster, name, sa.func.count())
        .join(workloads, workloads.c.id == workload_facts.c.workload_id)
        .where(name != "", *_within(cluster, scope))
        .group_by(workloads.c.cluster, name)
        .order_by(name, workloads.c.cluster)
        .limit(MOST_GROUPS)
    )
    return [
        Group(cluster=where, name=group, workloads=count)
        for where, group, count in connection.execute(chosen)
    ]
