"""Servers and clients outside have names, and rows of what is known of them."""

from pathlib import Path

import pytest

from agent.cluster.addresses import INTERNET, Workload
from agent.cluster.watching.objects import (
    Ingress,
    IngressRule,
    IngressSpec,
    Metadata,
    Service,
    ServiceSpec,
)
from agent.naming.segments import Segments
from agent.naming.vocabulary import Vocabulary
from agent.outside import parties
from agent.outside.geography import Geography
from agent.outside.hosts import Hosts
from agent.outside.known import Aliases, Fronts
from agent.outside.parties import AGAIN_NS, Parties, Party, authority
from agent.outside.ranges import Ranges
from tests.agent.outside.mmdb import write

IP = bytes((8, 8, 8, 8))
SHOP = Workload("shop", "Deployment", "orders")


@pytest.fixture
def hosts() -> Hosts:
    return Hosts(Segments(Vocabulary.load()))


def head(host: str, agent: str = "curl/8") -> bytes:
    return f"GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n\r\n".encode()


def external(name: str) -> Workload:
    return Workload("", "External", name)


def test_a_range_called_internet_counts_as_public(hosts: Hosts) -> None:
    known = Parties(hosts, Ranges({"203.0.113.0/24": "internet"}))
    assert known.place(bytes((203, 0, 113, 7))) is INTERNET
    assert known.place(bytes((198, 51, 100, 7))) is None


def test_a_server_is_called_by_its_host(hosts: Hosts) -> None:
    known = Parties(hosts)
    assert known.server(IP, 80, SHOP, b"") is INTERNET
    assert known.server(IP, 80, SHOP, head("api.example.com")) == external(
        "api.example.com"
    )
    assert known.server(IP, 80, SHOP, b"") == external("api.example.com")
    assert known.server(IP, 81, SHOP, b"") is INTERNET


def test_of_an_address_with_several_hosts_only_whole_exchanges_tell(
    hosts: Hosts,
) -> None:
    known = Parties(hosts)
    for host in ("api.example.com", "api.example.org", "api.example.com"):
        assert known.server(IP, 80, SHOP, head(host)) == external(host)
        told = known.server(IP, 80, SHOP, b"")
    assert told is INTERNET


def test_names_are_bounded(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parties, "MOST_PARTIES", 1)
    monkeypatch.setattr(parties, "MOST_SERVERS", 1)
    known = Parties(hosts)
    assert known.server(IP, 80, SHOP, head("a.com")) == external("a.com")
    assert known.server(IP, 81, SHOP, head("b.com")) is INTERNET
    assert known.server(IP, 82, SHOP, head("a.com")) == external("a.com")
    assert known.server(IP, 80, SHOP, b"") is INTERNET


def test_services_and_ingresses_name_hosts(hosts: Hosts) -> None:
    aliases, fronts = Aliases(hosts), Fronts(hosts)
    service = Service(
        Metadata(name="pay", namespace="shop", uid="s"),
        ServiceSpec(externalName="pay.example.com"),
    )
    rules = [IngressRule("kowalski.example.com"), IngressRule()]
    aliases.put(service)
    fronts.put(Ingress(Metadata(uid="i"), IngressSpec(rules)))
    known = Parties(hosts)
    assert known.server(IP, 80, SHOP, head("pay")) == external("pay.example.com")
    assert known.server(IP, 81, SHOP, head("kowalski.example.com")).name == (
        "kowalski.example.com"
    )
    assert (set(aliases.uids()), set(fronts.uids())) == ({"s"}, {"i"})
    for sink, uid in ((aliases, "s"), (fronts, "i")):
        sink.drop(uid)
        sink.drop("never came")
        assert not sink.uids()
    assert hosts.name(b"pay", "shop") == ""
    assert hosts.name(b"kowalski.example.com") == "{name}.example.com"


def test_ranges_name_what_has_no_owner(hosts: Hosts) -> None:
    known = Parties(hosts, Ranges({"10.9.0.0/16": "vpn", "8.8.0.0/16": "resolver"}))
    assert known.place(bytes((10, 9, 1, 1))) == external("vpn")
    assert known.place(bytes((10, 8, 1, 1))) is None
    assert known.place(IP) == external("resolver")
    assert known.place(bytes((9, 9, 9, 9))) is INTERNET


def test_rows_tell_country_network_and_robots(hosts: Hosts, tmp_path: Path) -> None:
    told: list[tuple[Party, int]] = []

    def tell(party: Party, at_ns: int) -> None:
        told.append((party, at_ns))

    row = {"country": "DE", "as_name": "Example"}
    file = write(tmp_path / "a.mmdb", {"8.0.0.0/8": row})
    known = Parties(hosts, geography=Geography([str(file)]))
    person = Party(INTERNET, "DE", "Example", False)
    robot = person._replace(is_robot=True)
    for agent in ("Firefox/140", "Googlebot/2.1"):
        known.see(INTERNET, IP, head("a", agent), 5, tell)
        known.see(INTERNET, IP, b"", 6, tell)
        known.see(INTERNET, IP, None, 7, tell)
    assert told == [(person, 5), (robot, 5)]
    known.see(INTERNET, IP, b"", 5 + AGAIN_NS, tell)
    assert told[2:] == [(robot, 5 + AGAIN_NS)]
    known.clear()
    known.see(INTERNET, IP, None, 6, tell)
    assert told[3:] == [(person, 6)]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (head("a.example"), b"a.example"),
        (b"GET http://b.example:80/x HTTP/1.1\r\nHost: a\r\n\r\n", b"b.example:80"),
        (b"GET / HTTP/1.1\r\nhOsT:\ta.example \r\n\r\n", b"a.example"),
        (b"GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", b""),
        (b"\0", b""),
    ],
)
def test_the_authority_of_a_request(sent: bytes, expected: bytes) -> None:
    assert authority(sent) == expected
