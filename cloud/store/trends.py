"""Counts in steps of time, added up from facts: what a small picture of a trend shows.

In: a connection, endpoints, and a window. Out: a number for each step of it. Steps are
as many as a picture can show, and never shorter than the facts there are kept in. Which
steps the agents were heard in is asked for beside that: where they were not, nothing is
known, and that is not zero.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.store import schema, windows
from cloud.store.facts import Seen, seen_of
from cloud.store.rows import capped
from cloud.store.schema import DAY, HOUR, LEVELS, MINUTES, STATUSES, identity
from cloud.store.windows import Window

MOST_STEPS = 64
LENGTHS = (300, 900, 1_800, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 7 * DAY)
"""Of a step, in seconds."""
MOST_FACTS = 20_000
"""Read for one picture: 0.1 s. A window that may hold more is made shorter."""
MOST_PARTS = 8
"""Nodes, and parts of a workload, that are asked whether they were heard."""
FAILED = "status_5xx"


class Steps(NamedTuple):
    """`total` steps of `seconds` each, the first from `start` on (since 1970)."""

    start: int
    seconds: int
    total: int

    @property
    def window(self) -> Window:
        return Window(self.start, self.start + self.seconds * self.total)

    def position(self, start: int) -> int:
        """In which step an interval begins; one that began before counts to the
        first."""
        return min(max(start - self.start, 0) // self.seconds, self.total - 1)


class Counts(NamedTuple):
    """A number for each step."""

    pairs: list[int]
    failed: list[int]
    """Pairs of status 500 and above."""


class Told(NamedTuple):
    """What the facts of a step tell of an endpoint."""

    counters: list[int]
    """Those of `schema.COUNTERS`."""
    seen: Seen


def steps(connection: Connection, now: int, seconds: int, series: int = 1) -> Steps:
    """Of the last `seconds`, the step of `now` among them.

    `series` is how many facts one interval may have (pairs of endpoint and client).
    """
    width = MINUTES.seconds
    start = now - min(seconds, _readable(MOST_FACTS // max(series, 1)))
    for level in LEVELS[1:]:
        for table in (level.traffic, level.coverage):
            newest = connection.scalar(sa.select(sa.func.max(table.c.start_seconds)))
            if newest is not None and newest + level.seconds > start:
                width = level.seconds
    for length in LENGTHS:
        first = start - start % length
        count = -(-(now + 1 - first) // length)
        if length >= width and count <= MOST_STEPS:
            return Steps(first, length, count)
    first = now - now % length - (MOST_STEPS - 1) * length
    return Steps(first, length, MOST_STEPS)


def counted(
    connection: Connection,
    endpoints: Collection[int],
    steps: Steps,
    client: int | None = None,
) -> Counts:
    """The pairs of endpoints, added up over them; of one client or of all."""
    counts = Counts([0] * steps.total, [0] * steps.total)
    for level in LEVELS:
        table = level.traffic.c
        chosen = sa.select(table.start_seconds, table.pairs, table[FAILED]).where(
            table.endpoint_id.in_(endpoints)
        )
        if client is not None:
            chosen = chosen.where(table.client_id == client)
        for start, *told in windows.within(connection, chosen, level, steps.window):
            position = steps.position(start)
            for amounts, amount in zip(counts, told, strict=True):
                amounts[position] = capped(amounts[position], amount)
    return counts


def told(connection: Connection, endpoint: int, steps: Steps) -> list[Told]:
    """Of an endpoint, over its clients."""
    width = len(schema.COUNTERS)
    found = [Told([0] * width, Seen()) for _ in range(steps.total)]
    facts = windows.traffic(connection, endpoint, steps.window)
    for start, (counters, seen) in facts.items():
        into = found[steps.position(start)]
        into.seen.add(seen)
        for place, amount in enumerate(counters):
            into.counters[place] = capped(into.counters[place], amount)
    return found


def values(
    connection: Connection, places: Mapping[int, Collection[int]], steps: Steps
) -> list[int]:
    """Values found at places (endpoint → keys of places), over all clients."""
    counts = [0] * steps.total
    for level in LEVELS:
        table = level.traffic.c
        chosen = sa.select(table.start_seconds, table.endpoint_id, table.seen)
        chosen = chosen.where(table.endpoint_id.in_(list(places)))
        facts = windows.within(connection, chosen, level, steps.window)
        for start, endpoint, document in facts:
            position = steps.position(start)
            wanted = places[endpoint]
            for place, count in seen_of(document).places.items():
                if place in wanted:
                    counts[position] = capped(counts[position], count)
    return counts


def heard(
    connection: Connection, asked: Mapping[str, Collection[int]], steps: Steps
) -> set[int]:
    """The steps in which agents told of these workloads (cluster → keys), or of nodes
    of their clusters."""
    parts = [
        part
        for cluster, workloads in asked.items()
        for part in (*_parts(connection, workloads), *_nodes(connection, cluster))
    ]
    found: set[int] = set()
    for level in LEVELS:
        table = level.coverage.c
        chosen = (
            sa.select(table.start_seconds).where(table.part_id.in_(parts)).distinct()
        )
        rows = windows.within(connection, chosen, level, steps.window)
        found |= set(map(steps.position, _starts(rows)))
    return found


def failed(counters: list[int]) -> int:
    """Pairs of status 500 and above."""
    return counters[len(schema.COUNTERS) - len(STATUSES) + STATUSES.index(FAILED)]


def _readable(facts: int) -> int:
    """How many seconds so many facts in a row reach back, with what is usually kept."""
    fine = 2 * DAY // MINUTES.seconds
    if facts <= fine:
        return max(facts, 1) * MINUTES.seconds
    return 2 * DAY + (facts - fine) * HOUR


def _starts(rows: Iterable[tuple[int]]) -> list[int]:
    return [start for (start,) in rows]


def _parts(connection: Connection, workloads: Collection[int]) -> list[int]:
    """Of the workloads, those that were seen for longest."""
    parts = schema.parts.c
    chosen = sa.select(parts.id).where(parts.workload_id.in_(workloads))
    lasted = parts.last_seen_ns - parts.first_seen_ns
    return list(connection.scalars(chosen.order_by(lasted.desc()).limit(MOST_PARTS)))


def _nodes(connection: Connection, cluster: str) -> list[int]:
    """Nodes as a whole: parts of a workload without a name."""
    nodes = schema.nodes.c
    lasted = nodes.last_seen_ns - nodes.first_seen_ns
    chosen = sa.select(nodes.node).where(nodes.cluster == cluster)
    names = connection.scalars(chosen.order_by(lasted.desc()).limit(MOST_PARTS))
    whole = identity("workload", cluster, "", "", "")
    return [identity("part", cluster, name, whole) for name in names]
