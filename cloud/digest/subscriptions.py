"""Who wants the digest, how often, and when the next one is due.

In: people's choices. Out: rows, at most one a person. Mails are due at HOUR_OF_DAY in
UTC.
"""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.digest.tables import subscriptions
from cloud.errors import CloudError

HOUR_OF_DAY = 7
WEEKDAYS = (
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
)
MOST_ADDRESS = 254
"""Characters (RFC 5321, section 4.5.3.1.3, without the angle brackets)."""
SECOND_NS = 10**9
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"
)
"""As HTML's `input type=email` has it: no quotes, spaces or comments."""


class Rhythm(StrEnum):
    OFF = "off"
    WEEKLY = "weekly"
    DAILY = "daily"

    @property
    def days(self) -> int:
        return 1 if self is Rhythm.DAILY else 7


class Subscription(NamedTuple):
    """A row; moments in nanoseconds since 1970."""

    person: str
    address: str
    rhythm: str
    weekday: int
    due_ns: int
    told_ns: int
    changed_ns: int


class AddressError(CloudError):
    """The address of a mailbox is not one; one line."""


def following(rhythm: Rhythm, weekday: int, after_ns: int) -> int:
    """The first moment after another at which a mail is due."""
    after = datetime.fromtimestamp(after_ns // SECOND_NS, UTC)
    due = after.replace(hour=HOUR_OF_DAY, minute=0, second=0, microsecond=0)
    if rhythm is Rhythm.WEEKLY:
        due += timedelta(days=(weekday - due.weekday()) % 7)
    if due <= after:
        due += timedelta(days=rhythm.days)
    return int(due.timestamp()) * SECOND_NS


def choose(
    connection: Connection,
    person: str,
    choice: tuple[Rhythm, int, str],
    now_ns: int,
) -> None:
    """Sets rhythm, weekday and address of a person. Raises AddressError."""
    rhythm, weekday, address = choice
    own = subscriptions.c.person == person
    if rhythm is Rhythm.OFF:
        connection.execute(sa.delete(subscriptions).where(own))
        return
    if len(address) > MOST_ADDRESS or not _ADDRESS.fullmatch(address):
        raise AddressError("an address of mail is NAME@DOMAIN")
    known = of(connection, person)
    connection.execute(sa.delete(subscriptions).where(own))
    row = Subscription(
        person,
        address,
        rhythm.value,
        weekday % 7,
        following(rhythm, weekday, now_ns),
        known.told_ns if known else now_ns - rhythm.days * 86_400 * SECOND_NS,
        now_ns,
    )
    connection.execute(sa.insert(subscriptions).values(row._asdict()))


def of(connection: Connection, person: str) -> Subscription | None:
    chosen = sa.select(subscriptions).where(subscriptions.c.person == person)
    row = connection.execute(chosen).one_or_none()
    return Subscription(*row) if row else None


def due(connection: Connection, now_ns: int, most: int) -> list[Subscription]:
    """Those whose mail is due, the one that waits longest first."""
    chosen = sa.select(subscriptions).where(subscriptions.c.due_ns <= now_ns)
    ordered = chosen.order_by(subscriptions.c.due_ns, subscriptions.c.person)
    return [Subscription(*row) for row in connection.execute(ordered.limit(most))]


def advance(connection: Connection, one: Subscription, now_ns: int) -> bool:
    """Notes that it is told up to now; false: another cloud did, or it was changed."""
    of_row = subscriptions.c
    is_same = sa.and_(
        of_row.person == one.person,
        of_row.due_ns == one.due_ns,
        of_row.changed_ns == one.changed_ns,
    )
    following_ns = following(Rhythm(one.rhythm), one.weekday, now_ns)
    noted = sa.update(subscriptions).where(is_same)
    noted = noted.values(due_ns=following_ns, told_ns=now_ns)
    return connection.execute(noted).rowcount == 1
