"""The producer of records: bounded by bytes, never blocking, everything lost counted.

In: keys and values. Out: messages on Kafka, sealed if there are keys. Nothing here
waits for the broker but `flush`, which has a bound.
"""

import logging
from collections import Counter

from confluent_kafka import KafkaError, KafkaException, Producer

from agent.kafka.client import client_config, message_bytes
from agent.kafka.reachability import Reachability
from agent.kafka.sealing import sealer
from agent.kafka.topics import Topics, topics
from agent.settings import Settings

log = logging.getLogger("vethscope")

DELIVERY_MS = 120_000
"""A record is given up when no broker took it for so long."""


class RecordProducer:
    """Sends records without ever blocking; what cannot be kept is dropped and counted.

    `dropped` counts by reason: `queue_full` (kafka.queue_bytes are waiting already),
    `too_large`, `delivery_failed`. Call `poll` often, from the thread that sends.
    """

    def __init__(
        self, settings: Settings, reachability: Reachability | None = None
    ) -> None:
        """Raises KeyFileError."""
        self.sent = 0
        self.dropped: Counter[str] = Counter()
        self.topics: Topics = topics(settings)
        self._settings = settings
        self.reachability = reachability or Reachability(settings.kafka.bootstrap)
        self._is_fatal = False
        self._sealer = sealer(settings.kafka)
        self._producer = self._connect()

    def send(self, key: bytes, value: bytes, topic: str | None = None) -> None:
        """`topic` is one of `topics`; none: records."""
        topic = topic or self.topics.records
        if self._sealer is not None:
            value = self._sealer.seal(topic, key, value)
        try:
            self._producer.produce(topic, value, key)
        except BufferError:
            self.dropped["queue_full"] += 1
        except KafkaException as error:
            is_large = error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE
            self.dropped["too_large" if is_large else "delivery_failed"] += 1
        else:
            self.sent += 1

    def poll(self) -> None:
        """Takes delivery reports; cheap."""
        self._producer.poll(0)
        if self._is_fatal:
            self._reconnect()

    def flush(self, seconds: float) -> int:
        """Waits until all is delivered; returns the number of records left behind."""
        left: int = self._producer.flush(seconds)
        return left

    @property
    def waiting(self) -> int:
        """Records sent but not yet acknowledged by the broker."""
        return len(self._producer)

    def _connect(self) -> Producer:
        config = client_config(self._settings.kafka, self.reachability) | {
            "error_cb": self._on_error,
            # Retries must not make a record twice.
            "enable.idempotence": True,
            "compression.type": "none" if self._sealer else "lz4",
            "linger.ms": 20,
            "queue.buffering.max.kbytes": self._settings.kafka.queue_bytes >> 10,
            "queue.buffering.max.messages": 0,
            "message.max.bytes": message_bytes(self._settings),
            "message.timeout.ms": DELIVERY_MS,
            "delivery.report.only.error": True,
            "on_delivery": self._on_delivery,
        }
        return Producer(config)

    def _reconnect(self) -> None:
        """An idempotent producer whose broker lost its state is of no more use."""
        log.error("kafka: producer failed, %d records lost", self.waiting)
        self._producer.purge()
        self._producer.flush(1)
        self._is_fatal = False
        self._producer = self._connect()

    def _on_error(self, error: KafkaError) -> None:
        self.reachability.on_error(error)
        self._is_fatal = self._is_fatal or error.code() == KafkaError._FATAL

    def _on_delivery(self, error: KafkaError | None, _: object) -> None:
        if error is not None:
            is_large = error.code() == KafkaError.MSG_SIZE_TOO_LARGE
            self.dropped["too_large" if is_large else "delivery_failed"] += 1
