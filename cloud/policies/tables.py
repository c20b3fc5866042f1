"""The tables of policies and of what breaks them, in the store's database.

A violation is a policy and a place of the store: who sends what to whom, and when it
was last seen, stands there. Here stands what people decided about it.
"""

from enum import IntEnum

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
)

from cloud.store.schema.columns import number, text


class State(IntEnum):
    """What people say of a violation."""

    NEW = 1
    CONFIRMED = 2
    """It is one, and somebody works on it."""
    ACCEPTED = 3
    """It may go on, for a reason and until a day; then it is new again."""
    WRONG = 4
    """The finding is not true."""
    FIXED = 5
    """It is over; seen again, it is new again."""


OPEN = (State.NEW, State.CONFIRMED)

metadata = MetaData()


def _key(name: str = "id") -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


policies = Table(
    "policies",
    metadata,
    text("id", primary_key=True),
    Column("version", Integer, nullable=False),
    text("body"),
    Column("is_on", Integer, nullable=False),
    number("since_ns"),
    number("changed_ns"),
    text("changed_by"),
)
"""`body`: a YAML document of one policy; `since_ns`: when it was last switched on."""

policy_versions = Table(
    "policy_versions",
    metadata,
    text("id", primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    text("body"),
    number("changed_ns"),
    text("changed_by"),
)

violations = Table(
    "violations",
    metadata,
    _key(),
    text("policy_id"),
    number("endpoint_id"),
    number("place_id"),
    Column("state", Integer, nullable=False),
    text("assignee"),
    text("reason"),
    number("until_ns"),
    Column("returned", Integer, nullable=False),
    number("opened_ns"),
    number("changed_ns"),
    text("changed_by"),
    Column("state_before", SmallInteger, nullable=False),
)
"""`returned`: how often it was new again. `until_ns`: 0 where no day was given.
`state_before`: it is wrong by a correction, and was that before; 0: it is not."""
Index("violations_by_place", violations.c.endpoint_id, violations.c.place_id)
Index("violations_by_policy", violations.c.policy_id, violations.c.state)
Index("violations_by_state", violations.c.state, violations.c.opened_ns)
