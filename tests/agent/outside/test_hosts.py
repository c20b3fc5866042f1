"""Hosts are named by their domain; what stands before it may be data."""

import pytest

from agent.naming.segments import Segments
from agent.naming.vocabulary import Vocabulary
from agent.outside import hosts
from agent.outside.hosts import Hosts


@pytest.fixture(scope="module")
def segments() -> Segments:
    return Segments(Vocabulary.load())


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"api.example.com", "api.example.com"),
        (b"API.Example.com:8443", "api.example.com"),
        (b"example.com.", "example.com"),
        (b"tenant-4711.example.com", "{name}.example.com"),
        (b"jane-doe.api.example.com", "{name}.api.example.com"),
        (b"a1.b2.c3.example.com", "{name}.example.com"),
        (b"kowalski.example.co.uk", "{name}.example.co.uk"),
        (b"example.co.uk", "example.co.uk"),
        (b"x9f8e7d6c5.com", "{id}.com"),
        (b"payments", ""),
        (b"orders.shop.svc", ""),
        (b"orders.shop.svc.cluster.local", ""),
        (b"192.0.2.7", ""),
        (b"[2001:db8::1]:80", ""),
        (b"jane@example.com", ""),
        (b"a b.com", ""),
        (b"\xff.com", ""),
        (b"." * 300, ""),
        (b"", ""),
    ],
)
def test_names_without_data(segments: Segments, sent: bytes, told: str) -> None:
    assert Hosts(segments).name(sent) == told


def test_external_name_services_are_called_by_their_target(segments: Segments) -> None:
    known = Hosts(segments)
    known.point("shop", "payments", "Gate7.Example.com.")
    for sent in (b"payments.shop.svc.cluster.local", b"payments.shop", b"payments"):
        assert known.name(sent, "shop") == "gate7.example.com"
    assert known.name(b"payments", "other") == ""
    known.point("shop", "payments", "")
    assert known.name(b"payments", "shop") == ""


def test_hosts_of_ingresses_stay_whole(segments: Segments) -> None:
    known = Hosts(segments)
    known.keep("kowalski.example.com")
    known.keep("*.preview.example.com")
    assert known.name(b"kowalski.example.com") == "kowalski.example.com"
    assert known.name(b"q7.preview.example.com") == "q7.preview.example.com"
    known.keep("kowalski.example.com")
    known.drop("kowalski.example.com")
    assert known.name(b"kowalski.example.com") == "kowalski.example.com"
    known.drop("kowalski.example.com")
    assert known.name(b"kowalski.example.com") == "{name}.example.com"


def test_names_of_one_domain_are_bounded(
    segments: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "MOST_OF_DOMAIN", 2)
    known = Hosts(segments)
    told = [known.name(f"{word}.example.com".encode()) for word in ("api", "users")]
    assert told == ["api.example.com", "users.example.com"]
    assert known.name(b"orders.example.com") == "{name}.example.com"
    assert known.name(b"api.example.com") == "api.example.com"
