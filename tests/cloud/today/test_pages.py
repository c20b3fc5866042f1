"""Today over real HTTP: reload, mark as read, programs, choices on the account page."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa

from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.visits import Visits
from cloud.pages.today.tables import marks
from cloud.pages.today.visits import PAUSE_NS, SETTLED_NS
from cloud.visitor import Role
from proto.v1 import detector_pb2 as d
from tests.cloud.packages import INTERVAL, START, endpoint, offsets, package, place
from tests.cloud.running import Cloud
from tests.cloud.test_front import PASSWORD, Browser
from tests.waiting import eventually

OLD = START - 30 * INTERVAL


@pytest.fixture
def ledger(cloud: Cloud) -> Iterator[Ledger]:
    """Of a cloud with one new data type, and a user."""
    known = endpoint("/known", [place()], at=OLD)
    cloud.collector.Send(package(offsets(0, 1), endpoints=[known], at=OLD))
    news = endpoint("/known", [place("personal.birth_date", "$.born", d.HIGH)])
    cloud.collector.Send(package(offsets(1, 2), endpoints=[news]))
    with closing(Ledger(cloud.database_url)) as opened:
        People(opened).add("ann", Role.VIEWER, PASSWORD, "test")
        yield opened


@pytest.fixture
def ann(cloud: Cloud, ledger: Ledger) -> Browser:
    browser = Browser(cloud)
    assert browser.log_in("ann").status == 303
    return browser


def stored(ledger: Ledger) -> list[tuple[int, int, int]]:
    chosen = sa.select(marks.c.mark_ns, marks.c.before_ns, marks.c.seen_ns)
    with ledger.reading() as connection:
        return [
            (row[0], row[1], row[2])
            for row in connection.execute(chosen.where(marks.c.person == "ann"))
        ]


def pause(ledger: Ledger) -> None:
    """As if half an hour had passed since the last look."""
    earlier = {name: marks.c[name] - 2 * PAUSE_NS for name in ("seen_ns", "mark_ns")}
    with ledger.writing() as connection:
        connection.execute(sa.update(marks).values(earlier))


def test_list_stays_for_the_visit_and_is_read_after_it(
    ann: Browser, ledger: Ledger
) -> None:
    for _ in range(3):
        told = ann.get("/api/v1/today").json()
        assert told["since_what"] == "first"
        assert {line["kind"] for line in told["lines"]} == {"data", "cluster"}
    assert "Birth date (high)" in ann.get("/").text
    assert eventually(lambda: bool(stored(ledger)))
    with ledger.writing() as connection:
        seen = marks.c.seen_ns - PAUSE_NS
        connection.execute(sa.update(marks).values(seen_ns=seen))
    told = ann.get("/api/v1/today").json()
    assert told["since_what"] == "visit"
    before = ann.get("/api/v1/today?window=before").json()
    assert eventually(
        lambda: ann.get("/api/v1/today?window=before").json()["lines"] != []
    ), before


def test_mark_as_read_empties_the_list_for_this_person_only(
    ann: Browser, cloud: Cloud, ledger: Ledger
) -> None:
    page = ann.get("/")
    until = page.text.partition('name="until" value="')[2].partition('"')[0]
    proof = ann.proof("/")
    assert ann.post("/today/read", proof=proof, until=until).status == 303
    assert ann.get("/api/v1/today").json()["lines"] == []
    shown = ann.get("/").text
    assert "Nothing is new" in shown
    assert "since your last visit" in shown
    assert cloud.get("/api/v1/today").json()["lines"] != []
    again = endpoint("/other", [place("financial.iban", "$.i", d.HIGH)])
    cloud.collector.Send(package(offsets(2, 3), endpoints=[again]))
    lines = ann.get("/api/v1/today").json()["lines"]
    assert [line["title"] for line in lines] == [
        "New endpoint of shop/shop-api: GET /other"
    ]


@pytest.mark.parametrize(
    "until", ["", "x", "1e99", "9" * 40, "-1", "²", "9999-99-99", "0001-01-01"]
)
def test_wrong_moment_is_refused_and_never_an_error(ann: Browser, until: str) -> None:
    answer = ann.post("/today/read", proof=ann.proof("/"), until=until)
    assert answer.status in (303, 400)


def test_programs_read_and_move_nothing(
    ann: Browser, cloud: Cloud, ledger: Ledger
) -> None:
    ann.get("/")
    assert eventually(lambda: bool(stored(ledger)))
    pause(ledger)
    before = stored(ledger)
    visits = Visits(ledger, People(ledger), Attempts())
    key = visits.make_api_key("ann", Role.VIEWER, 60, "test")
    headers = {"authorization": f"Bearer {key}"}
    for _ in range(2):
        answer = cloud.ask("/api/v1/today", headers=headers)
        assert answer.status == 200
    assert cloud.ask("/today/read", "POST", headers, "until=2026-01-01").status == 303
    assert stored(ledger) == before
    mark_ns, _, seen_ns = before[0]
    assert seen_ns - mark_ns > SETTLED_NS


def test_window_tells_the_same_without_a_visit(ann: Browser, ledger: Ledger) -> None:
    told = ann.get("/api/v1/today?window=day").json()
    assert told["since_what"] == "window"
    assert told["lines"]
    assert stored(ledger) == []


def test_digest_is_chosen_on_the_account_page(ann: Browser, cloud: Cloud) -> None:
    fields = {"rhythm": "weekly", "weekday": "Friday", "address": "ann@company.example"}
    sent = ann.post("/account/digest", proof=ann.proof("/account"), **fields)
    assert sent.status == 303
    told = ann.get("/api/v1/account").json()["digest"]
    assert {name: told[name] for name in fields} == fields
    assert told["following"]
    assert not told["is_mail_on"]
    wrong = fields | {"address": "no address"}
    answer = ann.post("/account/digest", proof=ann.proof("/account"), **wrong)
    assert answer.status == 400
    assert "NAME@DOMAIN" in answer.text
    off = ann.post("/account/digest", proof=ann.proof("/account"), rhythm="off")
    assert off.status == 303
    assert ann.get("/api/v1/account").json()["digest"]["rhythm"] == "off"
    assert cloud.get("/api/v1/account").json()["digest"] is None
