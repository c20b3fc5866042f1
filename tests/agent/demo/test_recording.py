"""The replayed demo up to the broker: an embedded one, on loopback."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.demo.recording import Recording
from agent.kafka.embedded import EmbeddedBroker
from agent.record import Batch, batch_decoder
from agent.settings import Settings
from tests.topics import COVERAGE_TOPIC, RECORDS_TOPIC, coming
from tests.waiting import eventually

SECONDS = 20.0
RATE = 400.0


@pytest.fixture
def settings() -> Iterator[Settings]:
    with EmbeddedBroker() as broker:
        plain = Settings()
        kafka = replace(plain.kafka, bootstrap=broker.bootstrap)
        yield replace(plain, kafka=kafka)


@pytest.fixture
def recording(settings: Settings, tmp_path: Path) -> Iterator[Recording]:
    made = Recording(settings, tmp_path / "demo.pcap")
    stop = threading.Event()
    thread = threading.Thread(target=made.run, args=(stop,))
    thread.start()
    yield made
    stop.set()
    thread.join(SECONDS)
    assert not thread.is_alive()


def replay_some(recording: Recording) -> None:
    recording.rate = RATE
    assert eventually(lambda: recording.counts.exchanges >= 200, SECONDS)
    recording.rate = 0.0
    assert recording.flush(SECONDS)


def batches_of(settings: Settings, exchanges: int) -> list[Batch]:
    batches: list[Batch] = []
    for value in coming(settings.kafka.bootstrap, RECORDS_TOPIC, SECONDS):
        batches.append(batch_decoder.decode(value))
        if sum(batch.exchanges for batch in batches) >= exchanges:
            break
    return batches


def test_each_json_exchange_is_told(recording: Recording, settings: Settings) -> None:
    replay_some(recording)
    sent = recording.counts.json_exchanges
    assert recording.coverage.delivered == sent
    assert recording.coverage.total().counts["pairs"] == sent
    batches = batches_of(settings, sent)
    assert sum(batch.exchanges for batch in batches) == sent
    facts = [fact for batch in batches for fact in batch.facts]
    records = [record for batch in batches for record in batch.records]
    assert {b"GET", b"POST"} <= {record.fact.method for record in records}
    assert facts
    whole = recording.coverage.total().counts["sent_whole"]
    assert 10 < whole == len(records) < sent


def test_its_coverage_goes_to_the_broker(
    recording: Recording, settings: Settings
) -> None:
    replay_some(recording)
    assert next(coming(settings.kafka.bootstrap, COVERAGE_TOPIC, SECONDS))
