"""What the watch sees of the store at one moment, as plain numbers.

In: a connection for reading, and what the database tells of its files. Out: a Sight.
All are keyed look-ups or small tables (one row a cluster, a node, a refusal), so that
looking every few seconds costs next to nothing.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.store import schema
from cloud.store.schema import DAYS, HOURS, LEVELS, MINUTES, Level, nodes

_COARSER = {MINUTES.name: HOURS.seconds, HOURS.name: DAYS.seconds}


class Sender(NamedTuple):
    """A cluster, as it was heard last; times in nanoseconds, 0: never."""

    cluster: str
    heard_ns: int
    claimed_ns: int
    clamped_ns: int
    folded_ns: int
    nodes: int = 0
    nodes_silent: int = 0
    nodes_ahead: int = 0


class Refused(NamedTuple):
    """Packages that were not taken, see `schema.refusals`."""

    cluster: str
    reason: str
    packages: int
    last_ns: int
    words: str


class Facts(NamedTuple):
    """One level: its oldest fact, and how long facts are kept there."""

    level: str
    oldest_seconds: int | None
    kept_seconds: int

    @property
    def due_seconds(self) -> int | None:
        """When its oldest interval becomes coarser, or is deleted."""
        if self.oldest_seconds is None:
            return None
        width = _COARSER.get(self.level, DAYS.seconds)
        return (
            self.oldest_seconds
            - self.oldest_seconds % width
            + width
            + (self.kept_seconds)
        )


class Sight(msgspec.Struct, frozen=True):
    """All of it; as made, nothing was seen yet."""

    at_seconds: int = 0
    senders: tuple[Sender, ...] = ()
    refusals: tuple[Refused, ...] = ()
    facts: tuple[Facts, ...] = ()
    run_seconds: int = 0
    """When the roll-up ran last; 0: never."""
    clamped: int = 0
    folded: int = 0
    stored_bytes: int = 0
    wal_bytes: int = 0
    free_bytes: int | None = None

    def lag_seconds(self, now_seconds: int) -> int:
        """For how long the roll-up has been due."""
        dues = (facts.due_seconds for facts in self.facts)
        return max((now_seconds - due for due in dues if due is not None), default=0)


def seen(
    connection: Connection, kept: Mapping[str, int], times: tuple[int, int, int]
) -> Sight:
    """Without what the files tell. `kept`: seconds by level.

    `times`: now, since when a silent node was not heard, and how far ahead a clock may
    be; in nanoseconds.
    """
    totals = schema.clusters.c
    clamped, folded = connection.execute(
        sa.select(sa.func.sum(totals.clamped), sa.func.sum(totals.folded))
    ).one()
    run = connection.scalar(sa.select(schema.job.c.run_seconds))
    refusals = connection.execute(sa.select(schema.refusals))
    return Sight(
        at_seconds=times[0] // 10**9,
        senders=_senders(connection, *times[1:]),
        refusals=tuple(Refused(*row) for row in refusals),
        facts=tuple(
            Facts(level.name, _oldest(connection, level), kept[level.name])
            for level in LEVELS
        ),
        run_seconds=run or 0,
        clamped=int(clamped or 0),
        folded=int(folded or 0),
    )


def _senders(
    connection: Connection, silent_ns: int, ahead_ns: int
) -> tuple[Sender, ...]:
    def counted(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.count(sa.case((condition, 1)))

    is_silent = nodes.c.heard_ns < silent_ns
    is_ahead = nodes.c.claimed_ns > nodes.c.heard_ns + ahead_ns
    by_cluster = sa.select(
        nodes.c.cluster,
        sa.func.count(),
        counted(is_silent),
        counted(sa.and_(is_ahead, sa.not_(is_silent))),
    ).group_by(nodes.c.cluster)
    counts = {cluster: told for cluster, *told in connection.execute(by_cluster)}
    found = connection.execute(sa.select(schema.senders).order_by("cluster"))
    return tuple(Sender(*row, *counts.get(row.cluster, ())) for row in found)


def _oldest(connection: Connection, level: Level) -> int | None:
    starts = (
        connection.scalar(sa.select(sa.func.min(table.c.start_seconds)))
        for table in (level.traffic, level.coverage)
    )
    return min((start for start in starts if start is not None), default=None)
