"""Posts digests: looks now and then whose is due, writes it, and queues the mail.

In: subscriptions, users and the store. Out: one mail a person and period. The mail is
queued in the transaction that notes it as told, under a key of its own, so that several
clouds, a crash or a restart neither repeat nor lose one. Role and limits are the user's
at that moment; who is shut out or removed gets nothing. While no channel for mail is on
a digest waits, and then tells everything since the one before, a month at most.
"""

import logging
import threading

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.alerts import mail
from cloud.alerts.mail import MailError
from cloud.alerts.message import Mail
from cloud.digest import letter
from cloud.digest.subscriptions import Subscription, advance, due
from cloud.digest.tables import subscriptions
from cloud.doors.tables import users
from cloud.doors.visitors.people import People, User
from cloud.errors import UnavailableError
from cloud.pages.reports import Paging
from cloud.pages.today import visits
from cloud.pages.today.reading import Span, told
from cloud.store.schema import DAY
from cloud.store.store import Store
from cloud.store.writer import Job
from cloud.visitor import Visitor

log = logging.getLogger("vethscope")

PERIOD_SECONDS = 60.0
MOST_DUE = 100
"""Written in one look; the others come with the next."""
MOST_LINES = 50
MOST_DAYS = 30
WRITE_SECONDS = 30.0
SECOND_NS = 10**9


class Posting:
    """Does it in a thread; use `look` to do it now."""

    def __init__(self, store: Store, people: People, address: str) -> None:
        """`address`: where people open the dashboard."""
        self._store = store
        self._people = people
        self._address = address.rstrip("/")
        self._stop = threading.Event()
        self._is_told = False
        self._thread = threading.Thread(target=self._run, name="digest", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends after the mail under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Queues all that is due. Raises UnavailableError, MailError."""
        now_ns = self._store.watch.clock() * SECOND_NS
        self._store.run(_forget(now_ns)).result(WRITE_SECONDS)
        with self._store.reading() as connection:
            waiting = due(connection, now_ns, MOST_DUE)
        for one in waiting:
            if self._stop.is_set():
                return
            self._post(one, now_ns)

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_SECONDS):
            try:
                self.look()
                self._is_told = False
            except (UnavailableError, MailError, TimeoutError) as error:
                if not self._is_told:
                    log.warning("digest: %s; it waits", error)
                self._is_told = True
            except Exception:
                log.exception("digest: failed; tried again later")

    def _post(self, one: Subscription, now_ns: int) -> None:
        with self._store.reading() as connection:
            user = self._people.find(connection, one.person)
            written = self._write(connection, one, user, now_ns) if user else None

        def job(connection: Connection) -> bool:
            """The user is looked up anew: they may have been shut out meanwhile."""
            is_ours = advance(connection, one, now_ns)
            if (
                is_ours
                and written
                and self._people.find(connection, one.person) == user
            ):
                mail.queue(connection, written, now_ns)
            return is_ours

        self._store.run(job).result(WRITE_SECONDS)

    def _write(
        self, connection: Connection, one: Subscription, user: User, now_ns: int
    ) -> Mail:
        after_ns = max(one.told_ns, now_ns - MOST_DAYS * DAY * SECOND_NS)
        # What is stored in this moment shows a little later: it is in the next one.
        after_ns -= visits.SETTLED_NS
        span = Span("window", after_ns, now_ns - visits.SETTLED_NS)
        who = Visitor(user.name, user.role, user.scope)
        paging = Paging(page=1, size=MOST_LINES, total=0)
        report = told(connection, self._store.watch, who, span, paging)
        key = f"digest {one.person} {one.due_ns}"
        return letter.write(report, self._address, one.address, key)


def _forget(now_ns: int) -> Job:
    """Takes away what belongs to nobody: a user of the same name is somebody else."""

    def job(connection: Connection) -> bool:
        is_theirs = sa.exists().where(
            users.c.name == subscriptions.c.person,
            users.c.created_ns <= subscriptions.c.changed_ns,
        )
        connection.execute(sa.delete(subscriptions).where(~is_theirs))
        visits.forget_old(connection, now_ns)
        return False

    return job
