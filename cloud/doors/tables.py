"""The tables of the doors: who may come in, and what was done.

The same on SQLite and PostgreSQL, beside the store's in one database, and created by
themselves. No secret stands here: of tokens, links and cookies their digests, of
passwords what argon2 makes of them. Moments are nanoseconds since 1970; 0: never.
"""

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

VERSION = 1
LOCK = 0x76656474
"""PostgreSQL's advisory lock of those that create the tables."""

metadata = MetaData()

version = Table(
    "doors_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
)

keys = Table(
    "door_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("owner", Text, nullable=False, index=True),
    Column("role", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("used_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
)
"""All that a stranger shows and that is looked up by its id: see `doors.keys.Kind`."""

users = Table(
    "door_users",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
)

audit = Table(
    "door_audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at_ns", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
)
"""Each change and each login, also those that failed."""


def upgrade(connection: Connection) -> int:
    """Creates what is missing; the version that the tables have."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    metadata.create_all(connection)
    found: int | None = connection.scalar(sa.select(version.c.version))
    if found is None:
        connection.execute(sa.insert(version).values(version=VERSION))
    return VERSION if found is None else found
