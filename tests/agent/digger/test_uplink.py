"""Packages reach the cloud in order and once."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import grpc
import pytest

from agent.digger import uplink
from agent.digger.uplink import Uplink
from agent.settings import Cloud
from cloud.doors.clusters.tokens import Tokens
from cloud.doors.ledger import Ledger
from proto.v1 import collector_pb2
from tests.agent.digger.collector import SmallCollector
from tests.certificates import Authority
from tests.cloud.test_tokens import closed_collector
from tests.replacing import replace
from tests.waiting import eventually

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
REFUSED = grpc.StatusCode.FAILED_PRECONDITION


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uplink, "PAUSE_SECONDS", (0.01, 0.05))


@contextmanager
def linked(collector: SmallCollector, cloud: Cloud | None = None) -> Iterator[Uplink]:
    with linked_to(cloud or Cloud(server=f"127.0.0.1:{collector.port}")) as link:
        yield link


@contextmanager
def linked_to(cloud: Cloud) -> Iterator[Uplink]:
    link = Uplink(cloud, "test")
    stop = threading.Event()
    thread = threading.Thread(target=link.run, args=(stop,))
    thread.start()
    try:
        yield link
    finally:
        link.close()
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def package(first: int, following: int) -> collector_pb2.Package:
    made = collector_pb2.Package(cluster="test")
    made.offsets.add(topic="records", partition=0, first=first, next=following)
    return made


def covered(collector: SmallCollector) -> list[tuple[int, int]]:
    return [(p.offsets[0].first, p.offsets[0].next) for p in collector.packages]


def test_packages_arrive_in_order_and_are_counted() -> None:
    with SmallCollector() as collector, linked(collector) as link:
        for number in range(5):
            link.put(package(number * 10, number * 10 + 10), 10)
        assert link.drain(10)
        assert covered(collector) == [(n * 10, n * 10 + 10) for n in range(5)]
        assert (link.digested, link.packages) == (50, 5)


def test_a_package_is_sent_until_it_is_accepted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with SmallCollector() as collector, linked(collector) as link:
        collector.failures = [UNAVAILABLE, UNAVAILABLE, grpc.StatusCode.INTERNAL]
        link.put(package(0, 10), 10)
        link.put(package(10, 20), 10)
        assert link.drain(10)
        assert covered(collector) == [(0, 10), (10, 20)]
    assert [r.message.split(": ")[-1] for r in caplog.records] == [
        f"127.0.0.1:{collector.port} is not reachable, packages wait",
        f"127.0.0.1:{collector.port} answers INTERNAL, packages wait",
        f"127.0.0.1:{collector.port} is back",
    ]


def test_a_package_whose_answer_was_lost_counts_once() -> None:
    with SmallCollector() as collector, linked(collector) as link:
        collector.loses_answers = 1
        link.put(package(0, 10), 10)
        assert link.drain(10)
        assert covered(collector) == [(0, 10)]
        assert (link.digested, collector.calls) == (10, 2)


def test_a_refused_package_stops_the_line_until_it_is_cleared() -> None:
    with SmallCollector() as collector, linked(collector) as link:
        collector.failures = [REFUSED]
        link.put(package(0, 10), 10)
        assert link.drain(10)
        assert link.is_refused
        link.put(package(10, 20), 10)
        link.clear()
        assert not link.is_refused
        link.put(package(0, 15), 15)
        assert link.drain(10)
        assert covered(collector) == [(0, 15)]
        assert link.digested == 15


def test_the_queue_says_when_it_is_full() -> None:
    link = Uplink(Cloud(server="127.0.0.1:1"), "test")
    for number in range(uplink.MOST_PACKAGES):
        assert not link.is_full
        link.put(package(number, number + 1), 1)
    assert link.is_full
    link.clear()
    assert not link.is_full
    link.close()


def test_the_cloud_says_where_to_resume() -> None:
    with SmallCollector() as collector, linked(collector) as link:
        assert link.resume("records", [0, 1]) == {}
        link.put(package(0, 10), 10)
        assert link.drain(10)
        assert link.resume("records", [0, 1]) == {0: 10}
        collector.failures = [UNAVAILABLE]
        with pytest.raises(grpc.RpcError):
            link.resume("records", [0])


def test_a_package_the_cloud_finds_wrong_is_told_with_the_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with SmallCollector() as collector, linked(collector) as link:
        collector.failures = [grpc.StatusCode.INVALID_ARGUMENT]
        link.put(package(0, 10), 10)
        assert link.drain(10)
    assert "refuses a package: as the test wants" in caplog.text


def test_a_package_that_is_never_taken_is_counted_and_the_line_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wrong = package(0, 10)
    wrong.endpoints.add(method="GET", path="/a")
    with SmallCollector() as collector, linked(collector) as link:
        collector.failures = [grpc.StatusCode.INVALID_ARGUMENT]
        link.put(wrong, 10)
        link.put(package(10, 20), 5)
        assert link.drain(10)
        assert covered(collector) == [(0, 10), (10, 20)]
        bare = collector.packages[0]
        assert not bare.endpoints
        assert dict(bare.coverage[0].counts) == {"refused": 10}
        assert link.digested == 15
    assert "its pairs are lost" in caplog.text


def test_a_cloud_certificate_that_is_not_trusted_is_not_spoken_to(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = Authority().issue(tmp_path / "cloud")
    other = Authority().issue(tmp_path / "other")
    with SmallCollector(files=served.of("cloud")._replace(ca="")) as collector:
        address = f"127.0.0.1:{collector.port}"
        link = Uplink(Cloud(server=address, ca_file=other.ca), "test")
        for _ in range(3):
            with pytest.raises(grpc.RpcError):
                link.resume("records", [0])
        assert not link.is_up
        link.close()
    assert [r.message for r in caplog.records] == [
        f"cloud: {address} has a certificate that cloud.ca_file does not prove, "
        "packages wait"
    ]


def test_the_token_goes_with_each_call_and_changes_without_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pem = Authority().issue(tmp_path / "cloud")
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text("canary-old\n")
    with SmallCollector(files=pem.of("cloud")._replace(ca="")) as collector:
        address = f"127.0.0.1:{collector.port}"
        cloud = Cloud(server=address, ca_file=pem.ca, token_file=str(token))
        with linked(collector, cloud) as link:
            collector.tokens = {"Bearer canary-old"}
            assert link.resume("records", [0]) == {}
            collector.tokens = {"Bearer canary-new"}
            for number in range(3):
                link.put(package(10 * number, 10 * number + 10), 10)
            assert eventually(lambda: not link.is_up)
            assert not link.drain(0.2)
            replace(token, "canary-new\n")
            assert link.drain(10)
            assert link.is_up
            assert link.digested == 30
    assert "canary" not in caplog.text
    assert [r.message for r in caplog.records] == [
        f"cloud: {address} does not know the token of cloud.token_file, packages wait",
        f"cloud: {address} is back",
    ]


def test_a_token_of_another_cluster_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with SmallCollector() as collector, linked(collector) as link:
        collector.failures = [grpc.StatusCode.PERMISSION_DENIED]
        link.put(package(0, 10), 10)
        assert link.drain(10)
    assert "has another cluster.name for the token of cloud.token_file" in caplog.text


def test_a_real_cloud_takes_packages_with_its_token_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "token"
    file.write_text("unknown")
    file.chmod(0o600)
    sent = package(0, 10)
    with closing(Ledger(f"sqlite:///{tmp_path}/doors.sqlite3")) as ledger:
        tokens = Tokens(ledger)
        with closed_collector(tokens, tmp_path) as port:
            cloud = Cloud(server=f"127.0.0.1:{port}", token_file=str(file))
            with linked_to(cloud) as link:
                link.put(sent, 10)
                words = "does not know the token of cloud.token_file"
                assert eventually(lambda: words in caplog.text)
                replace(file, tokens.create("another", "test"))
                words = "has another cluster.name for the token"
                assert eventually(lambda: words in caplog.text)
                replace(file, tokens.create("test", "test"))
                assert link.drain(10)
                assert link.resume("records", [0]) == {0: 10}
