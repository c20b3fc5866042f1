"""Coverage that fell: a day's captured share against that of the day before.

In: the facts of two days, and parts with their clusters. Out: once for each day, a
change for each part and each cluster whose share fell by FELL_POINTS or more. The facts
are read an hour at a time, beside ingestion; the changes and the note that the day is
done are one transaction.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud import reasons
from cloud.reasons import Group
from cloud.store import moment, schema
from cloud.store.database import Database
from cloud.store.facts import amounts_of
from cloud.store.news import SECOND_NS, Kind, change
from cloud.store.rows import Row
from cloud.store.schema import DAY, HOUR, LEVELS
from cloud.store.statements import Statements

FELL_POINTS = 5.0
"""Of a hundred: less is the weather of a day."""
LEAST_BYTES = 1 << 20
"""Seen on each of the two days: a share of little traffic says nothing."""
MOST_FALLEN = 1_000
"""Parts told of one day, those that lost most."""
LATE_SECONDS = 2 * HOUR
"""After the end of a day: what comes later is not waited for."""

_CAPTURED = frozenset(reasons.of(Group.CAPTURED))
_ASIDE = frozenset(reasons.of(Group.ASIDE))


class Share(NamedTuple):
    """Bytes of a day."""

    captured: int = 0
    seen: int = 0

    def __add__(self, other: tuple[Any, ...]) -> "Share":
        return Share(self.captured + other[0], self.seen + other[1])

    @property
    def percent(self) -> float:
        return 100 * self.captured / self.seen


Shares = Mapping[Any, Share]


def due(connection: Connection, now: int) -> int | None:
    """The last day that is over, by number, unless it was compared already."""
    day = (now - LATE_SECONDS) // DAY - 1
    done = connection.scalar(sa.select(schema.job.c.compared_day))
    return day if done is not None and done < day else None


def fallen(database: Database, day: int) -> list[tuple[int | str, float, float]]:
    """Parts and clusters (by key, by name) with their shares before and after.

    Raises UnavailableError.
    """
    before, after = (_shares(database, number) for number in (day - 1, day))
    with database.reading() as connection:
        parts = sa.select(schema.parts.c.id, schema.parts.c.cluster)
        clusters = {row.id: row.cluster for row in connection.execute(parts)}
    # Facts of whole nodes and clusters lie among those of parts.
    of_parts = {key: share for key, share in after.items() if key in clusters}
    found = _compared(before, of_parts)[:MOST_FALLEN]
    return found + _compared(_summed(before, clusters), _summed(after, clusters))


def telling(
    statements: Statements,
    day: int,
    found: Iterable[tuple[int | str, float, float]],
    now_ns: int,
) -> Callable[[Connection], bool]:
    """A job that writes the changes, unless another cloud did."""

    def job(connection: Connection) -> bool:
        noted = sa.update(schema.job).where(schema.job.c.compared_day < day)
        if connection.execute(noted.values(compared_day=day)).rowcount:
            stored_ns = moment.following(connection, now_ns)
            times = ((day + 1) * DAY * SECOND_NS, stored_ns)
            rows = {row[0]: row for row in _changes(connection, found, times)}
            if rows:
                statements.merge(connection, schema.changes, list(rows.values()))
        return False

    return job


def _shares(database: Database, day: int) -> Shares:
    shares: dict[int, Share] = defaultdict(Share)
    for hour in range(day * DAY, (day + 1) * DAY, HOUR):
        for level in LEVELS:
            table = level.coverage
            start = table.c.start_seconds
            chosen = sa.select(table.c.part_id, table.c.amounts)
            chosen = chosen.where(start >= hour, start < hour + HOUR)
            with database.reading() as connection:
                for part, amounts in connection.execute(chosen):
                    shares[part] += _share(amounts_of(amounts).bytes)
    return shares


def _share(amounts: Mapping[str, int]) -> Share:
    return Share(
        sum(amount for reason, amount in amounts.items() if reason in _CAPTURED),
        sum(amount for reason, amount in amounts.items() if reason not in _ASIDE),
    )


def _summed(shares: Shares, clusters: Mapping[int, str]) -> Shares:
    summed: dict[str, Share] = defaultdict(Share)
    for part, share in shares.items():
        if part in clusters:
            summed[clusters[part]] += share
    return summed


def _compared(before: Shares, after: Shares) -> list[tuple[int | str, float, float]]:
    """Those that fell, the greatest loss of bytes first."""
    fell = [
        (share.seen - share.captured, key, before[key].percent, share.percent)
        for key, share in after.items()
        if min(share.seen, before.get(key, Share()).seen) >= LEAST_BYTES
        and before[key].percent - share.percent >= FELL_POINTS
    ]
    fell.sort(key=lambda one: one[0], reverse=True)
    return [one[1:] for one in fell]


def _changes(
    connection: Connection,
    found: Iterable[tuple[int | str, float, float]],
    times: tuple[int, int],
) -> Iterator[Row]:
    named = _named(connection, [key for key, *_ in found if isinstance(key, int)])
    for key, before, after in found:
        versions = (f"{before:.1f}", f"{after:.1f}")
        if isinstance(key, str):
            yield change(Kind.COVERAGE_FELL, key, times, versions=versions)
        elif key in named:
            cluster, workload, namespace = named[key]
            yield change(
                Kind.COVERAGE_FELL,
                cluster,
                times,
                part=key,
                edge=(0, workload),
                namespaces=("", namespace),
                versions=versions,
            )


def _named(connection: Connection, keys: list[int]) -> dict[int, tuple[str, int, str]]:
    parts, workloads = schema.parts, schema.workloads
    chosen = (
        sa.select(parts.c.id, parts.c.cluster, workloads.c.id, workloads.c.namespace)
        .join(workloads, workloads.c.id == parts.c.workload_id)
        .where(parts.c.id.in_(keys))
    )
    return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(chosen)}
