"""The producer: bounded by bytes, never blocking, every exchange lost counted.

In: keys, values and how many exchanges each tells of. Out: messages on Kafka, sealed if
there are keys. Nothing here waits for the broker but `flush` and `close`, which have
bounds. While the broker is away, however long, `kafka.queue_bytes` of them are kept.
"""

import logging
import time
from collections import Counter, deque
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from agent.kafka.client import client_config, message_bytes, messages_sent
from agent.kafka.limit import LEAST_BYTES, Limit
from agent.kafka.reachability import Reachability
from agent.kafka.sealing import sealer
from agent.kafka.topics import Topics, topics
from agent.settings import Settings

log = logging.getLogger("vethscope")

DELIVERY_MS = 0
"""Without end: how much waits is bounded, not how long. A message that librdkafka gives
up by itself may be stored or not."""
STATISTICS_MS = 400
"""So often librdkafka tells how many messages it has sent."""
KEPT_SECONDS = 0.5
"""Between two tries to send what is kept because its topic is gone."""
PURGE_SECONDS = 0.6
"""For what is given up to be told, and for one more such count."""
OVERHEAD_BYTES = 1 << 10
"""Of a message beside its value, and what sealing may add to one; at most."""

_REFUSED = {
    KafkaError.MSG_SIZE_TOO_LARGE: "too_large",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "delivery_failed",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "delivery_failed",
    KafkaError.INVALID_MSG: "delivery_failed",
    KafkaError.INVALID_RECORD: "delivery_failed",
    KafkaError.POLICY_VIOLATION: "delivery_failed",
}
"""Errors after which a message does not stand on Kafka; of others nothing is known."""
_GONE = frozenset(
    (
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    )
)
"""The broker came back without the topic, which is made anew soon: librdkafka gives up
what waited for it, surely not stored."""


class RecordProducer:
    """Sends without ever blocking; what cannot be kept is dropped and counted.

    `dropped` counts exchanges by reason: `queue_full` (kafka.queue_bytes wait already),
    `too_large`, `delivery_failed` (the broker refused them), `not_delivered` (given up,
    and surely not stored), `delivery_unknown` (given up, stored or not). Call `poll`
    often, from the thread that sends.
    """

    def __init__(
        self, settings: Settings, reachability: Reachability | None = None
    ) -> None:
        """Raises KeyFileError."""
        self.sent = 0
        """Exchanges handed over."""
        self.waiting = 0
        """… of which nothing is known yet."""
        self.delivered = 0
        """… that the broker has stored."""
        self.dropped: Counter[str] = Counter()
        """… lost, by reason."""
        self.topics: Topics = topics(settings)
        self._settings = settings
        self.reachability = reachability or Reachability(settings.kafka.bootstrap)
        self._limit = Limit(settings)
        self._is_fatal = False
        self._transmitted = 0
        """How often a message was sent to a broker, as librdkafka told last."""
        self._told = 0
        """How often it told."""
        self._settled = 0
        """Messages whose fate it told."""
        self._purged: list[int] = []
        """Exchanges of each message that was given up while it waited to be sent, a
        first or second time."""
        self._kept: deque[tuple[str, bytes, bytes, int]] = deque()
        """Topic, key, value and exchanges of messages whose topic is gone; at most
        `kafka.queue_bytes`, beside as many that librdkafka has."""
        self._kept_bytes = 0
        self._try_at = 0.0
        self._sealer = sealer(settings.kafka)
        self._producer = self._connect()

    @property
    def largest(self) -> int:
        """Bytes of a value that the broker takes, as far as is known."""
        return self._limit.bytes - OVERHEAD_BYTES

    def send(
        self, key: bytes, value: bytes, exchanges: int = 1, topic: str | None = None
    ) -> None:
        """`topic` is one of `topics`; none: records."""
        topic = topic or self.topics.records
        if self._sealer is not None:
            value = self._sealer.seal(topic, key, value)
        self.sent += exchanges
        if not self._hands_over(topic, key, value, exchanges):
            self._keep(topic, key, value, exchanges)

    def poll(self) -> None:
        """Takes delivery reports; cheap."""
        self._producer.poll(0)
        now = time.monotonic()
        self._limit.poll(now)
        if self._kept and now >= self._try_at:
            self._try_at = now + KEPT_SECONDS
            self._send_kept()
        if self._is_fatal:
            self._reconnect()

    def flush(self, seconds: float) -> int:
        """Waits until all is delivered; returns the number of exchanges left behind."""
        end = time.monotonic() + seconds
        self._producer.flush(seconds)
        while self._kept and time.monotonic() < end:
            self._producer.poll(0.05)
            self.poll()
            self._producer.flush(max(0.0, end - time.monotonic()))
        return self.waiting

    def close(self, seconds: float) -> None:
        """Delivers what it can; what is left is given up and counted."""
        if self.flush(max(0.0, seconds - PURGE_SECONDS)):
            self._give_up()
        left = sum(exchanges for *_, exchanges in self._kept)
        self._kept.clear()
        self.waiting -= left
        self.dropped += Counter(not_delivered=left)

    def _hands_over(self, topic: str, key: bytes, value: bytes, exchanges: int) -> bool:
        """False: there is no such topic now."""
        told = partial(self._on_delivery, exchanges)
        try:
            self._producer.produce(topic, value, key, on_delivery=told)
        except BufferError:
            self._drop("queue_full", exchanges)
        except KafkaException as error:
            code = error.args[0].code()
            if code in _GONE:
                return False
            self._drop(_REFUSED.get(code, "delivery_failed"), exchanges)
        else:
            self.waiting += exchanges
        return True

    def _drop(self, reason: str, exchanges: int) -> None:
        self.sent -= exchanges
        self.dropped[reason] += exchanges

    def _keep(self, topic: str, key: bytes, value: bytes, exchanges: int) -> None:
        """Until the topic is there again."""
        if self._kept_bytes + len(value) > self._settings.kafka.queue_bytes:
            self._drop("queue_full", exchanges)
            return
        self._kept.append((topic, key, value, exchanges))
        self._kept_bytes += len(value) + OVERHEAD_BYTES
        self.waiting += exchanges

    def _send_kept(self) -> None:
        """What was kept, of topics that are there."""
        gone: set[str] = set()
        for _ in range(len(self._kept)):
            kept = self._kept.popleft()
            topic, _, value, exchanges = kept
            self._kept_bytes -= len(value) + OVERHEAD_BYTES
            self.waiting -= exchanges
            if topic in gone or not self._hands_over(*kept):
                gone.add(topic)
                self._keep(*kept)

    def _connect(self) -> Producer:
        config = client_config(self._settings.kafka, self.reachability) | {
            "error_cb": self._on_error,
            "stats_cb": self._on_statistics,
            "statistics.interval.ms": STATISTICS_MS,
            # Retries must not make a message twice.
            "enable.idempotence": True,
            "compression.type": "none" if self._sealer else "lz4",
            "linger.ms": 20,
            # Of messages sent together: less than any broker takes.
            "batch.size": LEAST_BYTES // 2,
            "queue.buffering.max.kbytes": self._settings.kafka.queue_bytes >> 10,
            "queue.buffering.max.messages": 0,
            "message.max.bytes": message_bytes(self._settings),
            "message.timeout.ms": DELIVERY_MS,
        }
        return Producer(config)

    def _reconnect(self) -> None:
        """An idempotent producer whose broker lost its state is of no more use."""
        log.error("kafka: producer failed, %d exchanges given up", self.waiting)
        self._give_up()
        self._is_fatal = False
        self._transmitted = self._settled = 0
        self._producer = self._connect()

    def _give_up(self) -> None:
        """Counts all that waits by what is known of it.

        librdkafka tells apart what is on its way to the broker and what waits for that,
        but some of this was on its way before, and the answer was lost. No more
        messages than it ever sent, less those whose fate it told; which ones it does
        not tell, so they are taken to be the largest.
        """
        self._producer.purge()
        end = time.monotonic() + PURGE_SECONDS
        self._producer.flush(PURGE_SECONDS)
        told = self._told
        while self._purged and told == self._told and time.monotonic() < end:
            self._producer.poll(0.05)
        is_known = told != self._told
        most = max(0, self._transmitted - self._settled) if is_known else None
        self._purged.sort(reverse=True)
        unknown = sum(self._purged[:most])
        left = {
            "delivery_unknown": unknown,
            "not_delivered": sum(self._purged) - unknown,
        }
        self.dropped += Counter(left)
        self._purged.clear()

    def _on_error(self, error: KafkaError) -> None:
        self.reachability.on_error(error)
        self._is_fatal = self._is_fatal or error.code() == KafkaError._FATAL

    def _on_statistics(self, text: str) -> None:
        self.reachability.on_statistics(text)
        self._transmitted = messages_sent(text)
        self._told += 1

    def _on_delivery(
        self, exchanges: int, error: KafkaError | None, message: Message
    ) -> None:
        self.waiting -= exchanges
        if error is not None and error.code() == KafkaError._PURGE_QUEUE:
            self._purged.append(exchanges)
            return
        if error is not None and error.code() in _GONE:
            topic, key, value = message.topic(), message.key(), message.value()
            self._keep(topic or "", key or b"", value or b"", exchanges)
            return
        self._settled += 1
        if error is None:
            self.delivered += exchanges
            return
        self.dropped[_REFUSED.get(error.code(), "delivery_unknown")] += exchanges
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            self._limit.refused(len(message))
