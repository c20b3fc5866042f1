"""The tables of the store, the same on SQLite and PostgreSQL.

Three kinds. **Names** say what there is: workloads, endpoints, places … **Summaries**
are counters and extremes of all time, kept by ingestion, so that no page adds up: how a
stored row and a new one become one is written at each column as its merge rule.
**Facts** say when: one row for each interval in which something was seen, at three
levels. Rows are keyed by a digest of what they name, so that the address of an
endpoint's page is the same in every database.

Facts hold their places, latencies and amounts as one document each (`facts.py`): a row
an endpoint and interval, not seven. Their keys begin with the time, so that a package
writes to few pages of the database, and old ones leave as a run.
"""

import hashlib
from enum import Enum
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)

MOST = 1 << 53
"""Counters stop here: a number that JavaScript still holds, and far from 63 bits, so
that adding up a thousand of them is safe too."""


class Merge(Enum):
    """How the values of one column become one."""

    ADD = "add"
    """Up to MOST."""
    LEAST = "least"
    GREATEST = "greatest"
    LATEST = "latest"


def identity(*parts: object) -> int:
    """The key of what `parts` name: 63 bits of BLAKE2b (RFC 7693).

    That two of a million rows get the same key has a chance below 1 in 10 million.
    """
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


metadata = MetaData()


def _key() -> Column[int]:
    return Column("id", BigInteger, primary_key=True, autoincrement=False)


def _reference(name: str, table: str, **options: Any) -> Column[int]:
    target = ForeignKey(f"{table}.id")
    return Column(name, BigInteger, target, nullable=False, **options)


def _text(name: str, merge: Merge | None = None, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=False, info=_info(merge), **options)


def _number(name: str, merge: Merge | None = None, **options: Any) -> Column[int]:
    return Column(
        name, BigInteger, nullable=False, info=_info(merge), **_plain(options)
    )


def _small(name: str, merge: Merge | None = None, **options: Any) -> Column[int]:
    return Column(
        name, SmallInteger, nullable=False, info=_info(merge), **_plain(options)
    )


def _info(merge: Merge | None) -> dict[str, Merge]:
    return {"merge": merge} if merge else {}


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Keys are given, never counted up."""
    if options.get("primary_key"):
        options["autoincrement"] = False
    return options


def _times() -> tuple[Column[int], Column[int]]:
    return (
        _number("first_seen_ns", Merge.LEAST),
        _number("last_seen_ns", Merge.GREATEST),
    )


STATUSES = ("status_other", *(f"status_{number}xx" for number in range(1, 6)))
"""Columns of pairs by status class; the class is the index, others go to 0."""
COUNTERS = (
    "pairs",
    "inspected",
    "request_bytes",
    "response_bytes",
    "truncated",
    *STATUSES,
)
"""Columns of traffic, in this order in rows and facts."""


def _totals() -> tuple[Column[int], ...]:
    return (
        *(_number(name, Merge.ADD) for name in COUNTERS),
        _small("sensitivity", Merge.GREATEST),
        *_times(),
    )


clusters = Table(
    "clusters",
    metadata,
    _text("name", primary_key=True),
    _number("packages", Merge.ADD),
    _text("catalog_digest", Merge.LATEST),
    _text("agent_version", Merge.LATEST),
    _number("endpoints", Merge.ADD),
    _number("edges", Merge.ADD),
    _number("places", Merge.ADD),
    _number("parts", Merge.ADD),
    _number("pairs", Merge.ADD),
    _number("inspected", Merge.ADD),
    _number("clamped", Merge.ADD),
    _number("folded", Merge.ADD),
    *_times(),
)
"""`clamped` rows came with an impossible time; `folded` ones over a bound on names."""

offsets = Table(
    "offsets",
    metadata,
    _text("cluster", primary_key=True),
    _text("topic", primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    _number("next"),
    _number("skipped"),
)
"""Where to resume, and how many records were passed over and never received."""

workloads = Table(
    "workloads",
    metadata,
    _key(),
    _text("cluster"),
    _text("namespace"),
    _text("kind"),
    _text("name"),
    _small("talks", Merge.GREATEST),
)
"""`talks`: it serves or asks; others only have coverage."""
Index("workloads_by_talks", workloads.c.talks)

endpoints = Table(
    "endpoints",
    metadata,
    _key(),
    _reference("server_id", "workloads", index=True),
    Column("port", Integer, nullable=False),
    _text("method"),
    _text("path"),
    *_totals(),
)
Index(
    "endpoints_by_sensitivity",
    endpoints.c.sensitivity,
    endpoints.c.pairs,
    endpoints.c.id,
)
Index("endpoints_by_pairs", endpoints.c.pairs, endpoints.c.id)
Index("endpoints_by_last_seen", endpoints.c.last_seen_ns, endpoints.c.id)
Index("endpoints_by_first_seen", endpoints.c.first_seen_ns, endpoints.c.id)
Index("endpoints_by_path", endpoints.c.path, endpoints.c.method, endpoints.c.id)

traffic = Table(
    "traffic",
    metadata,
    _reference("endpoint_id", "endpoints", primary_key=True),
    _reference("client_id", "workloads", primary_key=True, index=True),
    *_totals(),
)

edges = Table(
    "edges",
    metadata,
    _number("client_id", primary_key=True),
    _number("server_id", primary_key=True),
    _number("endpoints", Merge.ADD),
    _number("pairs", Merge.ADD),
    _small("sensitivity", Merge.GREATEST),
    *_times(),
)
"""Who asks whom: traffic, added up over the server's endpoints."""
Index("edges_by_sensitivity", edges.c.sensitivity, edges.c.pairs)
Index("edges_by_server", edges.c.server_id)
Index("edges_by_first_seen", edges.c.first_seen_ns)
Index("edges_by_last_seen", edges.c.last_seen_ns)

edge_types = Table(
    "edge_types",
    metadata,
    _number("client_id", primary_key=True),
    _number("server_id", primary_key=True),
    _text("data_type", primary_key=True),
    _small("sensitivity", Merge.GREATEST),
    _number("count", Merge.ADD),
    sqlite_with_rowid=False,
)

places = Table(
    "places",
    metadata,
    _number("endpoint_id", primary_key=True),
    _number("id", primary_key=True),
    _number("client_id"),
    _small("direction"),
    _small("location"),
    _text("path"),
    _text("data_type"),
    _small("sensitivity"),
    _small("likelihood"),
    _number("count", Merge.ADD),
    *_times(),
    sqlite_with_rowid=False,
)
"""Stored in the order of the key: the places of one endpoint lie together."""
Index("places_by_first_seen", places.c.first_seen_ns)

endpoint_types = Table(
    "endpoint_types",
    metadata,
    _text("data_type", primary_key=True),
    _number("endpoint_id", primary_key=True),
    sqlite_with_rowid=False,
)
"""Endpoints by sure data type."""
Index("endpoint_types_by_endpoint", endpoint_types.c.endpoint_id)

data_types = Table(
    "data_types",
    metadata,
    _text("cluster", primary_key=True),
    _text("data_type", primary_key=True),
    _small("sensitivity", Merge.GREATEST),
    _number("endpoints", Merge.ADD),
    _number("count", Merge.ADD),
    *_times(),
)
"""Sure findings of a cluster."""

parts = Table(
    "parts",
    metadata,
    _key(),
    _text("cluster"),
    _text("node"),
    _reference("workload_id", "workloads", index=True),
    _number("lost", Merge.ADD),
    *_times(),
)
"""What coverage is told of: a workload on a node. `lost` bytes were not captured."""
Index("parts_by_lost", parts.c.lost, parts.c.cluster, parts.c.node, parts.c.id)
Index("parts_by_first_seen", parts.c.first_seen_ns)

coverage = Table(
    "coverage",
    metadata,
    _number("part_id", primary_key=True),
    _small("is_bytes", primary_key=True),
    _text("reason", primary_key=True),
    _number("amount", Merge.ADD),
    sqlite_with_rowid=False,
)
"""Amounts of a part: bytes by reason, or pieces by reason."""

coverage_totals = Table(
    "coverage_totals",
    metadata,
    _text("cluster", primary_key=True),
    _small("is_bytes", primary_key=True),
    _text("reason", primary_key=True),
    _number("amount", Merge.ADD),
)


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
        _number("start_seconds", primary_key=True),
        _number("endpoint_id", primary_key=True),
        _number("client_id", primary_key=True),
        *(_number(counter) for counter in COUNTERS),
        Column("seen", LargeBinary, nullable=False),
        **options,
    )
    coverage = Table(
        f"coverage_{name}",
        metadata,
        _number("start_seconds", primary_key=True),
        _number("part_id", primary_key=True),
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

job = Table(
    "job",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _number("run_seconds"),
    _number("forgotten"),
)
"""One row, locked by who rolls up: when it was last done, and how often names were
forgotten since (others then learn anew which names are stored)."""
