"""The whole cloud: start, stop, ports in use, and what a crash leaves."""

import http.client
import logging
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import pytest

from cloud.errors import AddressError, StoreError
from cloud.program import Opened, serve
from proto.v1 import collector_pb2 as c
from proto.v1.collector_pb2_grpc import CollectorStub
from tests.cloud import packages
from tests.cloud.packages import TOPIC, endpoint, offsets, package
from tests.cloud.running import Cloud
from tests.ports import free_port

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


def test_cloud_serves_and_stops_in_time(database_url: str) -> None:
    with Cloud(database_url) as cloud:
        cloud.collector.Send(packages.shop())
        assert cloud.get("/.json").json()["pairs"] == 908
        idle = http.client.HTTPConnection(cloud.address.removeprefix("http://"))
        idle.request("GET", "/healthz")
        idle.getresponse().read()
        started = time.monotonic()
    assert time.monotonic() - started < STOP_SECONDS
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


def test_role_needs_no_listener_for_readiness(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()
    stop.set()
    with caplog.at_level(logging.INFO):
        url = f"sqlite:///{tmp_path}/cloud.sqlite3"
        serve("127.0.0.1:0", "127.0.0.1:0", url, stop)
    assert "dashboard on http://127.0.0.1:" in caplog.text


def test_killed_at_any_time_nothing_is_lost_or_doubled(database_url: str) -> None:
    """Kills the process while packages arrive; the sender repeats, as a digger does."""
    listen, collector = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    child = _start(listen, collector, database_url)
    try:
        with grpc.insecure_channel(
            collector, [("grpc.max_reconnect_backoff_ms", 200)]
        ) as channel:
            sent = threading.Semaphore(0)
            sender = threading.Thread(
                target=_send_all, args=(CollectorStub(channel), sent)
            )
            sender.start()
            for _ in range(3):
                for _ in range(SENT // 4):
                    assert sent.acquire(timeout=30)
                child.kill()
                _end(child)
                child = _start(listen, collector, database_url)
            sender.join(60)
            assert not sender.is_alive()
            asked = c.ResumeRequest(cluster="local", topic=TOPIC, partitions=[0])
            assert dict(CollectorStub(channel).Resume(asked).next) == {0: SENT}
    finally:
        child.kill()
        _end(child)
    with Cloud(database_url) as cloud:
        overview = cloud.get("/.json").json()
    assert overview["pairs"] == SENT
    assert overview["losses"]["records"] == 0
    assert overview["clusters"][0]["packages"] == SENT


SENT = 120


def _send_all(collector: CollectorStub, sent_ones: threading.Semaphore) -> None:
    for number in range(SENT):
        sent = package(
            offsets(number, number + 1),
            endpoints=[endpoint(places=[packages.place(path=f"$.f{number % 50}")])],
        )
        while True:
            try:
                collector.Send(sent, timeout=5, wait_for_ready=True)
            except grpc.RpcError:
                continue
            break
        sent_ones.release()


def _start(listen: str, collector: str, url: str) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-u", "-c", CHILD, listen, collector, url],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    assert child.stdout.readline().startswith("http://127.0.0.1:")
    return child


def _end(child: subprocess.Popen[str]) -> None:
    assert child.stdout
    child.stdout.close()
    child.wait(10)
