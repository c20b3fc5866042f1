"""Reads the list of workloads: those of a cluster, a namespace, a service group, or all
that a text names.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.pages import reports
from cloud.pages.catalog.reports import WorkloadList, WorkloadRow, WorkloadsQuery
from cloud.pages.endpoints import (
    MOST_TYPES,
    by_weight,
    data_type,
    shown_id,
    speaking,
    workload,
)
from cloud.pages.page import Asked
from cloud.pages.reports import DataType, Paging
from cloud.store import workload_facts as facts
from cloud.store.rows import printable
from cloud.store.schema import edge_types, edges, endpoints, workload_facts, workloads
from cloud.store.workload_facts import Facts
from cloud.visitor import EVERYTHING, Scope

_NO_FACTS = Facts("", "", {}, "")


def read(asked: Asked) -> WorkloadList:
    return listed(asked.connection, asked.query, asked.scope)


def listed(
    connection: Connection, query: WorkloadsQuery, scope: Scope = EVERYTHING
) -> WorkloadList:
    """One page of the workloads that match."""
    conditions = [workloads.c.talks == 1, scope.workloads(workloads)]
    conditions += _conditions(query)
    sums = _sums(conditions)
    sensitivity = sa.func.coalesce(sums.c.sensitivity, 0)
    pairs = sa.func.coalesce(sums.c.pairs, 0)
    joined = workloads.outerjoin(sums, sums.c.workload_id == workloads.c.id)
    if query.sensitivity:
        least = reports.sensitivity_number(query.sensitivity)
        conditions.append(sensitivity >= least)
    counted = sa.select(sa.func.count())
    total = connection.scalar(
        counted.select_from(joined if query.sensitivity else workloads).where(
            *conditions
        )
    )
    named = (workloads.c.name, workloads.c.namespace, workloads.c.id)
    orders: dict[str, tuple[Any, ...]] = {
        "sensitivity": (sensitivity.desc(), pairs.desc(), *named),
        "pairs": (pairs.desc(), *named),
        "name": named,
    }
    page = (
        sa.select(workloads, sensitivity.label("sensitivity"), pairs.label("pairs"))
        .select_from(joined)
        .where(*conditions)
        .order_by(*orders[query.sort])
        .limit(query.size)
        .offset((query.page - 1) * query.size)
    )
    found = connection.execute(page).all()
    keys = [row.id for row in found]
    types, known = received(connection, keys), facts.of(connection, keys)
    served = _served(connection, keys)
    return WorkloadList(
        paging=Paging(page=query.page, size=query.size, total=total or 0),
        workloads=[
            WorkloadRow(
                id=shown_id(row.id),
                workload=workload(row),
                owner=known.get(row.id, _NO_FACTS).owner,
                group=known.get(row.id, _NO_FACTS).part_of,
                sensitivity=reports.sensitivity(row.sensitivity),
                data_types=types[row.id],
                endpoints=served.get(row.id, 0),
                pairs=int(row.pairs),
            )
            for row in found
        ],
    )


def _conditions(query: WorkloadsQuery) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if query.text:
        text = printable(query.text)
        named = (workloads.c.name, workloads.c.namespace, workloads.c.cluster)
        has = (column.icontains(text, autoescape=True) for column in named)
        conditions.append(sa.or_(*has))
    if query.cluster:
        conditions.append(workloads.c.cluster == printable(query.cluster))
    if query.namespace is not None:
        conditions.append(workloads.c.namespace == printable(query.namespace))
    if query.protocol:
        spoken = speaking(query.protocol)
        servers = sa.select(endpoints.c.server_id).where(endpoints.c.id.in_(spoken))
        conditions.append(workloads.c.id.in_(servers))
    for column, value in (
        (workload_facts.c.part_of, query.group),
        (workload_facts.c.owner, query.owner),
    ):
        if value:
            of = sa.select(workload_facts.c.workload_id)
            chosen = of.where(column == printable(value))
            conditions.append(workloads.c.id.in_(chosen))
    return conditions


def _sums(conditions: Sequence[sa.ColumnElement[bool]]) -> sa.Subquery:
    """Workload → its gravest sensitivity at either end, and pairs that it was asked."""
    chosen = sa.select(workloads.c.id).where(*conditions)
    client, server = edges.c.client_id, edges.c.server_id
    nothing = sa.literal(0, sa.BigInteger)
    both = sa.union_all(
        sa.select(
            server.label("workload_id"), edges.c.sensitivity, edges.c.pairs
        ).where(server.in_(chosen)),
        sa.select(
            client.label("workload_id"), edges.c.sensitivity, nothing.label("pairs")
        ).where(client.in_(chosen)),
    ).subquery()
    return (
        sa.select(
            both.c.workload_id,
            sa.func.max(both.c.sensitivity).label("sensitivity"),
            reports.total(both.c.pairs).label("pairs"),
        )
        .group_by(both.c.workload_id)
        .subquery()
    )


def _served(connection: Connection, keys: Sequence[int]) -> dict[int, int]:
    """Workload → its endpoints."""
    server = endpoints.c.server_id
    chosen = sa.select(server, sa.func.count()).where(server.in_(keys))
    found = connection.execute(chosen.group_by(server))
    return {row[0]: row[1] for row in found}


def received(
    connection: Connection, keys: Sequence[int]
) -> defaultdict[int, list[DataType]]:
    """Workload → data types that it receives and returns, the gravest first."""
    is_of = sa.and_(
        edge_types.c.client_id == edges.c.client_id,
        edge_types.c.server_id == edges.c.server_id,
    )
    chosen = (
        sa.select(
            edges.c.server_id,
            edge_types.c.data_type,
            sa.func.max(edge_types.c.sensitivity),
            reports.total(edge_types.c["count"]),
        )
        .join(edge_types, is_of)
        .where(edges.c.server_id.in_(keys))
        .group_by(edges.c.server_id, edge_types.c.data_type)
    )
    types: defaultdict[int, list[DataType]] = defaultdict(list)
    for key, *found in by_weight(connection.execute(chosen)):
        if len(types[key]) < MOST_TYPES:
            types[key].append(data_type(*found))
    return types
