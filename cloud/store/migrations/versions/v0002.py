"""Time and scale: facts by interval, and summaries that ingestion keeps.

Totals, times and offsets of version 1 are kept. It knew no intervals, so the facts
begin with the upgrade.
"""

import hashlib
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

SURE = 4
"""LIKELY in proto/v1/detector.proto."""
HARMLESS = ("paired", "duplicate", "elsewhere", "in_flight")
"""Reasons whose bytes were captured, or are no part of the share."""

_COUNTERS = (
    *("pairs", "inspected", "request_bytes", "response_bytes", "truncated"),
    *("status_other", "status_1xx", "status_2xx"),
    *("status_3xx", "status_4xx", "status_5xx"),
)
_LISTED = ", ".join(f"'{reason}'" for reason in HARMLESS)

MOVED = (
    """UPDATE workloads SET talks = 1 WHERE id IN (SELECT server_id FROM endpoints)
       OR id IN (SELECT client_id FROM traffic)""",
    """INSERT INTO edges SELECT t.client_id, e.server_id, COUNT(*), SUM(t.pairs),
       MAX(t.sensitivity), MIN(t.first_seen_ns), MAX(t.last_seen_ns)
       FROM traffic t JOIN endpoints e ON e.id = t.endpoint_id
       GROUP BY t.client_id, e.server_id""",
    """INSERT INTO places SELECT endpoint_id, id, client_id, direction, location, path,
       data_type, sensitivity, likelihood, count, first_seen_ns, last_seen_ns
       FROM places_1""",
    f"""INSERT INTO edge_types SELECT p.client_id, e.server_id, p.data_type,
       MAX(p.sensitivity), SUM(p.count)
       FROM places p JOIN endpoints e ON e.id = p.endpoint_id
       WHERE p.likelihood >= {SURE} GROUP BY p.client_id, e.server_id, p.data_type""",
    f"""INSERT INTO endpoint_types SELECT DISTINCT data_type, endpoint_id FROM places
       WHERE likelihood >= {SURE}""",
    f"""INSERT INTO data_types SELECT w.cluster, p.data_type, MAX(p.sensitivity),
       COUNT(DISTINCT p.endpoint_id), SUM(p.count),
       MIN(p.first_seen_ns), MAX(p.last_seen_ns)
       FROM places p JOIN endpoints e ON e.id = p.endpoint_id
       JOIN workloads w ON w.id = e.server_id
       WHERE p.likelihood >= {SURE} GROUP BY w.cluster, p.data_type""",
    """UPDATE clusters SET
       endpoints = (SELECT COUNT(*) FROM endpoints e JOIN workloads w
                    ON w.id = e.server_id WHERE w.cluster = clusters.name),
       pairs = (SELECT COALESCE(SUM(e.pairs), 0) FROM endpoints e JOIN workloads w
                ON w.id = e.server_id WHERE w.cluster = clusters.name),
       inspected = (SELECT COALESCE(SUM(e.inspected), 0) FROM endpoints e
                    JOIN workloads w ON w.id = e.server_id
                    WHERE w.cluster = clusters.name),
       places = (SELECT COUNT(*) FROM places p JOIN endpoints e ON e.id = p.endpoint_id
                 JOIN workloads w ON w.id = e.server_id
                 WHERE w.cluster = clusters.name),
       parts = (SELECT COUNT(*) FROM parts p WHERE p.cluster = clusters.name),
       edges = (SELECT COUNT(*) FROM edges e JOIN workloads w
                ON w.id = e.server_id WHERE w.cluster = clusters.name)""",
    """INSERT INTO coverage SELECT p.id, c.is_bytes, c.reason, c.amount
       FROM coverage_1 c JOIN parts p ON p.cluster = c.cluster
       AND p.node = c.node AND p.workload_id = c.workload_id""",
    """INSERT INTO coverage_totals SELECT cluster, is_bytes, reason, SUM(amount)
       FROM coverage_1 GROUP BY cluster, is_bytes, reason""",
    "INSERT INTO job VALUES (1, 0, 0)",
)


def upgrade() -> None:
    """Makes the new tables and fills them from the old ones."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.execute("SET LOCAL statement_timeout = 0")
    op.rename_table("places", "places_1")
    op.drop_index("places_by_data_type", "places_1")
    op.rename_table("coverage", "coverage_1")
    _add_columns()
    _make_summaries()
    _make_coverage()
    for level in ("minutes", "hours", "days"):
        _make_facts(level)
    _make_parts(connection)
    for statement in MOVED:
        op.execute(statement)
    for table in ("places_1", "coverage_1", "schema_version"):
        op.drop_table(table)


def _add_columns() -> None:
    zero, empty = sa.text("0"), sa.text("''")
    counted = ("endpoints", "edges", "places", "parts", "pairs", "inspected")
    for name in (*counted, "clamped", "folded"):
        op.add_column("clusters", _number(name, server_default=zero))
    op.add_column("clusters", _text("agent_version", server_default=empty))
    op.add_column("workloads", _small("talks", server_default=zero))
    op.create_index("workloads_by_talks", "workloads", ["talks"])
    op.create_index("endpoints_by_first_seen", "endpoints", ["first_seen_ns", "id"])
    op.create_index("endpoints_by_path", "endpoints", ["path", "method", "id"])


def _make_summaries() -> None:
    op.create_table(
        "edges",
        _number("client_id", primary_key=True),
        _number("server_id", primary_key=True),
        _number("endpoints"),
        _number("pairs"),
        _small("sensitivity"),
        *_times(),
    )
    op.create_index("edges_by_sensitivity", "edges", ["sensitivity", "pairs"])
    op.create_index("edges_by_server", "edges", ["server_id"])
    op.create_index("edges_by_first_seen", "edges", ["first_seen_ns"])
    op.create_index("edges_by_last_seen", "edges", ["last_seen_ns"])
    op.create_table(
        "edge_types",
        _number("client_id", primary_key=True),
        _number("server_id", primary_key=True),
        _text("data_type", primary_key=True),
        _small("sensitivity"),
        _number("count"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "places",
        _number("endpoint_id", primary_key=True),
        _number("id", primary_key=True),
        _number("client_id"),
        _small("direction"),
        _small("location"),
        _text("path"),
        _text("data_type"),
        _small("sensitivity"),
        _small("likelihood"),
        _number("count"),
        *_times(),
        sqlite_with_rowid=False,
    )
    op.create_index("places_by_first_seen", "places", ["first_seen_ns"])
    op.create_table(
        "endpoint_types",
        _text("data_type", primary_key=True),
        _number("endpoint_id", primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("endpoint_types_by_endpoint", "endpoint_types", ["endpoint_id"])
    op.create_table(
        "data_types",
        _text("cluster", primary_key=True),
        _text("data_type", primary_key=True),
        _small("sensitivity"),
        _number("endpoints"),
        _number("count"),
        *_times(),
    )


def _make_coverage() -> None:
    op.create_table(
        "parts",
        _number("id", primary_key=True),
        _text("cluster"),
        _text("node"),
        sa.Column(
            "workload_id",
            sa.BigInteger,
            sa.ForeignKey("workloads.id"),
            nullable=False,
            index=True,
        ),
        _number("lost"),
        *_times(),
    )
    op.create_index("parts_by_lost", "parts", ["lost", "cluster", "node", "id"])
    op.create_index("parts_by_first_seen", "parts", ["first_seen_ns"])
    op.create_table(
        "coverage",
        _number("part_id", primary_key=True),
        _small("is_bytes", primary_key=True),
        _text("reason", primary_key=True),
        _number("amount"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "coverage_totals",
        _text("cluster", primary_key=True),
        _small("is_bytes", primary_key=True),
        _text("reason", primary_key=True),
        _number("amount"),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        _number("run_seconds"),
        _number("forgotten"),
    )


def _make_facts(level: str) -> None:
    options: dict[str, Any] = {
        "sqlite_with_rowid": False,
        "postgresql_partition_by": "RANGE (start_seconds)",
    }
    op.create_table(
        f"traffic_{level}",
        _number("start_seconds", primary_key=True),
        _number("endpoint_id", primary_key=True),
        _number("client_id", primary_key=True),
        *(_number(name) for name in _COUNTERS),
        sa.Column("seen", sa.LargeBinary, nullable=False),
        **options,
    )
    op.create_table(
        f"coverage_{level}",
        _number("start_seconds", primary_key=True),
        _number("part_id", primary_key=True),
        sa.Column("amounts", sa.LargeBinary, nullable=False),
        **options,
    )


def _make_parts(connection: sa.Connection) -> None:
    """In Python: their keys are digests."""
    known = connection.execute(
        sa.text(
            f"""SELECT cluster, node, workload_id,
            SUM(CASE WHEN is_bytes = 1 AND reason NOT IN ({_LISTED}) THEN amount
            ELSE 0 END), MIN(first_seen_ns), MAX(last_seen_ns)
            FROM coverage_1 GROUP BY cluster, node, workload_id"""
        )
    ).all()
    made = sa.text("INSERT INTO parts VALUES (:id, :c, :n, :w, :lost, :first, :last)")
    names = ("c", "n", "w", "lost", "first", "last")
    rows = [
        {"id": _identity("part", *row[:3])} | dict(zip(names, row, strict=True))
        for row in known
    ]
    if rows:
        connection.execute(made, rows)


def _identity(*parts: object) -> int:
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def _text(name: str, primary_key: bool = False, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, primary_key=primary_key, **options)


def _number(name: str, primary_key: bool = False, **options: Any) -> sa.Column[int]:
    if primary_key:
        options["autoincrement"] = False
    return sa.Column(
        name, sa.BigInteger, nullable=False, primary_key=primary_key, **options
    )


def _small(name: str, primary_key: bool = False, **options: Any) -> sa.Column[int]:
    if primary_key:
        options["autoincrement"] = False
    return sa.Column(
        name, sa.SmallInteger, nullable=False, primary_key=primary_key, **options
    )


def _times() -> tuple[sa.Column[int], ...]:
    return _number("first_seen_ns"), _number("last_seen_ns")
