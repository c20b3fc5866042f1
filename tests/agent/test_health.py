"""One port: alive, ready, metrics; few connections and short waits."""

import http.client
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

import pytest

from agent import health
from agent.health import MOST_CONNECTIONS, HealthError, Pulse, serving
from agent.metrics import Metric, counter


class Role:
    """A role as the tests want it."""

    name = "digger"
    is_live = True
    is_ready = False
    has_started = False
    lack = "not yet"

    def metrics(self) -> Iterable[Metric]:
        return [counter("vethscope_things_total", "Things.", 3)]


@pytest.fixture
def role() -> Role:
    return Role()


@pytest.fixture
def port(role: Role) -> Iterator[int]:
    with serving("127.0.0.1:0", role) as port:
        yield port


def ask(port: int, path: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    response = connection.getresponse()
    told = response.read().decode()
    connection.close()
    return response.status, told, response.getheader("Content-Type", "")


def test_a_role_is_ready_when_it_says_so(role: Role, port: int) -> None:
    assert ask(port, "/readyz")[:2] == (503, "digger: not yet\n")
    role.lack = "names are old"
    assert ask(port, "/readyz")[:2] == (503, "digger: names are old\n")
    role.is_ready = True
    assert ask(port, "/readyz")[:2] == (200, "ok\n")


def test_a_role_has_started_whether_it_is_ready_or_not(role: Role, port: int) -> None:
    assert ask(port, "/startz")[:2] == (503, "digger: not yet\n")
    role.has_started = True
    assert ask(port, "/startz")[:2] == (200, "ok\n")
    assert ask(port, "/readyz")[0] == 503


def test_a_role_that_stands_still_is_not_alive(role: Role, port: int) -> None:
    assert ask(port, "/livez")[0] == 200
    role.is_live = False
    assert ask(port, "/livez")[:2] == (503, "digger: not yet\n")


def test_metrics_are_of_the_role_and_its_process(port: int) -> None:
    status, told, kind = ask(port, "/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "\nvethscope_things_total 3\n" in told
    assert "\nprocess_cpu_seconds_total " in told


def test_other_paths_are_not_told_back(port: int) -> None:
    status, told, _ = ask(port, "/4111111111111111")
    assert status == 404
    assert "4111" not in told


def test_too_many_connections_are_closed_at_once(port: int) -> None:
    with ExitStack() as held:
        for _ in range(MOST_CONNECTIONS):
            address = ("127.0.0.1", port)
            held.enter_context(socket.create_connection(address, 5))
        one_more = held.enter_context(socket.create_connection(address, 5))
        assert one_more.recv(1) == b""
    end = time.monotonic() + 5
    status = 0
    while status != 200 and time.monotonic() < end:
        try:
            status = ask(port, "/livez")[0]
        except (http.client.HTTPException, ConnectionError):
            continue
    assert status == 200


def test_an_address_in_use_is_named(port: int) -> None:
    with pytest.raises(HealthError, match=f"127.0.0.1:{port}"):
        serving(f"127.0.0.1:{port}", Role()).__enter__()


def test_ipv6_is_served_too(role: Role) -> None:
    with (
        serving("[::1]:0", role) as port,
        socket.create_connection(("::1", port), 5) as asking,
    ):
        asking.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert asking.recv(100).startswith(b"HTTP/1.0 200")


def test_without_an_address_nothing_is_served() -> None:
    with serving("", Role()) as port:
        assert port == 0


def test_a_pulse_that_stops_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    pulse = Pulse()
    assert pulse.is_live
    monkeypatch.setattr(health, "STILL_SECONDS", 0.0)
    assert not pulse.is_live
    monkeypatch.setattr(health, "STILL_SECONDS", 60.0)
    pulse.beat()
    assert pulse.is_live


def test_one_listener_answers_both_families() -> None:
    role = Role()
    with serving("[::]:0", role) as port:
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, port), 5) as asking:
                asking.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
                assert b"200" in asking.recv(100)


def test_without_a_second_family_there_is_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with serving("[::]:0", Role()) as port:
        socket.create_connection(("127.0.0.1", port), 5).close()
