"""What every Kafka client of ours shares: security, quiet logs, limits.

In: the settings. Out: librdkafka's options (names as in its CONFIGURATION.md), and
which errors say that no broker is there. librdkafka prints nothing by itself.
"""

import logging
from typing import Any

import msgspec
from confluent_kafka import KafkaError

from agent.kafka.reachability import Reachability
from agent.settings import Kafka, Settings

kafka_log = logging.getLogger("vethscope.kafka")

LARGEST_MESSAGE_BYTES = 1_000_000_000
"""librdkafka's own limit of message.max.bytes."""

RETRY_SECONDS = (0.5, 8.0)
"""First and longest pause between attempts to reach the broker."""

ANSWER_SECONDS = 5.0


class _Statistics(msgspec.Struct):
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
    """What every client shares. Of librdkafka's log `reachability` hears the lines
    that tell why a connection failed."""
    config: dict[str, Any] = {
        "bootstrap.servers": kafka.bootstrap,
        "security.protocol": kafka.security_protocol,
        "client.id": "vethscope",
        "error_cb": reachability.on_error,
        "stats_cb": reachability.on_statistics,
        "statistics.interval.ms": 1000,
        "logger": reachability,
        "log_level": 6,
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 5000,
    }
    optional = {
        "ssl.ca.location": kafka.ca_file,
        "ssl.certificate.location": kafka.certificate_file,
        "ssl.key.location": kafka.key_file,
        "sasl.mechanism": kafka.sasl_mechanism,
        "sasl.username": kafka.sasl_username,
        "sasl.password": kafka.sasl_password,
    }
    return config | {name: value for name, value in optional.items() if value}


DENIED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
"""Of a consumer: somebody has to grant it."""
AWAY = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
    }
)
