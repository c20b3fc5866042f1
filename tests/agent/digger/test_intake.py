"""Records come from where the cloud says, each once, with the offsets they cover."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest

from agent.digger.intake import Intake, Received
from agent.kafka.embedded import EmbeddedBroker
from agent.kafka.producer import RecordProducer
from agent.kafka.reachability import Reachability
from agent.kafka.topics import ensure_topics
from agent.settings import Kafka, Settings
from tests.topics import RECORDS_TOPIC


class Offsets:
    """What the cloud would answer to Resume."""

    def __init__(self) -> None:
        self.next: dict[int, int] = {}
        self.failures = 0

    def resume(self, topic: str, partitions: list[int]) -> dict[int, int]:
        if self.failures:
            self.failures -= 1
            raise grpc.RpcError
        assert topic.startswith("vethscope.")
        known = self.next if topic.startswith(RECORDS_TOPIC) else {}
        return {p: known[p] for p in partitions if p in known}


@pytest.fixture
def offsets() -> Offsets:
    return Offsets()


@pytest.fixture
def bounded() -> Iterator[Settings]:
    with EmbeddedBroker() as broker:
        yield Settings(kafka=Kafka(bootstrap=broker.bootstrap))


@contextmanager
def taking(settings: Settings, offsets: Offsets) -> Iterator[Intake]:
    identities = ensure_topics(settings, threading.Event())
    link = Reachability(settings.kafka.bootstrap)
    with Intake(settings, identities, offsets.resume, lambda: True, link) as intake:
        yield intake


def produce(settings: Settings, count: int) -> None:
    ensure_topics(settings, threading.Event())
    producer = RecordProducer(settings)
    for number in range(count):
        producer.send(b"one key", b"%d" % number)
    assert producer.flush(10) == 0


def take(intake: Intake, count: int) -> list[Received]:
    taken: list[Received] = []
    end = time.monotonic() + 30
    while len(taken) < count and time.monotonic() < end:
        taken += intake.take(50, 0.1)
    return taken


def values(taken: list[Received]) -> list[int]:
    return [int(received.value) for received in taken]


def test_all_is_taken_in_order_from_the_beginning(
    bounded: Settings, offsets: Offsets
) -> None:
    produce(bounded, 200)
    with taking(bounded, offsets) as intake:
        taken = take(intake, 200)
        assert not intake.take_reset()
    assert values(taken) == list(range(200))
    assert [r.first for r in taken] == list(range(200))
    assert all(r.following == r.first + 1 and r.follows == r.first for r in taken)
    assert "vethscope" in repr(taken[0])


def test_taking_begins_where_the_cloud_is(bounded: Settings, offsets: Offsets) -> None:
    produce(bounded, 100)
    offsets.next = dict.fromkeys(range(4), 60)
    with taking(bounded, offsets) as intake:
        assert values(take(intake, 40)) == list(range(60, 100))


def test_a_rewind_reads_what_the_cloud_has_not(
    bounded: Settings, offsets: Offsets
) -> None:
    produce(bounded, 100)
    with taking(bounded, offsets) as intake:
        assert len(take(intake, 100)) == 100
        offsets.next = dict.fromkeys(range(4), 70)
        intake.rewind()
        assert intake.take_reset()
        assert values(take(intake, 30)) == list(range(70, 100))


def test_nothing_is_taken_before_the_cloud_answers(
    bounded: Settings, offsets: Offsets
) -> None:
    produce(bounded, 10)
    offsets.failures = 3
    with taking(bounded, offsets) as intake:
        assert values(take(intake, 10)) == list(range(10))
    assert offsets.failures == 0


def test_idling_takes_nothing_and_loses_nothing(
    bounded: Settings, offsets: Offsets
) -> None:
    produce(bounded, 50)
    with taking(bounded, offsets) as intake:
        first = take(intake, 1)
        for _ in range(5):
            intake.idle(0.02)
        produce(bounded, 50)
        for _ in range(5):
            intake.idle(0.02)
        taken = first + take(intake, 100 - len(first))
    assert [received.first for received in taken] == list(range(100))


def test_a_log_that_ends_below_what_is_accounted_for_starts_over_at_its_end(
    bounded: Settings, offsets: Offsets, caplog: pytest.LogCaptureFixture
) -> None:
    produce(bounded, 20)
    offsets.next = dict.fromkeys(range(4), 1000)
    with taking(bounded, offsets) as intake:
        end = time.monotonic() + 30
        while "ends below" not in caplog.text and time.monotonic() < end:
            assert intake.take(50, 0.1) == []
        produce(bounded, 5)
        taken = take(intake, 5)
    assert [(r.follows, r.first) for r in taken][:2] == [(1000, 20), (21, 21)]
    assert len([r for r in caplog.records if "lost the end" in r.message]) == 1


def test_how_far_behind_is_known(bounded: Settings, offsets: Offsets) -> None:
    produce(bounded, 30)
    with taking(bounded, offsets) as intake:
        assert len(take(intake, 30)) == 30
        assert sum(intake.lags({}).values()) == 0
        intake.idle(0.1)
        produce(bounded, 8)
        assert len(take(intake, 8)) == 8
        assert all(place.startswith("vethscope.") for place in intake.lags({}))
