"""The producer, the topics and the embedded broker."""

import threading
import time

import msgspec
import pytest
from confluent_kafka import KafkaError

from agent.kafka import producer as producers
from agent.kafka.client import client_config, message_bytes
from agent.kafka.embedded import EmbeddedBroker
from agent.kafka.producer import RecordProducer
from agent.kafka.reachability import Reachability
from agent.kafka.topics import ensure_topics, topics
from agent.settings import Capture, Kafka, Settings
from tests.ports import free_port
from tests.topics import RECORDS_TOPIC, stored
from tests.waiting import busyness, eventually


def settings(bootstrap: str, **kafka: object) -> Settings:
    return Settings(
        capture=Capture(body_bytes=1 << 20),
        kafka=msgspec.convert({"bootstrap": bootstrap, **kafka}, Kafka),
    )


def read(bootstrap: str) -> list[tuple[bytes | None, bytes | None]]:
    return [(one.key(), one.value()) for one in stored(bootstrap, RECORDS_TOPIC)]


def test_records_arrive_at_the_embedded_broker() -> None:
    with EmbeddedBroker() as broker:
        chosen = settings(broker.bootstrap)
        assert set(ensure_topics(chosen, threading.Event())) == set(topics(chosen))
        producer = RecordProducer(chosen)
        sent = [(b"key-%d" % (n % 5), b"value-%d" % n) for n in range(100)]
        for key, value in sent:
            producer.send(key, value)
            producer.poll()
        assert producer.flush(10) == 0
        assert (producer.sent, producer.delivered, producer.waiting) == (100, 100, 0)
        assert not producer.dropped
        assert sorted(read(broker.bootstrap)) == sorted(sent)


def test_every_embedded_broker_has_topics_of_its_own_identity() -> None:
    identities = []
    for _ in range(2):
        with EmbeddedBroker() as broker:
            chosen = settings(broker.bootstrap)
            first = ensure_topics(chosen, threading.Event())
            assert first == ensure_topics(chosen, threading.Event())
            identities.append(first[RECORDS_TOPIC])
    assert identities[0] != identities[1]


def test_what_does_not_fit_is_dropped_and_counted_at_once() -> None:
    chosen = settings(f"127.0.0.1:{free_port()}", queue_bytes=1 << 20)
    producer = RecordProducer(chosen)
    began = time.monotonic()
    for _ in range(400):
        producer.send(b"key", b"x" * 10_000)
        producer.poll()
    assert time.monotonic() - began < 5 * busyness()
    assert producer.dropped["queue_full"] > 250
    assert producer.sent + producer.dropped["queue_full"] == 400
    assert producer.flush(0.1) == producer.sent


def test_a_record_larger_than_allowed_is_counted_apart() -> None:
    chosen = settings(f"127.0.0.1:{free_port()}")
    producer = RecordProducer(chosen)
    producer.send(b"key", b"x" * (message_bytes(chosen) + 1))
    assert dict(producer.dropped) == {"too_large": 1}


@pytest.mark.parametrize("limit_ms", [producers.DELIVERY_MS, 1000])
def test_messages_wait_without_end(
    limit_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit would make their fate unknown."""
    monkeypatch.setattr(producers, "DELIVERY_MS", limit_ms)
    producer = RecordProducer(settings(f"127.0.0.1:{free_port()}"))
    producer.send(b"key", b"value", 7)

    def is_dropped() -> bool:
        producer.poll()
        return producer.waiting == 0

    assert eventually(is_dropped, 3) == bool(limit_ms)
    assert producer.dropped["delivery_unknown"] == (7 if limit_ms else 0)


def test_what_was_never_sent_is_surely_not_stored() -> None:
    producer = RecordProducer(settings(f"127.0.0.1:{free_port()}"))
    for _ in range(10):
        producer.send(b"key", b"value", 3)
    began = time.monotonic()
    producer.close(1.5)
    assert time.monotonic() - began < 2.5 * busyness()
    assert (producer.waiting, dict(producer.dropped)) == (0, {"not_delivered": 30})


def test_a_close_with_a_broker_leaves_nothing() -> None:
    with EmbeddedBroker() as broker:
        chosen = settings(broker.bootstrap)
        ensure_topics(chosen, threading.Event())
        producer = RecordProducer(chosen)
        producer.send(b"key", b"value", 3)
        producer.close(10)
        assert (producer.delivered, producer.waiting, producer.dropped) == (3, 0, {})


def test_an_unreachable_broker_is_told_once(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    producer = RecordProducer(settings(f"127.0.0.1:{free_port()}"))
    end = time.monotonic() + 2
    while time.monotonic() < end:
        producer.send(b"key", b"value")
        producer.poll()
        threading.Event().wait(0.01)
    assert len(caplog.records) == 1
    assert "is not reachable" in caplog.text
    assert capfd.readouterr().err == ""


def test_making_topics_ends_with_stop() -> None:
    stop = threading.Event()
    chosen = settings(f"127.0.0.1:{free_port()}")
    results: list[dict[str, str]] = []
    thread = threading.Thread(
        target=lambda: results.append(ensure_topics(chosen, stop))
    )
    thread.start()
    stop.set()
    thread.join(15)
    assert results == [{}]


def test_a_producer_that_fails_for_good_is_replaced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with EmbeddedBroker() as broker:
        chosen = settings(broker.bootstrap)
        ensure_topics(chosen, threading.Event())
        producer = RecordProducer(chosen)
        producer._on_error(KafkaError(KafkaError._FATAL))
        producer.poll()
        producer.send(b"key", b"value")
        assert producer.flush(10) == 0
    assert "producer failed" in caplog.text


def test_security_settings_reach_the_client() -> None:
    kafka = Kafka(
        bootstrap="broker:9093",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="vethscope",
        sasl_password="secret",
        ca_file="/etc/ca.pem",
        certificate_file="/etc/own.pem",
        key_file="/etc/own.key",
    )
    config = client_config(kafka, Reachability(kafka.bootstrap))
    assert config["security.protocol"] == "SASL_SSL"
    assert config["sasl.password"] == "secret"
    assert config["ssl.ca.location"] == "/etc/ca.pem"
    assert config["ssl.certificate.location"] == "/etc/own.pem"
    assert config["ssl.key.location"] == "/etc/own.key"
    assert "ssl.ca.location" not in client_config(
        Kafka(bootstrap="broker:9092"), Reachability("broker:9092")
    )
