"""Logging in at a real provider over HTTP: who comes in, as what, and who does not."""

import json
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jws

from cloud.doors.ledger import Ledger
from cloud.doors.visitors.attempt import MOST_ATTEMPTS
from cloud.doors.visitors.grants import read_grants
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.provider import LOGOUT, Provider, Terms
from cloud.doors.visitors.visits import PROVIDED_SECONDS, Visit, Visits
from cloud.doors.web.front import GONE, NOT_THERE
from cloud.doors.web.sign_in import (
    AWAY,
    BACK,
    ENDED,
    LEFT,
    NOBODY,
    REFUSED,
    STALE,
    START,
    Door,
)
from cloud.visitor import EVERYTHING, Role, read_scope
from tests.certificates import Authority
from tests.cloud import packages
from tests.cloud.provider import Double, providing
from tests.cloud.proxy import proxying
from tests.cloud.running import Answer, Cloud, Stay, answered
from tests.cloud.test_front import PASSWORD, Browser
from tests.ports import steady_port

GRANTS = (
    "admins=admin; shop team=viewer@local/shop; web=viewer@local/web; "
    "cn=ops,o=x=editor; odd=viewer"
)


def door(issuer: str, origin: str) -> Door:
    terms = Terms(issuer, "vethscope", "secret/+%")
    return Door(Provider(terms, origin + BACK, origin + LEFT), read_grants(GRANTS))


@contextmanager
def dashboard(folder: Path, issuer: str) -> Iterator[Cloud]:
    port = steady_port()
    origin, listen = f"http://localhost:{port}", f"127.0.0.1:{port}"
    url = f"sqlite:///{folder}/cloud.sqlite3"
    with Cloud(url, origin, door(issuer, origin), listen) as cloud:
        cloud.address = origin
        yield cloud


@pytest.fixture(scope="module")
def provider() -> Iterator[Double]:
    with providing() as double:
        double.know("1", preferred_username="ann", groups=["admins", "all"])
        double.know("2", preferred_username="bob", groups=["shop team", "web"])
        double.know("3", preferred_username="eve", groups=["others"])
        double.know("4", groups="cn=ops,o=x")
        double.know("5", preferred_username="\u202eann", groups=["odd", "\0admins"])
        yield double


@pytest.fixture(scope="module")
def cloud(
    provider: Double, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    with dashboard(tmp_path_factory.mktemp("cloud"), provider.issuer) as running:
        yield running


@pytest.fixture
def visits(cloud: Cloud) -> Iterator[Visits]:
    with closing(Ledger(cloud.database_url)) as ledger:
        yield Visits(ledger, People(ledger), Attempts())


def approved(target: str, subject: str) -> str:
    """Where the provider sends somebody back who is `subject`."""
    body = urlencode({"sub": subject} if subject else {"action": "deny"}).encode()
    answer = answered(urllib.request.Request(target, body))
    assert answer.status == 302, answer.text
    return str(answer.headers["location"])


def started(browser: Browser) -> str:
    answer = browser.get(START)
    assert answer.status == 303
    return str(answer.headers["location"])


def path_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def come_in(browser: Browser, subject: str) -> Answer:
    return browser.get(path_of(approved(started(browser), subject)))


def visit_of(visits: Visits, browser: Browser) -> Visit | None:
    [cookie] = [v for n, v in browser.cookies.items() if n.endswith("-visit")]
    return visits.visitor(cookie)


@pytest.mark.parametrize(
    ("subject", "name", "role", "scope"),
    [
        ("1", "oidc:ann", Role.ADMIN, ""),
        ("2", "oidc:bob", Role.VIEWER, "local/shop local/web"),
        ("4", "oidc:4", Role.EDITOR, ""),
        ("5", "oidc:5", Role.VIEWER, ""),
    ],
)
def test_groups_say_what_somebody_may(
    cloud: Cloud, visits: Visits, subject: str, name: str, role: Role, scope: str
) -> None:
    browser = Browser(cloud)
    assert come_in(browser, subject).status == 303
    visit = visit_of(visits, browser)
    assert visit
    assert (visit.name, visit.role) == (name, role)
    assert visit.scope == (read_scope(scope) if scope else EVERYTHING)
    assert browser.get("/").status == 200
    [key] = [key for key in visits.all() if key.id == visit.key]
    assert key.expires_ns - key.created_ns == PROVIDED_SECONDS * 1e9


def test_somebody_of_no_group_stays_out_and_is_told(cloud: Cloud) -> None:
    browser = Browser(cloud)
    answer = come_in(browser, "3")
    assert (answer.status, NOBODY in answer.text) == (403, True)
    assert browser.get("/").status == 303
    with closing(Ledger(cloud.database_url)) as ledger:
        told = [(line.who, line.action, line.subject) for line in ledger.audited(99)]
    assert ("oidc:eve", "login refused", "3") in told


def test_who_says_no_stays_out(cloud: Cloud) -> None:
    answer = come_in(Browser(cloud), "")
    assert (answer.status, REFUSED in answer.text) == (403, True)


def test_logins_are_in_the_audit_log(cloud: Cloud) -> None:
    come_in(Browser(cloud), "1")
    with closing(Ledger(cloud.database_url)) as ledger:
        told = [(line.who, line.action, line.subject) for line in ledger.audited(9)]
    assert ("oidc:ann", "login", "1") in told


def left(browser: Browser, **fields: str) -> Answer:
    proof = browser.proof("/logout")
    return browser.post("/logout", proof=proof, **fields)


def test_who_leaves_leaves_the_provider_too_and_comes_back(
    cloud: Cloud, visits: Visits
) -> None:
    browser = Browser(cloud)
    come_in(browser, "1")
    visit = visit_of(visits, browser)
    answer = left(browser, everywhere="1")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert visit
    assert visit.key not in {key.id for key in visits.all()}
    target = answer.headers["refresh"].removeprefix("0; url=")
    asked = {name: v[0] for name, v in parse_qs(urlsplit(target).query).items()}
    assert asked["post_logout_redirect_uri"] == cloud.address + LEFT
    claims = jws.extract_compact(asked["id_token_hint"].encode()).payload
    assert json.loads(claims)["sub"] == "1"
    for name, value in browser.cookies.items():
        assert not value or name.endswith("-left")
    form = answered(urllib.request.Request(target)).text
    assert asked["state"] in form
    back = f"{LEFT}?{urlencode({'state': asked['state']})}"
    assert Browser(cloud).get(back).status == 303
    assert browser.get(f"{LEFT}?state=x").status == 303
    assert GONE in browser.get(back).text
    assert browser.get(back).status == 303


def test_who_leaves_here_only_asks_no_provider(cloud: Cloud) -> None:
    browser = Browser(cloud)
    come_in(browser, "1")
    answer = left(browser)
    assert (answer.status, answer.headers["location"]) == (303, "/login")
    assert not any(browser.cookies.values())


def test_who_has_a_password_here_leaves_only_here(cloud: Cloud, visits: Visits) -> None:
    with closing(Ledger(cloud.database_url)) as ledger:
        People(ledger).add("kim", Role.VIEWER, PASSWORD, "test")
    browser = Browser(cloud)
    browser.log_in("kim")
    assert "here only" not in browser.get("/logout").text
    assert left(browser, everywhere="1").status == 303


def test_who_leaves_while_the_provider_is_away_is_out_here(tmp_path: Path) -> None:
    port = steady_port()
    issuer = f"http://localhost:{port}"
    with dashboard(tmp_path, issuer) as cloud:
        browser = Browser(cloud)
        with providing(port) as provider:
            provider.know("1", preferred_username="ann", groups=["admins"])
            come_in(browser, "1")
        assert cloud.door
        cloud.door.provider._described = None
        answer = left(browser, everywhere="1")
        assert (answer.status, NOT_THERE in answer.text) == (200, True)
        assert browser.get("/").status == 303


def test_a_provider_ends_the_visits_of_who_left_it(
    cloud: Cloud, provider: Double, visits: Visits
) -> None:
    ann, also_ann, bob = (Browser(cloud) for _ in range(3))
    for browser, subject in ((ann, "1"), (also_ann, "1"), (bob, "2")):
        come_in(browser, subject)
    events: dict[str, object] = {LOGOUT: {}}
    wrong = provider.logout_token(aud="other", sub="1", events=events)
    for token in (wrong, "", "x.y.z"):
        assert told_to_leave(cloud, token).status == 400
    assert ann.get("/").status == 200
    token = provider.logout_token(aud="vethscope", sub="1", events=events)
    answer = told_to_leave(cloud, token)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert [b.get("/").status for b in (ann, also_ann, bob)] == [303, 303, 200]
    assert told_to_leave(cloud, token).status == 200
    with closing(Ledger(cloud.database_url)) as ledger:
        told = [(line.who, line.action, line.subject) for line in ledger.audited(9)]
    assert ("oidc:ann", "logout at the provider", "1") in told


def told_to_leave(cloud: Cloud, token: str) -> Answer:
    """As a provider does it: no browser, no cookie, no origin."""
    return cloud.ask(ENDED, "POST", body=urlencode({"logout_token": token}))


def test_tabs_do_not_meet(cloud: Cloud) -> None:
    browser = Browser(cloud)
    ways = [approved(started(browser), "1") for _ in range(3)]
    for way in reversed(ways):
        assert browser.get(path_of(way)).status == 303


def test_attempts_of_a_browser_are_bounded(cloud: Cloud) -> None:
    browser = Browser(cloud)
    for _ in range(3 * MOST_ATTEMPTS):
        started(browser)
        browser.cookies = {name: v for name, v in browser.cookies.items() if v}
        assert len(browser.cookies) <= MOST_ATTEMPTS + 1


@pytest.mark.parametrize("what", ["code", "state", "both"])
def test_what_another_browser_began_lets_nobody_in(cloud: Cloud, what: str) -> None:
    """Who is sent a link by an attacker is not logged in as the attacker."""
    attacker, victim = Browser(cloud), Browser(cloud)
    theirs = parse_qs(urlsplit(approved(started(attacker), "1")).query)
    own = parse_qs(urlsplit(approved(started(victim), "2")).query)
    sent = {name: values[0] for name, values in own.items()}
    for name in ("code", "state") if what == "both" else (what,):
        sent[name] = theirs[name][0]
    answer = victim.get(f"{BACK}?{urlencode(sent)}")
    assert answer.status == 403
    assert (REFUSED if what == "code" else STALE) in answer.text
    assert victim.get("/").status == 303


def test_a_way_back_is_gone_once(cloud: Cloud) -> None:
    browser = Browser(cloud)
    back = path_of(approved(started(browser), "1"))
    kept = dict(browser.cookies)
    assert browser.get(back).status == 303
    again = Browser(cloud)
    again.cookies = kept
    assert again.get(back).status == 403
    assert browser.get(back).status == 403


@pytest.mark.parametrize(
    "query", ["", "code=x", "state=x", "code=x&state=" + "a" * 9_000, "error=x&state=0"]
)
def test_nonsense_on_the_way_back_is_refused(cloud: Cloud, query: str) -> None:
    assert Browser(cloud).get(f"{BACK}?{query}").status == 403


def test_an_answer_of_another_provider_is_refused(cloud: Cloud) -> None:
    browser = Browser(cloud)
    back = path_of(approved(started(browser), "1"))
    assert browser.get(f"{back}&iss=https://other.example").status == 403


def test_login_makes_a_cookie_that_nobody_knew(cloud: Cloud, visits: Visits) -> None:
    attacker, victim = Browser(cloud), Browser(cloud)
    come_in(attacker, "2")
    victim.cookies = dict(attacker.cookies)
    assert come_in(victim, "1").status == 303
    visit = visit_of(visits, attacker)
    assert visit
    assert visit.name == "oidc:bob"


def test_keys_change_without_a_restart(cloud: Cloud, provider: Double) -> None:
    assert come_in(Browser(cloud), "1").status == 303
    provider.change_key()
    cloud_door = cloud.door
    assert cloud_door
    # As if the last look were long ago, not in this second.
    cloud_door.provider._keys_at -= 60
    assert come_in(Browser(cloud), "1").status == 303


def test_other_names_of_the_dashboard_begin_at_the_origin(cloud: Cloud) -> None:
    port = urlsplit(cloud.address).port
    answer = answered(urllib.request.Request(f"http://127.0.0.1:{port}{START}"))
    assert answer.headers["location"] == f"{cloud.address}{START}"


def test_a_provider_that_is_away_leaves_passwords(tmp_path: Path) -> None:
    with dashboard(tmp_path, f"http://localhost:{steady_port()}") as cloud:
        with closing(Ledger(cloud.database_url)) as ledger:
            People(ledger).add("ann", Role.VIEWER, PASSWORD, "test")
        browser = Browser(cloud)
        answer = browser.get(START)
        assert (answer.status, AWAY in answer.text) == (503, True)
        assert browser.log_in("ann").status == 303
        assert browser.get("/").status == 200


def test_a_provider_that_hangs_stops_nothing_else(tmp_path: Path) -> None:
    """Its clients wait in threads of their own, and only so many."""
    with (
        silent() as port,
        dashboard(tmp_path, f"http://localhost:{port}") as cloud,
        ThreadPoolExecutor(40) as pool,
    ):
        asked = [pool.submit(Browser(cloud).get, START) for _ in range(40)]
        assert cloud.ask("/login").status == 200
        assert cloud.ask("/readyz").status == 200
        early = [one for one in asked if one.done()]
        assert len(early) < 40
        cloud.stop.set()


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("is_stripped", [True, False])
def test_behind_a_proxy_with_tls_and_a_path(
    provider: Double, tmp_path: Path, is_stripped: bool
) -> None:
    pem = Authority().issue(tmp_path / "pem")
    port, listen = steady_port(), f"127.0.0.1:{steady_port()}"
    origin = f"https://localhost:{port}/tools/vethscope"
    url = f"sqlite:///{tmp_path}/cloud.sqlite3"
    following = (
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=pem.ca)),
        urllib.request.HTTPCookieProcessor(),
    )
    opener = urllib.request.build_opener(*following)
    staying = urllib.request.build_opener(*following, Stay)
    with (
        Cloud(
            url,
            origin,
            door(provider.issuer, origin),
            listen,
            trusted_proxies="127.0.0.0/8",
        ) as cloud,
        proxying(port, "/tools/vethscope", cloud.address, pem, is_stripped),
    ):
        cloud.collector.Send(packages.shop(), timeout=10)
        assert cloud.new_link().startswith(f"{origin}/enter?link=")
        with opener.open(f"{origin}/", timeout=10) as login:
            assert login.url == f"{origin}/login"
            assert f'href="{urlsplit(origin).path}{START}"' in login.read().decode()
        target = location(staying, f"{origin}{START}")
        asked = parse_qs(urlsplit(target).query)
        assert asked["redirect_uri"] == [origin + BACK]
        back = approved(target, "1")
        with opener.open(back, timeout=10) as page:
            assert page.url == f"{origin}/"
            text = page.read().decode()
        assert 'href="/tools/vethscope/static/style.css"' in text
        assert 'href="/endpoints' not in text
        local = cloud.ask("/login", headers={"x-forwarded-proto": "https"})
        assert 'href="/static/style.css"' in local.text


def location(opener: urllib.request.OpenerDirector, address: str) -> str:
    """Where a redirect leads; its cookies are kept."""
    with pytest.raises(urllib.error.HTTPError) as told:
        opener.open(address, timeout=10)
    with told.value as answer:
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-vethscope-attempt-")
        assert "Secure" in cookie
        return str(answer.headers["location"])
