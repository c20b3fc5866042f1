"""The topics of a cluster: their names, made where they are missing, their identity.

Names begin with `kafka.topic_prefix` and `cluster.name`, so clusters can share a Kafka.
Offsets mean something only together with a topic's identity: a name that another topic
never has, even if the topic is deleted and made anew or the broker starts empty.
"""

import logging
import random
import threading
from collections.abc import Collection
from contextlib import suppress
from typing import NamedTuple

from confluent_kafka import (
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    OffsetSpec,
)
from confluent_kafka.cimpl import NewTopic

from agent.kafka.client import (
    ANSWER_SECONDS,
    AWAY,
    RETRY_SECONDS,
    client_config,
    message_bytes,
)
from agent.kafka.embedded import MARK, MOCK_ID
from agent.kafka.reachability import Reachability
from agent.settings import Settings

log = logging.getLogger("vethscope")

RETENTION_MS = 24 * 3600 * 1000
"""Topics that we create keep captured bodies a day: the time a repair may take."""

WATCH_SECONDS = 5.0
"""Between two looks at the topics' identities."""

_NOT_YET = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.UNKNOWN_TOPIC_ID)
"""Of a topic that was made a moment ago."""
_CONTACT_SECONDS = 1.5
"""For the first answer: while there is none, `stop` is heard only so late."""


class Topics(NamedTuple):
    """Names of one cluster's topics."""

    records: str
    coverage: str


def topics(settings: Settings) -> Topics:
    return Topics(*(own_name(settings, kind) for kind in Topics._fields))


def own_name(settings: Settings, kind: str) -> str:
    """A name on Kafka, of a topic or group, that no other cluster uses."""
    return f"{settings.kafka.topic_prefix}.{settings.cluster.name}.{kind}"


def ensure_topics(
    settings: Settings, stop: threading.Event, reachability: Reachability | None = None
) -> dict[str, str]:
    """Makes missing topics, trying until the broker answers or `stop` is set.

    Returns each topic's identity: a name that another topic never has, even if the
    topic is deleted and made anew or the broker starts empty, because offsets mean
    something only together with it. Empty if stopped. What a broker refuses is tried
    on too: who may set passwords and rights right does not know of this program.
    """
    reachability = reachability or Reachability(settings.kafka.bootstrap)
    admin = AdminClient(client_config(settings.kafka, reachability))
    pause, longest = RETRY_SECONDS
    while not stop.is_set():
        try:
            identities = _ensure(admin, settings)
        except (KafkaException, TimeoutError) as error:
            admin.poll(0)
            _tell(reachability, error)
        else:
            reachability.accept()
            reachability.up()
            return identities
        stop.wait(random.uniform(pause / 2, pause))
        pause = min(2 * pause, longest)
    return {}


def _tell(reachability: Reachability, error: Exception) -> None:
    why = error.args[0] if isinstance(error, KafkaException) else None
    if why is None or why.code() in AWAY:
        reachability.down()
    elif not why.retriable() and why.code() not in _NOT_YET:
        reachability.refuse(why)


class Watch:
    """Looks after the topics `known` by identity, in a thread of its own (`run`)."""

    def __init__(self, settings: Settings, known: dict[str, str]) -> None:
        self.changed = threading.Event()
        """A topic is another one now, made anew if need be."""
        self.ends: dict[tuple[str, int], int] = {}
        """Where each partition of the known topics ended at the last look."""
        self._settings = settings
        self._known = known
        # The consumer tells what is wrong.
        reachability = Reachability(settings.kafka.bootstrap, log.debug)
        self._admin = AdminClient(client_config(settings.kafka, reachability))

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(WATCH_SECONDS):
            if not self.is_changed():
                with suppress(KafkaException, TimeoutError):
                    self.ends |= _ends(self._admin, self._known)

    def is_changed(self) -> bool:
        """Asks the broker, which may be away: then what was known goes on to hold."""
        with suppress(KafkaException, TimeoutError):
            if _ensure(self._admin, self._settings) != self._known:
                self.changed.set()
        return self.changed.is_set()


def _ends(admin: AdminClient, known: dict[str, str]) -> dict[tuple[str, int], int]:
    asked = {
        TopicPartition(topic, partition): OffsetSpec.latest()  # type: ignore[no-untyped-call]
        for topic in known
        for partition in admin.list_topics(topic, timeout=ANSWER_SECONDS)
        .topics[topic]
        .partitions
    }
    answers = admin.list_offsets(asked, request_timeout=ANSWER_SECONDS)
    return {
        (place.topic, place.partition): answer.result(ANSWER_SECONDS).offset
        for place, answer in answers.items()
    }


def _ensure(admin: AdminClient, settings: Settings) -> dict[str, str]:
    cluster = admin.list_topics(timeout=_CONTACT_SECONDS)
    cluster_id = str(cluster.cluster_id)
    if cluster_id.startswith(MOCK_ID):
        return _ensure_embedded(admin, cluster_id, cluster.topics, topics(settings))
    for topic in topics(settings):
        if topic not in cluster.topics:
            _create(admin, topic, settings)
    return {topic: f"{topic}/{_topic_id(admin, topic)}" for topic in topics(settings)}


def _ensure_embedded(
    admin: AdminClient, cluster_id: str, known: Collection[str], ours: Topics
) -> dict[str, str]:
    for topic in ours:
        admin.list_topics(topic, timeout=ANSWER_SECONDS)
    mark = "".join(sorted(topic for topic in known if topic.startswith(MARK)))
    identity = mark or cluster_id
    return {topic: f"{topic}/{identity}" for topic in ours}


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
    created = admin.create_topics([new], request_timeout=ANSWER_SECONDS)
    try:
        created[topic].result(ANSWER_SECONDS)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


def _topic_id(admin: AdminClient, topic: str) -> str:
    described = admin.describe_topics(
        TopicCollection([topic]), request_timeout=ANSWER_SECONDS
    )
    return str(described[topic].result(ANSWER_SECONDS).topic_id)
