"""Reads nodes with their agents: version, state, and how much of them is read.

In: which nodes. Out: a line each, those first that were heard longest ago, and how many
agents are in which state. Only who sees a whole cluster sees its nodes' agents.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from cloud import reasons
from cloud.pages import reports
from cloud.pages.coverage import over_time
from cloud.pages.coverage.filters import Sought
from cloud.pages.coverage.reports import Health, NodeLine
from cloud.store.problems import NODE_SILENT_SECONDS
from cloud.store.schema import nodes
from cloud.store.trends import Steps
from cloud.store.wholes import whole

MOST_LISTED = 20
MOST_VERSIONS = 10
_SECOND_NS = 10**9


class Moment(NamedTuple):
    """Now, and the steps of the picture."""

    now_ns: int
    steps: Steps


def listed(
    connection: Connection, sought: Sought, moment: Moment
) -> tuple[list[NodeLine], int]:
    """The first few, and how many there are."""
    conditions = _conditions(sought)
    counted = sa.select(sa.func.count()).select_from(nodes).where(*conditions)
    chosen = (
        sa.select(nodes)
        .where(*conditions)
        .order_by(nodes.c.heard_ns, nodes.c.cluster, nodes.c.node)
        .limit(MOST_LISTED)
    )
    rows = connection.execute(chosen).all()
    total = connection.scalar(counted) or 0
    return _lines(connection, rows, moment), total


def one(connection: Connection, sought: Sought, moment: Moment) -> NodeLine | None:
    """The one that is named; None: there is none."""
    is_it = (nodes.c.cluster == sought.cluster, nodes.c.node == sought.node)
    chosen = sa.select(nodes).where(*is_it)
    found = _lines(connection, connection.execute(chosen).all(), moment)
    return found[0] if found else None


def states(connection: Connection, sought: Sought, now_ns: int) -> list[Health]:
    """State → nodes, the most first."""
    silent = now_ns - NODE_SILENT_SECONDS * _SECOND_NS
    told = sa.case((nodes.c.state == "", "heard"), else_=nodes.c.state)
    state = sa.case((nodes.c.heard_ns < silent, "silent"), else_=told)
    return _counted(connection, sought, state)


def versions(connection: Connection, sought: Sought) -> list[Health]:
    """Version of the agent → nodes, the most first; empty: not told."""
    return _counted(connection, sought, nodes.c.version)


def _counted(
    connection: Connection, sought: Sought, what: sa.ColumnElement[str]
) -> list[Health]:
    number = sa.func.count()
    chosen = sa.select(what, number).where(*_conditions(sought))
    # By its position: PostgreSQL takes two equal expressions with parameters for two.
    grouped = chosen.group_by(sa.literal_column("1")).order_by(number.desc())
    found = connection.execute(grouped.limit(MOST_VERSIONS))
    return [Health(name=name, nodes=count) for name, count in found]


def _conditions(sought: Sought) -> list[sa.ColumnElement[bool]]:
    conditions = [sought.of_cluster(nodes.c.cluster)]
    if sought.node:
        conditions.append(nodes.c.node == sought.node)
    if sought.text:
        conditions.append(nodes.c.node.icontains(sought.text, autoescape=True))
    return conditions


def _lines(
    connection: Connection, rows: Sequence[Row[Any]], moment: Moment
) -> list[NodeLine]:
    keys = {(row.cluster, row.node): whole(row.cluster, row.node) for row in rows}
    found = over_time.of_keys(connection, list(keys.values()), moment.steps)
    return [_line(row, found[keys[row.cluster, row.node]], moment) for row in rows]


def _line(row: Row[Any], told: over_time.Told, moment: Moment) -> NodeLine:
    age_ns = moment.now_ns - row.heard_ns
    is_silent = age_ns > NODE_SILENT_SECONDS * _SECOND_NS
    return NodeLine(
        cluster=row.cluster,
        node=row.node,
        state="silent" if is_silent else row.state or "heard",
        agent_version=row.version or "",
        kernel=row.kernel or "",
        workers=row.workers or 0,
        started=reports.time(row.started_ns) if row.started_ns else None,
        heard=reports.time(row.heard_ns),
        captured_share=reasons.captured_share(over_time.total(told).bytes),
        shares=over_time.shares(told),
    )
