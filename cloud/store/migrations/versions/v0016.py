"""Endpoints whose protobuf messages have no known names."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """0: it was not told."""
    names = sa.Column(
        "names", sa.SmallInteger, nullable=False, server_default=sa.text("0")
    )
    op.add_column("endpoints", names)
