"""News become messages at real receivers, once, on both databases."""

import base64
import email
import email.policy
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.alerts import deliveries, mail
from cloud.alerts.alerting import Alerting, Terms
from cloud.alerts.channel import ChannelError, Kind
from cloud.alerts.deliveries import GATHERED_NS, HOUR_NS, MOST_PER_HOUR
from cloud.alerts.message import Mail
from cloud.alerts.tables import State, channels
from cloud.alerts.tables import deliveries as queue
from cloud.alerts.ways.reaching import Reach, SendError
from cloud.store import news
from cloud.store.schema import changes
from cloud.store.store import Store
from tests.cloud.alerts.receivers import Post, Web, post, web
from tests.waiting import eventually

KEY = "a key of sixteen characters or more"
LOOPBACK = Terms(Reach(allows_loopback=True), b"k" * 32)


class Clock:
    def __init__(self) -> None:
        self.ns = time.time_ns()

    def __call__(self) -> int:
        return self.ns


class Line:
    """A store with alerting, driven by hand."""

    def __init__(self, store: Store, terms: Terms = LOOPBACK) -> None:
        self.store, self.clock = store, Clock()
        self.alerting = Alerting(store, terms, "https://seen.example/x", self.clock)
        self.number = 0

    def begin(self) -> None:
        self.alerting.read_news()

    def happen(self, count: int = 1, sensitivity: int = 3, at_ns: int = 0) -> None:
        """Data in URLs, as ingestion notes it; `at_ns`: not now, but stored now."""
        rows = []
        for _ in range(count):
            self.number += 1
            rows.append(
                news.change(
                    news.Kind.IN_URL,
                    "local",
                    (at_ns or self.clock.ns, self.clock.ns),
                    endpoint=self.number,
                    data_type="contact.email",
                    sensitivity=sensitivity,
                )
            )
        names = list(changes.c.keys())
        told = [dict(zip(names, row, strict=True)) for row in rows]
        self.do(lambda c: c.execute(sa.insert(changes), told))

    def do(self, work: Any) -> Any:
        found = []

        def job(connection: Connection) -> bool:
            found.append(work(connection))
            return False

        self.store.run(job).result(30)
        return found[0]

    def deliver(self, seconds: float = 40) -> None:
        """Reads, lets time go by, sends, and waits for the outcome."""
        self.alerting.read_news()
        self.clock.ns += int(seconds * 10**9)
        self.alerting.send_due()
        assert eventually(lambda: self.alerting._sending == 0, 30)

    def states(self) -> dict[State, int]:
        with self.store.reading() as connection:
            return deliveries.counts(connection)

    def webhook(self, address: str) -> str:
        sent = {"name": "hook", "url": address, "key": KEY}
        return self.alerting.book.create(Kind.WEBHOOK, sent, "ann")[0]


@pytest.fixture
def line(store: Store) -> Line:
    return Line(store)


@pytest.fixture
def receiver() -> Iterator[Web]:
    with web() as kept:
        yield kept


@pytest.fixture
def postbox() -> Iterator[Post]:
    with post() as kept:
        yield kept


def test_news_come_once_and_signed(line: Line, receiver: Web) -> None:
    line.webhook(f"{receiver.address}/hook")
    line.happen()  # Before anybody was to be told.
    line.clock.ns += 10**9
    line.begin()
    line.clock.ns += 10**9
    line.happen(2)
    line.deliver()
    line.deliver()
    (got,) = receiver.got
    told = json.loads(got.body)
    assert told["total"] == 2
    assert told["counts"] == {"data_in_url": 2}
    assert told["news"][0]["data_type"] == "contact.email"
    assert told["link"] == "https://seen.example/x/changes"
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}."
    digest = hmac.new(KEY.encode(), signed.encode() + got.body, hashlib.sha256)
    expected = "v1," + base64.b64encode(digest.digest()).decode()
    assert got.headers["webhook-signature"] == expected
    assert line.states()[State.SENT] == 1


def test_storm_is_few_messages(line: Line, receiver: Web) -> None:
    line.webhook(receiver.address)
    line.begin()
    line.clock.ns += 10**9
    for _ in range(10):
        line.happen(1_000)
    line.deliver()
    (got,) = receiver.got
    told = json.loads(got.body)
    assert told["total"] == 10_000
    assert (len(told["news"]), told["more"]) == (50, 9_950)
    assert len(got.body) < 60_000


def test_hour_has_room_for_some_and_counts_the_rest(line: Line, receiver: Web) -> None:
    line.webhook(receiver.address)
    line.begin()
    for _ in range(MOST_PER_HOUR + 5):
        line.clock.ns += 10**9
        line.happen()
        line.deliver(GATHERED_NS / 10**9 + 1)
    assert len(receiver.got) == MOST_PER_HOUR
    line.deliver(HOUR_NS / 10**9)
    totals = [json.loads(got.body)["total"] for got in receiver.got]
    assert sum(totals) == MOST_PER_HOUR + 5
    assert totals[-1] == 5


def test_what_fails_is_tried_again_with_the_same_id(line: Line, receiver: Web) -> None:
    receiver.replies = [(500, {}), (429, {"Retry-After": "900"})]
    line.webhook(receiver.address)
    line.begin()
    line.clock.ns += 10**9
    line.happen()
    line.deliver()
    line.deliver(60)
    line.deliver(600)
    assert len(receiver.got) == 2, "it asked to wait for 15 minutes"
    line.deliver(301)
    assert len(receiver.got) == 3
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert line.states()[State.SENT] == 1


@pytest.mark.parametrize("status", [302, 400, 404, 410])
def test_what_is_refused_is_dead_until_somebody_says_again(
    line: Line, receiver: Web, status: int
) -> None:
    receiver.replies = [(status, {"location": f"{receiver.address}/other"})]
    line.webhook(receiver.address)
    line.begin()
    line.clock.ns += 10**9
    line.happen()
    line.deliver()
    line.deliver(100_000)
    assert [got.path for got in receiver.got] == ["/"]
    assert line.states()[State.DEAD] == 1
    with line.store.reading() as connection:
        key = connection.scalar(sa.select(queue.c.id)) or ""
    assert line.do(lambda c: deliveries.again(c, key, line.clock.ns))
    line.deliver()
    assert line.states()[State.SENT] == 1


def test_two_clouds_send_once_and_a_dead_one_is_replaced(
    line: Line, receiver: Web
) -> None:
    line.webhook(receiver.address)
    line.begin()
    line.clock.ns += 10**9
    line.happen()
    line.alerting.read_news()
    line.clock.ns += GATHERED_NS + 1
    line.do(lambda c: deliveries.ripen(c, line.clock.ns))
    # This cloud dies between claim and sending.
    (dead,) = line.do(lambda c: deliveries.claim(c, 4, line.clock.ns))
    assert line.do(lambda c: deliveries.claim(c, 4, line.clock.ns)) == []
    line.deliver(1)
    assert receiver.got == []
    line.deliver(deliveries.CLAIM_NS / 10**9)
    assert len(receiver.got) == 1
    assert receiver.got[0].headers["webhook-id"] == dead.id
    assert line.do(lambda c: deliveries.end(c, dead, "late", line.clock.ns)) is None


def test_mail_of_another_part_is_sent_once(line: Line, postbox: Post) -> None:
    with pytest.raises(mail.MailError):
        mail.send(line.store, Mail("x", "y"))
    line.alerting.book.create(
        Kind.MAIL,
        {
            "name": "post",
            "host": "127.0.0.1",
            "port": str(postbox.port),
            "security": "none",
            "sender": "vethscope@example.com",
            "recipients": "ann@example.com, nobody@example.com",
        },
        "ann",
    )
    digest = Mail("Week 47: 3 news", "text\n.dot", "<p>html</p>", key="2026-47")
    assert mail.send(line.store, digest) == mail.send(line.store, digest)
    line.clock.ns = time.time_ns()
    line.deliver(1)
    (raw,) = postbox.got
    got = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(got, email.message.EmailMessage)
    assert got["subject"] == "Week 47: 3 news"
    assert got.get_content_type() == "multipart/alternative"
    text = got.get_body(("plain",))
    assert text is not None
    assert text.get_content().splitlines() == ["text", ".dot"]


def test_secret_is_in_no_row_as_it_is_and_test_tells_the_outcome(
    line: Line, receiver: Web
) -> None:
    key = line.webhook(f"{receiver.address}/secret-path")
    with line.store.reading() as connection:
        row = connection.execute(sa.select(channels)).one()
    assert KEY not in repr(row)
    assert "secret-path" not in repr(row)
    assert line.alerting.test(key) == "it answers 204"
    receiver.replies = [(403, {})]
    with pytest.raises(SendError, match="it answers 403"):
        line.alerting.test(key)


def test_metadata_and_this_machine_are_not_reached(store: Store) -> None:
    line = Line(store, Terms())
    for host in ("127.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]"):
        key = line.webhook(f"http://{host}/")
        with pytest.raises(SendError, match="not allowed"):
            line.alerting.test(key)
    with pytest.raises(ChannelError):
        line.webhook("file:///etc/passwd")
