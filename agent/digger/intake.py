"""Intake: records from Kafka, from where the cloud says.

In: the partitions that Kafka's consumer group gives us, and for each the offset that
the cloud has not accounted for yet. Out: messages in order, each with the offsets it
covers. The cloud is the authority; what is committed to Kafka only tells others how far
we are, and us in which epoch of its log that was: so a log that lost its end is noticed
later too. The group rebalances cooperatively: only partitions that go are handed over,
the others stay. When that fails, or the cloud refuses, all that is not accounted for is
void (`take_reset`).
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import grpc
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from agent.kafka.client import DENIED, client_config, message_bytes
from agent.kafka.epochs import written_after
from agent.kafka.reachability import Reachability
from agent.kafka.topics import own_name
from agent.settings import Settings

log = logging.getLogger("vethscope")

SESSION_MS = 6_000
"""A digger that vanished gives up its partitions after so long."""
PREFETCH_KBYTES = 8 << 10
"""Messages that librdkafka holds ready for us, before it unpacks them."""
FETCH_BYTES = 256 << 10
"""Of one partition at a time, compressed: in memory it may be thirty times as much. A
message that is larger comes alone."""
FULL_MS = 20
"""What is held ready is soon taken, so librdkafka looks again after so long."""
ENDS_SECONDS = 2.0
"""For the broker's answer about where a partition ends."""

Resume = Callable[[str, list[int]], dict[int, int]]
HandOver = Callable[[], bool]
"""Accounts for all that was read; false: that did not succeed in time."""
Partition = tuple[str, int]


class Received(NamedTuple):
    """A message; it covers the offsets [first, following) of its partition."""

    topic: str
    identity: str
    partition: int
    follows: int
    """The offset wanted next: below `first` if records before it expired unread, above
    it if the broker lost the end of its log."""
    first: int
    key: bytes
    value: bytes
    is_beginning: bool
    """The first of its partition that is read, or the offsets begin anew: the topic may
    be another one than its identity says."""

    @property
    def following(self) -> int:
        return self.first + 1

    def __repr__(self) -> str:
        return f"Received({self.topic}/{self.partition}@{self.first})"


class Intake:
    """One consumer of the topics named in `identities`; use as a context."""

    def __init__(
        self,
        settings: Settings,
        identities: dict[str, str],
        resume: Resume,
        hand_over: HandOver,
        reachability: Reachability,
    ) -> None:
        self._identities = identities
        self._resume = resume
        self._hand_over = hand_over
        self._positions: dict[Partition, int | None] = {}
        """Of what is read: the offset wanted next, None: whichever comes first."""
        self._waiting: set[Partition] = set()
        """Ours, but not read until the cloud says from where."""
        self._epochs: dict[Partition, int] = {}
        """Of the broker's log, when it wrote the last message read."""
        self._is_reset = False
        self._is_paused = False
        self._early: list[Any] = []
        self._reachability = reachability
        self._proofs: dict[Partition, int] = {}
        """Of partitions whose first message shows whether the log is the same."""
        self._sought: dict[Partition, int] = {}
        """Where a log was written anew."""
        self._config = _config(settings, self._reachability)
        self._consumer = Consumer(self._config)
        self._lead, *self._others = identities
        self._companions: dict[Partition, set[Partition]] = {}
        self._counts: dict[str, int] = {}
        self._is_called_back = False
        self._consumer.subscribe(
            [self._lead],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    def take(self, most: int, seconds: float) -> list[Received]:
        """At most so many messages; waits at most so long for the first."""
        if self._waiting and not self._begin():
            seconds = max(seconds, 0.1)
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
        """True once after what is not accounted for became void."""
        is_reset, self._is_reset = self._is_reset, False
        return is_reset

    def rewind(self) -> None:
        """Starts again from where the cloud says."""
        held = list(self._positions)
        self._leave(held)
        self._waiting |= set(held)
        self._is_reset = True

    def lags(self, ends: dict[Partition, int]) -> dict[str, int]:
        """Messages not read yet, of each partition, as far as the broker told us or
        whoever asked it for `ends`."""
        return {
            f"{topic}/{partition}": self._left((topic, partition), ends)
            for topic, partition in self._positions
        }

    def tell(self) -> None:
        """Commits how far we are, without waiting."""
        read = [
            TopicPartition(*place, position, leader_epoch=self._epochs[place])
            for place, position in self._positions.items()
            if position is not None and self._epochs.get(place) is not None
        ]
        if read and not self._is_called_back:
            self._consumer.commit(offsets=read, asynchronous=True)

    def close(self) -> None:
        """Whoever closes has accounted for what can be."""
        self._hand_over = lambda: True
        self.tell()
        self._consumer.close()

    def __enter__(self) -> "Intake":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """No other call of the client here or below: confluent-kafka then forgets whose
        callback it is in, and aborts the program at the next one."""
        self._waiting |= _places(partitions)
        # The group goes on after this; what is read is assigned once it is known where.
        consumer.incremental_assign([])

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        gone = self._with_companions(partitions)
        if gone & self._positions.keys():
            self._is_called_back = True
            if not self._hand_over():
                log.warning("kafka: partitions go before they were accounted for")
                self.rewind()
            self._is_called_back = False
        self._leave(gone)
        self._waiting -= gone

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """Others may have them already."""
        gone = self._with_companions(partitions)
        if gone & self._positions.keys():
            self.rewind()
        self._leave(gone)
        self._waiting -= gone

    def _with_companions(self, partitions: list[TopicPartition]) -> set[Partition]:
        places = _places(partitions)
        return places.union(*(self._companions.get(place, ()) for place in places))

    def _beside(self, place: Partition) -> set[Partition]:
        """Partitions of the other topics that whoever has this one reads too.

        The group evens out the sum of all topics: two diggers might get the records of
        all partitions and the coverage of all. So it spreads the records alone.
        """
        if place[1] >= self._counts.get(self._lead, 0):
            self._counts = {
                topic: self._partitions(topic) for topic in self._identities
            }
        return {
            (topic, partition)
            for topic in self._others
            for partition in range(
                place[1], self._counts[topic], self._counts[self._lead]
            )
        }

    def _partitions(self, topic: str) -> int:
        """How many there are; one while the broker does not say, so that the next
        assignment asks again."""
        try:
            known = self._consumer.list_topics(topic, ENDS_SECONDS).topics[topic]
        except KafkaException:
            return 1
        return max(1, len(known.partitions))

    def _leave(self, places: Iterable[Partition]) -> None:
        ours = [place for place in places if place in self._positions]
        for place in ours:
            del self._positions[place]
        self._early = [m for m in self._early if _place(m) in self._positions]
        self._consumer.incremental_unassign([TopicPartition(*place) for place in ours])

    def _begin(self) -> bool:
        """Reads what waits, if the cloud says from where."""
        begin: list[TopicPartition] = []
        for place in [place for place in self._waiting if place[0] == self._lead]:
            self._companions[place] = self._beside(place)
            self._waiting |= self._companions[place] - self._positions.keys()
        for topic, identity in self._identities.items():
            ours = sorted(p for name, p in self._waiting if name == topic)
            try:
                offsets = self._resume(identity, ours) if ours else {}
            except grpc.RpcError:
                return False
            for partition in ours:
                self._positions[topic, partition] = offsets.get(partition)
                begin.append(TopicPartition(topic, partition, OFFSET_BEGINNING))
        begin = [self._start(place) for place in self._committed(begin)]
        self._waiting.clear()
        self._consumer.incremental_assign(begin)
        log.info("digger: reads %d partitions more", len(begin))
        return True

    def _start(self, place: TopicPartition) -> TopicPartition:
        """Where to begin. What was read last is read again, if we know in which epoch
        the broker wrote it: if that was another one now, the log has lost its end."""
        ours = _place_of(place)
        stored = self._positions[ours]
        if stored is None:
            return TopicPartition(*ours, OFFSET_BEGINNING)
        if ours in self._sought:
            return TopicPartition(*ours, self._sought.pop(ours))
        # An epoch from before `stored` was read proves nothing.
        epoch = place.leader_epoch if place.offset >= stored else None
        if self._end(place, stored) < stored:
            log.error("kafka: %s/%d ends below what was read", *ours)
            return TopicPartition(*ours, self._written_anew(ours, epoch, stored))
        if epoch is None or stored == 0:
            return TopicPartition(*ours, stored)
        self._proofs[ours] = epoch
        return TopicPartition(*ours, stored - 1)

    def _written_anew(self, place: Partition, epoch: int | None, stored: int) -> int:
        """The first offset that does not hold what was read."""
        first = None
        if epoch is not None:
            first = written_after(self._config, *place, epoch)
        if first is None:
            first = self._end(TopicPartition(*place), stored)
        return min(first, stored)

    def _is_proof(self, place: Partition, message: Any) -> bool:
        """Whether it was read again only to see that it is the same."""
        epoch = self._proofs.pop(place, None)
        stored = self._positions[place]
        if epoch is None or stored is None or message.offset() != stored - 1:
            return False
        if (message.leader_epoch() or 0) > epoch:
            log.error("kafka: %s/%d was written anew below what was read", *place)
            self._sought[place] = self._written_anew(place, epoch, stored)
            self._leave([place])
            self._waiting.add(place)
        return True

    def _committed(self, places: list[TopicPartition]) -> list[TopicPartition]:
        """With the epochs of the log that we knew."""
        try:
            return list(self._consumer.committed(places, timeout=ENDS_SECONDS))
        except KafkaException:
            return places

    def _end(self, place: TopicPartition, offset: int) -> int:
        """Where the log ends now; `offset` if the broker does not say."""
        try:
            ends = self._consumer.get_watermark_offsets(place, timeout=ENDS_SECONDS)
        except KafkaException:
            return offset
        return int(ends[1]) if ends else offset

    def _left(self, place: Partition, ends: dict[Partition, int]) -> int:
        told = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
        first, end = told if told and told[1] >= 0 else (0, 0)
        position = self._positions[place]
        read = max(first, 0) if position is None else position
        return max(0, max(end, ends.get(place, 0)) - read)

    def _received(self, message: Any) -> Received | None:
        if message.error() is not None:
            self._say(message.error())
            return None
        self._reachability.accept()
        place = _place(message)
        if place not in self._positions:
            return None  # read before the partition was taken from us
        if place in self._proofs and self._is_proof(place, message):
            return None
        topic, partition = place
        offset = message.offset()
        position = self._positions[place]
        follows = offset if position is None else position
        if offset < follows:
            log.error("kafka: %s/%d lost the end of its log", topic, partition)
        elif offset > follows:
            log.error("kafka: %d messages had expired unread", offset - follows)
        self._positions[place] = offset + 1
        self._epochs[place] = message.leader_epoch()
        identity = self._identities[topic]
        key, value = message.key() or b"", message.value() or b""
        is_beginning = position is None or offset < follows
        return Received(
            topic, identity, partition, follows, offset, key, value, is_beginning
        )

    def _say(self, error: KafkaError) -> None:
        if error.code() in DENIED:
            self._reachability.refuse(error)
        elif not error.retriable():
            log.warning("kafka: %s, trying on", error.name())


def _place(message: Any) -> Partition:
    return message.topic(), message.partition()


def _place_of(place: TopicPartition) -> Partition:
    return place.topic, place.partition


def _places(partitions: Iterable[TopicPartition]) -> set[Partition]:
    return {_place_of(place) for place in partitions}


def _config(settings: Settings, reachability: Reachability) -> dict[str, Any]:
    largest = message_bytes(settings)
    return client_config(settings.kafka, reachability) | {
        "group.id": own_name(settings, "digger"),
        "session.timeout.ms": SESSION_MS,
        "heartbeat.interval.ms": 2000,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "cooperative-sticky",
        "queued.max.messages.kbytes": max(PREFETCH_KBYTES, largest >> 10),
        "message.max.bytes": largest,
        "fetch.message.max.bytes": FETCH_BYTES,
        "fetch.max.bytes": 16 * FETCH_BYTES,
        "receive.message.max.bytes": max(100 << 20, largest + (1 << 20)),
        "fetch.wait.max.ms": 100,
        "fetch.queue.backoff.ms": FULL_MS,
    }
