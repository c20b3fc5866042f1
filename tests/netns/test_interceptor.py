"""The interceptor on real rings: real servers and clients in real namespaces."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from agent.cluster.addresses import POD, AddressIndex, Workload
from agent.cluster.service import Server
from agent.interceptor.program import Interceptor
from agent.queue import EmbeddedBroker
from agent.record import RECORDS_TOPIC, Record, record_decoder
from agent.settings import Settings, load
from tests.netns.pods import Node, Pod, ip

PORT = 8000
PEERS = "tests.netns.peers"
WAIT_SECONDS = 15.0
SERVER, CLIENT = "198.18.77.2", "198.18.77.6"
SERVER_6, CLIENT_6 = "2001:db8:1::2", "2001:db8:2::2"
OTHER = "203.0.113.2"


class Shop:
    """Two pods on this node, routed through it, one serving."""

    def __init__(self, node: Node) -> None:
        self.server = node.routed(f"{SERVER}/30", f"{SERVER_6}/64")
        self.client = node.routed(f"{CLIENT}/30", f"{CLIENT_6}/64")
        self._route(self.server, "198.18.77.1/30", "2001:db8:1::1/64")
        self._route(self.client, "198.18.77.5/30", "2001:db8:2::1/64")
        self._process = self.start("serve", str(PORT))
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n"

    def start(self, *words: str, pod: Pod | None = None) -> subprocess.Popen[bytes]:
        where = pod or self.server
        return subprocess.Popen(
            ["ip", "netns", "exec", where.name, sys.executable, "-m", PEERS, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, count: int, host: str = SERVER) -> int:
        """Exchanges done."""
        asking = self.start("ask", host, str(PORT), str(count), pod=self.client)
        return int(asking.communicate(timeout=60)[0])

    def send(self, data: bytes) -> None:
        sending = self.start("send", SERVER, str(PORT), pod=self.client)
        sending.communicate(data, timeout=30)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _route(self, pod: Pod, gateway: str, gateway_6: str) -> None:
        ip(
            f"addr add {gateway} dev {pod.host_name}",
            f"addr add {gateway_6} dev {pod.host_name} nodad",
        )
        ip(
            f"route add default via {gateway.partition('/')[0]}",
            f"route add default via {gateway_6.partition('/')[0]}",
            inside=pod,
        )


@pytest.fixture
def shop(node: Node) -> Iterator[Shop]:
    with _forwarding():
        made = Shop(node)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def _forwarding() -> Iterator[None]:
    """The host routes between the pods meanwhile."""
    switches = (
        Path("/proc/sys/net/ipv4/ip_forward"),
        Path("/proc/sys/net/ipv6/conf/all/forwarding"),
    )
    before = {switch: switch.read_text() for switch in switches}
    for switch in switches:
        switch.write_text("1")
    yield
    for switch, value in before.items():
        switch.write_text(value)


@pytest.fixture
def address_server() -> Iterator[str]:
    """Lists the test's own pods, whatever else there is on this node."""
    index = AddressIndex()
    for address in (SERVER, CLIENT, SERVER_6, CLIENT_6, OTHER):
        index.add(_packed(address), Workload("", "Pod", address), POD, 0, address)
    index.complete()
    with Server(index, "127.0.0.1:0") as server:
        yield f"127.0.0.1:{server.port}"


def _packed(address: str) -> bytes:
    return ip_address(address).packed


def _settings(bootstrap: str, addresses: str, **flags: str) -> Settings:
    own = {"kafka-bootstrap": bootstrap, "addresses-server": addresses, **flags}
    return load(environment={}, flags=own)


@contextmanager
def _capturing(settings: Settings) -> Iterator[Interceptor]:
    """Captures until the block ends; the counters can be read afterwards too."""
    interceptor = Interceptor(settings)
    pods = {_packed(SERVER), _packed(CLIENT), _packed(SERVER_6), _packed(CLIENT_6)}
    stop = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            interceptor.run(stop)
        except BaseException as error:
            failures.append(error)
            raise

    thread = threading.Thread(target=run)
    thread.start()
    try:
        _await(lambda: pods <= interceptor.monitored or bool(failures))
        yield interceptor
    finally:
        stop.set()
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()


def _await(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < end, "did not come true in time"
        pause.wait(0.02)


def _records(bootstrap: str, count: int) -> list[Record]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "test",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([RECORDS_TOPIC])
    records: list[Record] = []
    end = time.monotonic() + WAIT_SECONDS
    while len(records) < count and time.monotonic() < end:
        message = consumer.poll(0.2)
        if message is not None and not message.error():
            records.append(record_decoder.decode(message.value() or b""))
    consumer.close()
    return records


def _accounts_for_all(interceptor: Interceptor) -> bool:
    total = interceptor.coverage.total()
    return total.counts["payload_bytes"] == sum(total.buckets.values())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_exchange_is_paired_once_with_its_own_addresses(
    shop: Shop, address_server: str, workers: str
) -> None:
    with EmbeddedBroker() as broker:
        settings = _settings(
            broker.bootstrap, address_server, **{"capture-workers": workers}
        )
        with _capturing(settings) as interceptor:
            sent = shop.ask(300) + shop.ask(300, SERVER_6)
            assert interceptor.flush(WAIT_SECONDS)
            total = interceptor.coverage.total()
        assert sent == 600
        assert total.counts["pairs"] == sent
        assert total.counts.get("ring_drops", 0) == 0
        assert _accounts_for_all(interceptor)
        records = _records(broker.bootstrap, sent)
    assert len(records) == sent
    assert {len(record.server) for record in records} == {4, 16}
    assert {record.server_port for record in records} == {PORT}
    for record in records:
        if record.request.body:
            assert record.request.body == record.response.body


def test_a_kept_connection_older_than_the_capture_is_paired(
    shop: Shop, address_server: str
) -> None:
    asking = shop.start("ask", SERVER, str(PORT), "3000", pod=shop.client)
    with EmbeddedBroker() as broker:
        with _capturing(_settings(broker.bootstrap, address_server)) as interceptor:
            asking.communicate(timeout=60)
            assert interceptor.flush(WAIT_SECONDS)
        total = interceptor.coverage.total()
    assert total.counts["pairs"] > 100
    assert total.counts.get("unpaired_ambiguous", 0) == 0
    assert _accounts_for_all(interceptor)


def test_rubbish_is_counted_and_capture_goes_on(
    shop: Shop, address_server: str
) -> None:
    hostile = (
        os.urandom(3000),
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n{}",
        b"POST /things HTTP/1.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: 5\r\n\r\n{{{{{",
        b"POST /things HTTP/1.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: 50000\r\n\r\n{}",
    )
    with EmbeddedBroker() as broker:
        with _capturing(_settings(broker.bootstrap, address_server)) as interceptor:
            for data in hostile:
                shop.send(data)
            assert shop.ask(50) == 50
            assert interceptor.flush(WAIT_SECONDS)
        total = interceptor.coverage.total()
    assert total.counts["pairs"] >= 51
    assert _accounts_for_all(interceptor)


def test_an_interface_that_vanishes_ends_only_its_own_connections(
    shop: Shop, address_server: str, node: Node
) -> None:
    other = node.routed(f"{OTHER}/30")
    with EmbeddedBroker() as broker:
        with _capturing(_settings(broker.bootstrap, address_server)) as interceptor:
            _await(lambda: _packed(OTHER) in interceptor.monitored)
            assert shop.ask(50) == 50
            node.remove(other)
            _await(lambda: _packed(OTHER) not in interceptor.monitored)
            assert shop.ask(50) == 50
            assert interceptor.flush(WAIT_SECONDS)
        assert interceptor.coverage.total().counts["pairs"] == 100


def test_a_pod_that_comes_later_is_captured(
    shop: Shop, address_server: str, node: Node
) -> None:
    with EmbeddedBroker() as broker:
        with _capturing(_settings(broker.bootstrap, address_server)) as interceptor:
            late = node.routed(f"{OTHER}/30")
            _await(lambda: _packed(OTHER) in interceptor.monitored)
            ip(f"addr add 203.0.113.1/30 dev {late.host_name}")
            ip("route add default via 203.0.113.1", inside=late)
            asking = shop.start("ask", SERVER, str(PORT), "50", pod=late)
            assert int(asking.communicate(timeout=60)[0]) == 50
            assert interceptor.flush(WAIT_SECONDS)
        assert interceptor.coverage.total().counts["pairs"] == 50


def test_a_killed_worker_is_replaced_and_told_of(
    shop: Shop, address_server: str, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedBroker() as broker:
        with _capturing(_settings(broker.bootstrap, address_server)) as interceptor:
            assert shop.ask(50) == 50
            assert interceptor.flush(WAIT_SECONDS)
            (worker,) = interceptor.worker_processes()
            os.kill(worker, signal.SIGKILL)
            _await(lambda: interceptor.worker_processes() not in ([], [worker]))
            assert interceptor.flush(WAIT_SECONDS)
            assert shop.ask(50) == 50
            assert interceptor.flush(WAIT_SECONDS)
        total = interceptor.coverage.total()
    assert total.counts["pairs"] == 100
    assert total.counts["worker_restarts"] == 1
    assert "starting it again" in caplog.text


def test_without_a_broker_capture_goes_on_and_counts_what_it_drops(
    shop: Shop, address_server: str
) -> None:
    flags = {"kafka-queue-bytes": "1048576"}
    with _capturing(_settings("127.0.0.1:9", address_server, **flags)) as interceptor:
        assert shop.ask(1500) == 1500
        _await(
            lambda: interceptor.coverage.total().counts.get("kafka_queue_full", 0) > 0
        )
    total = interceptor.coverage.total()
    assert total.counts["pairs"] == 1500
    dropped = sum(n for name, n in total.counts.items() if name.startswith("kafka_"))
    assert dropped == 1500
    assert interceptor.coverage.delivered == 0
