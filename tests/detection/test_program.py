"""The service answers over gRPC, refuses what it cannot take, and stops."""

import multiprocessing
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from agent.links import bind, client_credentials
from detection.program import (
    SERVICE,
    Detector,
    Others,
    new_tally,
    serve,
    serve_beside,
    start,
)
from detection.scanner import Scanner
from proto.v1 import detector_pb2, detector_pb2_grpc
from tests.certificates import Authority
from tests.waiting import busyness

WAIT_SECONDS = 100


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def request(body: bytes) -> detector_pb2.DetectRequest:
    header = detector_pb2.Header(name=b"From", value=b"ada@example.com")
    message = detector_pb2.Message(body=body, headers=[header])
    return detector_pb2.DetectRequest(messages=[message, detector_pb2.Message()])


def test_findings_refer_to_their_explanations(address: str) -> None:
    answer = ask(address)
    positions = [found.why for result in answer.results for found in result.findings]
    assert set(positions) == set(range(1, len(answer.whys) + 1))
    cvv = next(f for f in answer.results[0].findings if f.path == "$.cvv")
    why = answer.whys[cvv.why - 1]
    assert (why.phrase, list(why.context)) == ("cvv", ["key"])
    assert (sum(why.points), why.usual) == (cvv.likelihood, cvv.sensitivity)


def test_the_catalog_is_told(address: str, scanner: Scanner) -> None:
    with grpc.insecure_channel(address) as channel:
        stub = detector_pb2_grpc.DetectorStub(channel)
        told = stub.Catalog(detector_pb2.CatalogRequest(), timeout=WAIT_SECONDS)
    assert told.catalog_digest == scanner.digest
    types = {known.name: known for known in told.data_types}
    assert types.keys() == scanner.catalog.types.keys()
    card = types["financial.payment_card"]
    assert (card.title, card.sensitivity) == (
        "Payment card number (PAN)",
        detector_pb2.HIGH,
    )
    assert "pci_dss" in card.tags


def ask(address: str) -> detector_pb2.DetectResponse:
    """Two messages, the first one with findings; over a connection of its own."""
    pool = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(address, pool) as channel:
        stub = detector_pb2_grpc.DetectorStub(channel)
        message = request(b'{"cvv": "123"}')
        return stub.Detect(message, timeout=WAIT_SECONDS, wait_for_ready=True)


@pytest.fixture
def address(scanner: Scanner) -> Iterator[str]:
    address = free_address()
    server = start(address, scanner, new_tally())
    yield address
    server.stop(None).wait()


def test_findings_come_in_order_with_the_digest(address: str, scanner: Scanner) -> None:
    answer = ask(address)
    assert answer.catalog_digest == scanner.digest
    first, second = answer.results
    assert [(f.data_type, f.path, f.location) for f in first.findings] == [
        ("contact.email", "from", detector_pb2.HEADER),
        ("financial.card_cvv", "$.cvv", detector_pb2.BODY),
    ]
    assert first.findings[1].sensitivity == detector_pb2.HIGH
    assert not second.findings


def test_heads_as_captured_are_taken_apart_here(address: str) -> None:
    head = b"POST /a HTTP/1.1\r\nContent-Type: application/json\r\n\r\n"
    sent = detector_pb2.Message(head=head, body=b'{"cvv": "123"}')
    with grpc.insecure_channel(address) as channel:
        stub = detector_pb2_grpc.DetectorStub(channel)
        asked = detector_pb2.DetectRequest(messages=[sent])
        answer = stub.Detect(asked, timeout=WAIT_SECONDS, wait_for_ready=True)
    (finding,) = answer.results[0].findings
    assert (finding.data_type, finding.path) == ("financial.card_cvv", "$.cvv")


@pytest.mark.parametrize("service", ["", SERVICE])
def test_health_is_serving(address: str, service: str) -> None:
    with grpc.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        ask = health_pb2.HealthCheckRequest(service=service)
        answer = stub.Check(ask, timeout=WAIT_SECONDS)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_taken_port_is_an_error(scanner: Scanner) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="cannot listen"):
            start(f"127.0.0.1:{taken.getsockname()[1]}", scanner, new_tally())


class Gone:
    """A context whose client has hung up."""

    def is_active(self) -> bool:
        return False


def test_who_hung_up_is_not_scanned_for(scanner: Scanner) -> None:
    tally = new_tally()
    detector = Detector(scanner, tally)
    answer = detector.Detect(request(b"{}"), Gone())  # type: ignore[arg-type]
    assert not answer.results
    assert list(tally) == [0, 2]


def test_serve_runs_several_processes_until_stopped(
    small_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    own = str(small_file)
    address, stop, ready = free_address(), threading.Event(), threading.Event()
    counts: Counter[str] = Counter()
    arguments = (address, own, 2, stop, counts, ready.set)
    thread = threading.Thread(target=serve, args=arguments)
    thread.start()
    try:
        assert ask(address).results[0].findings
        assert ready.is_set()
    finally:
        stop.set()
    started = time.monotonic()
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive()
    assert time.monotonic() - started < 10 * busyness()
    assert counts == {"scanned": 2}


def test_a_process_that_ended_is_started_again_and_counts_on() -> None:
    address, tally = free_address(), new_tally()
    others = Others(address, "", [tally])
    ((first, _),) = others.running
    others.restart_ended()
    assert others.running[0][0] is first
    ask(address)
    first.kill()
    first.join(WAIT_SECONDS)
    others.restart_ended()
    ask(address)
    assert list(tally) == [4, 0]
    ((second, _),) = others.running
    assert second is not first
    others.stop()
    second.join(WAIT_SECONDS)
    assert not second.is_alive()


def test_a_process_without_its_parent_ends() -> None:
    wanted, parents = multiprocessing.Pipe(duplex=False)
    parents.close()
    serve_beside(free_address(), "", wanted, new_tally())


def test_all_processes_serve_with_the_certificates_that_they_are_given(
    tmp_path: Path,
) -> None:
    pem = Authority().issue(tmp_path / "tls")
    address = free_address()
    bound = partial(bind, pem.of("detector"))
    others = Others(address, "", [new_tally()], bound)
    credentials = client_credentials(pem.of("detector").read())
    with grpc.secure_channel(address, credentials) as channel:
        stub = detector_pb2_grpc.DetectorStub(channel)
        answer = stub.Detect(request(b"{}"), timeout=WAIT_SECONDS, wait_for_ready=True)
        assert answer.catalog_digest
    with pytest.raises(grpc.RpcError), grpc.insecure_channel(address) as channel:
        detector_pb2_grpc.DetectorStub(channel).Detect(request(b"{}"), timeout=5)
    others.stop()
