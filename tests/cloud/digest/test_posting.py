"""One digest a person and period, of what they may see, on both databases."""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from threading import Thread

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.alerts.mail import KIND, MailError
from cloud.alerts.message import Mail, decode
from cloud.alerts.tables import channels, deliveries
from cloud.digest.posting import Posting
from cloud.digest.subscriptions import AddressError, Rhythm, choose, following, of
from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import People
from cloud.store.news import BASELINE_NS
from cloud.store.store import Store
from cloud.visitor import EVERYTHING, Role, Scope, read_scope
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.cloud.packages import (
    LEDGER,
    SECOND,
    START,
    endpoint,
    offsets,
    package,
    place,
)

DAY = 86_400
NOW = START // SECOND
HOME = "https://vethscope.example/sub"


class Post:
    """A store with news, its doors, and a clock that a test moves."""

    def __init__(self, url: str) -> None:
        self.seconds = NOW - 60
        self.store = Store(url, clock=lambda: self.seconds)
        self.ledger = Ledger(url, lambda: self.seconds * SECOND)
        self.people = People(self.ledger)
        self.posting = Posting(self.store, self.people, HOME)
        first = START - 2 * BASELINE_NS
        known = endpoint(places=[place()], at=first)
        self.store.add(package(offsets(0, 1), endpoints=[known], at=first))
        self.seconds = NOW

    def close(self) -> None:
        self.posting.close()
        self.ledger.close()
        self.store.close()

    def do(self, job: Callable[[Connection], object]) -> None:
        self.store.run(lambda connection: bool(job(connection))).result(30)

    def subscribe(
        self,
        name: str = "ann",
        scope: Scope = EVERYTHING,
        rhythm: Rhythm = Rhythm.DAILY,
    ) -> None:
        self.people.invite(name, Role.VIEWER, scope, "test")
        choice = (rhythm, 0, f"{name}@company.example")
        with self.ledger.writing() as connection:
            choose(connection, name, choice, self.seconds * SECOND)

    def switch_on(self) -> None:
        row = dict.fromkeys(("id", "name", "settings", "changed_by", "claim"), "x")
        row |= {"kind": KIND}
        numbers = dict.fromkeys(("changed_ns", "until_ns", "claimed_until_ns"), 0)
        more = {"secret": b"", "is_on": 1}
        self.do(
            lambda c: c.execute(sa.insert(channels).values(**row, **numbers, **more))
        )

    def news(self, first: int = 1) -> None:
        born = place("personal.birth_date", "$.<b>born", d.HIGH)
        rows = [endpoint("/users/{id}", [born]), endpoint("/x", [born], server=LEDGER)]
        vendor = c.Workload(namespace="web", kind="Deployment", name="front")
        rows.append(endpoint("/y", [born], server=vendor, client=vendor))
        assert self.store.add(package(offsets(first, first + 1), endpoints=rows))

    def mails(self) -> list[Mail]:
        with self.store.reading() as connection:
            found = connection.scalars(
                sa.select(deliveries.c.body).order_by(deliveries.c.created_ns)
            )
            told = [decode(body) for body in found]
        return [one for one in told if isinstance(one, Mail)]


@pytest.fixture
def post(database_url: str) -> Iterator[Post]:
    with closing(Post(database_url)) as made:
        yield made


def test_digest_is_posted_once_a_period(post: Post) -> None:
    post.switch_on()
    post.subscribe()
    post.news()
    post.posting.look()
    assert post.mails() == []
    post.seconds += DAY
    post.posting.look()
    (mail,) = post.mails()
    assert mail.to == ("ann@company.example",)
    assert mail.subject == "Vethscope: 4 things are new, 3 of them grave"
    assert "[high] New data at shop/shop-api" in mail.text
    assert f"{HOME}/endpoints/" in mail.text
    assert f"{HOME}/account#digest" in mail.text
    assert "$.&lt;b&gt;born" in mail.html
    assert "<b>born" not in mail.html
    post.posting.look()
    assert len(post.mails()) == 1
    post.seconds += DAY
    post.posting.look()
    assert [one.subject for one in post.mails()][1:] == ["Vethscope: nothing is new"]


def test_several_clouds_post_one(post: Post) -> None:
    post.switch_on()
    for number in range(5):
        post.subscribe(f"reader-{number}")
    post.seconds += DAY
    url = post.store._database.url.render_as_string(hide_password=False)
    stores = [Store(url, clock=lambda: post.seconds) for _ in range(3)]
    others = [Posting(store, post.people, HOME) for store in stores]
    threads = [Thread(target=one.look) for one in (post.posting, *others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for store in stores:
        store.close()
    assert sorted(mail.to[0] for mail in post.mails()) == [
        f"reader-{number}@company.example" for number in range(5)
    ]


def test_each_reader_gets_what_they_may_see(post: Post) -> None:
    post.switch_on()
    post.subscribe("shop", read_scope("local/shop"))
    post.subscribe("none", read_scope("elsewhere"))
    post.news()
    post.seconds += DAY
    post.posting.look()
    told = {mail.to[0].partition("@")[0]: mail for mail in post.mails()}
    assert "shop/ledger" in told["shop"].text
    assert "web/front" not in told["shop"].text + told["shop"].html
    assert "shop" not in told["none"].text
    assert told["none"].subject == "Vethscope: nothing is new"


def test_without_a_channel_it_waits_and_tells_all(post: Post) -> None:
    post.subscribe()
    post.news()
    for _ in range(3):
        post.seconds += DAY
        with pytest.raises(MailError):
            post.posting.look()
    post.switch_on()
    post.posting.look()
    (mail,) = post.mails()
    assert "4 things are new" in mail.subject


def test_who_is_shut_out_or_removed_gets_nothing(post: Post) -> None:
    post.switch_on()
    for name in ("ann", "ben", "eve"):
        post.subscribe(name)
    post.people.disable("ann", True, "test")
    post.people.remove("ben", "test")
    post.people.remove("eve", "test")
    post.seconds += DAY
    post.people.invite("eve", Role.VIEWER, EVERYTHING, "test")
    post.posting.look()
    assert post.mails() == []
    post.people.disable("ann", False, "test")
    post.seconds += DAY
    post.posting.look()
    assert [mail.to for mail in post.mails()] == [("ann@company.example",)]
    with post.store.reading() as connection:
        assert of(connection, "ben") is None
        assert of(connection, "eve") is None


def test_off_takes_the_subscription_away(post: Post) -> None:
    post.switch_on()
    post.subscribe()
    with post.ledger.writing() as connection:
        choose(connection, "ann", (Rhythm.OFF, 0, ""), NOW * SECOND)
    post.seconds += 9 * DAY
    post.posting.look()
    assert post.mails() == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "a@b\nBcc: c@d",
        "a b@c",
        "a@b,c@d",
        "<a@b>",
        "a@",
        "ä@b",
        "a" * 300 + "@b",
    ],
)
def test_wrong_address_is_refused(post: Post, address: str) -> None:
    with suppress(MailError), post.ledger.writing() as connection:
        with pytest.raises(AddressError):
            choose(connection, "ann", (Rhythm.WEEKLY, 0, address), NOW * SECOND)
        assert of(connection, "ann") is None


@pytest.mark.parametrize(
    ("rhythm", "weekday", "after", "due"),
    [
        (Rhythm.DAILY, 0, "2026-11-27T06:59:59", "2026-11-27T07:00:00"),
        (Rhythm.DAILY, 0, "2026-11-27T07:00:00", "2026-11-28T07:00:00"),
        (Rhythm.WEEKLY, 0, "2026-11-27T08:00:00", "2026-11-30T07:00:00"),
        (Rhythm.WEEKLY, 4, "2026-11-27T06:00:00", "2026-11-27T07:00:00"),
        (Rhythm.WEEKLY, 4, "2026-11-27T07:00:00", "2026-12-04T07:00:00"),
        (Rhythm.WEEKLY, 3, "2026-12-31T07:00:01", "2027-01-07T07:00:00"),
    ],
)
def test_following_moment(rhythm: Rhythm, weekday: int, after: str, due: str) -> None:
    given, wanted = (
        int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND
        for text in (after, due)
    )
    assert following(rhythm, weekday, given) == wanted
