"""What catalogs tell of data types: whether one is a user's own, or turned off."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Both begin with no, until a catalog is told again."""
    for name in ("is_own", "is_off"):
        zero = sa.text("0")
        column = sa.Column(name, sa.SmallInteger, nullable=False, server_default=zero)
        op.add_column("catalog_types", column)
