"""What people leave out of their maps, in the store's database."""

from sqlalchemy import Column, MetaData, Table, Text

metadata = MetaData()

hidden = Table(
    "map_hidden",
    metadata,
    Column("person", Text, primary_key=True, nullable=False),
    Column("name", Text, primary_key=True, nullable=False),
)
"""Names that one person does not want to see: of a workload, a namespace, a cluster, or
`namespace/name`."""
