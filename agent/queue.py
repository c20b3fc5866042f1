"""The queue between interceptors and digger: Kafka, through librdkafka.

What every Kafka client of ours shares (security, quiet logs, one line when the broker
goes away and one when it is back), the producer of records, the topics and their
identity, and the embedded broker. Nothing here waits without a bound, and librdkafka
prints nothing by itself. Option names are those of librdkafka's CONFIGURATION.md.
"""

import json
import logging
import random
import threading
import uuid
from collections import Counter
from collections.abc import Collection
from typing import Any

from confluent_kafka import (
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from agent.encryption import Opener, Sealer
from agent.keys import read_keys
from agent.record import COVERAGE_TOPIC, RECORDS_TOPIC
from agent.settings import Kafka, Settings

log = logging.getLogger("vethscope")
kafka_log = logging.getLogger("vethscope.kafka")

TOPICS = (RECORDS_TOPIC, COVERAGE_TOPIC)

RETENTION_MS = 24 * 3600 * 1000
"""Topics that we create keep captured bodies a day: the time a repair may take."""

DELIVERY_MS = 120_000
"""A record is given up when no broker took it for so long."""

LARGEST_MESSAGE_BYTES = 1_000_000_000
"""librdkafka's own limit of message.max.bytes."""

RETRY_SECONDS = (0.5, 8.0)
"""First and longest pause between attempts to reach the broker."""

_ANSWER_SECONDS = 5.0
_CONTACT_SECONDS = 1.5
"""For the first answer: while there is none, `stop` is heard only so late."""
_MOCK_ID = "mockCluster"
_EMBEDDED_MARK = "vethscope.embedded."


class QueueError(Exception):
    """The broker refused what we need: wrong credentials, missing rights, bad topic."""


class Reachability:
    """One log line when the broker goes away and one when it is back."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self.is_down = False

    def down(self) -> None:
        if not self.is_down:
            self.is_down = True
            log.warning("kafka: no broker reachable at %s, trying on", self._bootstrap)

    def up(self) -> None:
        if self.is_down:
            self.is_down = False
            log.warning("kafka: broker at %s is back", self._bootstrap)

    def on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.down()

    def on_statistics(self, text: str) -> None:
        if self.is_down:
            brokers = json.loads(text)["brokers"].values()
            if any(broker["state"] == "UP" for broker in brokers):
                self.up()


def message_bytes(settings: Settings) -> int:
    """The largest record: two bodies and their heads."""
    return min(2 * settings.capture.body_bytes + (1 << 20), LARGEST_MESSAGE_BYTES)


def client_config(kafka: Kafka, reachability: Reachability) -> dict[str, Any]:
    """What every client shares. Raises nothing: bad values raise in the client."""
    config: dict[str, Any] = {
        "bootstrap.servers": kafka.bootstrap,
        "security.protocol": kafka.security_protocol,
        "client.id": "vethscope",
        "error_cb": reachability.on_error,
        "stats_cb": reachability.on_statistics,
        "statistics.interval.ms": 1000,
        "logger": kafka_log,
        "log_level": 2,
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 5000,
    }
    optional = {
        "ssl.ca.location": kafka.ca_file,
        "sasl.mechanism": kafka.sasl_mechanism,
        "sasl.username": kafka.sasl_username,
        "sasl.password": kafka.sasl_password,
    }
    return config | {name: value for name, value in optional.items() if value}


def sealer(kafka: Kafka) -> Sealer | None:
    """None: values are sent as they are. Raises KeyFileError."""
    file = kafka.encryption_key_file
    return Sealer(read_keys(file)[0]) if file else None


def opener(settings: Settings) -> Opener:
    """Of values that were read. Raises KeyFileError."""
    kafka = settings.kafka
    file = kafka.encryption_key_file
    keys = read_keys(file) if file else ()
    return Opener(keys, kafka.encryption_required, message_bytes(settings))


class RecordProducer:
    """Sends records without ever blocking; what cannot be kept is dropped and counted.

    `dropped` counts by reason: `queue_full` (kafka.queue_bytes are waiting already),
    `too_large`, `delivery_failed`. Call `poll` often, from the thread that sends.
    """

    def __init__(self, settings: Settings) -> None:
        """Raises KeyFileError."""
        self.sent = 0
        self.dropped: Counter[str] = Counter()
        self._settings = settings
        self._reachability = Reachability(settings.kafka.bootstrap)
        self._is_fatal = False
        self._sealer = sealer(settings.kafka)
        self._producer = self._connect()

    def send(self, key: bytes, value: bytes, topic: str = RECORDS_TOPIC) -> None:
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
        config = client_config(self._settings.kafka, self._reachability) | {
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
        self._reachability.on_error(error)
        self._is_fatal = self._is_fatal or error.code() == KafkaError._FATAL

    def _on_delivery(self, error: KafkaError | None, _: object) -> None:
        if error is not None:
            is_large = error.code() == KafkaError.MSG_SIZE_TOO_LARGE
            self.dropped["too_large" if is_large else "delivery_failed"] += 1


class EmbeddedBroker:
    """A Kafka-protocol broker inside this process, in memory only; use as a context.

    It is librdkafka's mock cluster: it makes topics of four partitions by itself and
    keeps about 5 MB (compressed) of each partition, dropping the oldest.
    """

    def __init__(self) -> None:
        self._client: AdminClient | None = AdminClient(
            {"test.mock.num.brokers": 1, "log_level": 2}, logger=kafka_log
        )
        brokers = self._client.list_topics(timeout=_ANSWER_SECONDS).brokers.values()
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        self._client.list_topics(
            f"{_EMBEDDED_MARK}{uuid.uuid4().hex}", timeout=_ANSWER_SECONDS
        )

    def close(self) -> None:
        self._client = None

    def __enter__(self) -> "EmbeddedBroker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ensure_topics(settings: Settings, stop: threading.Event) -> dict[str, str]:
    """Makes missing topics, trying until the broker answers or `stop` is set.

    Returns each topic's identity: a name that another topic never has, even if the
    topic is deleted and made anew or the broker starts empty, because offsets mean
    something only together with it. Empty if stopped. Raises QueueError.
    """
    reachability = Reachability(settings.kafka.bootstrap)
    admin = AdminClient(client_config(settings.kafka, reachability))
    pause, longest = RETRY_SECONDS
    while not stop.is_set():
        try:
            identities = _ensure(admin, settings)
        except KafkaException as error:
            _raise_if_refused(error)
            if error.args[0].code() in _AWAY:
                reachability.down()
        except TimeoutError:
            reachability.down()
        else:
            reachability.up()
            return identities
        stop.wait(random.uniform(pause / 2, pause))
        pause = min(2 * pause, longest)
    return {}


def _ensure(admin: AdminClient, settings: Settings) -> dict[str, str]:
    cluster = admin.list_topics(timeout=_CONTACT_SECONDS)
    cluster_id = str(cluster.cluster_id)
    if cluster_id.startswith(_MOCK_ID):
        return _ensure_embedded(admin, cluster_id, cluster.topics)
    missing = [topic for topic in TOPICS if topic not in cluster.topics]
    for topic in missing:
        _create(admin, topic, settings)
    return {topic: f"{topic}/{_topic_id(admin, topic)}" for topic in TOPICS}


def _ensure_embedded(
    admin: AdminClient, cluster_id: str, topics: Collection[str]
) -> dict[str, str]:
    for topic in TOPICS:
        admin.list_topics(topic, timeout=_ANSWER_SECONDS)
    mark = "".join(sorted(t for t in topics if t.startswith(_EMBEDDED_MARK)))
    identity = mark or cluster_id
    return {topic: f"{topic}/{identity}" for topic in TOPICS}


def _create(admin: AdminClient, topic: str, settings: Settings) -> None:
    new = NewTopic(
        topic,
        num_partitions=settings.kafka.partitions,
        replication_factor=-1,
        config={
            "max.message.bytes": str(message_bytes(settings)),
            "retention.ms": str(RETENTION_MS),
        },
    )
    created = admin.create_topics([new], request_timeout=_ANSWER_SECONDS)
    try:
        created[topic].result(_ANSWER_SECONDS)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


def _topic_id(admin: AdminClient, topic: str) -> str:
    described = admin.describe_topics(
        TopicCollection([topic]), request_timeout=_ANSWER_SECONDS
    )
    return str(described[topic].result(_ANSWER_SECONDS).topic_id)


_REFUSALS = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.POLICY_VIOLATION,
        KafkaError.INVALID_CONFIG,
        KafkaError.INVALID_PARTITIONS,
    }
)
_AWAY = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
    }
)


def _raise_if_refused(error: KafkaException) -> None:
    code = error.args[0].code()
    if code in _REFUSALS:
        raise QueueError(f"kafka: {error.args[0].str()}") from error
