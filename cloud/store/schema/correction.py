"""What people know better than the rules, and the places that it holds for."""

from sqlalchemy import Index, Table

from cloud.store.schema.columns import Merge, key, metadata, number, small, text

corrections = Table(
    "corrections",
    metadata,
    key(),
    text("cluster", index=True),
    text("scope"),
    text("namespace"),
    text("kind"),
    text("name"),
    number("port"),
    text("method"),
    text("endpoint"),
    small("direction"),
    small("location"),
    text("path"),
    text("data_type"),
    text("becomes"),
    small("sensitivity"),
    text("reason"),
    text("author"),
    number("created_ns"),
    number("undone_ns"),
    text("undone_by"),
    text("undone_reason"),
    number("revision"),
    number("applied"),
)
"""What people know better than the rules (`corrections.py`). `undone_ns` is 0 while it
holds; an empty `cluster` stands for all; `revision` counts its last change, and is
`applied` once all that is stored agrees with it."""
Index("corrections_by_revision", corrections.c.revision)

corrected_places = Table(
    "corrected_places",
    metadata,
    number("endpoint_id", primary_key=True),
    number("place_id", primary_key=True),
    number("correction_id"),
    text("data_type"),
    small("sensitivity"),
    small("likelihood"),
    sqlite_with_rowid=False,
)
"""Places that a correction holds for, with what was found there: `places` has what is
so. One that is no finding has likelihood 0 there."""
Index("corrected_places_by_correction", corrected_places.c.correction_id)

correction_tellings = Table(
    "correction_tellings",
    metadata,
    text("cluster", primary_key=True),
    number("revision", primary_key=True),
    number("since_ns", Merge.LEAST),
)
"""Since when a cluster's diggers have said that they know a revision."""
