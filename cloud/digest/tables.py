"""Who wants the digest, in the store's database."""

from sqlalchemy import BigInteger, Column, MetaData, SmallInteger, Table, Text

metadata = MetaData()

subscriptions = Table(
    "digest_subscriptions",
    metadata,
    Column("person", Text, primary_key=True, nullable=False),
    Column("address", Text, nullable=False),
    Column("rhythm", Text, nullable=False),
    Column("weekday", SmallInteger, nullable=False),
    Column("due_ns", BigInteger, nullable=False),
    Column("told_ns", BigInteger, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
)
"""`rhythm`: see `subscriptions.Rhythm`; `weekday`: 0 is Monday. `told_ns`: up to when
news are told; the next mail is due at `due_ns`. Who wants none has no row."""
