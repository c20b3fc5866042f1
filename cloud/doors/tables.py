"""The tables of the doors: who may come in, and what was done.

The same on SQLite and PostgreSQL, beside the store's in one database, and brought along
by the same migrations. No secret stands here: of tokens, links and cookies their
digests, of passwords what argon2 makes of them. Moments are nanoseconds since 1970; 0:
never.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)

metadata = MetaData()

keys = Table(
    "door_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("owner", Text, nullable=False, index=True),
    Column("role", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("used_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sid", Text, nullable=False),
)
"""All that a stranger shows and that is looked up by its id: see `doors.keys.Kind`.
`subject` and `sid` are what a provider calls the person and the login there, so that it
can end visits; else empty."""

users = Table(
    "door_users",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("is_disabled", SmallInteger, nullable=False),
)
"""`password` is empty until somebody has chosen one."""

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
