"""A log of changes, and which day's coverage was compared."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Makes an empty table: what is stored already is no news."""
    op.add_column("job", _number("compared_day", server_default=sa.text("0")))
    op.create_table(
        "changes",
        _number("id", primary_key=True, autoincrement=False),
        *(_number(name) for name in ("stored_ns", "at_ns")),
        *(_small(name) for name in ("kind", "gravity", "sensitivity")),
        *(_text(name) for name in ("cluster", "client_namespace", "server_namespace")),
        *(_number(name) for name in ("endpoint_id", "place_id")),
        *(_number(name) for name in ("client_id", "server_id", "part_id")),
        *(_text(name) for name in ("data_type", "before", "after")),
    )
    for name, columns in (
        ("changes_by_stored", ["stored_ns", "id"]),
        ("changes_by_gravity", ["gravity", "stored_ns", "id"]),
        ("changes_by_cluster", ["cluster", "gravity", "at_ns"]),
    ):
        op.create_index(name, "changes", columns)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _number(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, **options)


def _small(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.SmallInteger, nullable=False)
