"""Proxies in front: whose word of a browser is taken, and whose is not."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cloud.doors.ledger import Ledger
from cloud.doors.web.headers import TRANSPORT
from cloud.doors.web.proxies import UNKNOWN, Proxies
from tests.cloud.running import Answer, Cloud

OURS = "https://vethscope.example.org"
HOST = OURS.removeprefix("https://")
TOLD = {"host": HOST, "x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https"}


@pytest.mark.parametrize(
    ("told", "browser"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["2001:db8::7"], "2001:db8::7"),
        (["::ffff:198.51.100.7"], "198.51.100.7"),
        # What the browser wrote itself stands left.
        (["203.0.113.1, 198.51.100.7"], "198.51.100.7"),
        (["203.0.113.1", "198.51.100.7"], "198.51.100.7"),
        # Behind two of ours.
        (["203.0.113.1, 198.51.100.7 ,10.1.2.3"], "198.51.100.7"),
        (["10.9.9.9, 10.1.2.3"], UNKNOWN),
        (["127.0.0.1"], UNKNOWN),
        (["::ffff:127.0.0.1"], UNKNOWN),
        (["198.51.100.7, unknown"], UNKNOWN),
        (["198.51.100.7:1234"], UNKNOWN),
        ([""], UNKNOWN),
        ([], UNKNOWN),
        ([",".join(["198.51.100.7"] + ["10.0.0.1"] * 20)], UNKNOWN),
    ],
)
def test_browser_is_the_last_that_is_no_proxy(told: list[str], browser: str) -> None:
    assert Proxies("10.0.0.0/8, fd00::/8").browser(told) == browser


def test_only_named_networks_are_trusted() -> None:
    proxies = Proxies("10.0.0.0/8,192.0.2.1")
    assert all(map(proxies.trusts, ("10.255.0.1", "192.0.2.1", "::ffff:10.0.0.1")))
    assert not any(map(proxies.trusts, ("11.0.0.1", "192.0.2.2", "::1", "", "x")))
    assert not Proxies().trusts("127.0.0.1")


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud that takes this machine for a proxy."""
    url = f"sqlite:///{tmp_path}/cloud.sqlite3"
    with Cloud(url, trusted_proxies="127.0.0.0/8", origin=OURS) as running:
        yield running


def link(cloud: Cloud) -> str:
    return "/enter?" + cloud.new_link().partition("?")[2]


def entered(cloud: Cloud, headers: dict[str, str]) -> Answer:
    return cloud.ask(link(cloud), headers=headers)


def test_trusted_proxy_makes_cookies_secure(behind: Cloud) -> None:
    answer = entered(behind, TOLD)
    assert answer.status == 303
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-vethscope-visit=")
    assert all(word in cookie for word in ("; Secure", "; HttpOnly", "; Path=/"))
    assert "domain" not in cookie.lower()
    kept = {"cookie": cookie.partition(";")[0]}
    assert behind.ask("/", headers=TOLD | kept).status == 200
    plainly = TOLD | kept | {"x-forwarded-proto": "http"}
    assert behind.ask("/", headers=plainly).status == 303


@pytest.mark.parametrize(
    "changed",
    [
        {"x-forwarded-proto": "http"},
        {"x-forwarded-proto": "https, http"},
        {"x-forwarded-proto": ""},
        {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http"},
        {"x-forwarded-for": "", "x-forwarded-proto": "http"},
    ],
)
def test_nobody_enters_through_a_proxy_in_plain_text(
    behind: Cloud, changed: dict[str, str]
) -> None:
    assert entered(behind, TOLD | changed).status == 403


def test_only_a_trusted_word_of_tls_is_told_on(behind: Cloud, cloud: Cloud) -> None:
    name = "strict-transport-security"
    assert behind.ask("/login", headers=TOLD).headers[name] == TRANSPORT
    for proto in ("http", "https, http", ""):
        told = TOLD | {"x-forwarded-proto": proto}
        assert name not in behind.ask("/login", headers=told).headers
    stranger = cloud.ask("/login", headers=TOLD | {"host": "localhost"})
    assert stranger.status == 200
    assert name not in stranger.headers


def test_host_comes_from_the_host_header_alone(behind: Cloud) -> None:
    told = TOLD | {"x-forwarded-host": HOST, "forwarded": f"host={HOST};proto=https"}
    assert entered(behind, told | {"host": "evil.example"}).status == 421
    told = TOLD | {"x-forwarded-host": "evil.example"}
    assert entered(behind, told).status == 303


def test_strangers_do_not_tell_who_they_are(cloud: Cloud) -> None:
    """A cloud without proxies: the headers change neither cookies nor addresses."""
    told = TOLD | {"host": "localhost", "forwarded": "for=198.51.100.7;proto=https"}
    answer = entered(cloud, told)
    assert answer.status == 303
    assert "secure" not in answer.headers["set-cookie"].lower()


def guessed(cloud: Cloud, number: int, headers: dict[str, str]) -> int:
    """The status of a login with a wrong password, of a new name each."""
    page = cloud.ask("/login", headers=headers)
    proof = page.text.partition('name="proof" value="')[2][:64]
    cookie = page.headers["set-cookie"].partition(";")[0]
    own = {"cookie": cookie, "sec-fetch-site": "same-origin"}
    body = f"name=n{number}&password=wrong&proof={proof}"
    answer = cloud.ask("/login", "POST", headers | own, body)
    return answer.status


def actions(cloud: Cloud) -> list[tuple[str, str]]:
    with closing(Ledger(cloud.database_url)) as ledger:
        return [(entry.action, entry.address) for entry in ledger.audited(100)]


def test_attempts_are_of_the_browser_not_of_the_proxy(behind: Cloud) -> None:
    for number in range(31):
        spoofed = f"203.0.113.{number}, 198.51.100.7"
        assert guessed(behind, number, TOLD | {"x-forwarded-for": spoofed}) == 403
    told = actions(behind)
    assert ("login held back", "198.51.100.7") in told
    assert guessed(behind, 99, TOLD | {"x-forwarded-for": "198.51.100.8"}) == 403
    assert ("login refused", "198.51.100.8") in actions(behind)
    assert not any(address.startswith("203.") for _, address in actions(behind))
