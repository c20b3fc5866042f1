"""Policies, their versions, and what breaks them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes three empty tables."""
    op.create_table(
        "policies",
        _text("id", primary_key=True),
        _whole("version"),
        _text("body"),
        _whole("is_on"),
        _number("since_ns"),
        _number("changed_ns"),
        _text("changed_by"),
    )
    op.create_table(
        "policy_versions",
        _text("id", primary_key=True),
        _whole("version", primary_key=True, autoincrement=False),
        _text("body"),
        _number("changed_ns"),
        _text("changed_by"),
    )
    op.create_table(
        "violations",
        _number("id", primary_key=True, autoincrement=False),
        _text("policy_id"),
        _number("endpoint_id"),
        _number("place_id"),
        _whole("state"),
        _text("assignee"),
        _text("reason"),
        _number("until_ns"),
        _whole("returned"),
        _number("opened_ns"),
        _number("changed_ns"),
        _text("changed_by"),
    )
    for name, columns in (
        ("violations_by_place", ["endpoint_id", "place_id"]),
        ("violations_by_policy", ["policy_id", "state"]),
        ("violations_by_state", ["state", "opened_ns"]),
    ):
        op.create_index(name, "violations", columns)


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **options)


def _number(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, **options)


def _whole(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, **options)
