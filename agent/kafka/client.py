"""What every Kafka client of ours shares: security, quiet logs, limits, refusals.

In: the settings. Out: librdkafka's options (names as in its CONFIGURATION.md), one line
when the broker goes away and one when it is back, and which errors end the wait for a
broker. librdkafka prints nothing by itself.
"""

import logging
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException

from agent.settings import Kafka, Settings

log = logging.getLogger("vethscope")
kafka_log = logging.getLogger("vethscope.kafka")

LARGEST_MESSAGE_BYTES = 1_000_000_000
"""librdkafka's own limit of message.max.bytes."""

RETRY_SECONDS = (0.5, 8.0)
"""First and longest pause between attempts to reach the broker."""

ANSWER_SECONDS = 5.0


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
        """`text` is one of librdkafka's statistics (its STATISTICS.md)."""
        if self.is_down:
            brokers = _statistics.decode(text).brokers.values()
            if any(broker.state == "UP" for broker in brokers):
                self.up()


class _Broker(msgspec.Struct):
    state: str


class _Statistics(msgspec.Struct):
    brokers: dict[str, _Broker] = {}
    txmsgs: int = 0


_statistics = msgspec.json.Decoder(_Statistics)


def messages_sent(text: str) -> int:
    """How often a message was sent to a broker, by librdkafka's statistics.

    It sums up over partitions, which last. Its brokers' own counters are forgotten when
    a broker goes away.
    """
    return _statistics.decode(text).txmsgs


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
AWAY = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
    }
)


def raise_if_refused(error: KafkaException) -> None:
    code = error.args[0].code()
    if code in _REFUSALS:
        raise QueueError(f"kafka: {error.args[0].str()}") from error
