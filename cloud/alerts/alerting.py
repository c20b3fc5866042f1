"""All that keeps alerts in one cloud: a thread that reads news and sends what is due.

In: a store, and where channels may lead to. Out: messages on their way. It looks every
two seconds, as a reader; only where something is to be done it writes, a short job
between two groups of packages. Messages are sent by threads of their own, so that a
receiver that hangs holds back nothing but its own channel. Whatever goes wrong, the
thread goes on.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.alerts import deliveries, sources
from cloud.alerts.book import Book, kept_channel, kept_channels, kept_rules
from cloud.alerts.channel import Channel, Kind
from cloud.alerts.deliveries import Claimed
from cloud.alerts.message import Line, News, Topic, decode
from cloud.alerts.tables import State, issues
from cloud.alerts.vault import Vault
from cloud.alerts.ways import jira, siem, slack, smtp, webhook
from cloud.alerts.ways.parcel import Parcel
from cloud.alerts.ways.reaching import Reach, SendError
from cloud.errors import CloudError
from cloud.store.measures import COUNTER, GAUGE, Measure
from cloud.store.store import Store

log = logging.getLogger("vethscope")

LOOK_SECONDS = 2.0
SENDERS = 4
"""Channels that are sent through at the same time."""
FORGET_SECONDS = 3_600.0
STEP_SECONDS = 60.0
"""For one job: it waits for the packages before it."""


class Terms(NamedTuple):
    """What the settings say."""

    reach: Reach = Reach()
    key: bytes = b""
    """Of the vault; empty: secrets are stored as they are."""
    folder: str = ""
    """Where channels may write files; empty: nowhere."""


class Alerting:
    """Use as a context: its threads work meanwhile."""

    def __init__(
        self,
        store: Store,
        terms: Terms,
        address: str,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.store = store
        self.terms = terms
        self.book = Book(store, Vault(terms.key), clock_ns)
        self._address = address
        self._clock_ns = clock_ns
        self._counts = Counter[str]()
        self._states: dict[State, int] = {}
        self._sending = 0
        self._forget_due = 0.0
        self._stop = threading.Event()
        self._testing = threading.Semaphore(2)
        self._pool = ThreadPoolExecutor(SENDERS, "sending")
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)

    def __enter__(self) -> "Alerting":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """An attempt under way is waited for no longer than the next cloud would."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def test(self, key: str) -> str:
        """Sends a test through a channel, now; what the receiver said.

        Raises SendError, MissingError and UnavailableError.
        """
        if not self._testing.acquire(blocking=False):
            raise SendError("other tests are under way, try again")
        try:
            now_ns = self._clock_ns()
            words = "This is a test of this channel: somebody pressed “Send a test”"
            advice = "Nothing is wrong. Alerts come here in this form."
            line = Line(
                f"test-{now_ns}", Topic.PROBLEM, 0, now_ns, words, advice=advice
            )
            news = News("Test", [line], {}, is_test=True)
            return self._sent(
                key, Parcel(f"test-{now_ns}", news, self._address, now_ns)
            )
        finally:
            self._testing.release()

    def read_news(self) -> None:
        """Gathers what is new. Raises UnavailableError."""
        there = self.store.watch.problems()
        with self.store.reading() as connection:
            is_on = any(channel.is_on for channel in kept_channels(connection))
            is_quiet = not sources.has_news(connection) and sources.is_told(
                connection, there, self._clock_ns()
            )
            is_begun = sources.has_begun(connection)
        if not is_on:
            if is_begun:
                self._do(_forget_news)
            return
        while not is_quiet and not self._stop.is_set() and self._do(self._gather):
            pass

    def send_due(self) -> None:
        """Begins to send what is due. Raises UnavailableError."""
        now_ns, room = self._clock_ns(), SENDERS - self._sending
        with self.store.reading() as connection:
            self._states = deliveries.counts(connection)
            is_due = deliveries.is_due(connection, now_ns)
        if not is_due or room <= 0:
            return
        claimed: list[Claimed] = []

        def job(connection: Connection) -> bool:
            deliveries.ripen(connection, now_ns)
            claimed.extend(deliveries.claim(connection, room, now_ns))
            return False

        self._do(job)
        for one in claimed:
            self._sending += 1
            self._pool.submit(self._attempt, one)

    def measures(self) -> Iterator[Measure]:
        """Its numbers, from memory."""
        told = {name: float(self._counts[name]) for name in ("sent", "failed", "dead")}
        name = "vethscope_cloud_alerts"
        words = "Attempts to send a message, by what became of them."
        yield Measure(f"{name}_total", COUNTER, words, "outcome", told)
        words = "Messages in the queue."
        states = {s.name.lower(): float(self._states.get(s, 0)) for s in _QUEUED}
        yield Measure(f"{name}_queued", GAUGE, words, "state", states)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self.read_news()
                self.send_due()
                if time.monotonic() >= self._forget_due:
                    self._forget_due = time.monotonic() + FORGET_SECONDS
                    self._do(self._forget)
            except CloudError as error:
                log.warning("alerts: %s; tried again", error)
            except Exception as error:
                # Whatever it was: the next look begins anew.
                log.warning("alerts: %s; tried again", type(error).__name__)

    def _gather(self, connection: Connection) -> bool:
        now_ns = self._clock_ns()
        on = {one.id: one for one in kept_channels(connection) if one.is_on}
        rules = [one for one in kept_rules(connection) if one.is_on]
        found, is_more = sources.read(connection, now_ns)
        there = self.store.watch.problems()
        found += sources.appeared(connection, there, now_ns)
        deliveries.gather(connection, found, rules, on, now_ns)
        return is_more

    def _forget(self, connection: Connection) -> bool:
        deliveries.forget(connection, self._clock_ns())
        return False

    def _attempt(self, one: Claimed) -> None:
        outcome: str | SendError
        try:
            now_ns, message = self._clock_ns(), decode(one.body)
            parcel = Parcel(one.id, message, self._address, now_ns, one.grouped)
            outcome = self._sent(one.channel_id, parcel)
        except SendError as error:
            outcome = error
        except CloudError as error:
            outcome = SendError(str(error))
        except Exception as error:
            # The kind alone: the text could hold an address that is secret.
            outcome = SendError(f"it cannot be sent: {type(error).__name__}")
        try:
            self._end(one, outcome)
        except Exception as error:
            log.warning("alerts: %s; sent again later", type(error).__name__)
        finally:
            self._sending -= 1

    def _end(self, one: Claimed, outcome: str | SendError) -> None:
        states: list[State | None] = []

        def job(connection: Connection) -> bool:
            state = deliveries.end(connection, one, outcome, self._clock_ns())
            states.append(state)
            return False

        self._do(job)
        self._counts["failed" if isinstance(outcome, SendError) else "sent"] += 1
        if states == [State.DEAD]:
            self._counts["dead"] += 1
            log.warning("alerts: a message is dead: %s", outcome)

    def _sent(self, key: str, parcel: Parcel) -> str:
        with self.store.reading() as connection:
            channel, sealed = kept_channel(connection, key)
        secret = self.book.vault.open(key, sealed)
        told = (parcel, channel.settings, secret, self.terms.reach)
        match channel.kind:
            case Kind.WEBHOOK:
                return webhook.send(*told)
            case Kind.SLACK:
                return slack.send(*told)
            case Kind.MAIL:
                return smtp.send(*told)
            case Kind.JIRA:
                return jira.send(*told, _Issues(self, channel, parcel.grouped))
            case Kind.SYSLOG:
                return siem.to_syslog(*told)
            case Kind.FILE:
                return siem.to_file(parcel, channel.settings, self.terms.folder)

    def _do(self, job: Callable[[Connection], bool]) -> bool:
        return self.store.run(job).result(STEP_SECONDS)


_QUEUED = (State.GATHERING, State.WAITING, State.DEAD)


def _forget_news(connection: Connection) -> bool:
    sources.forget(connection)
    return False


class _Issues:
    """Of one channel and group; a test belongs to none."""

    def __init__(self, alerting: Alerting, channel: Channel, grouped: str) -> None:
        self._alerting = alerting
        self._channel, self._grouped = channel.id, grouped
        of = issues.c
        self._same = sa.and_(of.channel_id == channel.id, of.grouped == grouped)

    def get(self) -> str:
        with self._alerting.store.reading() as connection:
            return connection.scalar(sa.select(issues.c.issue).where(self._same)) or ""

    def put(self, issue: str) -> None:
        row = {"channel_id": self._channel, "grouped": self._grouped, "issue": issue}

        def job(connection: Connection) -> bool:
            connection.execute(sa.delete(issues).where(self._same))
            if issue and self._grouped:
                made = row | {"created_ns": time.time_ns()}
                connection.execute(sa.insert(issues).values(made))
            return False

        self._alerting._do(job)
