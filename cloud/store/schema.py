"""The tables of the store, the same on SQLite and PostgreSQL.

Rows are keyed by a digest of what they name, so that a write needs no look-up and the
address of an endpoint's page is the same in every database. All facts are counters and
extremes: how a stored row and a new one become one is written at each column as its
merge rule. Totals stand on the endpoint as well as on its traffic per client, so that
a list of endpoints never has to add up.
"""

import hashlib
from enum import Enum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
)

VERSION = 1
"""Of these tables; a database of another version is refused."""


MOST = 1 << 61
"""Counters stop here: with what one more package adds they still fit 63 bits."""


class Merge(Enum):
    """How the values of one column become one."""

    ADD = "add"
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


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=False, **options)


def _number(name: str, merge: Merge | None = None) -> Column[int]:
    info = {"merge": merge} if merge else {}
    return Column(name, BigInteger, nullable=False, info=info)


def _small(name: str, merge: Merge | None = None) -> Column[int]:
    info = {"merge": merge} if merge else {}
    return Column(name, SmallInteger, nullable=False, info=info)


def _times() -> tuple[Column[int], Column[int]]:
    return (
        _number("first_seen_ns", Merge.LEAST),
        _number("last_seen_ns", Merge.GREATEST),
    )


STATUSES = ("status_other", *(f"status_{number}xx" for number in range(1, 6)))
"""Columns of pairs by status class; the class is the index, others go to 0."""


def _totals() -> tuple[Column[int], ...]:
    counters = (
        "pairs",
        "inspected",
        "request_bytes",
        "response_bytes",
        "truncated",
        *STATUSES,
    )
    return (
        *(_number(name, Merge.ADD) for name in counters),
        _small("sensitivity", Merge.GREATEST),
        *_times(),
    )


schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
)

clusters = Table(
    "clusters",
    metadata,
    _text("name", primary_key=True),
    _number("packages", Merge.ADD),
    _text("catalog_digest", info={"merge": Merge.LATEST}),
    *_times(),
)

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
)

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

traffic = Table(
    "traffic",
    metadata,
    _reference("endpoint_id", "endpoints", primary_key=True),
    _reference("client_id", "workloads", primary_key=True, index=True),
    *_totals(),
)

places = Table(
    "places",
    metadata,
    _key(),
    _reference("endpoint_id", "endpoints", index=True),
    _reference("client_id", "workloads"),
    _small("direction"),
    _small("location"),
    _text("path"),
    _text("data_type"),
    _small("sensitivity"),
    _small("likelihood"),
    _number("count", Merge.ADD),
    *_times(),
)
Index(
    "places_by_data_type",
    places.c.data_type,
    places.c.likelihood,
    places.c.sensitivity,
    places.c.endpoint_id,
)

coverage = Table(
    "coverage",
    metadata,
    _key(),
    _text("cluster"),
    _text("node"),
    _reference("workload_id", "workloads"),
    Column("is_bytes", SmallInteger, nullable=False),
    _text("reason"),
    _number("amount", Merge.ADD),
    *_times(),
)
"""Amounts summed over the windows: bytes by reason, or pieces by reason."""
