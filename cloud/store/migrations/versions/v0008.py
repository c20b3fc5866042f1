"""What operators see: who was heard, what was refused; people may be shut out."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Of the past, what was last captured is what is known."""
    disabled = sa.Column(
        "is_disabled", sa.SmallInteger, nullable=False, server_default=sa.text("0")
    )
    op.add_column("door_users", disabled)
    op.create_table(
        "senders",
        _text("cluster", primary_key=True),
        *map(_number, ("heard_ns", "claimed_ns", "clamped_ns", "folded_ns")),
    )
    op.create_table(
        "nodes",
        _text("cluster", primary_key=True),
        _text("node", primary_key=True),
        *map(_number, ("heard_ns", "claimed_ns", "first_seen_ns", "last_seen_ns")),
    )
    op.create_index("nodes_by_heard", "nodes", ["heard_ns", "cluster", "node"])
    op.create_table(
        "refusals",
        _text("cluster", primary_key=True),
        _text("reason", primary_key=True),
        *map(_number, ("count", "last_ns")),
        _text("words"),
    )
    op.execute(
        "INSERT INTO senders SELECT name, last_seen_ns, last_seen_ns, 0, 0 "
        "FROM clusters"
    )
    op.execute(
        "INSERT INTO nodes SELECT cluster, node, MAX(last_seen_ns), "
        "MAX(last_seen_ns), MIN(first_seen_ns), MAX(last_seen_ns) "
        "FROM parts WHERE node <> '' GROUP BY cluster, node"
    )


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **options)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)
