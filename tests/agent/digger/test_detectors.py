"""Detectors answer, refuse or are away; each in bounded time."""

import os
import signal
import time

import pytest

from agent.digger import detectors
from agent.digger.detectors import (
    AwayError,
    DataType,
    DetectorClient,
    Known,
    Part,
    RefusedError,
)
from detection.finding import Sensitivity
from tests.agent.digger.detector import DetectorProcess, SmallDetector
from tests.ports import free_port
from tests.waiting import busyness, freeze

BODY = b'{"email": "jane@example.com"}'


def scanned(client: DetectorClient, *bodies: bytes) -> list[int]:
    found = client.scan([Part(b"", body, False) for body in bodies]).findings
    return [len(one) for one in found]


def test_the_service_answers_in_order() -> None:
    with SmallDetector() as detector:
        client = DetectorClient(detector.address)
        assert scanned(client, BODY, b"{}", BODY) == [1, 0, 1]
        assert client.digest == "small"
        client.close()


def test_a_service_that_fails_on_a_message_refuses() -> None:
    with SmallDetector() as detector:
        detector.refused = [b"poison"]
        client = DetectorClient(detector.address)
        with pytest.raises(RefusedError):
            scanned(client, BODY, b"poison")
        assert scanned(client, BODY) == [1]
        client.close()


def test_a_service_that_is_not_there_is_away() -> None:
    client = DetectorClient(f"127.0.0.1:{free_port()}")
    with pytest.raises(AwayError, match="is not reachable"):
        scanned(client, BODY)
    client.close()


def test_who_is_closed_while_a_call_begins_takes_the_detector_for_away() -> None:
    client = DetectorClient(f"127.0.0.1:{free_port()}")
    client.close()
    with pytest.raises(AwayError):
        scanned(client, BODY)


def test_a_service_that_hangs_is_away_after_its_deadlines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(detectors, "ANSWER_SECONDS", 0.3)
    with DetectorProcess() as hung:
        client = DetectorClient(hung.address)
        assert scanned(client, BODY) == [1]
        freeze(hung.pid)
        began = time.monotonic()
        with pytest.raises(AwayError, match="does not answer"):
            scanned(client, BODY)
        assert time.monotonic() - began < 2 * busyness()
        os.kill(hung.pid, signal.SIGCONT)
        assert scanned(client, BODY) == [1]
        client.close()


def test_the_service_tells_its_catalog() -> None:
    with SmallDetector() as detector:
        client = DetectorClient(detector.address)
        assert client.known == Known()
        scanned(client, BODY)
        email = DataType("contact.email", "E-mail", Sensitivity.MEDIUM, ("gdpr",))
        assert client.known == Known("small", (email,))
        scanned(client, BODY)
        assert detector.catalogs == 1
        client.close()


def test_an_older_service_is_asked_now_and_then() -> None:
    with SmallDetector() as detector:
        detector.is_old = True
        client = DetectorClient(detector.address)
        assert [scanned(client, BODY), scanned(client, BODY)] == [[1], [1]]
        assert client.known == Known()
        assert detector.catalogs == 1
        client.close()
