"""Names that diggers have learnt, on a compacted topic: the same in all replicas.

In: digests with the day of their last use (`agent/naming/proof.py`); no word in clear
is on the topic. Out: the same from all replicas and from before a restart. Kafka keeps
the newest value of each digest, and none of those taken back. A broker that is away
costs what was learnt meanwhile until it is back, and nothing else.
"""

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import blake2b

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
from agent.keys import read_keys
from agent.settings import Settings

log = logging.getLogger("vethscope")

LOOK_SECONDS = 1.0
"""For a broker that may be away."""
BATCH = 1_000
"""Digests taken at once: 16 bytes each."""
DIGEST_BYTES = 16

Take = Callable[[bytes, bytes], None]


def names_key(settings: Settings) -> bytes:
    """The cluster's own key for digests of names.

    Made from the key that encrypts records, where there is one. Else from the
    cluster's name: then who reads the topic can test words that he thinks of, but he
    could read the records' paths as well. Raises KeyFileError.
    """
    file = settings.kafka.encryption_key_file
    secret = read_keys(file)[0] if file else b""
    name = settings.cluster.name.encode()
    return blake2b(name, key=secret, person=b"vethscope.names", digest_size=32).digest()


class NamesTopic:
    """Reads what all replicas have learnt, and writes what this one has."""

    def __init__(self, settings: Settings) -> None:
        reachability = Reachability(settings.kafka.bootstrap, log.debug)
        config = client_config(settings.kafka, reachability)
        self._topic = own_name(settings, "names")
        self._admin = AdminClient(config)
        self._producer = Producer(
            config | {"linger.ms": 100, "compression.type": "none"}
        )
        self._consumer = Consumer(
            config | {"group.id": self._topic, "enable.auto.commit": False}
        )
        self._is_ready = False

    def load(self, take: Take, seconds: float) -> bool:
        """Takes all that is on the topic now; whether it came in time."""
        end = time.monotonic() + seconds
        if not self._prepare(seconds):
            return False
        try:
            ends = self._ends(max(0.1, end - time.monotonic()))
        except KafkaException:
            return False
        while time.monotonic() < end:
            self.follow(take, 0.1)
            if not any(self._is_behind(place, last) for place, last in ends.items()):
                return True
        return False

    def follow(self, take: Take, seconds: float = 0.0) -> None:
        """Takes what is new; waits at most `seconds` for it."""
        if not self._is_ready and not self._prepare(LOOK_SECONDS):
            return
        for message in self._consumer.consume(BATCH, seconds):
            key = message.key()
            if message.error() is None and key and len(key) == DIGEST_BYTES:
                take(key, message.value() or b"")

    def publish(self, learnt: Iterable[tuple[bytes, bytes]]) -> None:
        """Sends digests; an empty value takes one back. Never waits."""
        for key, value in learnt:
            # A full queue loses a digest: it is told again after some days.
            with suppress(BufferError, KafkaException):
                self._producer.produce(self._topic, value or None, key)
        self._producer.poll(0)

    def close(self, seconds: float = 1.0) -> None:
        self._producer.flush(seconds)
        self._consumer.close()

    def _prepare(self, seconds: float) -> bool:
        """Makes the topic if it is missing, and begins at its start."""
        try:
            cluster = self._admin.list_topics(timeout=seconds)
            is_embedded = str(cluster.cluster_id).startswith(MOCK_ID)
            if not is_embedded and self._topic not in cluster.topics:
                self._create()
            found = self._admin.list_topics(self._topic, timeout=seconds)
            partitions = found.topics[self._topic].partitions
        except KafkaException:
            return False
        if not partitions:
            return False
        self._consumer.assign(
            [TopicPartition(self._topic, p, OFFSET_BEGINNING) for p in partitions]
        )
        self._is_ready = True
        return True

    def _create(self) -> None:
        new = NewTopic(
            self._topic,
            num_partitions=1,
            replication_factor=-1,
            config={"cleanup.policy": "compact"},
        )
        created = self._admin.create_topics([new], request_timeout=ANSWER_SECONDS)
        # Another replica may have made it meanwhile.
        with suppress(KafkaException, TimeoutError):
            created[self._topic].result(ANSWER_SECONDS)

    def _ends(self, seconds: float) -> dict[int, int]:
        """The offset behind the last message of each partition."""
        return {
            place.partition: self._consumer.get_watermark_offsets(place, seconds)[1]
            for place in self._consumer.assignment()
        }

    def _is_behind(self, partition: int, end: int) -> bool:
        place = self._consumer.position([TopicPartition(self._topic, partition)])[0]
        return bool(end and place.offset < end)
