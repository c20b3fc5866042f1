"""The embedded broker of `vethscope run`: librdkafka's mock cluster, in memory only."""

import uuid

from confluent_kafka.admin import AdminClient

from agent.kafka.client import ANSWER_SECONDS, kafka_log

MOCK_ID = "mockCluster"
MARK = "vethscope.embedded."
"""Begins the name of a topic that tells one embedded broker from another."""


class EmbeddedBroker:
    """A Kafka-protocol broker inside this process, in memory only; use as a context.

    It is librdkafka's mock cluster: it makes topics of four partitions by itself and
    keeps about 5 MB (compressed) of each partition, dropping the oldest.
    """

    def __init__(self) -> None:
        self._client: AdminClient | None = AdminClient(
            {"test.mock.num.brokers": 1, "log_level": 2}, logger=kafka_log
        )
        brokers = self._client.list_topics(timeout=ANSWER_SECONDS).brokers.values()
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        self._client.list_topics(f"{MARK}{uuid.uuid4().hex}", timeout=ANSWER_SECONDS)

    def close(self) -> None:
        self._client = None

    def __enter__(self) -> "EmbeddedBroker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
