"""Alerts: channels, rules, what is to be sent, and up to where news are read."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

RULES = (
    (
        "grave",
        "Data where it should not be",
        '{"topics":["violation","violation_returned","data_in_url","new_data_type",'
        '"new_sensitive_edge","new_external_party","new_country"],"least":"medium",'
        '"scope":"","channels":[]}',
    ),
    (
        "operation",
        "Vethscope itself",
        '{"topics":["coverage_fell","problem"],"least":"","scope":"","channels":[]}',
    ),
)
"""Those that a cloud begins with: for all channels, of which there are none yet."""


def upgrade() -> None:
    op.create_table(
        "alert_channels",
        _text("id", primary_key=True),
        *(_text(name) for name in ("name", "kind", "settings")),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        _small("is_on"),
        _number("changed_ns"),
        _text("changed_by"),
        _number("until_ns"),
        _text("claim"),
        _number("claimed_until_ns"),
    )
    rules = op.create_table(
        "alert_rules",
        _text("id", primary_key=True),
        *(_text(name) for name in ("title", "body")),
        _small("is_on"),
        _number("changed_ns"),
        _text("changed_by"),
    )
    op.create_table(
        "alert_deliveries",
        _text("id", primary_key=True),
        *(_text(name) for name in ("channel_id", "rule_id", "grouped")),
        _small("state"),
        *(_text(name) for name in ("subject", "body")),
        *(_number(name) for name in ("created_ns", "due_ns", "sent_ns")),
        sa.Column("attempts", sa.Integer, nullable=False),
        _text("reason"),
    )
    op.create_table(
        "alert_cursors",
        _small("source", primary_key=True, autoincrement=False),
        *(_number(name) for name in ("begin_ns", "at_ns")),
    )
    op.create_table(
        "alert_seen",
        _small("source", primary_key=True, autoincrement=False),
        _number("id", primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        _number("at_ns"),
    )
    op.create_table(
        "alert_problems",
        *(_text(name, primary_key=True) for name in ("kind", "cluster")),
        *(_number(name) for name in ("since_ns", "seen_ns")),
    )
    op.create_table(
        "alert_issues",
        *(_text(name, primary_key=True) for name in ("channel_id", "grouped")),
        _text("issue"),
        _number("created_ns"),
    )
    for name, table, columns in (
        ("alert_deliveries_by_due", "alert_deliveries", ["state", "due_ns"]),
        (
            "alert_deliveries_by_channel",
            "alert_deliveries",
            ["channel_id", "state", "created_ns"],
        ),
        ("alert_seen_by_time", "alert_seen", ["at_ns"]),
    ):
        op.create_index(name, table, columns)
    made = {"is_on": 1, "changed_ns": 0, "changed_by": ""}
    op.bulk_insert(
        rules,
        [
            {"id": key, "title": title, "body": body} | made
            for key, title, body in RULES
        ],
    )


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **options)


def _number(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, **options)


def _small(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.SmallInteger, nullable=False, **options)
