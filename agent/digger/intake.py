"""Intake: records from Kafka, from where the cloud says.

In: the partitions that Kafka's consumer group gives us, and for each the offset that
the cloud has not accounted for yet. Out: messages in order, each with the offsets it
covers. Nothing is committed to Kafka: the cloud is the authority. When partitions
change hands all that was read but not accounted for is void (`take_reset`).
"""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import grpc
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from agent.kafka.client import DENIED, client_config, message_bytes
from agent.kafka.reachability import Reachability
from agent.kafka.topics import own_name
from agent.settings import Settings

log = logging.getLogger("vethscope")

SESSION_MS = 6_000
"""A digger that vanished gives up its partitions after so long."""
PREFETCH_KBYTES = 32 << 10
"""Messages that librdkafka holds ready for us."""

Resume = Callable[[str, list[int]], dict[int, int]]


class Received(NamedTuple):
    """A message; it covers the offsets [first, following) of its partition."""

    topic: str
    identity: str
    partition: int
    first: int
    following: int
    key: bytes
    value: bytes

    @property
    def expired(self) -> int:
        """Records before it that the broker dropped before we came."""
        return self.following - 1 - self.first

    def __repr__(self) -> str:
        return f"Received({self.topic}/{self.partition}@{self.first})"


class Intake:
    """One consumer of the topics named in `identities`; use as a context."""

    def __init__(
        self,
        settings: Settings,
        identities: dict[str, str],
        resume: Resume,
        reachability: Reachability | None = None,
    ) -> None:
        self._identities = identities
        self._resume = resume
        self._positions: dict[tuple[str, int], int | None] = {}
        self._waiting: list[TopicPartition] = []
        self._is_reset = False
        self._is_paused = False
        self._early: list[Any] = []
        self._passed_over: set[tuple[str, int]] = set()
        self._reachability = reachability or Reachability(settings.kafka.bootstrap)
        self._consumer = Consumer(_config(settings, self._reachability))
        self._consumer.subscribe(
            list(identities), on_assign=self._on_assign, on_revoke=self._on_revoke
        )

    def take(self, most: int, seconds: float) -> list[Received]:
        """At most so many messages; waits at most so long for the first."""
        if self._waiting:
            self._begin(seconds)
        if self._is_paused:
            self._consumer.resume(self._consumer.assignment())
            self._is_paused = False
        messages = self._early + self._consumer.consume(most, seconds)
        self._early = []
        return [m for m in map(self._received, messages) if m is not None]

    def idle(self, seconds: float) -> None:
        """Takes nothing for so long, but stays in the consumer group."""
        if not self._is_paused:
            self._consumer.pause(self._consumer.assignment())
            self._is_paused = True
        self._early += self._consumer.consume(1, seconds)

    def take_reset(self) -> bool:
        """True once after partitions changed: drop what is not accounted for."""
        is_reset, self._is_reset = self._is_reset, False
        return is_reset

    def rewind(self) -> None:
        """Starts again from where the cloud says."""
        self._hold(self._consumer.assignment())

    def close(self) -> None:
        self._consumer.close()

    def __enter__(self) -> "Intake":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._hold(partitions)

    def _on_revoke(self, consumer: Consumer, _: list[TopicPartition]) -> None:
        self._hold([])
        # An empty assignment is not enough: the group waits for this before it goes on.
        consumer.unassign()

    def _hold(self, partitions: list[TopicPartition]) -> None:
        """Reads nothing of the partitions until the cloud said where to begin."""
        self._consumer.assign([])
        self._waiting = partitions
        self._positions.clear()
        self._early = []
        self._is_paused = False
        self._is_reset = True

    def _begin(self, seconds: float) -> None:
        begin = []
        for topic, identity in self._identities.items():
            ours = [p.partition for p in self._waiting if p.topic == topic]
            try:
                offsets = self._resume(identity, ours) if ours else {}
            except grpc.RpcError:
                self._consumer.poll(seconds)
                return
            for partition in ours:
                offset = offsets.get(partition)
                self._positions[topic, partition] = offset
                start = OFFSET_BEGINNING if offset is None else offset
                begin.append(TopicPartition(topic, partition, start))
        self._waiting = []
        self._consumer.assign(begin)
        log.info("digger: reads %d partitions", len(begin))

    def _received(self, message: Any) -> Received | None:
        if message.error() is not None:
            self._say(message.error())
            return None
        self._reachability.accept()
        topic, partition, offset = (
            message.topic(),
            message.partition(),
            message.offset(),
        )
        if (topic, partition) not in self._positions:
            return None  # read before the partition was taken from us
        position = self._positions[topic, partition]
        first = offset if position is None else position
        if offset < first:
            self._pass_over(topic, partition)
            return None
        self._positions[topic, partition] = offset + 1
        identity = self._identities[topic]
        key, value = message.key() or b"", message.value() or b""
        return Received(topic, identity, partition, first, offset + 1, key, value)

    def _say(self, error: KafkaError) -> None:
        if error.code() in DENIED:
            self._reachability.refuse(error)
        elif not error.retriable():
            log.warning("kafka: %s, trying on", error.name())

    def _pass_over(self, topic: str, partition: int) -> None:
        """The broker lost its tail: offsets that the cloud has come a second time."""
        if (topic, partition) not in self._passed_over:
            self._passed_over.add((topic, partition))
            log.error(
                "kafka: %s/%d starts over below offsets already accounted for;"
                " records there are passed over",
                topic,
                partition,
            )


def _config(settings: Settings, reachability: Reachability) -> dict[str, Any]:
    largest = message_bytes(settings)
    return client_config(settings.kafka, reachability) | {
        "group.id": own_name(settings, "digger"),
        "session.timeout.ms": SESSION_MS,
        "heartbeat.interval.ms": 2000,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "range,roundrobin",
        "queued.max.messages.kbytes": max(PREFETCH_KBYTES, largest >> 10),
        "message.max.bytes": largest,
        "fetch.message.max.bytes": largest,
        "fetch.max.bytes": max(50 << 20, largest),
        "receive.message.max.bytes": max(100 << 20, largest + (1 << 20)),
        "fetch.wait.max.ms": 100,
    }
