"""Records in, packages at a real cloud: nothing lost and nothing counted twice."""

import itertools
import logging
import threading

import pytest

from tests.agent.digger.detector import SmallDetector
from tests.kafka.broker import KafkaNode
from tests.kafka.line import (
    DiggerProcess,
    RunningCloud,
    RunningDigger,
    Traffic,
    settings,
)
from tests.waiting import eventually

PATH = "SELECT path, SUM(pairs) FROM endpoints GROUP BY path"


def test_all_records_are_counted_and_what_they_hold_is_found(
    bootstrap: str, cloud: RunningCloud
) -> None:
    chosen = settings(bootstrap, cloud, detector="")
    traffic = Traffic(chosen)
    digger = RunningDigger(chosen)
    traffic.send(2000)
    traffic.send_rubbish()
    traffic.flush()
    assert eventually(lambda: digger.digger.digested == 2001)
    assert digger.stop() < 3
    assert cloud.rows(PATH) == [("/users/{id}", 2000)]
    found = cloud.rows("SELECT DISTINCT path, direction, data_type FROM places")
    assert ("$.email", 2, "contact.email") in found
    inspected = cloud.number("SELECT SUM(inspected) FROM traffic")
    assert 8 <= inspected < 2000
    undecodable = "SELECT SUM(amount) FROM coverage WHERE reason = 'undecodable'"
    assert cloud.number(undecodable) == 1


def test_a_killed_digger_goes_on_where_the_cloud_is(
    bootstrap: str, cloud: RunningCloud, detector: SmallDetector
) -> None:
    chosen = settings(bootstrap, cloud, detector.address)
    traffic = Traffic(chosen)
    writer = threading.Thread(target=traffic.send, args=(12_000, 0.001))
    writer.start()
    seen = 0
    for _ in range(2):
        digger = DiggerProcess(chosen)
        assert eventually(lambda: cloud.pairs() > seen + 500)  # noqa: B023
        digger.kill()
        seen = cloud.pairs()
    writer.join()
    traffic.send(500)
    traffic.flush()
    digger = DiggerProcess(chosen)
    assert eventually(lambda: cloud.pairs() >= traffic.sent)
    digger.stop()
    assert cloud.pairs() == traffic.sent


def test_packages_wait_while_the_cloud_is_away(
    bootstrap: str,
    cloud: RunningCloud,
    detector: SmallDetector,
    caplog: pytest.LogCaptureFixture,
) -> None:
    chosen = settings(bootstrap, cloud, detector.address)
    traffic = Traffic(chosen)
    digger = RunningDigger(chosen)
    traffic.send(500)
    assert eventually(lambda: digger.digger.digested == 500)
    cloud.stop()
    for _ in range(30):
        traffic.send(50, 0.003)
    cloud.start()
    traffic.flush()
    assert eventually(lambda: digger.digger.digested == 2000)
    digger.stop()
    assert cloud.pairs() == 2000
    told = [r.message for r in caplog.records if r.message.startswith("cloud: ")]
    assert ["packages wait" in told[0], "is back" in told[1], len(told)] == [
        True,
        True,
        2,
    ]


def test_a_digger_stopped_while_the_cloud_is_away_loses_nothing(
    bootstrap: str, cloud: RunningCloud, detector: SmallDetector
) -> None:
    chosen = settings(bootstrap, cloud, detector.address)
    traffic = Traffic(chosen)
    digger = RunningDigger(chosen)
    traffic.send(300)
    traffic.flush()
    assert eventually(lambda: digger.digger.digested == 300)
    cloud.stop()
    traffic.send(300)
    traffic.flush()
    assert digger.stop() < 3.5
    cloud.start()
    second = RunningDigger(chosen)
    assert eventually(lambda: second.digger.digested == 300)
    second.stop()
    assert cloud.pairs() == 600


def test_diggers_share_the_partitions_and_count_once(
    bootstrap: str, cloud: RunningCloud, detector: SmallDetector
) -> None:
    chosen = settings(bootstrap, cloud, detector.address)
    traffic = Traffic(chosen)
    first = RunningDigger(chosen)
    traffic.send(1000)
    assert eventually(lambda: cloud.pairs() >= 1000)
    second = RunningDigger(chosen)
    traffic.send(3000, 0.001)
    assert eventually(lambda: cloud.pairs() >= traffic.sent)
    first.stop()
    traffic.send(500)
    traffic.flush()
    assert eventually(lambda: cloud.pairs() >= traffic.sent)
    second.stop()
    assert cloud.pairs() == traffic.sent


def test_a_broker_that_starts_empty_does_not_hide_new_records(
    own_kafka: KafkaNode, cloud: RunningCloud, detector: SmallDetector
) -> None:
    chosen = settings(own_kafka.bootstrap, cloud, detector.address)
    for round_number in (1, 2):
        traffic = Traffic(chosen)
        digger = RunningDigger(chosen)
        traffic.send(400)
        traffic.flush()
        assert eventually(lambda: digger.digger.digested == 400)  # noqa: B023
        digger.stop()
        assert cloud.pairs() == 400 * round_number
        own_kafka.delete_topics()


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_a_broker_that_goes_away_for_a_while_costs_nothing(
    own_kafka: KafkaNode,
    cloud: RunningCloud,
    detector: SmallDetector,
    caplog: pytest.LogCaptureFixture,
    way: str,
) -> None:
    chosen = settings(own_kafka.bootstrap, cloud, detector.address)
    traffic = Traffic(chosen)
    digger = RunningDigger(chosen)
    traffic.send(1000)
    traffic.flush()
    assert eventually(lambda: digger.digger.digested == 1000)
    getattr(own_kafka, way)()
    traffic.send(1000, 0.002)
    own_kafka.start()
    traffic.send(1000)
    traffic.flush()
    assert eventually(lambda: cloud.pairs() >= 3000)
    digger.stop()
    assert cloud.pairs() == 3000
    kafka_lines = [r for r in caplog.records if r.message.startswith("kafka: ")]
    assert all(r.levelno == logging.WARNING for r in kafka_lines)
    told = [r.message.partition(" ")[2] for r in kafka_lines]
    assert len(told) <= 6, list(itertools.islice(told, 10))
