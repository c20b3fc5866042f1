"""A compacted topic: of each key Kafka keeps the newest value.

In: keys and values of one kind. Out: the same in all replicas and from before a
restart. The topic is made where it is missing. A broker that is away costs what was
told meanwhile until that is told again, and nothing else.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from agent.kafka.client import ANSWER_SECONDS, client_config
from agent.kafka.embedded import MOCK_ID
from agent.kafka.reachability import Reachability
from agent.kafka.topics import own_name
from agent.settings import Settings

log = logging.getLogger("vethscope")

LOOK_SECONDS = 1.0
"""For a broker that may be away."""
BATCH = 1_000
"""Messages taken at once."""
QUEUE_KBYTES = 16 << 10
"""What waits to be sent, and what is read ahead, at most."""

Take = Callable[[bytes, bytes], None]


class CompactedTopic:
    """Reads what all replicas have told, and tells what this one has."""

    def __init__(
        self,
        settings: Settings,
        kind: str,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """`kind` ends the topic's name; `options` are the topic's, where it has to be
        made."""
        reachability = Reachability(settings.kafka.bootstrap, log.debug)
        # Nobody asks for statistics here, and what is not polled for piles up.
        quiet = {"statistics.interval.ms": 0}
        self._config = client_config(settings.kafka, reachability) | quiet
        self.name = own_name(settings, kind)
        self._options = {"cleanup.policy": "compact", **(options or {})}
        self._admin = AdminClient(self._config)
        self._producer: Producer | None = None
        self._consumer: Consumer | None = None
        self._partitions: list[int] = []

    def load(self, take: Take, seconds: float) -> bool:
        """Takes all that is on the topic now; whether it came in time."""
        end = time.monotonic() + seconds
        consumer = self._reader(seconds)
        if consumer is None:
            return False
        try:
            ends = self._ends(consumer, max(0.1, end - time.monotonic()))
        except KafkaException:
            return False
        while time.monotonic() < end:
            self.follow(take, 0.1)
            behind = (self._is_behind(consumer, *place) for place in ends.items())
            if not any(behind):
                return True
        return False

    def follow(self, take: Take, seconds: float = 0.0) -> None:
        """Takes what is new; waits at most `seconds` for it."""
        consumer = self._reader(LOOK_SECONDS)
        if consumer is None:
            return
        for message in consumer.consume(BATCH, seconds):
            key = message.key()
            if message.error() is None and key:
                take(key, message.value() or b"")

    def publish(self, told: Iterable[tuple[bytes, bytes]]) -> bool:
        """Sends values; an empty one takes its key back. Never waits. False: one of
        them was lost, for nothing can be sent now."""
        if self._producer is None:
            options = {
                "linger.ms": 100,
                "compression.type": "none",
                "queue.buffering.max.kbytes": QUEUE_KBYTES,
            }
            self._producer = Producer(self._config | options)
        is_taken = True
        for key, value in told:
            try:
                self._producer.produce(self.name, value or None, key)
            except (BufferError, KafkaException):
                is_taken = False
        self.poll()
        return is_taken

    def poll(self) -> None:
        """Takes what the clients report; cheap, to be called now and then."""
        self._admin.poll(0)
        if self._producer is not None:
            self._producer.poll(0)

    def prepare(self, seconds: float = LOOK_SECONDS) -> bool:
        """Makes the topic if it is missing; whether it is there."""
        if self._partitions:
            return True
        try:
            cluster = self._admin.list_topics(timeout=seconds)
            is_embedded = str(cluster.cluster_id).startswith(MOCK_ID)
            if not is_embedded and self.name not in cluster.topics:
                self._create()
            found = self._admin.list_topics(self.name, timeout=seconds)
            self._partitions = list(found.topics[self.name].partitions)
        except KafkaException:
            return False
        return bool(self._partitions)

    def close(self, seconds: float = 1.0) -> None:
        if self._producer is not None:
            self._producer.flush(seconds)
        if self._consumer is not None:
            self._consumer.close()

    def _reader(self, seconds: float) -> Consumer | None:
        """It begins at the topic's start."""
        if self._consumer is None and self.prepare(seconds):
            options = {
                "group.id": self.name,
                "enable.auto.commit": False,
                "queued.max.messages.kbytes": QUEUE_KBYTES,
            }
            self._consumer = Consumer(self._config | options)
            self._consumer.assign(
                [
                    TopicPartition(self.name, partition, OFFSET_BEGINNING)
                    for partition in self._partitions
                ]
            )
        return self._consumer

    def _create(self) -> None:
        new = NewTopic(
            self.name, num_partitions=1, replication_factor=-1, config=self._options
        )
        created = self._admin.create_topics([new], request_timeout=ANSWER_SECONDS)
        # Another replica may have made it meanwhile.
        with suppress(KafkaException, TimeoutError):
            created[self.name].result(ANSWER_SECONDS)

    def _ends(self, consumer: Consumer, seconds: float) -> dict[int, int]:
        """The offset behind the last message of each partition."""
        return {
            place.partition: consumer.get_watermark_offsets(place, seconds)[1]
            for place in consumer.assignment()
        }

    def _is_behind(self, consumer: Consumer, partition: int, end: int) -> bool:
        place = consumer.position([TopicPartition(self.name, partition)])[0]
        return bool(end and place.offset < end)
