"""Protocols, messages that hold a field, how clusters are reached, and moments."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """What was not told before is empty or 0."""
    none, never = sa.text("''"), sa.text("0")
    op.add_column("traffic", _text("protocol", server_default=none))
    op.add_column("places", _number("messages", server_default=never))
    op.create_table(
        "outward",
        _text("cluster", primary_key=True),
        _text("name", primary_key=True),
        sa.Column("port", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column(
            "workload_id",
            sa.BigInteger,
            sa.ForeignKey("workloads.id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("source", sa.SmallInteger, nullable=False),
        _number("first_seen_ns"),
        _number("last_seen_ns"),
    )
    op.create_index("ix_outward_workload_id", "outward", ["workload_id"])
    op.create_index("outward_by_name", "outward", ["name", "cluster"])
    op.create_table(
        "moments",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        _number("last_ns"),
    )


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **options)


def _number(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, **options)
