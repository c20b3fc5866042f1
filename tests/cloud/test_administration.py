"""The administration over real HTTP: each form, who may send it, what it does."""

import re
from collections.abc import Iterator
from contextlib import closing
from html import unescape

import grpc
import pytest

from cloud.administration import rooms
from cloud.administration.doors import Doors
from cloud.administration.handed import Handed
from cloud.doors.clusters.rates import Limits
from cloud.doors.clusters.tokens import Tokens
from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.visits import Visits
from cloud.visitor import Role
from proto.v1.collector_pb2 import ResumeRequest, ResumeResponse
from tests.cloud.running import Answer, Cloud
from tests.cloud.test_front import PASSWORD, Browser

FORMS = [
    "/administration/users",
    "/administration/users/change",
    "/administration/users/reset",
    "/administration/users/disable",
    "/administration/users/remove",
    "/administration/tokens",
    "/administration/tokens/revoke",
    "/administration/visits/end",
]
PAGES = [
    "/administration/users",
    "/administration/tokens",
    "/administration/visits",
    "/administration/audit",
    "/administration/settings",
]


@pytest.fixture
def people(cloud: Cloud) -> Iterator[People]:
    """One of each role, on the database of the running cloud."""
    with closing(Ledger(cloud.database_url)) as ledger:
        people = People(ledger)
        for role in Role:
            people.add(role.name.lower(), role, PASSWORD, "test")
        yield people


def logged_in(cloud: Cloud, name: str, password: str = PASSWORD) -> Browser:
    browser = Browser(cloud)
    assert browser.log_in(name, password).status == 303
    return browser


@pytest.fixture
def admin(cloud: Cloud, people: People) -> Browser:
    return logged_in(cloud, "admin")


def send(
    browser: Browser, action: str, page: str = "/account", **fields: str
) -> Answer:
    """As a browser does: with the proof of a page's form."""
    return browser.post(action, proof=browser.proof(page), **fields)


def secret(browser: Browser, answer: Answer) -> str:
    """What is shown once, on the page that the form leads to."""
    assert answer.status == 303, answer.text
    shown = browser.get(answer.headers["location"])
    found = re.search('<code id="secret">([^<]+)</code>', shown.text)
    assert found, shown.text
    assert shown.headers["cache-control"] == "no-store"
    assert browser.get(answer.headers["location"]).status == 404
    return unescape(found[1])


def resumed(cloud: Cloud, cluster: str, token: str) -> ResumeResponse:
    """A call of a digger."""
    asked = ResumeRequest(cluster=cluster, topic="records", partitions=[0])
    metadata = (("authorization", f"Bearer {token}"),)
    response: ResumeResponse = cloud.collector.Resume(
        asked, metadata=metadata, timeout=10
    )
    return response


def test_every_form_is_tested_here(cloud: Cloud) -> None:
    with closing(Ledger(cloud.database_url)) as ledger:
        people = People(ledger)
        visits = Visits(ledger, people, Attempts())
        doors = Doors(ledger, people, visits, Tokens(ledger), Handed(), "", Limits())
        needed = {action.path: action.role for action in rooms.actions(doors)}
        shown = {page.path for page in rooms.pages(doors) if page.role is Role.ADMIN}
    assert {path for path, role in needed.items() if role is Role.ADMIN} == set(FORMS)
    assert shown == set(PAGES)


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_others_than_admins_see_and_change_nothing(
    cloud: Cloud, people: People, role: str
) -> None:
    browser = logged_in(cloud, role)
    for page in PAGES:
        assert browser.get(page).status == 403
        assert browser.get(f"/api/v1{page}").status == 403
        assert page not in browser.get("/").text
    for form in FORMS:
        answer = send(browser, form, name="viewer", cluster="eu", role="admin")
        assert answer.status == 403
    assert [user.role for user in people.all()] == [
        Role.ADMIN,
        Role.EDITOR,
        Role.VIEWER,
    ]


def test_form_without_proof_changes_nothing(admin: Browser, people: People) -> None:
    for form in FORMS:
        assert admin.post(form, name="viewer", sure="yes", cluster="eu").status == 403
    assert len(people.all()) == 3


def test_pages_are_shown_to_admins(admin: Browser) -> None:
    for page in (*PAGES, "/account"):
        answer = admin.get(page)
        assert answer.status == 200
        assert PASSWORD not in answer.text


def test_token_is_created_rotated_and_revoked(cloud: Cloud, admin: Browser) -> None:
    page = "/administration/tokens"
    first = secret(admin, send(admin, page, page, cluster="eu"))
    second = secret(admin, send(admin, page, page, cluster="eu"))
    assert first != second
    for token in (first, second):
        assert resumed(cloud, "eu", token) == ResumeResponse()
    third = send(admin, page, page, cluster="eu")
    assert third.status == 400
    assert "The cluster has 2 tokens: revoke one first." in third.text
    assert send(admin, f"{page}/revoke", page, id=first.split("_")[1]).status == 303
    with pytest.raises(grpc.RpcError) as raised:
        resumed(cloud, "eu", first)
    assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert resumed(cloud, "eu", second) == ResumeResponse()
    log = admin.get("/api/v1/administration/audit?who=admin").json()["lines"]
    assert [line["action"] for line in log][:3] == [
        "token revoked",
        *["token created"] * 2,
    ]
    assert not any(first.split("_")[2] in line["subject"] for line in log)


@pytest.mark.parametrize("name", ["", "eu'; rm -rf /", "$(id)", "a\nb", "x" * 101])
def test_name_that_a_shell_would_read_is_no_cluster(admin: Browser, name: str) -> None:
    page = "/administration/tokens"
    answer = send(admin, page, page, cluster=name)
    assert answer.status == 400
    assert 'aria-invalid="true" aria-describedby="wrong-cluster"' in answer.text
    assert admin.get(f"/api/v1{page}").json()["tokens"] == []


def test_command_installs_the_token(admin: Browser) -> None:
    page = "/administration/tokens"
    answer = send(admin, page, page, cluster="eu-1")
    shown = unescape(admin.get(answer.headers["location"]).text)
    assert "create secret generic cloud-token" in shown
    assert "VETHSCOPE_CLUSTER_NAME=eu-1" in shown


def test_what_is_shown_once_is_for_its_owner(
    cloud: Cloud, admin: Browser, people: People
) -> None:
    page = "/administration/tokens"
    answer = send(admin, page, page, cluster="eu")
    people.add("other", Role.ADMIN, PASSWORD, "test")
    other = logged_in(cloud, "other")
    assert other.get(answer.headers["location"]).status == 404
    assert "vsc_" in admin.get(answer.headers["location"]).text


def test_invited_person_comes_in_and_chooses_a_password(
    cloud: Cloud, admin: Browser
) -> None:
    page = "/administration/users"
    sent = send(admin, page, page, name="ann", role="editor", scope="eu us/shop")
    link = secret(admin, sent)
    ann = Browser(cloud)
    assert ann.get(link.removeprefix(cloud.address)).status == 303
    assert Browser(cloud).get(link.removeprefix(cloud.address)).status == 403
    assert "You are ann, editor, and see eu us/shop." in ann.get("/account").text
    short = send(ann, "/account/password", chosen="short", again="short")
    assert short.status == 400
    assert 'aria-describedby="wrong-chosen"' in short.text
    differs = send(ann, "/account/password", chosen=PASSWORD, again="x")
    assert "The two are not the same." in differs.text
    chosen = send(ann, "/account/password", chosen=PASSWORD, again=PASSWORD)
    assert chosen.status == 303
    assert logged_in(cloud, "ann").get("/").status == 200
    stolen = send(
        ann, "/account/password", current="x" * 10, chosen="y" * 10, again="y" * 10
    )
    assert "The current password is another one." in stolen.text


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "viewer", "role": "viewer"}, "name"),
        ({"name": "", "role": "viewer"}, "name"),
        ({"name": "ann", "role": "king"}, "role"),
        ({"name": "ann", "role": "admin", "scope": "eu"}, "scope"),
        ({"name": "ann", "role": "viewer", "scope": "/shop"}, "scope"),
    ],
)
def test_wrong_invitation_is_told_beside_its_field(
    admin: Browser, people: People, fields: dict[str, str], field: str
) -> None:
    page = "/administration/users"
    answer = send(admin, page, page, **fields)
    assert answer.status == 400
    assert f'id="wrong-{field}" role="alert"' in answer.text
    assert len(people.all()) == 3


def test_role_and_limits_change_at_once(cloud: Cloud, admin: Browser) -> None:
    viewer = logged_in(cloud, "viewer")
    key = secret(viewer, send(viewer, "/account/keys", role="viewer", days="30"))
    bearer = {"authorization": f"Bearer {key}"}
    assert cloud.ask("/api/v1/status", headers=bearer).status == 200
    page = "/administration/users"
    fields = {"name": "viewer", "role": "editor", "scope": "eu"}
    assert send(admin, f"{page}/change", page, **fields).status == 303
    assert "You are viewer, editor, and see eu." in viewer.get("/account").text
    assert cloud.ask("/api/v1/status", headers=bearer).status == 401


def test_disabled_person_is_out_and_may_come_back(cloud: Cloud, admin: Browser) -> None:
    page, viewer = "/administration/users", logged_in(cloud, "viewer")
    change = f"{page}/disable"
    assert send(admin, change, page, name="viewer", is_disabled="yes").status == 303
    assert viewer.get("/").headers["location"] == "/login"
    assert Browser(cloud).log_in("viewer").status == 403
    assert send(admin, change, page, name="viewer", is_disabled="no").status == 303
    assert logged_in(cloud, "viewer").get("/").status == 200


def test_reset_takes_the_password_and_gives_a_link(
    cloud: Cloud, admin: Browser
) -> None:
    page, viewer = "/administration/users", logged_in(cloud, "viewer")
    link = secret(admin, send(admin, f"{page}/reset", page, name="viewer"))
    newer = secret(admin, send(admin, f"{page}/reset", page, name="viewer"))
    assert viewer.get("/").headers["location"] == "/login"
    assert Browser(cloud).log_in("viewer").status == 403
    assert Browser(cloud).get(link.removeprefix(cloud.address)).status == 403
    assert Browser(cloud).get(newer.removeprefix(cloud.address)).status == 303


def test_removal_asks_and_ends_all(
    cloud: Cloud, admin: Browser, people: People
) -> None:
    page, viewer = "/administration/users", logged_in(cloud, "viewer")
    unsure = send(admin, f"{page}/remove", page, name="viewer")
    assert "Tick this to remove." in unsure.text
    assert send(admin, f"{page}/remove", page, name="viewer", sure="yes").status == 303
    assert viewer.get("/").headers["location"] == "/login"
    assert "viewer" not in [user.name for user in people.all()]


@pytest.mark.parametrize("what", ["change", "disable", "remove"])
def test_admin_cannot_shut_themselves_out(
    admin: Browser, people: People, what: str
) -> None:
    page = "/administration/users"
    fields = {"name": "admin", "role": "viewer", "is_disabled": "yes", "sure": "yes"}
    answer = send(admin, f"{page}/{what}", page, **fields)
    assert "This is you: ask another admin." in answer.text
    assert people.all()[0].role is Role.ADMIN


def test_key_does_no_more_than_its_maker_and_is_theirs(
    cloud: Cloud, people: People, admin: Browser
) -> None:
    viewer = logged_in(cloud, "viewer")
    assert send(viewer, "/account/keys", role="editor", days="30").status == 400
    for days in ("0", "367", "x", "\u0663", ""):
        assert send(viewer, "/account/keys", role="viewer", days=days).status == 400
    key = secret(viewer, send(viewer, "/account/keys", role="viewer", days="30"))
    name = key.split("_")[1]
    assert send(admin, "/account/keys/revoke", id=name).status == 404
    assert send(viewer, "/account/keys/revoke", id=name).status == 303
    bearer = {"authorization": f"Bearer {key}"}
    assert cloud.ask("/api/v1/status", headers=bearer).status == 401


def test_visit_is_ended(cloud: Cloud, admin: Browser) -> None:
    page, viewer = "/administration/visits", logged_in(cloud, "viewer")
    visits = admin.get(f"/api/v1{page}").json()["visits"]
    (found,) = [one["id"] for one in visits if one["owner"] == "viewer"]
    assert send(admin, f"{page}/end", page, id=found).status == 303
    assert viewer.get("/").headers["location"] == "/login"


def test_audit_log_is_filtered(cloud: Cloud, admin: Browser) -> None:
    assert Browser(cloud).log_in("viewer", "wrong password").status == 403
    path = "/api/v1/administration/audit"
    found = admin.get(f"{path}?action=login%20refused").json()
    assert [(line["who"], line["action"]) for line in found["lines"]] == [
        ("viewer", "login refused")
    ]
    assert admin.get(f"{path}?who=nobody").json()["lines"] == []
    assert admin.get(f"{path}?size=2&page=2").json()["paging"]["total"] > 3


def test_settings_in_effect_are_shown(admin: Browser) -> None:
    told = admin.get("/api/v1/administration/settings").json()["settings"]
    assert {one["setting"]: one["value"] for one in told}[
        "cloud.kept_days"
    ] == "400 days"
