"""The page of coverage: all of it, over time, and one page of its parts.

In: a query and a visitor. Out: the report. Of all that is stored the summaries tell, of
a window the facts. A byte stands at one part only, so parts sum to the whole.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud import reasons
from cloud.pages import reports, sheet
from cloud.pages.coverage import nodes, over_time
from cloud.pages.coverage.blind import spots
from cloud.pages.coverage.filters import PARTS, Sought, sought
from cloud.pages.coverage.nodes import Moment
from cloud.pages.coverage.over_time import Seen
from cloud.pages.coverage.reports import (
    ClusterLine,
    CoverageQuery,
    CoverageReport,
    Part,
    Step,
)
from cloud.pages.coverage.shares import counts, losses, of_amounts, shares, totals
from cloud.pages.endpoints import shown_id, workload
from cloud.pages.page import Asked, Take
from cloud.pages.reports import Coverage, Paging
from cloud.pages.revision import revision
from cloud.store.facts import Amounts
from cloud.store.schema import clusters, coverage, parts, workloads
from cloud.store.wholes import whole
from cloud.visitor import EVERYTHING, Scope

MOST_CLUSTERS = 20
"""Told with a picture, those of which least was read."""
MOST_CHOICES = 1_000
MOST_KEPT = 8
"""Pictures: of 50 clusters one is some 5 MB."""
STEP_SECONDS = 60
"""A window's end: pictures within a minute are the same."""


def read(asked: Asked) -> CoverageReport:
    """The report; a picture that was slow to make is shown for a while."""
    connection, query, now = asked.connection, asked.query, asked.watch.clock()
    wanted = sought(query, asked.scope)
    seen = asked.kept.current(
        "coverage",
        MOST_KEPT,
        (str(asked.scope), wanted._replace(scope=EVERYTHING), query.window),
        connection,
        lambda reading: (*revision(reading), asked.watch.clock() // STEP_SECONDS),
        lambda reading: over_time.read(
            reading, wanted, query.window, asked.watch.clock()
        ),
    )
    return report(connection, query, asked.scope, now, seen)


def steps_table(asked: Asked) -> str:
    """The steps of the picture as CSV."""
    told = read(asked).over_time
    return sheet.encode(told.steps, Step)


TAKES = {"steps": Take("text/csv", "steps.csv", steps_table)}


def report(
    connection: Connection,
    query: CoverageQuery,
    scope: Scope,
    now: float,
    known: Seen | None = None,
) -> CoverageReport:
    """The whole, and one page of its parts; `known`: what is read of its window."""
    wanted = sought(query, scope)
    seen = known or over_time.read(connection, wanted, query.window, now)
    amounts, pieces = _amounts(connection, wanted, query.window, seen)
    counted = sa.select(sa.func.count()).select_from(PARTS)
    total = connection.scalar(counted.where(*_matching(wanted, query.window, seen)))
    moment = Moment(int(now) * 10**9, seen.steps)
    listed, listed_total = (
        nodes.listed(connection, wanted, moment) if wanted.cluster else ([], 0)
    )
    return CoverageReport(
        total=_whole(connection, wanted, query.window, amounts),
        counts=counts(pieces),
        losses=losses(connection, wanted),
        over_time=over_time.report(seen, now, wanted.reason),
        blind_spots=spots(amounts, pieces),
        states=nodes.states(connection, wanted, moment.now_ns),
        versions=nodes.versions(connection, wanted),
        clusters=_clusters(connection, wanted, seen),
        nodes=listed,
        nodes_total=listed_total,
        paging=Paging(page=query.page, size=query.size, total=total or 0),
        parts=_parts(connection, query, wanted, seen),
        choices=_choices(connection, scope),
        reasons=sorted({*amounts, *(one for one in reasons.BLIND if one in pieces)}),
    )


def _whole(
    connection: Connection, wanted: Sought, window: str, amounts: Mapping[str, int]
) -> Coverage:
    """Of all that is stored the share is that of the worst cluster."""
    found = of_amounts(amounts)
    if not window:
        found.captured_share = min(shares(connection, wanted).values(), default=None)
    return found


def _amounts(
    connection: Connection, wanted: Sought, window: str, seen: Seen
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Bytes and pieces by reason."""
    if window:
        found = over_time.total(seen.told)
        return found.bytes, found.counts
    return totals(connection, 1, wanted), totals(connection, 0, wanted)


def _clusters(connection: Connection, wanted: Sought, seen: Seen) -> list[ClusterLine]:
    if wanted.cluster or not wanted.is_of_clusters:
        return []
    known = shares(connection, wanted)
    worst = sorted(known, key=lambda name: (known[name], name))[:MOST_CLUSTERS]
    silent: over_time.Told = [None] * seen.steps.total
    return [
        ClusterLine(
            name,
            known[name],
            over_time.shares(seen.by_key.get(whole(name), silent)),
        )
        for name in worst
    ]


def _matching(wanted: Sought, window: str, seen: Seen) -> list[sa.ColumnElement[bool]]:
    conditions = wanted.with_reason()
    if window:
        conditions.append(parts.c.last_seen_ns >= seen.steps.window.start_ns)
    return conditions


def _parts(
    connection: Connection, query: CoverageQuery, wanted: Sought, seen: Seen
) -> list[Part]:
    """Where most was not captured first."""
    page = (
        sa.select(parts.c.id)
        .select_from(PARTS)
        .where(*_matching(wanted, query.window, seen))
        .order_by(parts.c.lost.desc(), parts.c.cluster, parts.c.node, parts.c.id)
        .limit(query.size)
        .offset((query.page - 1) * query.size)
    )
    if not query.window:
        return named(connection, page)
    keys = list(connection.scalars(page))
    told = over_time.of_keys(connection, keys, seen.steps)
    return named(connection, page, {key: over_time.total(told[key]) for key in keys})


def named(
    connection: Connection,
    page: sa.Select[Any],
    told: Mapping[int, Amounts] | None = None,
) -> list[Part]:
    """Parts by their ids, with the amounts that are told, else with all there are."""
    keys = page.subquery()
    chosen = (
        sa.select(parts, workloads.c.namespace, workloads.c.kind, workloads.c.name)
        .join(keys, keys.c.id == parts.c.id)
        .join(workloads, workloads.c.id == parts.c.workload_id)
        .order_by(parts.c.lost.desc(), parts.c.cluster, parts.c.node, parts.c.id)
    )
    found = connection.execute(chosen).all()
    if told is None:
        told = _stored(connection, [row.id for row in found])
    return [_part(row, told.get(row.id, Amounts())) for row in found]


def _stored(connection: Connection, keys: Sequence[int]) -> dict[int, Amounts]:
    """Part → all that is stored of it."""
    selected = sa.select(coverage).where(coverage.c.part_id.in_(keys))
    found: dict[int, Amounts] = defaultdict(Amounts)
    for part, is_bytes, reason, amount in connection.execute(selected):
        if amount:
            into = found[part].bytes if is_bytes else found[part].counts
            into[reason] = amount
    return found


def _part(row: Row[Any], amounts: Amounts) -> Part:
    return Part(
        id=shown_id(row.id),
        node=row.node,
        workload=workload(row),
        coverage=of_amounts(amounts.bytes),
        counts=counts(amounts.counts),
        first_seen=reports.time(row.first_seen_ns),
        last_seen=reports.time(row.last_seen_ns),
    )


def _choices(connection: Connection, scope: Scope) -> list[str]:
    """Clusters that the visitor sees something of."""
    name = clusters.c.name
    names = connection.scalars(sa.select(name).order_by(name).limit(MOST_CHOICES))
    seen = scope.clusters | {cluster for cluster, _ in scope.namespaces}
    return [one for one in names if scope.is_everything or one in seen]
