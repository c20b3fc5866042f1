"""What was found where, and why: places, data types, explanations, catalogs."""

from sqlalchemy import Column, Index, LargeBinary, Table

from cloud.store.schema.columns import Merge, metadata, number, small, text, times

edge_types = Table(
    "edge_types",
    metadata,
    number("client_id", primary_key=True),
    number("server_id", primary_key=True),
    text("data_type", primary_key=True),
    small("sensitivity", Merge.GREATEST),
    number("count", Merge.ADD),
    number("returned", Merge.ADD),
    sqlite_with_rowid=False,
)
"""What they send each other: of `count` values `returned` stood in answers."""
Index("edge_types_by_type", edge_types.c.data_type)

places = Table(
    "places",
    metadata,
    number("endpoint_id", primary_key=True),
    number("id", primary_key=True),
    number("client_id"),
    small("direction"),
    small("location"),
    text("path"),
    text("data_type"),
    small("sensitivity"),
    small("likelihood"),
    number("count", Merge.ADD),
    number("errors", Merge.ADD),
    number("messages", Merge.ADD),
    *times(),
    sqlite_with_rowid=False,
)
"""Stored in the order of the key: the places of one endpoint lie together. `errors` of
`count` stand in error answers; `messages` hold it at least once."""
Index("places_by_first_seen", places.c.first_seen_ns)

explanations = Table(
    "explanations",
    metadata,
    text("cluster", primary_key=True),
    number("id", primary_key=True),
    Column("told", LargeBinary, nullable=False),
)
"""Why data types are found, each once (a document, `whys.py`)."""

place_whys = Table(
    "place_whys",
    metadata,
    number("endpoint_id", primary_key=True),
    number("field_id", primary_key=True),
    text("cluster"),
    number("explanation_id", Merge.LATEST),
    sqlite_with_rowid=False,
)
"""The explanation of a field: direction, location, path and data type of an endpoint.
"""
Index("place_whys_by_explanation", place_whys.c.cluster, place_whys.c.explanation_id)

catalog_types = Table(
    "catalog_types",
    metadata,
    text("cluster", primary_key=True),
    text("data_type", primary_key=True),
    text("title", Merge.LATEST),
    text("tags", Merge.LATEST),
    small("sensitivity", Merge.LATEST),
    text("digest", Merge.LATEST),
    small("is_own", Merge.LATEST),
    small("is_off", Merge.LATEST),
)
"""What a cluster's catalog knows: `tags` with spaces between, the digest of the catalog
that told it last, whether it is of the user's file, and whether it is turned off."""

endpoint_types = Table(
    "endpoint_types",
    metadata,
    text("data_type", primary_key=True),
    number("endpoint_id", primary_key=True),
    sqlite_with_rowid=False,
)
"""Endpoints by sure data type."""
Index("endpoint_types_by_endpoint", endpoint_types.c.endpoint_id)

data_types = Table(
    "data_types",
    metadata,
    text("cluster", primary_key=True),
    text("data_type", primary_key=True),
    small("sensitivity", Merge.GREATEST),
    number("endpoints", Merge.ADD),
    number("count", Merge.ADD),
    *times(),
)
"""Sure findings of a cluster."""
