"""The largest message that the broker takes, learned from it.

In: what the broker says of its topic, where it may be asked, and what it refuses. Out:
a number of bytes, never above our own limit. Nothing waits for an answer.
"""

import logging
import math
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    ResourceType,
)

from agent.kafka.client import client_config, message_bytes
from agent.kafka.reachability import Reachability
from agent.kafka.topics import topics
from agent.settings import Settings

log = logging.getLogger("vethscope")

LEAST_BYTES = 256 << 10
"""Batches are half as large; a broker that takes less than this is not served."""
ASK_SECONDS = 30.0
"""A broker that does not answer is asked again after so long."""
_NAME = "max.message.bytes"
_NO_ANSWER = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError._UNSUPPORTED_FEATURE,
    }
)
"""Asking again is of no use; refusals tell then."""


class Limit:
    """Of the records topic."""

    def __init__(self, settings: Settings) -> None:
        self.bytes = message_bytes(settings)
        self._settings = settings
        self._admin: AdminClient | None = None
        self._answer: Future[Any] | None = None
        self._ask_at = 0.0

    def refused(self, size: int) -> None:
        """The broker does not take a message of so many bytes."""
        self._lower(size // 2)
        self._ask_at = 0.0

    def poll(self, now: float) -> None:
        """Asks, and takes the answer once it is there; to be called often, cheap."""
        if self._answer is not None:
            if self._answer.done():
                self._take(self._answer)
                self._answer = self._admin = None
        elif now >= self._ask_at:
            self._ask_at = now + ASK_SECONDS
            self._ask()

    def _ask(self) -> None:
        kafka = self._settings.kafka
        config = client_config(kafka, Reachability(kafka.bootstrap, log.debug))
        # Whether the broker is away the producer tells.
        self._admin = AdminClient(config | {"error_cb": lambda _: None})
        topic = ConfigResource(ResourceType.TOPIC, topics(self._settings).records)
        asked = self._admin.describe_configs([topic], request_timeout=ASK_SECONDS / 2)
        self._answer = asked[topic]

    def _take(self, answer: "Future[Any]") -> None:
        try:
            self._lower(int(answer.result(0)[_NAME].value))
        except KafkaException as error:
            if error.args[0].code() not in _NO_ANSWER:
                return  # away: it is asked again
        except (KeyError, ValueError):
            log.debug("kafka: tells no %s", _NAME)
        self._ask_at = math.inf

    def _lower(self, size: int) -> None:
        size = max(size, LEAST_BYTES)
        if size < self.bytes:
            self.bytes = size
            log.warning(
                "kafka: takes messages of %d bytes, larger bodies are cut", size
            )
