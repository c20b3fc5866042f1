"""Detectors answer, refuse or are away; each in bounded time."""

import os
import signal
import time

import pytest

from agent.digger import detectors
from agent.digger.detectors import AwayError, DetectorClient, Part, RefusedError
from tests.agent.digger.detector import DetectorProcess, SmallDetector
from tests.ports import free_port

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


def test_a_service_that_hangs_is_away_after_its_deadlines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(detectors, "ANSWER_SECONDS", 0.3)
    with DetectorProcess() as hung:
        client = DetectorClient(hung.address)
        assert scanned(client, BODY) == [1]
        os.kill(hung.pid, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(AwayError, match="does not answer"):
            scanned(client, BODY)
        assert time.monotonic() - began < 2
        os.kill(hung.pid, signal.SIGCONT)
        assert scanned(client, BODY) == [1]
        client.close()
