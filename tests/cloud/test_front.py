"""The front door over real HTTP: who comes in, who stays out, what strangers may do."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlencode

import pytest
from starlette.routing import Mount, Route

from cloud.doors import connections
from cloud.doors.front import is_open
from cloud.doors.headers import HEADERS
from cloud.doors.ledger import Ledger
from cloud.doors.people import Attempts, People, Role
from cloud.doors.visits import Visits
from cloud.pages.site import application
from cloud.store.store import Store
from tests.cloud.running import Answer, Cloud

PASSWORD = "correct horse battery"
ROUTES = {
    "/": Role.VIEWER,
    "/.json": Role.VIEWER,
    "/endpoints": Role.VIEWER,
    "/endpoints.json": Role.VIEWER,
    "/endpoints/{id}": Role.VIEWER,
    "/endpoints/{id}.json": Role.VIEWER,
    "/coverage": Role.VIEWER,
    "/coverage.json": Role.VIEWER,
    "/healthz": None,
    "/readyz": None,
    "/static": None,
}
"""Each route of the pages, and who may read it at least; None: everybody."""


@pytest.fixture
def visits(cloud: Cloud) -> Iterator[Visits]:
    """On the database of the running cloud."""
    with closing(Ledger(cloud.database_url)) as ledger:
        people = People(ledger)
        for role in Role:
            people.add(role.name.lower(), role, PASSWORD, "test")
        yield Visits(ledger, people, Attempts())


class Browser:
    """Keeps cookies and sends what a browser sends."""

    def __init__(self, cloud: Cloud) -> None:
        self.cookies: dict[str, str] = {}
        self._cloud = cloud

    def get(self, path: str) -> Answer:
        return self._keep(self._cloud.ask(path, headers=self._headers()))

    def post(self, path: str, **fields: str) -> Answer:
        headers = self._headers() | {"origin": self._cloud.address}
        body = urlencode(fields)
        return self._keep(self._cloud.ask(path, "POST", headers, body))

    def log_in(self, name: str, password: str = PASSWORD) -> Answer:
        proof = self.proof("/login")
        return self.post("/login", name=name, password=password, proof=proof)

    def proof(self, path: str) -> str:
        found = re.search('name="proof" value="([0-9a-f]+)"', self.get(path).text)
        assert found
        return found[1]

    def _headers(self) -> dict[str, str]:
        return {"cookie": "; ".join(f"{n}={v}" for n, v in self.cookies.items())}

    def _keep(self, answer: Answer) -> Answer:
        for cookie in answer.headers.get_all("set-cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        return answer


def paths(cloud: Cloud) -> dict[str, Role | None]:
    with closing(Store(cloud.database_url)) as store:
        routes = application(store).routes
    found = {r.path for r in routes if isinstance(r, Route | Mount)}
    assert found == ROUTES.keys(), "say in ROUTES who may read the new route"
    return {
        path.replace("{id}", "0123456789abcdef").replace("/static", "/static/style.css")
        if path != "/"
        else path: role
        for path, role in ROUTES.items()
    }


def test_every_route_is_closed_to_strangers(cloud: Cloud) -> None:
    for path, role in paths(cloud).items():
        for method in ("GET", "HEAD"):
            answer = cloud.ask(path, method)
            if role is None:
                assert answer.status == 200, path
            else:
                assert answer.status == (401 if path.endswith(".json") else 303), path
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        for path in paths(cloud):
            assert cloud.ask(path, method).status == 403
            same = {"origin": cloud.address}
            assert cloud.ask(path, method, same).status in (303, 401, 405)
    assert not any(map(is_open, ("/healthz/x", "/healthzx", "/static", "/")))


@pytest.mark.parametrize("role", Role)
def test_every_route_by_role(cloud: Cloud, visits: Visits, role: Role) -> None:
    key = visits.make_api_key("test", role, 60, "test")
    headers = {"authorization": f"Bearer {key}"}
    for path, needed in paths(cloud).items():
        is_let_in = needed is None or role >= needed
        answer = cloud.ask(path, headers=headers)
        assert (answer.status in (200, 404)) is is_let_in, path
        changed = cloud.ask(path, "POST", headers)
        assert changed.status == (405 if needed is None or role >= Role.EDITOR else 403)


def test_password_opens_the_dashboard_until_logout(
    cloud: Cloud, visits: Visits
) -> None:
    browser = Browser(cloud)
    assert browser.log_in("viewer", "wrong").status == 403
    assert browser.get("/").status == 303
    assert browser.log_in("viewer").status == 303
    assert browser.get("/").status == 200
    kept = dict(browser.cookies)
    assert "viewer" in browser.get("/logout").text
    assert browser.post("/logout", proof=browser.proof("/logout")).status == 303
    browser.cookies = kept
    assert browser.get("/").status == 303


def test_known_and_unknown_names_are_answered_alike(
    cloud: Cloud, visits: Visits
) -> None:
    told = []
    for name in ("viewer", "nobody"):
        answer = Browser(cloud).log_in(name, "wrong password")
        told.append((answer.status, re.sub("[0-9a-f]{64}", "", answer.text)))
    assert told[0] == told[1]


def test_guessing_is_held_back_even_with_the_right_password(
    cloud: Cloud, visits: Visits
) -> None:
    for _ in range(10):
        assert Browser(cloud).log_in("viewer", "guess").status == 403
    assert Browser(cloud).log_in("viewer").status == 403
    assert Browser(cloud).log_in("editor").status == 303


def test_login_makes_a_cookie_that_nobody_knew(cloud: Cloud, visits: Visits) -> None:
    attacker, victim = Browser(cloud), Browser(cloud)
    attacker.log_in("editor")
    victim.cookies = dict(attacker.cookies)
    [name] = [name for name in victim.cookies if name.endswith("visit")]
    assert victim.log_in("viewer").status == 303
    assert victim.cookies[name] != attacker.cookies[name]
    assert "editor" in attacker.get("/logout").text


@pytest.mark.parametrize("proof", ["", "0" * 64])
def test_forms_need_their_proof(cloud: Cloud, visits: Visits, proof: str) -> None:
    browser = Browser(cloud)
    browser.get("/login")
    refused = browser.post("/login", name="viewer", password=PASSWORD, proof=proof)
    assert refused.status == 403
    browser.log_in("viewer")
    assert browser.post("/logout", proof=proof).status == 403
    assert browser.get("/").status == 200


def test_link_opens_once(cloud: Cloud) -> None:
    path = cloud.new_link().removeprefix(cloud.address)
    first, second = Browser(cloud), Browser(cloud)
    assert first.get(path).status == 303
    assert first.get("/").status == 200
    assert first.get(path).status == 303
    assert second.get(path).status == 403
    assert second.get("/").status == 303


def test_cookies_are_kept_from_scripts_and_other_sites(cloud: Cloud) -> None:
    answer = cloud.ask(cloud.new_link().removeprefix(cloud.address))
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "domain" not in cookie


def test_own_pages_carry_the_security_headers(cloud: Cloud) -> None:
    for path in ("/login", "/", "/enter?link=x", "/.json"):
        headers = cloud.ask(path).headers
        for name, value in HEADERS.items():
            assert headers[name] == value
    assert cloud.ask("/login").headers["cache-control"] == "no-store"


def test_large_forms_are_refused(cloud: Cloud) -> None:
    assert Browser(cloud).post("/login", name="x" * 20_000).status == 413


def talk(cloud: Cloud, request: bytes, seconds: float = 5) -> bytes:
    """All that comes back until the connection ends."""
    host, port = cloud.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.sendall(request)
        told = b""
        try:
            while piece := connection.recv(65536):
                told += piece
        except ConnectionResetError:
            pass
        return told


def test_two_lengths_are_refused_and_the_connection_ends(cloud: Cloud) -> None:
    smuggled = (
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n"
        b"Host: localhost\r\n\r\n"
    )
    told = talk(cloud, smuggled)
    assert told.startswith(b"HTTP/1.1 400")
    assert told.count(b"HTTP/1.1") == 1


def test_slow_head_and_slow_body_end(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.3)
    began = time.monotonic()
    assert talk(cloud, b"GET / HTTP/1.1\r\nHost: localhost\r\n") == b""
    slow = (
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
        b"Content-Length: 100\r\n\r\nname="
    )
    assert talk(cloud, slow) == b""
    assert time.monotonic() - began < 4
