"""What a worker pays for an exchange, and what the exchange takes on Kafka's disk."""

import os
import threading
import time
from pathlib import Path

import msgspec

from agent.interceptor.reading.worker import gatherer
from agent.kafka.producer import RecordProducer
from agent.kafka.topics import ensure_topics
from agent.settings import Kafka, Settings
from benchmarks import targets
from benchmarks.capture.traffic import Traffic, write
from benchmarks.pipeline import records
from tests.agent.test_keys import key_file
from tests.kafka.broker import KafkaNode

COUNT = 60_000
BODY_BYTES = 2_050
"""With heads and addresses a record of 2.5 KB."""
BODIES = 5_000
"""Different ones: equal ones would compress to nothing."""
FLUSH_SECONDS = 60.0
MOST_WAITING = 20_000
PLAIN_MICROSECONDS = 3.0
SEALED_MICROSECONDS = 8.0


def measure(kafka: KafkaNode, folder: Path) -> None:
    capture = folder / "large.pcap"
    traffic = Traffic("json", COUNT, body_bytes=BODY_BYTES, bodies=BODIES)
    write(capture, traffic, records.SEED)
    keys = key_file(folder, os.urandom(32))
    for name, key, aim in (
        ("plain", "", PLAIN_MICROSECONDS),
        ("sealed", keys, SEALED_MICROSECONDS),
    ):
        for bodies in ("all", "chosen"):
            settings = msgspec.structs.replace(
                records.settings(bodies),
                kafka=Kafka(kafka.bootstrap, encryption_key_file=key),
            )
            _print(kafka, settings, capture, f"{bodies} bodies, {name}", aim)


def _print(
    kafka: KafkaNode, settings: Settings, capture: Path, name: str, aim: float
) -> None:
    kafka.delete_topics()
    ensure_topics(settings, threading.Event())
    producer = RecordProducer(settings)
    spent, whole, packed_bytes = _produce(producer, settings, capture)
    size = packed_bytes / COUNT
    targets.told(f"an exchange, {name}", size, "bytes packed")
    targets.at_most("  gathered and produced: the worker", spent, aim, "µs", 2)
    targets.told("  … with librdkafka's threads", whole, "µs", 2)
    kafka.delete_topics()
    ensure_topics(settings, threading.Event())
    demo = records.of_demo(settings.capture.bodies)
    exchanges = sum(count for _, _, count in demo)
    for key, value, count in demo:
        producer.send(key, value, count)
        producer.poll()
    assert producer.flush(FLUSH_SECONDS) == 0
    stored = log_bytes(kafka.data) / exchanges
    targets.told("  on Kafka's disk, demo's traffic", stored, "bytes")


def log_bytes(data: Path) -> int:
    """What our topics take, replication left out."""
    return sum(
        log.stat().st_size
        for log in data.glob("vethscope.*/*.log")
        if not log.parent.name.endswith("-delete")
    )


def _produce(
    producer: RecordProducer, settings: Settings, capture: Path
) -> tuple[float, float, int]:
    """Microseconds an exchange, of the calling thread and of all librdkafka's, beside
    what pairing takes; bytes in all."""
    source = gatherer(settings, 1, records.SEED)
    spent = pairing = 0.0
    size = 0
    began = before = time.process_time()
    for pairs, now_ns in records.paired(capture):
        pairing += time.thread_time() - before if spent else 0.0
        at = time.thread_time()
        for key, value, count in source.feed(pairs, now_ns) + source.expire(now_ns):
            producer.send(key, value, count)
            size += len(value)
        producer.poll()
        before = time.thread_time()
        spent += before - at
        while producer.waiting > MOST_WAITING:
            time.sleep(0.001)
            producer.poll()
        before = time.thread_time()
    for key, value, count in source.close():
        producer.send(key, value, count)
        size += len(value)
    assert producer.flush(FLUSH_SECONDS) == 0
    assert not producer.dropped, producer.dropped
    whole = time.process_time() - began - pairing
    return spent / COUNT * 1e6, whole / COUNT * 1e6, size
