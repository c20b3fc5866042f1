"""Totals only: the tables as first published."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_COUNTERS = (
    *("pairs", "inspected", "request_bytes", "response_bytes", "truncated"),
    *("status_other", "status_1xx", "status_2xx"),
    *("status_3xx", "status_4xx", "status_5xx"),
)


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "schema_version",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "clusters",
        _text("name", primary_key=True),
        _number("packages"),
        _text("catalog_digest"),
        *_times(),
    )
    op.create_table(
        "offsets",
        _text("cluster", primary_key=True),
        _text("topic", primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        _number("next"),
        _number("skipped"),
    )
    op.create_table(
        "workloads",
        _key(),
        *(_text(name) for name in ("cluster", "namespace", "kind", "name")),
    )
    op.create_table(
        "endpoints",
        _key(),
        _reference("server_id", "workloads", index=True),
        sa.Column("port", sa.Integer, nullable=False),
        _text("method"),
        _text("path"),
        *_totals(),
    )
    _make_indexes()
    op.create_table(
        "traffic",
        _reference("endpoint_id", "endpoints", primary_key=True),
        _reference("client_id", "workloads", primary_key=True, index=True),
        *_totals(),
    )
    _make_places()
    op.create_table(
        "coverage",
        _key(),
        _text("cluster"),
        _text("node"),
        _reference("workload_id", "workloads"),
        _small("is_bytes"),
        _text("reason"),
        _number("amount"),
        *_times(),
    )


def _make_places() -> None:
    op.create_table(
        "places",
        _key(),
        _reference("endpoint_id", "endpoints", index=True),
        _reference("client_id", "workloads"),
        _small("direction"),
        _small("location"),
        _text("path"),
        _text("data_type"),
        _small("sensitivity"),
        _small("likelihood"),
        _number("count"),
        *_times(),
    )
    columns = ["data_type", "likelihood", "sensitivity", "endpoint_id"]
    op.create_index("places_by_data_type", "places", columns)


def _make_indexes() -> None:
    op.create_index(
        "endpoints_by_sensitivity", "endpoints", ["sensitivity", "pairs", "id"]
    )
    op.create_index("endpoints_by_pairs", "endpoints", ["pairs", "id"])
    op.create_index("endpoints_by_last_seen", "endpoints", ["last_seen_ns", "id"])


def _key() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False)


def _reference(
    name: str, table: str, primary_key: bool = False, index: bool = False
) -> sa.Column[int]:
    target = sa.ForeignKey(f"{table}.id")
    return sa.Column(
        name,
        sa.BigInteger,
        target,
        nullable=False,
        primary_key=primary_key,
        index=index,
    )


def _text(name: str, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, primary_key=primary_key)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _small(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.SmallInteger, nullable=False)


def _times() -> tuple[sa.Column[int], ...]:
    return _number("first_seen_ns"), _number("last_seen_ns")


def _totals() -> tuple[sa.Column[int], ...]:
    return *(_number(name) for name in _COUNTERS), _small("sensitivity"), *_times()
