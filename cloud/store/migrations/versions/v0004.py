"""The doors' tables, which made themselves before; people and keys get a scope."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from cloud.errors import StoreError

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds to the tables that are there, or makes them."""
    connection = op.get_bind()
    if "doors_version" in sa.inspect(connection).get_table_names():
        _check(connection.scalar(sa.text("SELECT version FROM doors_version")))
        for table in ("door_keys", "door_users"):
            op.add_column(table, _text("scope", server_default=sa.text("''")))
        op.drop_table("doors_version")
        return
    op.create_table(
        "door_keys",
        _text("id", primary_key=True),
        *(_text(name) for name in ("kind", "owner", "role", "scope")),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        *(_number(name) for name in ("created_ns", "used_ns", "expires_ns")),
    )
    op.create_index("ix_door_keys_owner", "door_keys", ["owner"])
    op.create_table(
        "door_users",
        _text("name", primary_key=True),
        *(_text(name) for name in ("role", "scope", "password")),
        _number("created_ns"),
    )
    op.create_table(
        "door_audit",
        sa.Column("id", sa.Integer, primary_key=True),
        _number("at_ns"),
        *(_text(name) for name in ("who", "address", "action", "subject")),
    )


def _check(version: object) -> None:
    if version != 1:
        raise StoreError(f"its doors' tables are of version {version}, not of 1")


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **options)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)
