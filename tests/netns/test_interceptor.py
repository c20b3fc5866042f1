"""The interceptor on real rings: real servers and clients in real namespaces."""

import os
import signal
from collections.abc import Iterator

import pytest

from agent.kafka.embedded import EmbeddedBroker
from agent.record import batch_decoder
from tests.netns.capturing import (
    WAIT_SECONDS,
    accounts_for_all,
    address_list,
    all_values,
    ask,
    capturing,
    forwarding,
    packed,
    records,
    serving,
    settings,
    start,
    wait_for,
)
from tests.netns.pods import NET, NET_6, Node, Pod, ip
from tests.topics import RECORDS_TOPIC

PORT = 8000
SERVER, CLIENT, OTHER = f"{NET}.2", f"{NET}.6", f"{NET}.10"
SERVER_6, CLIENT_6 = f"{NET_6}:1::2", f"{NET_6}:2::2"
PODS = (SERVER, CLIENT, SERVER_6, CLIENT_6)


class Shop:
    """Two pods on this node, routed through it."""

    def __init__(self, node: Node) -> None:
        self.server = node.routed(f"{SERVER}/30", f"{SERVER_6}/64")
        self.client = node.routed(f"{CLIENT}/30", f"{CLIENT_6}/64")
        self._route(self.server, f"{NET}.1/30", f"{NET_6}:1::1/64")
        self._route(self.client, f"{NET}.5/30", f"{NET_6}:2::1/64")

    def ask(self, count: int, host: str = SERVER) -> int:
        """Exchanges done."""
        return ask(self.client, host, PORT, count)

    def send(self, data: bytes) -> None:
        start(self.client, "send", SERVER, str(PORT)).communicate(data, timeout=30)

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
    made = Shop(node)
    with forwarding(), serving(made.server, PORT):
        yield made


@pytest.fixture
def address_server() -> Iterator[str]:
    """Lists the test's own pods, whatever else there is on this node."""
    with address_list([*PODS, OTHER]) as server:
        yield server


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_exchange_is_paired_once_with_its_own_addresses(
    shop: Shop, address_server: str, workers: str
) -> None:
    with EmbeddedBroker() as broker:
        used = settings(
            broker.bootstrap, address_server, **{"capture-workers": workers}
        )
        with capturing(used, PODS) as interceptor:
            sent = shop.ask(300) + shop.ask(300, SERVER_6)
            assert interceptor.flush(WAIT_SECONDS)
            total = interceptor.coverage.total()
        assert sent == 600
        assert total.counts["pairs"] == sent
        assert total.counts.get("ring_drops", 0) == 0
        assert accounts_for_all(interceptor)
        read = records(broker.bootstrap, sent)
    assert len(read) == sent
    assert {len(record.server) for record in read} == {4, 16}
    assert {record.server_port for record in read} == {PORT}
    for record in read:
        if record.request.body:
            assert record.request.body == record.response.body


def test_a_kept_connection_older_than_the_capture_is_paired(
    shop: Shop, address_server: str
) -> None:
    asking = start(shop.client, "resume", SERVER, str(PORT), "300")
    assert asking.stdout
    assert asking.stdout.readline() == b"1\n"
    with EmbeddedBroker() as broker:
        with capturing(settings(broker.bootstrap, address_server), PODS) as interceptor:
            told, _ = asking.communicate(b"\n", timeout=60)
            assert interceptor.flush(WAIT_SECONDS)
        total = interceptor.coverage.total()
    assert told == b"300\n"
    assert total.counts["pairs"] == 300
    assert total.counts.get("unpaired_ambiguous", 0) == 0
    assert accounts_for_all(interceptor)


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
        with capturing(settings(broker.bootstrap, address_server), PODS) as interceptor:
            for data in hostile:
                shop.send(data)
            assert shop.ask(50) == 50
            assert interceptor.flush(WAIT_SECONDS)
        total = interceptor.coverage.total()
    assert total.counts["pairs"] >= 51
    assert accounts_for_all(interceptor)


def test_an_interface_that_vanishes_ends_only_its_own_connections(
    shop: Shop, address_server: str, node: Node
) -> None:
    other = node.routed(f"{OTHER}/30")
    with EmbeddedBroker() as broker:
        with capturing(settings(broker.bootstrap, address_server), PODS) as interceptor:
            wait_for(lambda: packed(OTHER) in interceptor.monitored)
            assert shop.ask(50) == 50
            node.remove(other)
            wait_for(lambda: packed(OTHER) not in interceptor.monitored)
            assert shop.ask(50) == 50
            assert interceptor.flush(WAIT_SECONDS)
        assert interceptor.coverage.total().counts["pairs"] == 100


def test_a_pod_that_comes_later_is_captured(
    shop: Shop, address_server: str, node: Node
) -> None:
    with EmbeddedBroker() as broker:
        with capturing(settings(broker.bootstrap, address_server), PODS) as interceptor:
            late = node.routed(f"{OTHER}/30")
            wait_for(lambda: packed(OTHER) in interceptor.monitored)
            ip(f"addr add {NET}.9/30 dev {late.host_name}")
            ip(f"route add default via {NET}.9", inside=late)
            assert ask(late, SERVER, PORT, 50) == 50
            assert interceptor.flush(WAIT_SECONDS)
        assert interceptor.coverage.total().counts["pairs"] == 50


def test_a_killed_worker_is_replaced_and_told_of(
    shop: Shop, address_server: str, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedBroker() as broker:
        with capturing(settings(broker.bootstrap, address_server), PODS) as interceptor:
            assert shop.ask(50) == 50
            assert interceptor.flush(WAIT_SECONDS)
            (worker,) = interceptor.worker_processes()
            os.kill(worker, signal.SIGKILL)
            wait_for(lambda: interceptor.worker_processes() not in ([], [worker]))
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
    with capturing(
        settings("127.0.0.1:9", address_server, **flags), PODS
    ) as interceptor:
        assert shop.ask(1500) == 1500
        wait_for(
            lambda: interceptor.coverage.total().counts.get("kafka_queue_full", 0) > 0
        )
    total = interceptor.coverage.total()
    assert total.counts["pairs"] == 1500
    dropped = sum(n for name, n in total.counts.items() if name.startswith("kafka_"))
    assert dropped == 1500
    assert interceptor.coverage.delivered == 0


def test_what_is_not_chosen_is_counted_without_its_bodies(
    shop: Shop, address_server: str
) -> None:
    flags = {"capture-bodies": "chosen", "capture-whole-per-second": "1"}
    with EmbeddedBroker() as broker:
        used = settings(broker.bootstrap, address_server, **flags)
        with capturing(used, PODS) as interceptor:
            assert shop.ask(400) == 400
            assert interceptor.flush(WAIT_SECONDS)
            delivered = interceptor.coverage.delivered
        total = interceptor.coverage.total()
        batches = list(
            map(batch_decoder.decode, all_values(broker.bootstrap, RECORDS_TOPIC))
        )
    assert delivered == total.counts["pairs"] == 400
    assert sum(batch.exchanges for batch in batches) == 400
    whole = sum(len(batch.records) for batch in batches)
    assert 0 < whole == total.counts["sent_whole"] < 50
    assert all(fact.shape for batch in batches for fact in batch.facts)
