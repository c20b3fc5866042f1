"""What every request must keep, whoever sends it."""

import pytest
from starlette.datastructures import Headers

from cloud.doors.site import (
    RequestError,
    Site,
    form_proof,
    is_form_proof,
    is_local,
)

OURS = "https://vethscope.example.org"


def check(site: Site, method: str = "GET", **headers: str) -> None:
    given = {"host": "localhost:8080", "scheme": "http"} | headers
    scheme = given.pop("scheme")
    named = Headers({n.replace("_", "-"): v for n, v in given.items()})
    site.check(method, scheme, named)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8080",
        "127.0.0.1:80",
        "[::1]:8080",
        "10.1.2.3:8080",
        "vethscope.example.org",
        "Vethscope.Example.org",
    ],
)
def test_own_names_and_addresses_are_known(host: str) -> None:
    check(Site(OURS), host=host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "vethscope.example.org.evil",
        "[",
        "localhost@evil.example",
        "evil.example:8080",
        "vethscope.example.org:81",
    ],
)
def test_other_names_are_refused(host: str) -> None:
    with pytest.raises(RequestError) as raised:
        check(Site(OURS), host=host)
    assert raised.value.status == 421


def test_two_hosts_are_refused() -> None:
    twice = Headers(raw=[(b"host", b"localhost"), (b"host", b"localhost")])
    with pytest.raises(RequestError):
        Site().check("GET", "http", twice)


def test_two_lengths_are_refused() -> None:
    with pytest.raises(RequestError, match="one length"):
        check(Site(), "POST", content_length="3", transfer_encoding="chunked")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9090"},
        {"origin": "https://localhost:8080"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "same-origin", "origin": "https://evil.example"},
    ],
)
def test_changes_from_elsewhere_are_refused(headers: dict[str, str]) -> None:
    check(Site(), **headers)
    with pytest.raises(RequestError) as raised:
        check(Site(), "POST", **headers)
    assert raised.value.status == 403


def test_changes_from_own_pages_pass() -> None:
    check(Site(), "POST", origin="http://localhost:8080")
    check(Site(), "POST", sec_fetch_site="same-origin")
    host = OURS.removeprefix("https://")
    check(Site(OURS), "POST", host=host, origin=OURS, scheme="https")


def test_changes_from_the_same_name_over_the_other_scheme_are_refused() -> None:
    host = OURS.removeprefix("https://")
    with pytest.raises(RequestError):
        check(Site(OURS), "POST", host=host, origin=OURS)


def test_proof_belongs_to_its_cookie() -> None:
    assert is_form_proof("a", form_proof("a"))
    assert not is_form_proof("b", form_proof("a"))
    assert not is_form_proof("a", "")
    assert not is_form_proof("a", "€")


def test_only_clients_of_this_machine_are_local() -> None:
    assert is_local("127.0.0.1")
    assert is_local("::1")
    assert not any(map(is_local, ("10.0.0.1", "::ffff:10.0.0.1", "localhost", "")))
