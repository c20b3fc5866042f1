"""The index of flows by data type, without what changes at each package."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """SQLite wrote each of its entries anew, since ingestion names the sensitivity."""
    op.drop_index("edge_types_by_type", "edge_types")
    op.create_index("edge_types_by_type", "edge_types", ["data_type"])
