"""What was shown to work against the cloud once: each must go on to fail."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import sqlalchemy as sa
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cloud.doors.clusters import limits
from cloud.pages import endpoints, overview
from cloud.pages.coverage import listing as coverage_page
from cloud.pages.coverage.reports import CoverageQuery
from cloud.pages.endpoint import one
from cloud.pages.reports import FieldsQuery, Query
from cloud.store import bounds, schema
from cloud.store.schema import Merge
from cloud.store.store import Store
from cloud.visitor import EVERYTHING
from proto.v1.collector_pb2_grpc import CollectorStub
from tests.cloud import packages
from tests.cloud.packages import coverage, endpoint, offsets, package, place
from tests.cloud.running import Cloud, collecting_openly
from tests.cloud.test_program import end, start
from tests.ports import free_port
from tests.waiting import busyness

HUGE = 1 << 62
TIMEOUT = 10
SEND = "/vethscope.v1.Collector/Send"
PAGES = (
    "/",
    "/api/v1/overview",
    "/endpoints",
    "/api/v1/endpoints",
    "/coverage",
    "/api/v1/coverage",
)


def code(call: Any, *given: Any, **named: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as raised:
        call(*given, timeout=TIMEOUT, **named)
    error = raised.value
    assert isinstance(error, grpc.Call)
    return error.code()


def send_bytes(cloud: Cloud, message: bytes) -> grpc.StatusCode:
    """OK, or how it was refused."""
    send: Any = cloud.channel.unary_unary(SEND)
    outcome: grpc.StatusCode = send.future(message, timeout=TIMEOUT).code()
    return outcome


def assert_pages_answer(cloud: Cloud) -> None:
    for path in PAGES:
        assert cloud.get(path).status == 200, path
    for row in cloud.get("/api/v1/endpoints").json()["endpoints"][:3]:
        for before, after in (("", ""), ("/api/v1", ""), ("", "?uncertain=1")):
            address = f"{before}/endpoints/{row['id']}{after}"
            assert cloud.get(address).status == 200


def test_offset_far_ahead_is_refused(cloud: Cloud) -> None:
    sent = package(offsets(0, HUGE))
    assert code(cloud.collector.Send, sent) is grpc.StatusCode.INVALID_ARGUMENT
    assert not cloud.collector.Send(package(offsets(0, 5)), timeout=TIMEOUT).duplicate


def test_offset_moved_ahead_makes_no_silent_duplicates(cloud: Cloud) -> None:
    """The sender is told, and starts over as for a log that lost its end."""
    far = limits.LARGEST_OFFSET
    cloud.collector.Send(package(offsets(0, 5)), timeout=TIMEOUT)
    moved = package(offsets(far - 1, far, follows=5))
    cloud.collector.Send(moved, timeout=TIMEOUT)
    following = package(offsets(5, 9))
    refused = code(cloud.collector.Send, following)
    assert refused is grpc.StatusCode.FAILED_PRECONDITION
    cloud.collector.Send(package(offsets(5, 5, follows=far)), timeout=TIMEOUT)
    assert not cloud.collector.Send(following, timeout=TIMEOUT).duplicate


def test_skipped_records_never_end_the_pages(cloud: Cloud) -> None:
    first = package(offsets(HUGE, HUGE, follows=0))
    both = [offsets(HUGE, HUGE, partition=n, follows=0) for n in (1, 2)]
    for sent in (first, package(*both)):
        assert send_bytes(cloud, sent.SerializeToString()) is (
            grpc.StatusCode.INVALID_ARGUMENT
        )
    assert_pages_answer(cloud)


def test_sums_of_full_counters_never_end_the_pages(
    database_url: str, store: Store
) -> None:
    store.add(packages.shop())
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        for table in schema.metadata.sorted_tables:
            full = [
                column for column in table.c if column.info.get("merge") is Merge.ADD
            ]
            if full:
                most = dict.fromkeys(full, schema.MOST)
                connection.execute(sa.update(table).values(most))
        connection.execute(sa.update(schema.offsets).values(skipped=schema.MOST))
    engine.dispose()
    again = packages.shop()
    again.offsets[0].first, again.offsets[0].next = 900, 901
    assert store.add(again)
    assert store.add(package(offsets(0, 1, partition=1)))
    with store.reading() as connection:
        overview.report(connection)
        coverage_page.report(connection, CoverageQuery(), EVERYTHING, time.time())
        for row in endpoints.listed(connection, Query()).endpoints:
            one(connection, endpoints.key(row.id), FieldsQuery())


def test_counters_saturate_instead_of_refusing_their_cluster(store: Store) -> None:
    most = limits.LARGEST
    row = endpoint(statuses=dict.fromkeys(range(10), most))
    for traffic in row.traffic:
        traffic.request_bytes = traffic.response_bytes = most
        traffic.latency.sum_us = most
    for number in range(2):
        sent = package(offsets(number, number + 1), endpoints=[row] * 5_000)
        limits.check(sent)
        assert sent.ByteSize() < limits.MESSAGE_BYTES
        assert store.add(sent)
    with store.reading() as connection:
        assert overview.report(connection).pairs == schema.MOST


def test_small_mutated_packages_never_end_the_pages(cloud: Cloud) -> None:
    chance = random.Random(11)
    whole = package(
        offsets(0, 1),
        endpoints=[endpoint(places=[place()])],
        coverage=[coverage({"tls": 5})],
    ).SerializeToString()
    seen = set()
    for number in range(400):
        mutated = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(mutated))
            mutated[at] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
        seen.add(send_bytes(cloud, bytes(mutated)))
        if number % 40 == 39:
            assert_pages_answer(cloud)
    assert seen <= {
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
    }


@pytest.mark.parametrize("at", [0, 1, (1 << 62) - 400 * 10**9])
def test_extreme_times_never_end_the_pages(cloud: Cloud, at: int) -> None:
    at -= at % packages.INTERVAL
    rows = [endpoint(places=[place()], at=at)]
    sent = package(endpoints=rows, coverage=[coverage({"tls": 5}, at=at)], at=at)
    send_bytes(cloud, sent.SerializeToString())
    assert_pages_answer(cloud)


@contextmanager
def other_process(tmp_path: Path) -> Iterator[tuple[int, CollectorStub]]:
    """A cloud in a process of its own: its number and its collector."""
    collector = f"127.0.0.1:{free_port()}"
    url = f"sqlite:///{tmp_path}/cloud.sqlite3"
    child = start("127.0.0.1:0", collector, url)
    try:
        with grpc.insecure_channel(collector) as channel:
            yield child.pid, CollectorStub(channel)
    finally:
        child.kill()
        end(child)


def peak_mib(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) >> 10


def _dense(size: int) -> bytes:
    """A package of elements without content: two bytes each."""
    places = b"\x72\x00" * (size // 2)
    return b"\x0a\x01x\x2a" + _length(len(places)) + places


def _length(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


@pytest.mark.parametrize("kind", ["dense", "endpoints", "lawful", "too long"])
def test_one_message_never_takes_the_memory(tmp_path: Path, kind: str) -> None:
    size = limits.MESSAGE_BYTES
    places = [place(path=f"$.{n}") for n in range(10)]
    rows = [endpoint(f"/r/{n}", places) for n in range(1_900)]
    messages = {
        "dense": _dense(size - 100),
        "endpoints": b"\x0a\x01x" + b"\x2a\x00" * (size // 2 - 100),
        "lawful": package(endpoints=rows).SerializeToString(),
        "too long": _dense(size * 2 - 100),
    }
    with other_process(tmp_path) as (process, stub):
        stub.Send(packages.shop(), timeout=TIMEOUT)
        before = peak_mib(process)
        with pytest.raises(grpc.RpcError) if kind != "lawful" else _nothing():
            _raw(stub)(messages[kind], timeout=30)
        assert peak_mib(process) - before < 128


def _raw(stub: CollectorStub) -> Any:
    """Sends bytes as they are."""
    send: Any = stub.Send
    send._request_serializer = None
    return send


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def stalled(cloud: Cloud, calls: int) -> Iterator[None]:
    """Calls whose message never comes, all of which the collector waits for."""
    end = threading.Event()
    began = threading.Semaphore(0)

    def messages() -> Iterator[bytes]:
        began.release()
        end.wait(30)
        yield from ()

    with grpc.insecure_channel(cloud.collector_address) as channel:
        send: Any = channel.stream_unary(SEND)
        begun = [send.future(messages(), timeout=30) for _ in range(calls)]
        for _ in range(calls):
            assert began.acquire(timeout=TIMEOUT)
        # Comes on the same connection, so it is answered after they arrived.
        stub = health_pb2_grpc.HealthStub(channel)
        stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
        try:
            yield
        finally:
            end.set()
            for call in begun:
                call.cancel()


def test_calls_without_a_message_stop_nobody(cloud: Cloud) -> None:
    with stalled(cloud, 40):
        assert not cloud.collector.Send(packages.shop(), timeout=2).duplicate
        assert cloud.get("/readyz").status == 200


def test_call_without_a_message_is_ended(cloud: Cloud) -> None:
    def never() -> Iterator[bytes]:
        threading.Event().wait(8)
        yield b""

    send: Any = cloud.channel.stream_unary(SEND)
    began = time.monotonic()
    assert code(send, never()) is grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - began < 7 * busyness()


def test_invented_data_types_are_bounded(cloud: Cloud) -> None:
    many = [place(f"invented.t{n}") for n in range(19_000)]
    rows = [endpoint(f"/{n}", many[n * 100 : n * 100 + 100]) for n in range(190)]
    refused = code(cloud.collector.Send, package(endpoints=rows))
    assert refused is grpc.StatusCode.INVALID_ARGUMENT
    for row in range(60):
        some = [place(f"invented.t{row % 2}{n}") for n in range(900)]
        sent = package(offsets(row, row + 1), endpoints=[endpoint(f"/{row}", some)])
        assert not cloud.collector.Send(sent, timeout=TIMEOUT).duplicate
    for path in PAGES:
        assert len(cloud.get(path).text) < 500_000, path


def test_data_types_of_a_cluster_are_bounded(store: Store) -> None:
    for number in range(4):
        some = [place(f"invented.t{number}_{n}") for n in range(900)]
        sent = package(offsets(number, number + 1), endpoints=[endpoint("/", some)])
        limits.check(sent)
        assert store.add(sent)
    with store.reading() as connection:
        known = sa.select(sa.func.count()).select_from(schema.data_types)
        assert connection.scalar(known) == bounds.MOST_TYPES + 1


def test_forged_coverage_of_one_cluster_does_not_hide_another(cloud: Cloud) -> None:
    honest = coverage({"paired": 1, "tls": 999_999})
    cloud.collector.Send(package(coverage=[honest], cluster="a"), timeout=TIMEOUT)
    most = limits.BYTES_PER_SECOND * 20
    forged = [coverage({"paired": most}, node=f"n{n}") for n in range(1_000)]
    cloud.collector.Send(package(coverage=forged, cluster="b"), timeout=TIMEOUT)
    for path in ("/api/v1/overview", "/api/v1/coverage"):
        report = cloud.get(path).json()
        total = report.get("coverage") or report["total"]
        assert total["captured_share"] == pytest.approx(1e-6)
    assert "&lt; 0.1 %" in cloud.get("/").text


def test_more_bytes_than_a_node_carries_are_refused(cloud: Cloud) -> None:
    forged = package(coverage=[coverage({"paired": limits.LARGEST})])
    assert code(cloud.collector.Send, forged) is grpc.StatusCode.INVALID_ARGUMENT


def test_unfinished_requests_keep_nobody_out(cloud: Cloud) -> None:
    host, port = cloud.address.removeprefix("http://").split(":")
    opened = [socket.create_connection((host, int(port))) for _ in range(300)]
    try:
        for one in opened:
            one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        for path in ("/", "/healthz", "/readyz"):
            assert cloud.get(path).status == 200
    finally:
        for one in opened:
            one.close()


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "", "[", "a:b:c"]
)
def test_foreign_host_reads_nothing(shop: Cloud, host: str) -> None:
    for path in ("/", "/api/v1/overview", "/healthz"):
        answer = shop.ask(path, headers={"host": host, "cookie": shop.cookie})
        assert answer.status in (400, 421)
        assert "shop" not in answer.text


def test_many_readers_do_not_stop_ingestion(cloud: Cloud) -> None:
    found = [place(path=f"$.{n}") for n in range(9)]
    rows = [endpoint(f"/r{n}/{{id}}", found) for n in range(5_000)]
    for number in range(5):
        some = rows[number * 1_000 : number * 1_000 + 1_000]
        sent = package(offsets(number, number + 1), endpoints=some)
        cloud.collector.Send(sent, timeout=TIMEOUT)
    stop = threading.Event()
    answered = threading.Semaphore(0)

    def read() -> None:
        while not stop.is_set():
            assert cloud.get("/").status in (200, 503)
            answered.release()

    with ThreadPoolExecutor(60) as readers:
        reading = [readers.submit(read) for _ in range(60)]
        try:
            for _ in range(60):
                assert answered.acquire(timeout=TIMEOUT)
            for number in range(5, 10):
                sent = package(offsets(number, number + 1), endpoints=rows[:5])
                assert not cloud.collector.Send(sent, timeout=8).duplicate
            assert cloud.get("/healthz").status == 200
            assert cloud.get("/readyz").status == 200
        finally:
            stop.set()
        for one in reading:
            one.result()


def test_data_error_is_an_invalid_argument(tmp_path: Path) -> None:
    """What no check foresaw: the database itself refuses a number."""
    sent = package(offsets(0, 1))
    sent.endpoints.append(endpoint())
    sent.endpoints[0].server_port = 70_000
    with (
        closing(Store(f"sqlite:///{tmp_path}/cloud.sqlite3")) as store,
        collecting_openly(store) as port,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        stub = CollectorStub(channel)
        assert code(stub.Send, sent) is grpc.StatusCode.INVALID_ARGUMENT
        assert code(channel.unary_unary(SEND), b"\xff\xff") is (
            grpc.StatusCode.INVALID_ARGUMENT
        )
