"""`vethscope interceptor` as a process: its rights, its health port and its end."""

import http.client
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.kafka.embedded import EmbeddedBroker
from agent.record import batch_decoder, coverage_decoder
from tests.netns.capturing import address_list, all_values, wait_for
from tests.netns.pods import Node
from tests.netns.web import CLIENT, SERVER, Web, requests_done, web
from tests.ports import free_port
from tests.topics import COVERAGE_TOPIC, RECORDS_TOPIC

VETHSCOPE = Path(sys.executable).parent / "vethscope"
FOUR = "-all,+net_raw,+net_admin,+sys_admin,+sys_ptrace"
PAIRS = 'vethscope_capture_pieces_total{reason="pairs"}'
STOP_SECONDS = 4
BUSY_SECONDS = 30
"""For its end on a busy machine, with its imports and threads."""


class Role:
    """A running interceptor with these capabilities and no others."""

    def __init__(self, capabilities: str, bootstrap: str, addresses: str) -> None:
        self.port = free_port()
        flags = {
            "kafka-bootstrap": bootstrap,
            "addresses-server": addresses,
            "health-listen": f"127.0.0.1:{self.port}",
            "capture-workers": "2",
            "capture-stop-seconds": str(STOP_SECONDS),
        }
        self.process = subprocess.Popen(
            [
                *("setpriv", f"--bounding-set={capabilities}", "--inh-caps=-all"),
                *(str(VETHSCOPE), "interceptor"),
                *(f"--{name}={value}" for name, value in flags.items()),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, path: str) -> tuple[int, str]:
        """Status and text; 0: nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except ConnectionError:
            return 0, ""
        finally:
            connection.close()

    def number(self, metric: str) -> float:
        for line in self.ask("/metrics")[1].splitlines():
            name, _, value = line.rpartition(" ")
            if name == metric:
                return float(value)
        return 0.0

    def await_ready(self) -> None:
        addresses = "vethscope_capture_addresses"
        wait_for(lambda: self.ask("/readyz")[0] == 200 and self.number(addresses) >= 2)

    def end(self) -> str:
        """What it wrote, when it has ended."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=BUSY_SECONDS)[1]


@contextmanager
def running(capabilities: str, bootstrap: str, addresses: str) -> Iterator[Role]:
    role = Role(capabilities, bootstrap, addresses)
    try:
        yield role
    finally:
        role.process.kill()
        role.process.communicate()


@pytest.fixture
def site(node: Node, tmp_path: Path) -> Iterator[Web]:
    with web(node, tmp_path) as made:
        yield made


@pytest.fixture
def addresses(privileged: None) -> Iterator[str]:
    with address_list([SERVER, CLIENT]) as server:
        yield server


@pytest.mark.parametrize(
    ("capabilities", "missing"),
    [
        (FOUR, []),
        ("-all,+net_raw,+net_admin", ["CAP_SYS_ADMIN", "CAP_SYS_PTRACE"]),
    ],
)
def test_with_few_capabilities_host_ends_are_captured(
    site: Web, addresses: str, capabilities: str, missing: list[str]
) -> None:
    with (
        EmbeddedBroker() as broker,
        running(capabilities, broker.bootstrap, addresses) as role,
    ):
        role.await_ready()
        assert role.ask("/livez") == (200, "ok\n")
        requests_done(site.start(2, 4, delay_ms=10))
        sent = site.served()
        assert sent > 100
        wait_for(lambda: role.number(PAIRS) == sent)
        told = role.end()
    assert role.process.returncode == 0
    named = [line.split()[2] for line in told.splitlines() if " is missing: " in line]
    assert sorted(named) == missing


def test_without_kafka_it_has_started_and_lives_but_is_not_ready(
    site: Web, addresses: str
) -> None:
    """Said in one line, though each worker has a producer of its own."""
    bootstrap = f"127.0.0.1:{free_port()}"
    with running(FOUR, bootstrap, addresses) as role:
        wait_for(lambda: role.ask("/startz")[0] == 200)
        wait_for(lambda: role.number("vethscope_capture_addresses") >= 2)
        assert role.ask("/livez") == (200, "ok\n")
        assert role.ask("/readyz") == (503, "interceptor: not yet\n")
        time.sleep(3)
        told = role.end()
    lines = [line for line in told.splitlines() if "kafka: " in line]
    assert len(lines) == 1
    assert lines[0].endswith(f"kafka: {bootstrap} is not reachable, trying on")


def test_without_packets_it_says_what_is_missing(addresses: str) -> None:
    with running("-net_raw", "127.0.0.1:9", addresses) as role:
        told = role.process.communicate(timeout=20)[1]
        assert role.process.returncode == 1
    assert "CAP_NET_RAW is missing" in told
    assert "Traceback" not in told


def test_ended_under_load_it_hands_on_all_that_it_paired(
    site: Web, addresses: str
) -> None:
    with (
        EmbeddedBroker() as broker,
        running(FOUR, broker.bootstrap, addresses) as role,
    ):
        role.await_ready()
        wrk = site.start(12, 8, delay_ms=5)
        wait_for(lambda: role.number(PAIRS) > 1000)
        told = role.end()
        assert role.process.returncode == 0
        assert wrk.poll() is None
        wrk.terminate()
        wrk.communicate()
        values = all_values(broker.bootstrap, RECORDS_TOPIC)
        told_windows = all_values(broker.bootstrap, COVERAGE_TOPIC)
    windows = map(coverage_decoder.decode, told_windows)
    counted = sum(window.counts.get("pairs", 0) for window in windows)
    exchanges = sum(batch_decoder.decode(value).exchanges for value in values)
    assert exchanges == counted > 1000
    assert "did not" not in told
