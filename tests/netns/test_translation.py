"""Looking behind translated addresses, in the kernel's own table."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from agent.interceptor import translation
from agent.interceptor.translation import End, Translation
from tests.netns.capturing import packed
from tests.netns.nat import nat

SERVICE = "198.18.255.77"
LOOPBACK = "127.0.0.1"


@pytest.fixture
def asked() -> Iterator[Translation]:
    with closing(Translation()) as made:
        yield made


@pytest.fixture
def listening(privileged: None) -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_service_and_a_hidden_client_are_both_found(
    asked: Translation, listening: int
) -> None:
    service = (
        f"OUTPUT -d {SERVICE} -p tcp --dport 80"
        f" -j DNAT --to-destination {LOOPBACK}:{listening}"
    )
    hidden = (
        f"POSTROUTING -d {LOOPBACK} -p tcp --dport {listening}"
        " -j SNAT --to-source 127.0.0.9"
    )
    with (
        nat(service, hidden),
        socket.create_connection((SERVICE, 80), timeout=5) as client,
    ):
        ip, port = client.getsockname()
        server = asked.server_of(packed(ip), port, packed(SERVICE), 80)
        assert server == End(packed(LOOPBACK), listening)
        seen = (packed("127.0.0.9"), port, packed(LOOPBACK), listening)
        assert asked.client_of(*seen) == End(packed(ip), port)


@pytest.mark.parametrize(("any_", "host"), [("0.0.0.0", LOOPBACK), ("::", "::1")])
def test_plain_ends_stand_for_themselves(
    asked: Translation, privileged: None, any_: str, host: str
) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.create_server((any_, 0), family=family) as server,
        socket.create_connection((host, server.getsockname()[1])) as client,
    ):
        ends = (
            packed(host),
            client.getsockname()[1],
            packed(host),
            server.getsockname()[1],
        )
        for _ in range(2):  # the second is answered from memory
            assert asked.server_of(*ends) is None
            assert asked.client_of(*ends) is None


def test_an_unknown_connection_is_nobodys(
    asked: Translation, privileged: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translation, "MOST_PLAIN", 1)
    for port in (1, 2):
        ends = (packed("192.0.2.1"), port, packed("192.0.2.2"), port)
        assert asked.server_of(*ends) is None
