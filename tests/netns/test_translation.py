"""Looking behind translated addresses, in the kernel's own table."""

import errno
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from agent.interceptor.reading import translation
from agent.interceptor.reading.translation import End, Translation
from tests.netns.capturing import packed
from tests.netns.nat import nat
from tests.netns.pods import ip

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
    service = _led(SERVICE, 80, listening)
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


def test_an_unknown_connection_is_nobodys(asked: Translation, privileged: None) -> None:
    ends = (packed("192.0.2.1"), 1, packed("192.0.2.2"), 1)
    assert asked.server_of(*ends) is None
    assert asked.client_of(*ends) is None


def test_what_was_plain_is_bounded(
    asked: Translation, listening: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translation, "MOST_PLAIN", 1)
    with nat(_led(SERVICE, 80, listening)), socket.create_server(("", 0)) as other:
        for port in (listening, other.getsockname()[1]):
            assert _server_of(asked, LOOPBACK, port) is None


def test_a_refused_connection_says_nothing_of_the_next(
    asked: Translation, listening: int
) -> None:
    """A service without pods: refused now, led to a pod in a second."""
    with nat(_led(SERVICE, 80, listening)):
        with socket.socket() as client:
            assert client.connect_ex((LOOPBACK, 1)) == errno.ECONNREFUSED
            port = client.getsockname()[1]
        ends = (packed(LOOPBACK), port, packed(LOOPBACK), 1)
        assert asked.server_of(*ends) is None
        with nat(_led(LOOPBACK, 1, listening)):
            assert _server_of(asked, LOOPBACK, 1) == End(packed(LOOPBACK), listening)


def test_a_connection_without_an_answer_says_nothing_of_the_next(
    asked: Translation, listening: int
) -> None:
    """The kernel tracks it, and nobody is there."""
    ip(f"route add {SERVICE}/32 dev lo")
    try:
        with nat(_led(LOOPBACK, 1, listening)):
            with socket.socket() as client:
                client.setblocking(False)
                assert client.connect_ex((SERVICE, 80)) == errno.EINPROGRESS
                own, port = client.getsockname()
                ends = (packed(own), port, packed(SERVICE), 80)
                assert asked.server_of(*ends) is None
            with nat(_led(SERVICE, 80, listening)):
                found = _server_of(asked, SERVICE, 80)
                assert found == End(packed(LOOPBACK), listening)
    finally:
        ip(f"route del {SERVICE}/32 dev lo")


def _led(host: str, port: int, to: int) -> str:
    return (
        f"OUTPUT -d {host} -p tcp --dport {port}"
        f" -j DNAT --to-destination {LOOPBACK}:{to}"
    )


def _server_of(asked: Translation, host: str, port: int) -> End | None:
    """Of a connection from here."""
    with socket.create_connection((host, port), timeout=5) as client:
        own, own_port = client.getsockname()
        return asked.server_of(packed(own), own_port, packed(host), port)
