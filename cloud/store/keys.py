"""Conditions that name rows by keys of several columns.

In: columns, and keys. Out: a condition that both databases answer by an index. SQLite
compares a row value with a plain list by reading the whole table, and uses the index if
the list is what a statement selects.
"""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection


def among(
    connection: Connection,
    columns: Collection[ColumnElement[Any]],
    keys: Collection[tuple[Any, ...]],
) -> ColumnElement[bool]:
    """Whether a row's columns are one of the keys; `chunks` bounds how many."""
    if not keys:
        return sa.false()
    at = sa.tuple_(*columns)
    if connection.dialect.name != "sqlite":
        return at.in_(keys)
    listed: sa.BindParameter[Any]
    listed = sa.bindparam("keys", list(keys), expanding=True, unique=True)
    return at.in_(sa.text("SELECT * FROM :keys").bindparams(listed).columns(*columns))
