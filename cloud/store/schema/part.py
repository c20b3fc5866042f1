"""What was seen of all traffic, and what was not: amounts by part and reason."""

from sqlalchemy import Index, Table

from cloud.store.schema.columns import (
    Merge,
    key,
    metadata,
    number,
    reference,
    small,
    text,
    times,
)

parts = Table(
    "parts",
    metadata,
    key(),
    text("cluster"),
    text("node"),
    reference("workload_id", "workloads", index=True),
    number("lost", Merge.ADD),
    *times(),
)
"""What coverage is told of: a workload on a node. `lost` bytes were not captured."""
Index("parts_by_lost", parts.c.lost, parts.c.cluster, parts.c.node, parts.c.id)
Index("parts_by_first_seen", parts.c.first_seen_ns)

coverage = Table(
    "coverage",
    metadata,
    number("part_id", primary_key=True),
    small("is_bytes", primary_key=True),
    text("reason", primary_key=True),
    number("amount", Merge.ADD),
    sqlite_with_rowid=False,
)
"""Amounts of a part: bytes by reason, or pieces by reason."""

coverage_totals = Table(
    "coverage_totals",
    metadata,
    text("cluster", primary_key=True),
    small("is_bytes", primary_key=True),
    text("reason", primary_key=True),
    number("amount", Merge.ADD),
)
