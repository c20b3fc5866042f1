"""What goes wrong behind the digger's back is noticed, counted, and got over."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from agent.digger import detectors, package, uplink
from agent.kafka import topics
from agent.settings import Settings
from tests.agent.digger.detector import DetectorProcess, SmallDetector
from tests.kafka.broker import KafkaNode
from tests.kafka.line import (
    RunningCloud,
    RunningDigger,
    Traffic,
    settings,
)
from tests.waiting import busyness, eventually, freeze

NOTICED_SECONDS = 30.0


@pytest.fixture
def chosen(
    own_kafka: KafkaNode, cloud: RunningCloud, detector: SmallDetector
) -> Settings:
    """Of a line whose broker the test may harm."""
    return settings(own_kafka.bootstrap, cloud, detector.address)


def send(chosen: Settings, count: int) -> None:
    """From a producer of its own, until the broker has all."""
    traffic = Traffic(chosen)
    traffic.send(count)
    traffic.flush()


@pytest.mark.parametrize("way", ["delete_topics", "empty"])
def test_topics_that_are_gone_are_made_again_while_the_digger_runs(
    own_kafka: KafkaNode,
    cloud: RunningCloud,
    chosen: Settings,
    caplog: pytest.LogCaptureFixture,
    way: str,
) -> None:
    digger = RunningDigger(chosen)
    send(chosen, 400)
    assert eventually(lambda: cloud.pairs() == 400)
    getattr(own_kafka, way)()
    began = time.monotonic()
    assert eventually(lambda: "made anew" in caplog.text, NOTICED_SECONDS)
    assert time.monotonic() - began < NOTICED_SECONDS
    send(chosen, 300)
    assert eventually(lambda: cloud.pairs() == 700)
    digger.stop()


@pytest.mark.parametrize("way", ["delete_topics", "empty"])
def test_what_comes_into_new_topics_before_they_are_noticed_counts_once(
    own_kafka: KafkaNode,
    cloud: RunningCloud,
    chosen: Settings,
    caplog: pytest.LogCaptureFixture,
    way: str,
) -> None:
    digger = RunningDigger(chosen)
    send(chosen, 400)
    assert eventually(lambda: cloud.pairs() == 400)
    getattr(own_kafka, way)()
    topics.ensure_topics(chosen, threading.Event())
    send(chosen, 300)
    assert eventually(lambda: "made anew" in caplog.text, NOTICED_SECONDS)
    assert eventually(lambda: cloud.pairs() >= 700)
    assert not eventually(lambda: cloud.pairs() != 700, 5)
    digger.stop()


def test_what_was_unread_in_a_topic_that_is_gone_is_counted(
    own_kafka: KafkaNode,
    cloud: RunningCloud,
    chosen: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topics, "WATCH_SECONDS", 1.0)
    monkeypatch.setattr(package, "MOST_ROWS", 3)
    monkeypatch.setattr(uplink, "MOST_PACKAGES", 2)
    digger = RunningDigger(chosen)
    traffic = Traffic(chosen)
    traffic.send(100)
    traffic.flush()
    assert eventually(lambda: cloud.pairs() == 100)
    cloud.stop()
    traffic.send(5000)
    traffic.flush()
    assert eventually(lambda: sum(digger.digger.lags.values()) > 0)
    assert not eventually(lambda: not digger.digger.lags, 3)  # until the ends are known
    own_kafka.delete_topics()
    cloud.start()
    send(chosen, 200)
    reason = "SELECT COALESCE(SUM(amount), 0) FROM coverage WHERE reason = 'recreated'"
    assert eventually(lambda: cloud.number(reason) > 0, NOTICED_SECONDS)
    assert eventually(
        lambda: cloud.pairs() + cloud.number(reason) == 5300, NOTICED_SECONDS
    )
    digger.stop()


def test_a_log_that_lost_its_end_is_read_from_there_once(
    own_kafka: KafkaNode, cloud: RunningCloud, chosen: Settings
) -> None:
    digger = RunningDigger(chosen)
    traffic = Traffic(chosen)
    for _ in range(50):
        traffic.send(20)
        traffic.flush()
    assert eventually(lambda: cloud.pairs() == 1000)
    own_kafka.kill()
    own_kafka.truncate()
    own_kafka.start()
    send(chosen, 400)
    assert eventually(lambda: cloud.pairs() == 1400, NOTICED_SECONDS)
    digger.stop()
    assert cloud.number("SELECT SUM(skipped) FROM offsets") == 0


def test_a_log_that_lost_its_end_while_nobody_read_is_read_from_there_once(
    own_kafka: KafkaNode, cloud: RunningCloud, chosen: Settings
) -> None:
    digger = RunningDigger(chosen)
    traffic = Traffic(chosen)
    for _ in range(50):
        traffic.send(20)
        traffic.flush()
    assert eventually(lambda: cloud.pairs() == 1000)
    digger.stop()
    own_kafka.kill()
    own_kafka.truncate()
    own_kafka.start()
    send(chosen, 1200)
    second = RunningDigger(chosen)
    assert eventually(lambda: cloud.pairs() == 2200, NOTICED_SECONDS)
    second.stop()


def test_counting_goes_on_without_a_detector_and_inspection_comes_later(
    own_kafka: KafkaNode,
    cloud: RunningCloud,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(detectors, "ANSWER_SECONDS", 1.0)
    with DetectorProcess() as detector:
        chosen = settings(own_kafka.bootstrap, cloud, detector.address)
        digger = RunningDigger(chosen)
        traffic = Traffic(chosen)
        freeze(detector.pid)
        traffic.send(3000)
        traffic.flush()
        began = time.monotonic()
        assert eventually(lambda: cloud.pairs() == 3000)
        assert time.monotonic() - began < 10 * busyness()
        assert digger.digger.is_live
        inspected = "SELECT COALESCE(SUM(inspected), 0) FROM traffic"
        assert cloud.number(inspected) == 0
        os.kill(detector.pid, signal.SIGCONT)
        traffic.send(100)
        traffic.flush()
        assert eventually(lambda: cloud.number(inspected) >= 8)
        assert digger.stop() < 5
