"""What catalogs say of data types, as clusters told it.

In: a connection. Out: titles and tags by data type. Clusters may have catalogs of their
own: where they differ, titles are those of the first cluster by name, tags are joined.
"""

from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.store.schema import catalog_types


class DataType(NamedTuple):
    """What is said of one."""

    title: str
    sensitivity: int
    """Of the type, whatever the findings."""
    tags: frozenset[str]
    is_own: bool = False
    """From a user's file."""
    is_off: bool = False
    """No cluster looks for it."""


def data_types(
    connection: Connection, clusters: Collection[str] | None = None
) -> dict[str, DataType]:
    """By name; of these clusters, or of all."""
    selected = sa.select(catalog_types).order_by(catalog_types.c.cluster)
    if clusters is not None:
        selected = selected.where(catalog_types.c.cluster.in_(sorted(clusters)))
    known: dict[str, DataType] = {}
    for row in connection.execute(selected):
        tags = frozenset(row.tags.split())
        if (one := known.get(row.data_type)) is not None:
            known[row.data_type] = one._replace(
                tags=one.tags | tags,
                is_own=one.is_own or bool(row.is_own),
                is_off=one.is_off and bool(row.is_off),
            )
        else:
            flags = (bool(row.is_own), bool(row.is_off))
            told = (row.title, row.sensitivity, tags)
            known[row.data_type] = DataType(*told, *flags)
    return known


def tags(connection: Connection) -> dict[str, frozenset[str]]:
    """Of each data type that has some."""
    return {name: k.tags for name, k in data_types(connection).items() if k.tags}
