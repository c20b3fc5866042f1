"""Chosen pairs through the detector."""

import gzip
from pathlib import Path

import pytest

from agent.digger import inspection
from agent.digger.inspection import (
    DetectorClient,
    GaveUpError,
    body_prefix,
    messages,
)
from agent.record import Message as Captured
from detection.finding import Message
from tests.agent.digger.detector import SmallDetector
from tests.agent.digger.records import record
from tests.certificates import Authority

BODY = b'{"email": "jane@example.com"}'


def never(seconds: float) -> bool:
    raise AssertionError("nothing to wait for")


def coded(coding: str, body: bytes, truncated: bool = False) -> Captured:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n".encode()
    return Captured(head, body, len(body), truncated, 0)


def test_the_request_has_target_headers_and_body() -> None:
    request, response = messages(record("GET /a?b=1 HTTP/1.1", request={"x": 1}), 99)
    assert request.target == b"/a?b=1"
    assert request.headers == [(b"Content-Type", b"application/json")]
    assert (request.content_type, request.body) == ("application/json", b'{"x": 1}')
    assert (response.target, response.body) == (b"", b"")
    assert not request.truncated


def test_bodies_are_content_decoded() -> None:
    pair = record()
    pair.response = coded("gzip", gzip.compress(BODY))
    _, response = messages(pair, 1000)
    assert (response.body, response.truncated) == (BODY, False)


@pytest.mark.parametrize(
    "captured",
    [
        coded("gzip", gzip.compress(BODY)[:-9]),
        coded("unheard-of", BODY),
        coded("", BODY, truncated=True),
    ],
)
def test_a_body_not_whole_is_marked(captured: Captured) -> None:
    pair = record()
    pair.response = captured
    assert messages(pair, 1000)[1].truncated


def test_the_prefix_is_bounded() -> None:
    assert body_prefix(coded("", BODY), 5) == BODY[:5]
    assert body_prefix(coded("gzip", gzip.compress(BODY)), 5) == BODY[:5]


def scanned(client: DetectorClient, bodies: list[bytes]) -> list[int | None]:
    found = client.scan([Message(body=body) for body in bodies], never)
    return [None if one is None else len(one) for one in found]


def test_the_service_answers_in_order() -> None:
    with SmallDetector() as detector:
        client = DetectorClient(detector.address)
        assert scanned(client, [BODY, b"{}", BODY]) == [1, 0, 1]
        assert client.digest == "small"
        client.close()


def test_batches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "BATCH_BYTES", 3 * len(BODY))
    with SmallDetector() as detector:
        client = DetectorClient(detector.address)
        assert scanned(client, [BODY] * 10) == [1] * 10
        assert (detector.calls, detector.messages) == (4, 10)
        client.close()


def test_one_refused_message_does_not_hold_up_the_others() -> None:
    with SmallDetector() as detector:
        detector.refused = [b"poison"]
        client = DetectorClient(detector.address)
        assert scanned(client, [BODY, b"poison", BODY]) == [1, None, 1]
        client.close()


def test_a_service_that_is_away_is_waited_for() -> None:
    with SmallDetector() as detector:
        address = detector.address
    client = DetectorClient(address)
    waited = []

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        return len(waited) < 3

    with pytest.raises(GaveUpError):
        client.scan([Message(body=BODY)], wait)
    with SmallDetector(address):
        patient = client.scan([Message(body=BODY)], lambda _: True)
    assert [len(found or []) for found in patient] == [1]
    client.close()


def test_detector_and_digger_prove_themselves_and_change_certificates_under_way(
    tmp_path: Path,
) -> None:
    authority = Authority()
    served = authority.issue(tmp_path / "detector").of("detector")
    asking = authority.issue(tmp_path / "digger").of("detector")
    with SmallDetector(files=served) as detector:
        client = DetectorClient(detector.address, asking)
        assert client.scan([Message(body=BODY)], never)[0]
        authority = Authority()
        authority.issue(tmp_path / "detector")
        authority.issue(tmp_path / "digger")
        assert client.scan([Message(body=BODY)], never)[0]
        assert client.is_up
        client.close()
        assert detector.calls == 2


def test_a_detector_that_is_not_proved_gets_no_bodies(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = Authority().issue(tmp_path / "detector").of("detector")
    asking = Authority().issue(tmp_path / "digger").of("detector")
    with SmallDetector(files=served) as detector:
        client = DetectorClient(detector.address, asking)
        patience = iter([True, True, False])
        with pytest.raises(GaveUpError):
            client.scan([Message(body=BODY)], lambda _: next(patience))
        assert not client.is_up
        client.close()
        assert detector.calls == 0
    assert [r.message for r in caplog.records] == [
        f"detector: {detector.address} has a certificate that detector.ca_file does "
        "not prove, trying on"
    ]
