"""The producer against a real broker: what it says of a message is true."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from agent.kafka.client import client_config
from agent.kafka.limit import LEAST_BYTES
from agent.kafka.producer import RecordProducer
from agent.kafka.topics import ensure_topics
from agent.record import VERSION, batch_decoder
from agent.settings import Kafka, Settings
from rings.records.gatherer import Gatherer
from tests.kafka.broker import KafkaNode
from tests.netns.capturing import all_values
from tests.rings.wire import pairs_of, request, response
from tests.topics import RECORDS_TOPIC
from tests.waiting import eventually

SMALL_BYTES = 300_000
EXCHANGES = 3
"""In a message."""


def settings(node: KafkaNode) -> Settings:
    return Settings(kafka=Kafka(bootstrap=node.bootstrap))


def stop(node: KafkaNode) -> None:
    node.stop()


def kill(node: KafkaNode) -> None:
    node.kill()


def freeze(node: KafkaNode) -> None:
    node.freeze()


@pytest.mark.parametrize("way", [stop, kill, freeze])
def test_nothing_is_counted_failed_that_was_stored(
    own_kafka: KafkaNode, way: Callable[[KafkaNode], None]
) -> None:
    """The broker goes away under load, and the producer is closed without it."""
    ensure_topics(settings(own_kafka), threading.Event())
    producer = RecordProducer(settings(own_kafka))
    end = time.monotonic() + 3.0
    sent = 0
    while time.monotonic() < end:
        producer.send(b"key", b"%d" % sent * 1000, EXCHANGES)
        sent += 1
        producer.poll()
        if sent == 3000:
            assert eventually(lambda: _polled(producer).delivered > 0)
            way(own_kafka)
        time.sleep(0.0002)
    producer.close(1.2)
    assert producer.waiting == 0
    if way is freeze:
        own_kafka.thaw()
    else:
        own_kafka.start()
    time.sleep(1.0)
    stored = EXCHANGES * len(all_values(own_kafka.bootstrap, RECORDS_TOPIC))
    unknown = producer.dropped["delivery_unknown"]
    surely = producer.dropped["not_delivered"]
    told = f"{stored} stored, {producer.delivered} delivered, {producer.dropped}"
    assert producer.delivered <= stored <= producer.delivered + unknown, told
    assert producer.delivered + unknown + surely == EXCHANGES * sent, told
    assert surely > 0, told


def test_a_broker_that_was_away_long_gets_all(own_kafka: KafkaNode) -> None:
    ensure_topics(settings(own_kafka), threading.Event())
    producer = RecordProducer(settings(own_kafka))
    for number in range(600):
        producer.send(b"key", b"%d" % number, EXCHANGES)
        producer.poll()
        if number == 300:
            own_kafka.kill()
        time.sleep(0.01)
    own_kafka.start()
    assert producer.flush(30) == 0
    assert not producer.dropped
    assert len(all_values(own_kafka.bootstrap, RECORDS_TOPIC)) == 600


def test_what_waited_for_a_broker_that_comes_back_empty_waits_on(
    own_kafka: KafkaNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is with a producer that is older than half a minute."""
    monkeypatch.setattr(
        "agent.kafka.producer.client_config",
        lambda *given: client_config(*given) | {"topic.metadata.propagation.max.ms": 0},
    )
    ensure_topics(settings(own_kafka), threading.Event())
    producer = RecordProducer(settings(own_kafka))
    producer.send(b"key", b"before", EXCHANGES)
    assert producer.flush(10) == 0
    own_kafka.kill()
    for number in range(100):
        producer.send(b"key", b"%d" % number, EXCHANGES)
    own_kafka.empty()
    end = time.monotonic() + 3.0
    while time.monotonic() < end:
        producer.send(b"key", b"without a topic", EXCHANGES)
        producer.poll()
        time.sleep(0.05)
    assert producer.waiting == producer.sent - EXCHANGES
    ensure_topics(settings(own_kafka), threading.Event())
    assert producer.flush(10) == 0
    assert not producer.dropped
    assert producer.delivered == producer.sent
    stored = len(all_values(own_kafka.bootstrap, RECORDS_TOPIC))
    assert (stored + 1) * EXCHANGES == producer.sent


@pytest.fixture
def narrow(kafka: KafkaNode) -> Iterator[KafkaNode]:
    """A records topic that takes small messages only."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    topic = NewTopic(RECORDS_TOPIC, 1, config={"max.message.bytes": str(SMALL_BYTES)})
    admin.create_topics([topic])[RECORDS_TOPIC].result(10)
    yield kafka
    kafka.delete_topics()


def test_bodies_are_cut_to_what_the_broker_takes(narrow: KafkaNode) -> None:
    producer = RecordProducer(settings(narrow))
    assert eventually(lambda: _polled(producer).largest < SMALL_BYTES)
    gatherer = Gatherer(VERSION, "node", None, lambda _: b"")
    gatherer.most_bytes = producer.largest
    body = json.dumps({"text": "".join(chr(33 + n % 90) for n in range(400_000))})
    pairs = pairs_of(request(), response(body.encode()), 1448)
    for key, value, exchanges in gatherer.feed(pairs, 0) + gatherer.close():
        producer.send(key, value, exchanges)
    assert producer.flush(10) == 0
    assert (producer.delivered, gatherer.records_cut) == (1, 1)
    (value,) = all_values(narrow.bootstrap, RECORDS_TOPIC)
    (record,) = batch_decoder.decode(value).records
    assert record.response.truncated
    assert record.response.body_bytes == len(body)
    assert SMALL_BYTES - 4096 < len(record.response.body) < SMALL_BYTES


def test_a_broker_that_may_not_be_asked_tells_by_refusing(
    narrow: KafkaNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.kafka.limit.Limit.poll", lambda *_: None)
    producer = RecordProducer(settings(narrow))
    before = producer.largest
    value = random.Random(1).randbytes(2 * SMALL_BYTES)
    for _ in range(2):
        producer.send(b"key", value, EXCHANGES)
        producer.flush(10)
    assert producer.dropped == {"too_large": 2 * EXCHANGES}
    assert LEAST_BYTES - 4096 < producer.largest < before


def _polled(producer: RecordProducer) -> RecordProducer:
    producer.poll()
    return producer
