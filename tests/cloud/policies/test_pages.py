"""The pages of policies over real HTTP: written, tried, switched on, decided."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.visits import Visits
from cloud.visitor import EVERYTHING, Role, Scope, read_scope
from tests.cloud import town
from tests.cloud.inhabited import inhabited, post, violations
from tests.cloud.running import Answer, Cloud
from tests.waiting import eventually

FORM = {
    "id": "no-mail",
    "title": "No addresses to push services",
    "severity": "low",
    "types": "contact.email",
    "to_name": "mail.sender.example",
}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder: Path = tmp_path_factory.mktemp("town")
    with inhabited(folder) as cloud:
        yield cloud


def send(
    cloud: Cloud, path: str, role: Role, scope: Scope = EVERYTHING, **fields: str
) -> Answer:
    """As a program sends a form."""
    with closing(Ledger(cloud.database_url)) as ledger:
        visits = Visits(ledger, People(ledger), Attempts())
        key = visits.make_api_key("anna", role, 60, "test", scope)
    headers = {"authorization": f"Bearer {key}"}
    return cloud.ask(path, "POST", headers, urlencode(fields))


def audited(cloud: Cloud) -> list[tuple[str, str]]:
    with closing(Ledger(cloud.database_url)) as ledger:
        return [(line.action, line.subject) for line in ledger.audited(50)]


def test_policy_is_written_tried_switched_on_and_broken(company: Cloud) -> None:
    tried = post(company, "/policies/try", **FORM)
    assert tried.status == 200
    assert "would have broken it" in tried.text
    assert ">1</b> of" in tried.text
    assert company.get("/api/v1/policies/no-mail").status == 404
    assert post(company, "/policies", **FORM).headers["location"] == "/policies/no-mail"
    told = company.get("/api/v1/policies/no-mail").json()
    assert (told["is_on"], told["version"], told["states"]) == (False, 1, {})
    post(company, "/policies/no-mail/switch", is_on="yes")
    listed = "/api/v1/violations?policy=no-mail"
    assert eventually(lambda: bool(company.get(listed).json()["violations"]))
    (found,) = company.get(listed).json()["violations"]
    assert found["receiver"]["name"] == "mail.sender.example"
    assert ("policy switched on", "no-mail") in audited(company)
    removed = post(company, "/policies/no-mail/remove", sure="no-mail")
    assert removed.status == 303
    assert company.get("/policies/no-mail").status == 404


def test_wrong_policy_is_shown_again_with_what_is_wrong(company: Cloud) -> None:
    answer = post(company, "/policies", **FORM | {"severity": "grave"})
    assert answer.status == 400
    assert 'role="alert"' in answer.text
    assert FORM["title"] in answer.text
    answer = post(company, "/policies", document="policies: [<b>")
    assert answer.status == 400
    assert "policies: [&lt;b&gt;" in answer.text
    assert 'aria-describedby="wrong-document"' in answer.text


def test_mistake_in_a_policy_stands_beside_its_field(company: Cloud) -> None:
    names = "\u05d0" * 254
    answer = post(company, "/policies/try", **FORM | {"to_name": names})
    assert answer.status == 400
    assert f'value="{names}"' in answer.text
    assert 'aria-describedby="wrong-to_name"' in answer.text
    assert "253" in answer.text.partition('id="wrong-to_name"')[2][:60]


def test_form_of_a_new_policy_changes_no_other_one(company: Cloud) -> None:
    form = FORM | {"id": "cards-outside"}
    answer = post(company, "/policies", **form)
    assert answer.status == 400
    assert "has this id already" in answer.text.partition('id="wrong-id"')[2][:60]
    told = company.get("/api/v1/policies/cards-outside").json()
    assert told["version"] == 1


def test_versions_are_restored(company: Cloud) -> None:
    for title in ("First", "Second"):
        own = {"title": title, "id": "versions", "known": "versions"}
        post(company, "/policies", **FORM | own)
    post(company, "/policies/versions/restore", version="1")
    told = company.get("/api/v1/policies/versions").json()
    assert (told["title"], told["version"]) == ("First", 3)
    assert post(company, "/policies/versions/restore", version="9").status == 404


def test_set_is_adopted_once(company: Cloud) -> None:
    assert "hipaa" in company.get("/api/v1/policies").json()["sets"]
    assert post(company, "/policies/adopt", set="hipaa").status == 303
    told = company.get("/api/v1/policies").json()
    assert "hipaa" not in told["sets"]
    assert {p["is_on"] for p in told["policies"] if p["id"].startswith("hipaa")} == {
        False
    }
    assert post(company, "/policies/adopt", set="../x").status == 404


def test_violations_are_decided_in_bulk(company: Cloud) -> None:
    listed = "/api/v1/violations?policy=health-stays"
    rows = company.get(listed).json()["violations"]
    chosen = [row["id"] for row in rows]
    assert len(chosen) == 2
    fields = {"state": "accepted", "reason": "contract", "until": "2100-01-01"}
    shown = {"policy": "health-stays", "state_shown": "all"}
    answer = post(company, "/violations", id=chosen, **fields, **shown)
    assert answer.headers["location"] == "/violations?state=all&policy=health-stays"
    rows = company.get(f"{listed}&state=accepted").json()["violations"]
    assert {row["until"][:10] for row in rows} == {"2100-01-01"}
    assert {row["reason"] for row in rows} == {"contract"}
    assert ("violations decided", "2 accepted") in audited(company)
    post(company, "/violations", id=chosen, state="new")
    assert len(company.get(listed).json()["violations"]) == 2


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"state": "accepted"}, 400),
        ({"state": ""}, 400),
        ({"state": "accepted", "reason": "x", "until": "tomorrow"}, 400),
        ({"state": "accepted", "reason": "x", "until": "2020-01-01"}, 400),
    ],
)
def test_incomplete_decision_is_refused(
    company: Cloud, fields: dict[str, str], status: int
) -> None:
    chosen = violations(company)
    assert post(company, "/violations", id=chosen[0], **fields).status == status


def test_refused_decision_is_shown_again_with_all_that_was_chosen(
    company: Cloud,
) -> None:
    chosen = violations(company)[:2]
    said = {"state": "accepted", "until": "2020-01-01", "reason": "a < b"}
    shown = {"policy": "health-stays", "state_shown": "all", "assignee": "ada"}
    answer = post(company, "/violations", id=chosen, **said, **shown)
    assert answer.status == 400
    assert 'role="alert">This day is over' in answer.text
    assert answer.text.count('name="id"') == 2
    assert answer.text.count(" checked") == 2
    for text in ('value="a &lt; b"', 'value="ada"', 'value="accepted" selected'):
        assert text in answer.text
    assert 'name="state_shown" value="all"' in answer.text


def test_unknown_violation_is_not_there(company: Cloud) -> None:
    for name in ("0123456789abcdef", "x"):
        answer = post(company, "/violations", id=name, state="fixed")
        assert answer.status == 404


def test_roles_and_scopes_bound_what_may_be_changed(company: Cloud) -> None:
    chosen = company.get("/api/v1/violations?policy=health-stays").json()["violations"]
    outward = next(v for v in chosen if v["receiver"]["kind"] == "External")
    decided = {"id": outward["id"], "state": "confirmed"}
    claims, web = read_scope("eu/claims"), read_scope("prod/web")
    assert (
        send(company, "/violations", Role.VIEWER, EVERYTHING, **decided).status == 403
    )
    assert send(company, "/violations", Role.EDITOR, web, **decided).status == 404
    assert send(company, "/violations", Role.EDITOR, claims, **decided).status == 303
    for path in ("/policies", "/policies/adopt", "/policies/cards-outside/switch"):
        assert send(company, path, Role.VIEWER, EVERYTHING, **FORM).status == 403
        assert send(company, path, Role.EDITOR, claims, **FORM).status == 403


def test_limited_visitor_sees_own_violations_only(company: Cloud) -> None:
    with closing(Ledger(company.database_url)) as ledger:
        visits = Visits(ledger, People(ledger), Attempts())
        scope = read_scope("prod/payments")
        key = visits.make_api_key("ann", Role.VIEWER, 60, "test", scope)
    headers = {"authorization": f"Bearer {key}"}
    told = company.ask("/api/v1/violations?state=all", headers=headers).json()
    assert {row["policy"] for row in told["violations"]} == {"cards-outside"}
    rows = company.ask("/api/v1/policies", headers=headers).json()["policies"]
    known = {row["id"]: row["open"] + row["decided"] for row in rows}
    assert (known["cards-outside"], known["health-stays"]) == (1, 0)


def test_page_of_the_town_s_policies_names_them(company: Cloud) -> None:
    text = company.get("/policies").text
    for line in town.POLICIES.splitlines():
        if "title: " in line:
            assert line.partition("title: ")[2] in text
