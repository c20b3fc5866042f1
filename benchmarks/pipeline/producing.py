"""What a worker pays for a record, and what the record takes on Kafka's disk."""

import os
import threading
import time
from pathlib import Path

from agent.kafka.producer import RecordProducer
from agent.kafka.topics import ensure_topics
from agent.record import Record, encoder, server_key
from agent.settings import Kafka, Settings
from benchmarks import targets
from benchmarks.pipeline import records
from tests.agent.test_keys import key_file
from tests.kafka.broker import KafkaNode

COUNT = 40_000
POLL_EVERY = 64
"""The worker polls once a block of the ring, not once a record."""
REST_SECONDS = 0.2
"""librdkafka's own thread sends meanwhile, not beside us."""
CHUNK = 4_000
FLUSH_SECONDS = 60.0
PLAIN_MICROSECONDS = 3.0
SEALED_MICROSECONDS = 8.0


def measure(kafka: KafkaNode, folder: Path, pairs: list[Record]) -> None:
    keys = key_file(folder, os.urandom(32))
    large = records.large()
    for name, key, aim in (
        ("plain", "", PLAIN_MICROSECONDS),
        ("sealed", keys, SEALED_MICROSECONDS),
    ):
        settings = Settings(kafka=Kafka(kafka.bootstrap, encryption_key_file=key))
        thread, process = _cost(settings, large)
        targets.at_most(f"producing 2.5 KB, {name}: the worker", thread, aim, "µs", 2)
        targets.told(f"producing 2.5 KB, {name}: with librdkafka", process, "µs", 2)
        kafka.delete_topics()
        _send(settings, [pairs[n % len(pairs)] for n in range(COUNT)])
        stored = log_bytes(kafka.data) / COUNT
        targets.told(f"on Kafka, demo's traffic, {name}", stored, "bytes an exchange")
        kafka.delete_topics()


def log_bytes(data: Path) -> int:
    """What our topics take, replication left out."""
    return sum(log.stat().st_size for log in data.glob("vethscope.*/*.log"))


def _cost(settings: Settings, record: Record) -> tuple[float, float]:
    """Microseconds a record: of the calling thread, and of the whole process."""
    ensure_topics(settings, threading.Event())
    producer = RecordProducer(settings)
    spent, began = 0.0, time.process_time()
    for _ in range(COUNT // CHUNK):
        before = time.thread_time()
        for number in range(CHUNK):
            producer.send(server_key(record), encoder.encode(record))
            if number % POLL_EVERY == 0:
                producer.poll()
        spent += time.thread_time() - before
        time.sleep(REST_SECONDS)
    assert producer.flush(FLUSH_SECONDS) == 0
    assert not producer.dropped
    whole = time.process_time() - began
    return spent / COUNT * 1e6, whole / COUNT * 1e6


def _send(settings: Settings, pairs: list[Record]) -> None:
    ensure_topics(settings, threading.Event())
    producer = RecordProducer(settings)
    for pair in pairs:
        producer.send(server_key(pair), encoder.encode(pair))
        producer.poll()
    assert producer.flush(FLUSH_SECONDS) == 0
