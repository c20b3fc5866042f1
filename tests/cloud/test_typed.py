"""What was typed into a form after a visit was over comes back, once."""

import asyncio
import re
from contextlib import closing
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.requests import Request
from starlette.responses import Response

from cloud.alerts.channel import FIELDS
from cloud.doors.ledger import Ledger
from cloud.doors.site import RequestError
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.visits import Visits
from cloud.doors.web.cookies import Cookies
from cloud.doors.web.typed import (
    LASTING_SECONDS,
    MOST,
    MOST_BYTES,
    MOST_OF_ADDRESS,
    WAITS,
    Typed,
)
from cloud.pages.application import HERE
from cloud.visitor import SECRET_FIELDS
from tests.cloud import packages
from tests.cloud.running import Answer, Cloud
from tests.cloud.test_front import Browser, visits

__all__ = ["visits"]

TEMPLATES = HERE / "templates"
POLICY = """policies:
- id: no-mail
  title: No mail addresses <outside>
  severity: high
  deny: {data: {types: contact.*}, to: {outside: true}}
"""


def out(cloud: Cloud) -> None:
    """Ends all visits, as their time does."""
    with closing(Ledger(cloud.database_url)) as ledger:
        visits = Visits(ledger, People(ledger), Attempts())
        for key in visits.all():
            visits.end(key.id, "test")


def came_back(
    cloud: Cloud, browser: Browser, who: str, path: str, page: str, **fields: str
) -> Answer:
    """The page that has the form again, after it was sent too late."""
    proof = browser.proof(page)
    out(cloud)
    late = browser.post(path, proof=proof, **fields)
    assert (late.status, late.headers["location"]) == (303, "/login")
    assert WAITS in browser.get("/login").text
    entered = browser.log_in(who)
    assert (entered.status, entered.headers["location"]) == (303, "/again")
    shown = browser.get("/again")
    assert browser.get("/again").headers["location"] == "/"
    return shown


def test_a_policy_that_was_written_comes_back_and_is_saved(
    cloud: Cloud, visits: Visits
) -> None:
    browser = Browser(cloud)
    browser.log_in("editor")
    shown = came_back(
        cloud, browser, "editor", "/policies", "/policies", document=POLICY
    )
    assert shown.status == 200
    assert "so nothing was done" in shown.text
    found = re.search("<textarea name=.document.[^>]*>([^<]*)<", shown.text)
    assert found
    assert unescape(found[1]) == POLICY
    assert browser.get("/policies/no-mail").status == 404
    proof = re.search('name="proof" value="([0-9a-f]+)"', shown.text)
    assert proof
    saved = browser.post("/policies", proof=proof[1], document=unescape(found[1]))
    assert saved.headers["location"] == "/policies/no-mail"


def test_a_correction_and_an_invitation_come_back(cloud: Cloud, visits: Visits) -> None:
    cloud.collector.Send(packages.shop(), timeout=10)
    browser = Browser(cloud)
    browser.log_in("admin")
    listed = cloud.get("/api/v1/endpoints?type=contact.email").json()["endpoints"]
    path = f"/endpoints/{listed[0]['id']}"
    field = next(
        one
        for one in cloud.get(f"/api/v1{path}").json()["fields"]
        if one["data_type"] == "contact.email"
    )
    fields = {name: field[name] for name in ("direction", "location")}
    fields |= {"field": field["path"], "type": "contact.email"}
    page = f"{path}/correct?{urlencode(fields)}"
    told = {**fields, "scope": "workload", "reason": "no address, but a bot's"}
    shown = came_back(cloud, browser, "admin", f"{path}/correct", page, **told)
    assert 'value="no address, but a bot&#39;s"' in shown.text
    assert 'value="workload" checked' in shown.text
    assert browser.get("/api/v1/corrections").json()["corrections"] == []
    users = "/administration/users"
    told = {"name": "new person", "role": "editor", "scope": "east/shop"}
    shown = came_back(cloud, browser, "admin", users, users, **told)
    assert 'value="new person"' in shown.text
    assert 'value="east/shop"' in shown.text
    assert "<option selected>editor" in shown.text


def test_passwords_are_not_kept(cloud: Cloud, visits: Visits) -> None:
    browser = Browser(cloud)
    browser.log_in("viewer")
    told = dict.fromkeys(("current", "chosen", "again"), "canary in clear")
    shown = came_back(cloud, browser, "viewer", "/account/password", "/account", **told)
    assert shown.status == 200
    assert "canary" not in shown.text


def test_who_may_less_is_told_so(cloud: Cloud, visits: Visits) -> None:
    browser = Browser(cloud)
    browser.log_in("editor")
    shown = came_back(
        cloud, browser, "viewer", "/policies", "/policies", document=POLICY
    )
    assert shown.status == 403
    assert "needs the role editor" in shown.text


def test_a_form_of_the_visit_before_comes_again(cloud: Cloud, visits: Visits) -> None:
    """Somebody logged in anew in another tab."""
    browser = Browser(cloud)
    browser.log_in("editor")
    proof = browser.proof("/policies")
    browser.log_in("editor")
    shown = browser.post("/policies", proof=proof, document=POLICY)
    assert shown.status == 403
    assert "of an earlier visit" in shown.text
    assert "No mail addresses &lt;outside&gt;" in shown.text
    assert browser.get("/policies/no-mail").status == 404


def test_what_is_no_form_of_ours_leads_nowhere(cloud: Cloud, visits: Visits) -> None:
    browser = Browser(cloud)
    browser.log_in("editor")
    for path in ("/no/such", "/api/v1/overview", "/map"):
        proof = browser.proof("/account")
        out(cloud)
        answer = browser.post(path, proof=proof, name="x")
        if path.startswith("/api/"):
            assert answer.status == 401
            browser.log_in("editor")
            continue
        browser.log_in("editor")
        assert browser.get("/again").status in (404, 405)
    out(cloud)
    assert browser.post("/policies", document="x" * (MOST_BYTES + 1)).status == 413


def test_every_password_of_a_form_is_secret() -> None:
    """What a page has as a field for passwords is kept nowhere."""
    channels = {one.name for of in FIELDS.values() for one in of if one.is_secret}
    written = {
        name
        for file in TEMPLATES.rglob("*.html")
        for line in file.read_text().splitlines()
        if 'type="password"' in line
        for name in re.findall(r'text\([^,]*, "\w+", "(\w+)"', line)
    }
    assert channels
    assert {"current", "chosen", "again"} <= written
    assert channels | written <= SECRET_FIELDS


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def sent(body: bytes = b"a=1", cookie: str = "") -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"cookie", f"vethscope-1-typed={cookie}".encode())]
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/p",
        "headers": headers,
    }
    scope |= {"scheme": "http", "server": ("localhost", 1), "query_string": b""}
    return Request(scope, receive)


def kept(typed: Typed, address: str, body: bytes = b"a=1") -> str:
    answer = Response()
    asyncio.run(typed.keep(answer, sent(body), address))
    return answer.headers["set-cookie"].partition("=")[2].partition(";")[0]


def test_only_so_many_wait_and_each_for_a_while() -> None:
    clock = Clock()
    typed = Typed(Cookies(1), clock)
    first = kept(typed, "192.0.2.1", b"a=1&password=canary")
    own = [kept(typed, "192.0.2.2") for _ in range(MOST_OF_ADDRESS + 1)]
    assert not typed.waits(sent(cookie=own[0]))
    assert all(typed.waits(sent(cookie=name)) for name in [first, *own[1:]])
    clock.now = LASTING_SECONDS
    last = kept(typed, "192.0.2.3")
    found = typed.take(sent(cookie=first))
    assert found
    assert (found.path, found.form) == ("/p", {"a": ["1"]})
    assert typed.take(sent(cookie=first)) is None
    clock.now += 1
    assert not typed.waits(sent(cookie=own[1]))
    assert typed.take(sent(cookie=own[1])) is None
    for number in range(MOST):
        kept(typed, f"198.51.100.{number}")
    assert not typed.waits(sent(cookie=last))
    with pytest.raises(RequestError):
        kept(typed, "192.0.2.9", b"a=" + b"1" * MOST_BYTES)
