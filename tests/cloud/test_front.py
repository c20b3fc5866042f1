"""The front door over real HTTP: who comes in, who stays out, what strangers may do."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote, urlencode

import pytest

from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.visits import Visits
from cloud.doors.web import connections
from cloud.doors.web.headers import HEADERS
from cloud.visitor import Role
from tests.cloud.running import Answer, Cloud
from tests.waiting import busyness

PASSWORD = "correct horse battery"


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
        cookie = "; ".join(f"{n}={v}" for n, v in self.cookies.items())
        return {"cookie": cookie, "accept": "text/html,*/*;q=0.8"}

    def _keep(self, answer: Answer) -> Answer:
        for cookie in answer.headers.get_all("set-cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        return answer


def test_login_leads_to_the_page_that_was_asked_for(
    cloud: Cloud, visits: Visits
) -> None:
    browser = Browser(cloud)
    asked = "/violations?q=a%20b&state=all"
    assert browser.get(asked).headers["location"] == "/login"
    assert "you come back to the page" in browser.get("/login").text
    assert browser.log_in("viewer").headers["location"] == asked
    browser.cookies = {n: v for n, v in browser.cookies.items() if "visit" not in n}
    assert browser.log_in("viewer").headers["location"] == "/"


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example/", "/\\evil.example", "/a\nb"]
)
def test_login_leads_to_no_other_site(
    cloud: Cloud, visits: Visits, wanted: str
) -> None:
    browser = Browser(cloud)
    browser.get("/map")
    (name,) = (name for name in browser.cookies if name.endswith("-wanted"))
    browser.cookies[name] = quote(wanted, safe="")
    assert browser.log_in("viewer").headers["location"] == "/"


def test_what_scripts_ask_for_is_not_where_a_login_leads(cloud: Cloud) -> None:
    answer = cloud.ask("/status/banner", headers={"accept": "*/*"})
    assert (answer.status, answer.headers["set-cookie"]) == (303, None)


def test_who_may_not_is_told_so_on_a_page(cloud: Cloud, visits: Visits) -> None:
    browser = Browser(cloud)
    browser.log_in("viewer")
    answer = browser.get("/administration/users")
    assert answer.status == 403
    assert "<h1>Not permitted</h1>" in answer.text
    assert "needs the role admin; yours is viewer" in answer.text


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
    for path in ("/login", "/", "/enter?link=x", "/api/v1/overview"):
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
    assert time.monotonic() - began < 4 * busyness()


HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


def test_requests_in_a_row_are_answered_one_by_one(cloud: Cloud) -> None:
    unread = (
        HEAD.replace(b"GET /healthz", b"POST /login") + b"Content-Length: 9\r\n\r\n"
    )
    told = talk(cloud, (HEAD + b"\r\n") * 50 + unread + b"GET / HTTP", 10)
    assert told.count(b"HTTP/1.1 200") == 50
    # The refused one's connection ends: its body is no request.
    assert told.count(b"HTTP/1.1") == 51
    assert told.rpartition(b"HTTP/1.1 ")[2].startswith(b"403")


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"x: " + b"y" * (64 << 10) + b"\r\n\r\n",
        HEAD + b"x: y\r\n" * 20_000 + b"\r\n",
        b"GET /" + b"a" * (64 << 10) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        HEAD + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        HEAD + b" folded\r\n\r\n",
        HEAD + b"x: \0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_heads_that_are_none_end_and_fill_no_log(
    cloud: Cloud, head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    told = talk(cloud, head)
    assert told == b"" or re.match(rb"HTTP/1.1 (4\d\d|501) ", told), told[:100]
    assert told.count(b"HTTP/1.1") <= 1
    upgrade = HEAD + b"Connection: close, upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert b"HTTP/1.1 200" in talk(cloud, upgrade)
    assert caplog.records == []
