"""The whole cloud: start, stop, ports in use, and what a crash leaves."""

import http.client
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cloud.errors import AddressError, StoreError
from cloud.program import Opened, address_of, serve
from tests.cloud import packages
from tests.cloud.running import Cloud
from tests.waiting import busyness

Address = tuple[str, int]

STOP_SECONDS = 3
CHILD = """
import sys, threading
from cloud.program import serve
from tests.ports import free_port
listen, collector, url = sys.argv[1:]
serve(listen, collector, url, threading.Event(), lambda opened: print(opened.address))
"""


def run(listen: str, collector: str, url: str) -> None:
    serve(listen, collector, url, threading.Event())


def test_cloud_serves_and_stops_in_time(empty_url: str) -> None:
    with Cloud(empty_url) as cloud:
        cloud.collector.Send(packages.shop())
        assert cloud.get("/api/v1/overview").json()["pairs"] == 908
        idle = http.client.HTTPConnection(cloud.address.removeprefix("http://"))
        idle.request("GET", "/healthz")
        idle.getresponse().read()
        started = time.monotonic()
    assert time.monotonic() - started < STOP_SECONDS * busyness()
    idle.close()


def test_port_is_free_again_after_stopping(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/cloud.sqlite3"
    with Cloud(url) as first:
        first.collector.Send(packages.shop())
    with Cloud(url) as second:
        assert second.collector.Send(packages.shop()).duplicate


def test_dashboard_port_in_use_names_the_address(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(AddressError, match=address) as raised:
            run(address, "127.0.0.1:0", f"sqlite:///{tmp_path}/cloud.sqlite3")
    assert "\n" not in str(raised.value)


def test_collector_port_in_use_names_the_address(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(AddressError, match=address):
            run("127.0.0.1:0", address, f"sqlite:///{tmp_path}/cloud.sqlite3")


def test_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AddressError, match=r"192\.0\.2\.1:80"):
        run("192.0.2.1:80", "127.0.0.1:0", f"sqlite:///{tmp_path}/cloud.sqlite3")


def test_unusable_database_is_told_before_anything_listens() -> None:
    with pytest.raises(StoreError):
        run("127.0.0.1:0", "127.0.0.1:0", "sqlite:////nowhere/at/all.sqlite3")


def test_dashboard_listens_on_ipv6(tmp_path: Path) -> None:
    stop = threading.Event()
    addresses: list[str] = []

    def stop_at_once(opened: Opened) -> None:
        addresses.append(opened.address)
        stop.set()

    url = f"sqlite:///{tmp_path}/cloud.sqlite3"
    serve("[::1]:0", "[::1]:0", url, stop, stop_at_once)
    assert addresses[0].startswith("http://[::1]:")


@pytest.mark.parametrize("has_both", [True, False])
def test_dashboard_listens_on_both_families_where_there_are_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_both: bool
) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: has_both)
    stop = threading.Event()
    reached: list[str] = []

    def reach(opened: Opened) -> None:
        port = int(opened.address.rpartition(":")[2])
        for host in ("127.0.0.1", "::1"):
            asking = http.client.HTTPConnection(host, port, timeout=5)
            with suppress(ConnectionRefusedError):
                asking.request("GET", "/healthz", headers={"Connection": "close"})
                asking.getresponse().read()
                reached.append(host)
            asking.close()
        stop.set()

    serve("[::]:0", "[::]:0", f"sqlite:///{tmp_path}/cloud.sqlite3", stop, reach)
    assert reached == (["127.0.0.1", "::1"] if has_both else ["127.0.0.1"])


def test_an_answer_is_sent_at_once(tmp_path: Path) -> None:
    with Cloud(f"sqlite:///{tmp_path}/cloud.sqlite3") as cloud:
        address = urlsplit(cloud.address)
        connection = http.client.HTTPConnection(address.hostname or "", address.port)
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
        ours, theirs = connection.sock.getsockname(), connection.sock.getpeername()
        with socket.socket(fileno=_descriptor(theirs, ours)) as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        connection.close()


def _descriptor(local: Address, peer: Address) -> int:
    """A copy of this process's end of a connection."""
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            copy = os.dup(int(entry.name))
            with socket.socket(fileno=copy) as known:
                if (known.getsockname(), known.getpeername()) == (local, peer):
                    return known.detach()
    raise LookupError


@pytest.mark.parametrize(
    ("host", "opened"),
    [
        ("::", "http://localhost:8080"),
        ("0.0.0.0", "http://localhost:8080"),
        ("", "http://localhost:8080"),
        ("::1", "http://[::1]:8080"),
        ("192.0.2.1", "http://192.0.2.1:8080"),
    ],
)
def test_the_address_told_is_one_that_a_browser_opens(host: str, opened: str) -> None:
    assert address_of("http", host, 8080) == opened


def test_role_needs_no_listener_for_readiness(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()
    stop.set()
    with caplog.at_level(logging.INFO):
        url = f"sqlite:///{tmp_path}/cloud.sqlite3"
        serve("127.0.0.1:0", "127.0.0.1:0", url, stop)
    assert "dashboard on http://127.0.0.1:" in caplog.text


def start(listen: str, collector: str, url: str) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-u", "-c", CHILD, listen, collector, url],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    assert child.stdout.readline().startswith("http://127.0.0.1:")
    return child


def end(child: subprocess.Popen[str]) -> None:
    assert child.stdout
    child.stdout.close()
    child.wait(10)
