"""Reads one workload: what it takes and gives, whom it talks with, who owns it, what
was rolled out, which policies it breaks, and how much of its traffic was read.
"""

import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud.pages import endpoints, reports
from cloud.pages.catalog import carried
from cloud.pages.catalog.reports import Rollout, WorkloadQuery, WorkloadReport
from cloud.pages.coverage.shares import of_workload
from cloud.pages.endpoints import shown_id, workload
from cloud.pages.page import Asked, missing
from cloud.pages.policies import reading as policies
from cloud.pages.policies.reports import ViolationQuery
from cloud.pages.reports import Query
from cloud.pages.trend import WINDOWS, Trend, trend
from cloud.store import schema, trends
from cloud.store import workload_facts as facts
from cloud.store.schema import workloads
from cloud.store.workload_facts import Facts
from cloud.visitor import EVERYTHING, Scope

MOST_ENDPOINTS = 10
MOST_VIOLATIONS = 10
MOST_ROLLOUTS = 10
MOST_SERIES = 200
"""Endpoints and clients whose facts make the trend, those with most pairs."""


def read(asked: Asked) -> WorkloadReport:
    words = "There is no such workload."
    try:
        key = endpoints.key(asked.id)
    except ValueError:
        raise missing(words) from None
    found = one(asked.connection, key, asked.query, asked.scope)
    if found is None:
        raise missing(words)
    return found


def one(
    connection: Connection,
    key: int,
    query: WorkloadQuery,
    scope: Scope = EVERYTHING,
    clock: Callable[[], float] = time.time,
) -> WorkloadReport | None:
    """All of one workload; None if there is none of this key."""
    is_it = (workloads.c.id == key, scope.workloads(workloads))
    row = connection.execute(sa.select(workloads).where(*is_it)).one_or_none()
    if row is None:
        return None
    name = shown_id(key)
    served = _sums(connection, schema.endpoints, schema.endpoints.c.server_id == key)
    asked = _sums(connection, schema.edges, schema.edges.c.client_id == key)
    times = [time for sums in (served, asked) for time in sums[2:] if time is not None]
    known = facts.of(connection, [key]).get(key, Facts("", "", {}, ""))
    types = carried.carried(connection, key)
    neighbours, neighbours_total = carried.neighbours(connection, key)
    asks = Query(workload=name, size=MOST_ENDPOINTS)
    listed = endpoints.listed(connection, asks, scope)
    broken = ViolationQuery(workload=name, size=MOST_VIOLATIONS)
    violations = policies.listed(connection, broken, scope)
    covered, nodes = of_workload(connection, key)
    return WorkloadReport(
        id=name,
        workload=workload(row),
        owner=known.owner,
        group=known.part_of,
        labels=known.labels,
        sensitivity=reports.sensitivity(max(served[1], asked[1])),
        served=served[0],
        failed=_failed(connection, key),
        asked=asked[0],
        first_seen=reports.time(min(times)) if times else None,
        last_seen=reports.time(max(times)) if times else None,
        trend=_trend(connection, row, bool(served[0]), query, clock()),
        is_trend_of_asking=not served[0],
        data_types=types,
        neighbours=neighbours,
        neighbours_total=neighbours_total,
        endpoints=listed.endpoints,
        endpoints_total=listed.paging.total,
        rollouts=_rollouts(connection, key, known.revision),
        violations=violations.violations,
        violations_total=violations.paging.total,
        coverage=covered,
        nodes=nodes,
    )


def _sums(
    connection: Connection, table: sa.Table, is_it: sa.ColumnElement[bool]
) -> tuple[int, Any, int | None, int | None]:
    """Pairs, sensitivity, first and last sight of the rows."""
    chosen = sa.select(
        reports.total(table.c.pairs),
        sa.func.coalesce(sa.func.max(table.c.sensitivity), 0),
        sa.func.min(table.c.first_seen_ns),
        sa.func.max(table.c.last_seen_ns),
    ).where(is_it)
    pairs, *rest = connection.execute(chosen).one()
    return int(pairs), *rest


def _failed(connection: Connection, key: int) -> int:
    of = schema.endpoints.c
    chosen = sa.select(reports.total(of[trends.FAILED])).where(of.server_id == key)
    return int(connection.execute(chosen).scalar_one())


def _trend(
    connection: Connection,
    row: Row[Any],
    is_server: bool,
    query: WorkloadQuery,
    now: float,
) -> Trend:
    of, asks = schema.endpoints.c, schema.traffic.c
    joined = schema.traffic.join(schema.endpoints, of.id == asks.endpoint_id)
    is_it = of.server_id == row.id if is_server else asks.client_id == row.id
    chosen = sa.select(asks.endpoint_id, asks.client_id).select_from(joined)
    largest = chosen.where(is_it).order_by(asks.pairs.desc()).limit(MOST_SERIES)
    series = connection.execute(largest).all()
    seconds = WINDOWS[query.window]
    steps = trends.steps(connection, int(now), seconds, len(series))
    counts = trends.counted(
        connection,
        {endpoint for endpoint, _ in series},
        steps,
        client=None if is_server else row.id,
    )
    heard = trends.heard(connection, {row.cluster: [row.id]}, steps)
    return trend(counts.pairs, steps, heard, now)


def _rollouts(connection: Connection, key: int, running: str) -> list[Rollout]:
    return [
        Rollout(
            revision=one.revision,
            image=one.image,
            since=reports.time(one.since_ns),
            is_running=one.revision == running,
        )
        for one in facts.rollouts(connection, MOST_ROLLOUTS, [key])
    ]
