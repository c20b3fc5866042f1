"""What is known beside traffic: explanations, parties, owners, revisions, agents,
catalogs, corrections, and how many values stand in error answers."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes tables, and a column that begins with 0."""
    op.add_column("places", _number("errors", server_default=sa.text("0")))
    _make_whys()
    _make_parties()
    _make_workload_facts()
    _make_catalog()
    _make_agents()
    _make_corrections()


def _make_whys() -> None:
    op.create_table(
        "explanations",
        _text("cluster", primary_key=True),
        _number("id", primary_key=True),
        sa.Column("told", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "place_whys",
        _number("endpoint_id", primary_key=True),
        _number("field_id", primary_key=True),
        _text("cluster"),
        _number("explanation_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "place_whys_by_explanation", "place_whys", ["cluster", "explanation_id"]
    )


def _make_parties() -> None:
    op.create_table(
        "parties",
        _text("cluster", primary_key=True),
        _workload(index=True),
        _text("country", primary_key=True),
        _text("network", primary_key=True),
        _small("is_robot", primary_key=True),
        _number("first_seen_ns"),
        _number("last_seen_ns"),
    )
    op.create_index("parties_by_first_seen", "parties", ["first_seen_ns"])


def _make_workload_facts() -> None:
    op.create_table(
        "workload_facts",
        _workload(),
        _text("cluster", index=True),
        _text("owner"),
        _text("part_of"),
        sa.Column("labels", sa.LargeBinary, nullable=False),
        _text("revision"),
    )
    op.create_table(
        "revisions",
        _workload(),
        _text("revision", primary_key=True),
        _text("cluster", index=True),
        _text("image"),
        _number("since_ns"),
    )
    op.create_index("revisions_by_since", "revisions", ["since_ns"])


def _make_agents() -> None:
    op.create_table(
        "agents",
        _text("cluster", primary_key=True),
        _text("node", primary_key=True),
        *(_text(name) for name in ("version", "kernel", "state")),
        *(_number(name) for name in ("workers", "started_ns", "reported_ns")),
    )


def _make_catalog() -> None:
    op.create_table(
        "catalog_types",
        _text("cluster", primary_key=True),
        _text("data_type", primary_key=True),
        *(_text(name) for name in ("title", "tags")),
        _small("sensitivity"),
        _text("digest"),
    )


def _make_corrections() -> None:
    op.create_table(
        "corrections",
        _number("id", primary_key=True),
        _text("cluster", index=True),
        *(_text(name) for name in ("scope", "namespace", "kind", "name")),
        _number("port"),
        *(_text(name) for name in ("method", "endpoint")),
        *(_small(name) for name in ("direction", "location")),
        *(_text(name) for name in ("path", "data_type", "becomes")),
        _small("sensitivity"),
        *(_text(name) for name in ("reason", "author")),
        *(_number(name) for name in ("created_ns", "undone_ns")),
        _text("undone_by"),
        _number("revision"),
    )
    op.create_index("corrections_by_revision", "corrections", ["revision"])


def _workload(**options: Any) -> sa.Column[int]:
    return sa.Column(
        "workload_id",
        sa.BigInteger,
        sa.ForeignKey("workloads.id"),
        primary_key=True,
        autoincrement=False,
        **options,
    )


def _text(name: str, primary_key: bool = False, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, primary_key=primary_key, **options)


def _number(name: str, primary_key: bool = False, **options: Any) -> sa.Column[int]:
    if primary_key:
        options["autoincrement"] = False
    return sa.Column(
        name, sa.BigInteger, nullable=False, primary_key=primary_key, **options
    )


def _small(name: str, primary_key: bool = False) -> sa.Column[int]:
    if primary_key:
        return sa.Column(
            name,
            sa.SmallInteger,
            nullable=False,
            primary_key=True,
            autoincrement=False,
        )
    return sa.Column(name, sa.SmallInteger, nullable=False)
