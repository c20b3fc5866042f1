"""Up to when each person has read what is new, and who wants it by mail."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Makes an empty table: everybody's next visit is their first."""
    op.create_table(
        "today_marks",
        sa.Column("person", sa.Text, primary_key=True, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("mark_ns", "before_ns", "seen_ns")
        ),
    )
    op.create_table(
        "digest_subscriptions",
        sa.Column("person", sa.Text, primary_key=True, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("rhythm", sa.Text, nullable=False),
        sa.Column("weekday", sa.SmallInteger, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("due_ns", "told_ns", "changed_ns")
        ),
    )
