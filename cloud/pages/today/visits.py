"""Since when news are new to somebody: their last visit, remembered for the person.

In: who looks, and when. Out: their mark. A visit is over when somebody looks again
after PAUSE_NS; then what the visit has shown is no news any more, so loading the page
again loses nothing. Programs with an API key read by their owner's mark and leave it.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection
from starlette.exceptions import HTTPException

from cloud.errors import UnavailableError
from cloud.pages.page import Action, Asked, Sent
from cloud.pages.today.tables import marks
from cloud.store.schema import DAY
from cloud.store.store import Store
from cloud.store.writer import Job
from cloud.visitor import Role

SECOND_NS = 10**9
PAUSE_NS = 30 * 60 * SECOND_NS
"""Between two visits. Shorter, a coffee would end one; longer, a second look in the
morning would tell the same once more."""
SETTLED_NS = 60 * SECOND_NS
"""What is stored carries the time at which storing began, and shows a little later. The
moments of the store (`moment.py`) say it exactly where something was stored since."""
FIRST_NS = 7 * DAY * SECOND_NS
"""Told at a first visit."""
KEPT_NS = 400 * DAY * SECOND_NS
"""Marks of who did not come for so long are forgotten: the log is kept no longer."""
LATEST_NS = 1 << 62
WRITE_SECONDS = 30.0
"""For a mark: it waits for the packages before it."""


class Mark(NamedTuple):
    """Moments of one person, nanoseconds since 1970, as in the table."""

    mark_ns: int
    before_ns: int
    seen_ns: int


def mark_of(connection: Connection, person: str) -> Mark | None:
    """None: they were never here."""
    chosen = sa.select(marks.c.mark_ns, marks.c.before_ns, marks.c.seen_ns)
    row = connection.execute(chosen.where(marks.c.person == person)).one_or_none()
    return Mark(*row) if row else None


@dataclass(frozen=True, slots=True)
class Look:
    """A job: somebody looked."""

    person: str
    now_ns: int
    newest_ns: int

    def __call__(self, connection: Connection) -> bool:
        known = mark_of(connection, self.person)
        _write(connection, self.person, looked(known, self.now_ns, self.newest_ns))
        return False


def looked(known: Mark | None, now_ns: int, newest_ns: int = 0) -> Mark:
    """The mark once somebody looks; `newest_ns`: when the latest of it was stored."""
    seen_ns = max(newest_ns, now_ns - SETTLED_NS)
    if known is None:
        return Mark(now_ns - FIRST_NS, now_ns - FIRST_NS, seen_ns)
    if now_ns - known.seen_ns < PAUSE_NS:
        return known._replace(seen_ns=max(seen_ns, known.seen_ns))
    return Mark(known.seen_ns, known.mark_ns, seen_ns)


def remember(asked: Asked, now_ns: int, newest_ns: int) -> None:
    """Notes that the visitor looked, without waiting for it. What cannot be noted now
    costs nothing: the next list is longer."""
    with suppress(UnavailableError):
        asked.write(Look(asked.visitor.name, now_ns, newest_ns))


def read_until(person: str, until_ns: int, now_ns: int) -> Job:
    """All up to a moment is read."""

    def job(connection: Connection) -> bool:
        known = mark_of(connection, person) or looked(None, now_ns)
        until = max(min(until_ns, now_ns), known.mark_ns)
        before = known.mark_ns if until > known.mark_ns else known.before_ns
        _write(connection, person, Mark(until, before, max(until, known.seen_ns)))
        return False

    return job


def forget_old(connection: Connection, now_ns: int) -> None:
    """Of people who come no more."""
    connection.execute(sa.delete(marks).where(marks.c.seen_ns < now_ns - KEPT_NS))


def actions(store: Store) -> list[Action]:
    """Everybody may, for themselves."""

    def mark_read(sent: Sent) -> str:
        """Remembers up to when the sender has read what is new."""
        try:
            until_ns = _moment(sent.one("until", 40))
        except (ValueError, OverflowError, OSError):
            raise HTTPException(400, "Say until when, as the page tells it.") from None
        if sent.visitor.proof:
            now_ns = (store.watch.clock() + 1) * SECOND_NS
            job = read_until(sent.visitor.name, until_ns, now_ns)
            store.run(job).result(WRITE_SECONDS)
        return "/"

    return [
        Action(
            "/today/read",
            "today_read",
            mark_read,
            Role.VIEWER,
            fields=("until",),
            again="/",
        )
    ]


def _moment(text: str) -> int:
    """Nanoseconds as the page's `mark` has them, or a time of ISO 8601. Raises
    ValueError, OverflowError, OSError."""
    if text.isascii() and text.isdecimal():
        return min(int(text), LATEST_NS)
    return round(datetime.fromisoformat(text).timestamp() * 1_000) * 1_000_000


def _write(connection: Connection, person: str, mark: Mark) -> None:
    """The writers' lock is held: nobody else writes between the two."""
    values = mark._asdict()
    changed = sa.update(marks).where(marks.c.person == person).values(values)
    if not connection.execute(changed).rowcount:
        connection.execute(sa.insert(marks).values(person=person, **values))
