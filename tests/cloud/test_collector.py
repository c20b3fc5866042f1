"""The collector over real gRPC on loopback."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cloud.doors.clusters.collector import SERVICE
from cloud.doors.clusters.limits import MESSAGE_BYTES
from cloud.errors import AddressError
from cloud.store.store import Store
from proto.v1 import collector_pb2 as c
from proto.v1.collector_pb2_grpc import CollectorStub
from tests.cloud import packages
from tests.cloud.packages import TOPIC, endpoint, offsets, package
from tests.cloud.running import collecting_openly

TIMEOUT = 10


@pytest.fixture
def channel(store: Store) -> Iterator[grpc.Channel]:
    with (
        collecting_openly(store) as port,
        grpc.insecure_channel(f"127.0.0.1:{port}") as opened,
    ):
        yield opened


@pytest.fixture
def collector(channel: grpc.Channel) -> CollectorStub:
    return CollectorStub(channel)


def refusal(collector: CollectorStub, sent: c.Package) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as raised:
        collector.Send(sent, timeout=TIMEOUT)
    error = raised.value
    assert isinstance(error, grpc.Call)
    return error.code(), error.details() or ""


def test_package_is_received_once_and_resumed_after(collector: CollectorStub) -> None:
    assert not collector.Send(packages.shop(), timeout=TIMEOUT).duplicate
    assert collector.Send(packages.shop(), timeout=TIMEOUT).duplicate
    asked = c.ResumeRequest(cluster="local", topic=TOPIC, partitions=[0, 1])
    assert dict(collector.Resume(asked, timeout=TIMEOUT).next) == {0: 900}


def test_package_stored_in_part_fails_its_precondition(
    collector: CollectorStub,
) -> None:
    collector.Send(package(offsets(0, 10)), timeout=TIMEOUT)
    code, details = refusal(collector, package(offsets(9, 11)))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert f"resume {TOPIC} partition 0 at 10" in details


def test_wrong_package_is_an_invalid_argument_and_not_repeated_in_the_log(
    collector: CollectorStub, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        code, details = refusal(
            collector, package(endpoints=[endpoint(method="4111 canary")])
        )
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert details.startswith("endpoints[0].method: does not have the form")
    assert "package refused" in caplog.text
    assert "canary" not in caplog.text + details


def test_wrong_resume_is_an_invalid_argument(collector: CollectorStub) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        collector.Resume(c.ResumeRequest(), timeout=TIMEOUT)
    assert isinstance(raised.value, grpc.Call)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (MESSAGE_BYTES, grpc.StatusCode.INVALID_ARGUMENT),
        (2 * MESSAGE_BYTES, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
def test_too_large_message_is_refused_unparsed(
    collector: CollectorStub, size: int, expected: grpc.StatusCode
) -> None:
    sent = package()
    sent.endpoints.add(path="x" * size)
    code, _ = refusal(collector, sent)
    assert code is expected


def test_large_package_is_taken(collector: CollectorStub) -> None:
    places = [packages.place(path=f"$.f{n}." + "x" * 300) for n in range(10)]
    many = [endpoint(f"/r{n}/{{id}}", places) for n in range(1_000)]
    sent = package(endpoints=many)
    assert MESSAGE_BYTES > sent.ByteSize() > 3 << 20
    assert not collector.Send(sent, timeout=TIMEOUT).duplicate


def test_locked_store_is_unavailable_and_the_same_package_works_later(
    tmp_path: Path,
) -> None:
    file = tmp_path / "cloud.sqlite3"
    with (
        closing(Store(f"sqlite:///{file}")) as store,
        collecting_openly(store) as port,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
        closing(sqlite3.connect(file, isolation_level=None)) as other,
    ):
        collector = CollectorStub(channel)
        other.execute("BEGIN IMMEDIATE")
        code, details = refusal(collector, packages.shop())
        assert code is grpc.StatusCode.UNAVAILABLE
        assert details == "the store is not available, try again"
        other.execute("ROLLBACK")
        assert not collector.Send(packages.shop(), timeout=TIMEOUT).duplicate


@pytest.mark.parametrize("service", ["", SERVICE])
def test_health_service_answers(channel: grpc.Channel, service: str) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    asked = health_pb2.HealthCheckRequest(service=service)
    answer = stub.Check(asked, timeout=TIMEOUT)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_port_in_use_is_one_clear_line(store: Store) -> None:
    with (
        collecting_openly(store) as port,
        pytest.raises(AddressError, match=f"cannot listen on 127.0.0.1:{port}"),
        collecting_openly(store, f"127.0.0.1:{port}"),
    ):
        pytest.fail("two collectors on one port")
