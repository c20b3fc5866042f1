"""Nodes and agents are one table, visits know what a provider calls them, and an index
leads from a data type to its edges."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

TOLD = ("version", "kernel", "state", "workers", "started_ns", "reported_ns")
_KEPT = "SELECT a.{0} FROM agents a WHERE a.cluster = n.cluster AND a.node = n.node"


def upgrade() -> None:
    """What agents told stays; those without coverage were heard when they told."""
    none, never = sa.text("''"), sa.text("0")
    for name in TOLD[:3]:
        text = sa.Column(name, sa.Text, nullable=False, server_default=none)
        op.add_column("nodes", text)
    for name in TOLD[3:]:
        number = sa.Column(name, sa.BigInteger, nullable=False, server_default=never)
        op.add_column("nodes", number)
    told = ", ".join(f"{name} = ({_KEPT.format(name)})" for name in TOLD)
    op.execute(f"UPDATE nodes AS n SET {told} WHERE EXISTS ({_KEPT.format('node')})")
    op.execute(
        "INSERT INTO nodes (cluster, node, heard_ns, claimed_ns, first_seen_ns, "
        f"last_seen_ns, {', '.join(TOLD)}) SELECT a.cluster, a.node, a.reported_ns, "
        "a.reported_ns, a.reported_ns, a.reported_ns, "
        f"{', '.join(f'a.{name}' for name in TOLD)} FROM agents a WHERE NOT EXISTS "
        "(SELECT 1 FROM nodes n WHERE n.cluster = a.cluster AND n.node = a.node)"
    )
    op.drop_table("agents")
    op.create_index("edge_types_by_type", "edge_types", ["data_type", "sensitivity"])
    for name in ("subject", "sid"):
        column = sa.Column(name, sa.Text, nullable=False, server_default=none)
        op.add_column("door_keys", column)
