"""When it was so: traffic and coverage by interval, at three levels, and changes.

Facts hold their places, latencies and amounts as one document each (`facts.py` of the
store): a row an endpoint and interval, not seven. Their keys begin with the time, so
that a package writes to few pages of the database, and old ones leave as a run.
"""

from typing import Any, NamedTuple

from sqlalchemy import Column, Index, LargeBinary, Table

from cloud.store.schema.columns import COUNTERS, key, metadata, number, small, text


class Level(NamedTuple):
    """Facts of one length of interval."""

    name: str
    seconds: int
    """Of an interval."""
    partition_seconds: int
    """PostgreSQL keeps so much of it in a partition."""
    traffic: Table
    coverage: Table


def _level(name: str, seconds: int, partition_seconds: int) -> Level:
    options: dict[str, Any] = {
        "sqlite_with_rowid": False,
        "postgresql_partition_by": "RANGE (start_seconds)",
    }
    traffic = Table(
        f"traffic_{name}",
        metadata,
        number("start_seconds", primary_key=True),
        number("endpoint_id", primary_key=True),
        number("client_id", primary_key=True),
        *(number(counter) for counter in COUNTERS),
        Column("seen", LargeBinary, nullable=False),
        **options,
    )
    coverage = Table(
        f"coverage_{name}",
        metadata,
        number("start_seconds", primary_key=True),
        number("part_id", primary_key=True),
        Column("amounts", LargeBinary, nullable=False),
        **options,
    )
    return Level(name, seconds, partition_seconds, traffic, coverage)


HOUR, DAY = 3_600, 86_400

LEVELS = (
    _level("minutes", 300, DAY),
    _level("hours", HOUR, 30 * DAY),
    _level("days", DAY, 360 * DAY),
)
"""The finest first. Starts of intervals are seconds since 1970."""

MINUTES, HOURS, DAYS = LEVELS

changes = Table(
    "changes",
    metadata,
    key(),
    number("stored_ns"),
    number("at_ns"),
    small("kind"),
    small("gravity"),
    small("sensitivity"),
    text("cluster"),
    text("client_namespace"),
    text("server_namespace"),
    number("endpoint_id"),
    number("place_id"),
    number("client_id"),
    number("server_id"),
    number("part_id"),
    text("data_type"),
    text("before"),
    text("after"),
)
"""What was not there before, see `news.Kind`. What a change is not about is 0 or empty.
`at_ns` is when it was captured. `before` and `after`: versions, or shares in percent.
"""
Index("changes_by_stored", changes.c.stored_ns, changes.c.id)
Index("changes_by_gravity", changes.c.gravity, changes.c.stored_ns, changes.c.id)
Index("changes_by_cluster", changes.c.cluster, changes.c.gravity, changes.c.at_ns)
