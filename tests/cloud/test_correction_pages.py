"""A false positive is corrected from its field, gone from what is stored, and undone.

Real clouds on both databases, by forms as a browser sends them.
"""

import json
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa

from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.visits import Visits
from cloud.policies.policing import Policing
from cloud.policies.rule import read
from cloud.policies.tables import State, violations
from cloud.store.correcting import Corrections
from cloud.store.corrections import Correction, Scope
from cloud.store.store import Store
from cloud.visitor import Role, read_scope
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.cloud.packages import endpoint, offsets, package, place
from tests.cloud.running import Answer, Cloud, wait_until

CARD = "financial.payment_card"
NO_CARDS = """
policies:
  - id: no-cards
    title: No cards
    severity: high
    deny: {data: {types: financial.*}}
"""


def orders(number: int) -> c.Package:
    found = [place(CARD, "$.number", d.HIGH), place("contact.email", "$.mail")]
    return package(
        offsets(0, 1, partition=number), endpoints=[endpoint("/orders", found)]
    )


@pytest.fixture
def running(database_url: str) -> Iterator[Cloud]:
    with Cloud(database_url) as cloud:
        cloud.collector.Send(orders(0), timeout=10)
        yield cloud


def sent(cloud: Cloud, path: str, part: str = "", **form: str) -> Answer:
    with closing(Ledger(cloud.database_url)) as ledger:
        visits = Visits(ledger, People(ledger), Attempts())
        key = visits.make_api_key("test", Role.EDITOR, 3_600, "ada", read_scope(part))
    headers = {
        "authorization": f"Bearer {key}",
        "content-type": "application/x-www-form-urlencoded",
    }
    return cloud.ask(path, "POST", headers, urllib.parse.urlencode(form))


def only(cloud: Cloud) -> dict[str, Any]:
    (row,) = cloud.get("/api/v1/endpoints").json()["endpoints"]
    found: dict[str, Any] = cloud.get(f"/api/v1/endpoints/{row['id']}").json()
    return found


FIELD = {
    "direction": "response",
    "location": "body",
    "field": "$.number",
    "type": CARD,
}


def test_false_positive_is_corrected_from_its_field_and_undone(running: Cloud) -> None:
    before = only(running)
    assert before["sensitivity"] == "high"
    address = f"/endpoints/{before['id']}/correct"
    form = running.get(f"/api/v1{address}?{urllib.parse.urlencode(FIELD)}").json()
    assert {one["scope"]: one["places"] for one in form["scopes"]} == dict.fromkeys(
        ("place", "endpoint", "workload", "cluster", "everywhere"), 1
    )
    assert sent(running, address, **FIELD).status == 400
    answer = sent(running, address, **FIELD, reason="an order's number", **AT_PLACE)
    assert answer.status == 303
    after = only(running)
    assert [field["data_type"] for field in after["fields"]] == ["contact.email"]
    assert (after["sensitivity"], after["uncertain_total"]) == ("medium", 0)
    assert [one["found"] for one in after["corrected"]] == [CARD]
    assert CARD not in json.dumps(running.get("/api/v1/overview").json())
    assert CARD not in json.dumps(running.get("/api/v1/map").json())
    assert CARD not in running.get("/api/v1/endpoints").text
    running.collector.Send(orders(1), timeout=10)
    assert only(running)["sensitivity"] == "medium"
    (row,) = running.get("/api/v1/corrections").json()["corrections"]
    assert (row["places"], row["is_applied"], row["author"]) == (1, True, "test")
    assert row["agents"] == [{"cluster": "local", "since": None}]
    known = running.collector.Correct(c.CorrectRequest(cluster="local"), timeout=10)
    ask = c.CorrectRequest(cluster="local", revision=known.revision)
    running.collector.Correct(ask, timeout=10)
    wait_until(lambda: bool(agents(running)[0]["since"]))
    assert sent(running, "/corrections/undo", id=row["id"]).status == 400
    undo = sent(running, "/corrections/undo", id=row["id"], reason="it was one")
    assert undo.status == 303
    back = only(running)
    assert back["sensitivity"] == "high"
    assert {f["data_type"]: f["count"] for f in back["fields"]}[CARD] == 2
    (row,) = running.get("/api/v1/corrections?state=undone").json()["corrections"]
    assert (row["undone_by"], row["undone_reason"]) == ("test", "it was one")


def test_undoing_without_a_reason_shows_the_form_again(running: Cloud) -> None:
    """On the page that had it, with what was chosen and its filters."""
    page = f"/endpoints/{only(running)['id']}"
    sent(running, f"{page}/correct", **FIELD, **AT_PLACE, reason="an order's number")
    (row,) = running.get("/api/v1/corrections").json()["corrections"]
    undo = {"id": row["id"], "q": "order", "state": "all"}
    again = sent(running, "/corrections/undo", **undo)
    assert again.status == 400
    assert "<h1>Corrections</h1>" in again.text
    assert "Say why: a reason is needed." in again.text
    assert f'value="{row["id"]}" checked' in again.text
    assert '<input type="hidden" name="q" value="order">' in again.text
    assert 'href="/api/v1/corrections?q=order' in again.text
    long = sent(running, "/corrections/undo", **undo, reason="x" * 1_001)
    assert "may have 1,000 characters, and has 1,001" in long.text
    none = sent(running, "/corrections/undo", reason="a reason")
    assert "Choose 1 to 200 corrections." in none.text
    assert 'value="a reason"' in none.text
    for back in (page, f"/types/{CARD}"):
        beside = sent(running, "/corrections/undo", id=row["id"], back=back)
        assert beside.status == 400
        assert '<details class="fold" open><summary>Undo' in beside.text
        assert "Say why: a reason is needed." in beside.text
        assert f'href="/api/v1{back}' in beside.text
    # A page that is not the sender's is not shown, and no other site is.
    for back in ("/administration/users", "https://evil.example/", "/x" * 200):
        odd = sent(running, "/corrections/undo", id=row["id"], back=back)
        assert (odd.status, "<h1>Corrections</h1>" in odd.text) == (400, True)
    done = sent(running, "/corrections/undo", **undo, reason="it was one")
    assert done.headers["location"] == "/corrections?q=order&state=all"


AT_PLACE = {"scope": "place"}


def agents(cloud: Cloud) -> list[dict[str, Any]]:
    (row,) = cloud.get("/api/v1/corrections").json()["corrections"]
    found: list[dict[str, Any]] = row["agents"]
    return found


def with_scope(cloud: Cloud, part: str, reach: str) -> int:
    """The status of a correction by an editor of a part."""
    with closing(Ledger(cloud.database_url)) as ledger:
        visits = Visits(ledger, People(ledger), Attempts())
        key = visits.make_api_key("t", Role.EDITOR, 3_600, "eve", read_scope(part))
    form = urllib.parse.urlencode(FIELD | {"scope": reach, "reason": "x"})
    headers = {
        "authorization": f"Bearer {key}",
        "content-type": "application/x-www-form-urlencoded",
    }
    address = f"/endpoints/{only(cloud)['id']}/correct"
    return cloud.ask(address, "POST", headers, form).status


def test_limited_editors_correct_in_their_part_only(running: Cloud) -> None:
    assert with_scope(running, "local/other", "place") == 404
    assert with_scope(running, "local/shop", "everywhere") == 403
    assert with_scope(running, "local/shop", "cluster") == 403
    assert with_scope(running, "local/shop", "workload") == 303
    (row,) = running.get("/api/v1/corrections").json()["corrections"]
    undo = {"id": row["id"], "reason": "x"}
    assert sent(running, "/corrections/undo", "local/other", **undo).status == 404
    assert sent(running, "/corrections/undo", "local/shop", **undo).status == 303


def test_violations_follow_corrections(store: Store) -> None:
    policing = Policing(store, iter(range(10**18, 2 * 10**18)).__next__)
    policing.book.save(read(NO_CARDS), "ada")
    policing.book.switch("no-cards", True, "ada")
    store.add(orders(0))
    policing.judging.judge_all()
    assert states(store) == [(State.NEW, 0)]
    one = Correction(
        scope=Scope.WORKLOAD,
        data_type=CARD,
        cluster="local",
        namespace="shop",
        kind="Deployment",
        name="shop-api",
    )
    key = policing.corrections.add(one, "an order's number", "ada")
    assert states(store) == [(State.WRONG, State.NEW)]
    policing.judging.judge_all()
    assert states(store) == [(State.WRONG, State.NEW)]
    assert policing.corrections.undo(key, "bob")
    assert states(store) == [(State.NEW, 0)]


def states(store: Store) -> list[tuple[int, int]]:
    columns = (violations.c.state, violations.c.state_before)
    with store.reading() as connection:
        return [(row[0], row[1]) for row in connection.execute(sa.select(*columns))]


def test_a_correction_is_told_where_it_holds_and_undone_there(
    running: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On pages of field, endpoint and type; also while it is applied."""
    may_go_on = threading.Event()
    apply = Corrections.apply_pending

    def later(self: Corrections) -> None:
        may_go_on.wait(30)
        apply(self)

    monkeypatch.setattr(Corrections, "apply_pending", later)
    page = f"/endpoints/{only(running)['id']}"
    form = FIELD | {"scope": "everywhere", "becomes": "own.order", "reason": "no <b>"}
    assert sent(running, f"{page}/correct", **form).status == 303
    mail = FIELD | {"field": "$.mail", "type": "contact.email", "scope": "place"}
    assert sent(running, f"{page}/correct", **mail, reason="a bot").status == 303
    field = f"{page}/correct?{urllib.parse.urlencode(FIELD)}"
    for path in (page, field, f"/types/{CARD}"):
        shown = running.get(path).text
        assert "being applied to what is stored" in shown, path
        assert "no &lt;b&gt;" in shown, path
    (told,) = running.get(f"/api/v1{field}").json()["corrections"]
    assert (told["author"], told["is_applied"]) == ("test", False)
    may_go_on.set()
    wait_until(lambda: "being applied" not in running.get(page).text)
    for path in (page, "/types/own.order"):
        shown = running.get(path).text
        assert "in force for 1 stored place" in shown, path
        assert "being applied" not in shown, path
    gone = running.get(f"/types/{CARD}")
    assert gone.status == 200
    assert "All places are corrected" in gone.text
    assert "was found in 1 field," in gone.text
    assert f'href="/corrections?type={CARD}"' in gone.text
    report = running.get(f"/api/v1/types/{CARD}").json()
    assert (report["type"]["endpoints"], report["corrected_places"]) == (0, 1)
    assert (report["places"], report["flows"], report["receivers"]) == ([], [], [])
    assert running.get("/types/financial.swift").status == 404
    told = {
        one["data_type"]: one
        for one in running.get(f"/api/v1{page}").json()["corrections"]
    }
    assert told.keys() == {CARD, "contact.email"}
    elsewhere = sent(
        running, "/corrections/undo", id=told[CARD]["id"], reason="it is", back=page
    )
    assert elsewhere.headers["location"] == page
    for back in ("https://elsewhere.example", "//x", "/account"):
        again = sent(
            running, "/corrections/undo", id=told[CARD]["id"], reason="x", back=back
        )
        assert again.headers["location"] == "/corrections?state=all"
    wait_until(lambda: CARD in running.get(f"/types/{CARD}").text)
    assert "own.order" not in running.get(page).text


def test_who_may_see_a_part_is_told_of_it_alone(running: Cloud) -> None:
    page = f"/endpoints/{only(running)['id']}"
    form = FIELD | {"scope": "everywhere", "reason": "why"}
    assert sent(running, f"{page}/correct", **form).status == 303
    with closing(Ledger(running.database_url)) as ledger:
        visits = Visits(ledger, People(ledger), Attempts())
        part = read_scope("local/shop")
        key = visits.make_api_key("bob", Role.VIEWER, 3_600, "ada", part)
    headers = {"authorization": f"Bearer {key}"}
    wait_until(lambda: only(running)["sensitivity"] == "medium")
    (told,) = running.ask(f"/api/v1{page}", headers=headers).json()["corrections"]
    assert told["may_undo"] is False
