"""Corrections hold for what is stored: what was found there, and who knows of them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Those that there are will be applied after the start."""
    none, never = sa.text("''"), sa.text("0")
    op.add_column("corrections", _text("undone_reason", server_default=none))
    op.add_column("corrections", _number("applied", server_default=never))
    op.add_column("violations", _small("state_before", server_default=never))
    op.create_table(
        "corrected_places",
        _number("endpoint_id", primary_key=True),
        _number("place_id", primary_key=True),
        _number("correction_id"),
        _text("data_type"),
        _small("sensitivity"),
        _small("likelihood"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "corrected_places_by_correction", "corrected_places", ["correction_id"]
    )
    op.create_table(
        "correction_tellings",
        _text("cluster", primary_key=True),
        _number("revision", primary_key=True),
        _number("since_ns"),
    )


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **options)


def _number(name: str, **options: Any) -> sa.Column[int]:
    options |= {"autoincrement": False} if options.get("primary_key") else {}
    return sa.Column(name, sa.BigInteger, nullable=False, **options)


def _small(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.SmallInteger, nullable=False, **options)
