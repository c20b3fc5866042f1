"""The tables of alerts, in the store's database.

Moments are nanoseconds since 1970; 0: never. Nothing here holds a captured value, and
secrets of channels stand in one column, as `vault` seals them.
"""

from enum import IntEnum

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
)

from cloud.store.schema.columns import number, small, text


class State(IntEnum):
    """Of a delivery. Numbers are stored."""

    GATHERING = 1
    """More of the same may come until it is due."""
    WAITING = 2
    """To be sent; with attempts behind it, to be sent again."""
    SENT = 3
    DEAD = 4
    """Refused, or tried too often: people decide."""


class Source(IntEnum):
    """Where news come from. Numbers are stored."""

    CHANGES = 1
    VIOLATIONS = 2


metadata = MetaData()


channels = Table(
    "alert_channels",
    metadata,
    text("id", primary_key=True),
    text("name"),
    text("kind"),
    text("settings"),
    Column("secret", LargeBinary, nullable=False),
    small("is_on"),
    number("changed_ns"),
    text("changed_by"),
    number("until_ns"),
    text("claim"),
    number("claimed_until_ns"),
)
"""`settings`: JSON of what may be shown. `until_ns`: nothing is sent before.
`claim`: of the cloud that sends now; it holds until `claimed_until_ns`."""

rules = Table(
    "alert_rules",
    metadata,
    text("id", primary_key=True),
    text("title"),
    text("body"),
    small("is_on"),
    number("changed_ns"),
    text("changed_by"),
)
"""`body`: JSON of a `rule.Rule`."""

deliveries = Table(
    "alert_deliveries",
    metadata,
    text("id", primary_key=True),
    text("channel_id"),
    text("rule_id"),
    text("grouped"),
    small("state"),
    text("subject"),
    text("body"),
    number("created_ns"),
    number("due_ns"),
    number("sent_ns"),
    Column("attempts", Integer, nullable=False),
    text("reason"),
)
"""`grouped`: what else becomes one with it while it gathers. `body`: JSON of `message`.
"""
Index("alert_deliveries_by_due", deliveries.c.state, deliveries.c.due_ns)
Index(
    "alert_deliveries_by_channel",
    deliveries.c.channel_id,
    deliveries.c.state,
    deliveries.c.created_ns,
)

cursors = Table(
    "alert_cursors",
    metadata,
    small("source", primary_key=True, autoincrement=False),
    number("begin_ns"),
    number("at_ns"),
)
"""From when on, and up to when, the news of a source are read."""

seen = Table(
    "alert_seen",
    metadata,
    small("source", primary_key=True, autoincrement=False),
    number("id", primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    number("at_ns"),
)
"""What is read already, of the time shortly before the cursor."""
Index("alert_seen_by_time", seen.c.at_ns)

problems = Table(
    "alert_problems",
    metadata,
    text("kind", primary_key=True),
    text("cluster", primary_key=True),
    number("since_ns"),
    number("seen_ns"),
)
"""Those of the status page that are told."""

issues = Table(
    "alert_issues",
    metadata,
    text("channel_id", primary_key=True),
    text("grouped", primary_key=True),
    text("issue"),
    number("created_ns"),
)
"""Issues that were made, so that what belongs to one becomes a comment of it."""
