"""The topics that default settings name, and how tests read what stands there."""

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from agent.kafka.topics import topics
from agent.settings import Settings

RECORDS_TOPIC, COVERAGE_TOPIC = topics(Settings())

POLL_SECONDS = 0.1
ANSWER_SECONDS = 30.0
"""Of a broker on a busy machine."""


def stored(bootstrap: str, *names: str) -> list[Any]:
    """All messages of these topics, each partition up to the end that it has now."""
    found: list[Any] = []
    consumer, left = _reading(bootstrap, names)
    last = time.monotonic() + ANSWER_SECONDS
    with closing(consumer):
        while left:
            assert time.monotonic() < last, f"no end of {left}"
            for message in consumer.consume(1000, POLL_SECONDS):
                if (error := message.error()) is None:
                    found.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard((message.topic(), message.partition()))
    return found


def coming(bootstrap: str, name: str, seconds: float) -> Iterator[bytes]:
    """The value of each message that is or comes on a topic in this time; the topic
    may come later, too."""
    consumer, places = _reading(bootstrap, [name])
    end = time.monotonic() + seconds
    with closing(consumer):
        while time.monotonic() < end:
            if not places:
                places = _assign(consumer, [name])
            message = consumer.poll(POLL_SECONDS)
            if message is not None and not message.error():
                yield message.value() or b""


def _reading(
    bootstrap: str, names: Iterable[str]
) -> tuple[Consumer, set[tuple[str, int]]]:
    """From the beginning, and without a group, whose members wait for others first;
    with all partitions there are."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "tests",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",  # also if the broker lets go of the first
            "log_level": 0,
        }
    )
    return consumer, _assign(consumer, names)


def _assign(consumer: Consumer, names: Iterable[str]) -> set[tuple[str, int]]:
    told = ((name, consumer.list_topics(name, ANSWER_SECONDS)) for name in names)
    places = {
        (name, place) for name, all_ in told for place in all_.topics[name].partitions
    }
    consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in places])
    return places
