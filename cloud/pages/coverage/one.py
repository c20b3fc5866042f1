"""The pages of one node and of one part: a workload on a node.

In: which, and a visitor. Out: its report. A visitor of namespaces sees of a node what
its workloads are told there, and nothing of its agent.
"""

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.pages.coverage import nodes, over_time
from cloud.pages.coverage.blind import spots
from cloud.pages.coverage.filters import PARTS, Sought
from cloud.pages.coverage.listing import named
from cloud.pages.coverage.nodes import Moment
from cloud.pages.coverage.over_time import Seen
from cloud.pages.coverage.reports import (
    NodeLine,
    NodeQuery,
    NodeReport,
    PartQuery,
    PartReport,
)
from cloud.pages.coverage.shares import counts, of_amounts
from cloud.pages.endpoints import key, shown_id
from cloud.pages.page import Asked, missing
from cloud.pages.trend import WINDOWS
from cloud.store import trends
from cloud.store.rows import printable
from cloud.store.schema import parts, workloads
from cloud.visitor import Scope

MOST_PARTS = 50
"""Of a node, listed, those of which most is not read."""


def read_node(asked: Asked) -> NodeReport:
    """404 for a node that is not there, or nothing of which this visitor may see."""
    query: NodeQuery = asked.query
    cluster, node = printable(query.cluster), printable(query.node)
    found = None
    if cluster and node:
        wanted = Sought(asked.scope, cluster=cluster, node=node)
        now = asked.watch.clock()
        found = node_report(asked.connection, wanted, query.window, now)
    if found is None:
        raise missing("There is no such node.")
    return found


def read_part(asked: Asked) -> PartReport:
    """404 for a part that is not there, or not for this visitor."""
    words = "There is no such coverage."
    try:
        wanted = key(asked.id)
    except ValueError:
        raise missing(words) from None
    query: PartQuery = asked.query
    now = asked.watch.clock()
    found = part_report(asked.connection, wanted, asked.scope, query.window, now)
    if found is None:
        raise missing(words)
    return found


def node_report(
    connection: Connection, wanted: Sought, window: str, now: float
) -> NodeReport | None:
    """All of one node, in a window."""
    counted = sa.select(sa.func.count()).select_from(PARTS).where(*wanted.of_part())
    listed_total = connection.scalar(counted) or 0
    if not listed_total:
        return None
    seen = over_time.read(connection, wanted, window, now)
    amounts = over_time.total(seen.told)
    moment = Moment(int(now) * 10**9, seen.steps)
    line = nodes.one(connection, wanted, moment) if wanted.is_of_node else None
    page = (
        sa.select(parts.c.id)
        .select_from(PARTS)
        .where(*wanted.of_part())
        .order_by(parts.c.lost.desc(), parts.c.id)
        .limit(MOST_PARTS)
    )
    keys = list(connection.scalars(page))
    told = over_time.of_keys(connection, keys, seen.steps)
    return NodeReport(
        node=line or _line_of_parts(wanted, seen),
        total=of_amounts(amounts.bytes),
        counts=counts(amounts.counts),
        over_time=over_time.report(seen, now),
        blind_spots=spots(amounts.bytes, amounts.counts),
        parts=named(
            connection, page, {one: over_time.total(told[one]) for one in keys}
        ),
        parts_total=listed_total,
    )


def part_report(
    connection: Connection, wanted: int, scope: Scope, window: str, now: float
) -> PartReport | None:
    """All of one workload on one node, in a window."""
    is_it = (parts.c.id == wanted, scope.workloads(workloads))
    page = sa.select(parts.c.id).select_from(PARTS).where(*is_it)
    of = sa.select(workloads.c.id, workloads.c.talks).select_from(PARTS).where(*is_it)
    row = connection.execute(of).one_or_none()
    if row is None:
        return None
    seconds = WINDOWS[window]
    steps = trends.steps(connection, int(now), seconds)
    told = over_time.of_keys(connection, [wanted], steps)[wanted]
    seen = Seen(steps, told, {}, 0, steps.start > int(now) - seconds)
    amounts = over_time.total(told)
    [part] = named(connection, page, {wanted: amounts})
    return PartReport(
        part=part,
        workload_id=shown_id(row.id) if row.talks else "",
        over_time=over_time.report(seen, now),
        blind_spots=spots(amounts.bytes, amounts.counts),
    )


def _line_of_parts(wanted: Sought, seen: Seen) -> NodeLine:
    """Without what only its agent tells."""
    shares = over_time.shares(seen.told)
    told = over_time.total(seen.told)
    return NodeLine(
        cluster=wanted.cluster,
        node=wanted.node,
        state="",
        agent_version="",
        kernel="",
        workers=0,
        started=None,
        heard=None,
        captured_share=of_amounts(told.bytes).captured_share,
        shares=shares,
    )
