"""How much of what two send each other stood in answers; what maps leave out."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from proto.v1 import collector_pb2, detector_pb2

revision = "0006"
down_revision = "0005"

FROM_PLACES = f"""INSERT INTO edge_types
    SELECT o.client_id, o.server_id, o.data_type, o.sensitivity, o.count,
        CASE WHEN told.amount IS NULL THEN 0 ELSE told.amount END
    FROM edge_types_1 o LEFT JOIN (
        SELECT p.client_id, e.server_id, p.data_type,
            CAST(SUM(p.count) AS BIGINT) AS amount
        FROM places p JOIN endpoints e ON e.id = p.endpoint_id
        WHERE p.direction = {int(collector_pb2.RESPONSE)}
            AND p.likelihood >= {int(detector_pb2.LIKELY)}
        GROUP BY p.client_id, e.server_id, p.data_type
    ) told ON told.client_id = o.client_id AND told.server_id = o.server_id
        AND told.data_type = o.data_type"""


def upgrade() -> None:
    """Adds the column, filled from the places that are stored, and an empty table."""
    op.rename_table("edge_types", "edge_types_1")
    op.create_table(
        "edge_types",
        _number("client_id", primary_key=True, autoincrement=False),
        _number("server_id", primary_key=True, autoincrement=False),
        sa.Column("data_type", sa.Text, primary_key=True, nullable=False),
        sa.Column("sensitivity", sa.SmallInteger, nullable=False),
        _number("count"),
        _number("returned"),
        sqlite_with_rowid=False,
    )
    op.execute(FROM_PLACES)
    op.drop_table("edge_types_1")
    op.create_table(
        "map_hidden",
        sa.Column("person", sa.Text, primary_key=True, nullable=False),
        sa.Column("name", sa.Text, primary_key=True, nullable=False),
    )


def _number(name: str, **options: Any) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, nullable=False, **options)
