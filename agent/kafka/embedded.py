"""The embedded broker of `vethscope run`: librdkafka's mock cluster, in memory only."""

import contextlib
import logging
import socket
import uuid
from collections.abc import Iterator

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from agent.kafka.client import ANSWER_SECONDS, kafka_log

log = logging.getLogger("vethscope")

MOCK_ID = "mockCluster"
MARK = "vethscope.embedded."
"""Begins the name of a topic that tells one embedded broker from another."""
SECOND = "127.0.0.2"
"""The loopback's second address, where the host has no other of IPv4."""

_LOOPBACK = "127.0.0.1"
"""Where the mock cluster listens, and nowhere else."""
_LOOPBACK_INDEX = 1
_SCOPE_HOST = 254


class EmbeddedBrokerError(Exception):
    """There can be no embedded broker; the text names the setting that helps."""


class EmbeddedBroker:
    """A Kafka-protocol broker inside this process, in memory only; use as a context.

    It is librdkafka's mock cluster: it makes topics of four partitions by itself and
    keeps about 5 MB (compressed) of each partition, dropping the oldest.
    """

    def __init__(self) -> None:
        """Raises EmbeddedBrokerError."""
        self._client: AdminClient | None = None
        self._resources = contextlib.ExitStack()
        with contextlib.ExitStack() as opened:
            opened.enter_context(_reachable())
            self.bootstrap = self._open()
            self._resources = opened.pop_all()

    def close(self) -> None:
        self._client = None
        self._resources.close()

    def __enter__(self) -> "EmbeddedBroker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> str:
        self._client = client = AdminClient(
            {"test.mock.num.brokers": 1, "log_level": 2}, logger=kafka_log
        )
        try:
            brokers = client.list_topics(timeout=ANSWER_SECONDS).brokers.values()
        except KafkaException as error:
            raise EmbeddedBrokerError(
                "kafka.bootstrap: name a Kafka cluster: the embedded broker does not "
                "answer here; it needs an IPv4 address beside 127.0.0.1"
            ) from error
        client.list_topics(f"{MARK}{uuid.uuid4().hex}", timeout=ANSWER_SECONDS)
        return ",".join(f"{broker.host}:{broker.port}" for broker in brokers)


@contextlib.contextmanager
def _reachable() -> Iterator[None]:
    """librdkafka resolves 127.0.0.1 with AI_ADDRCONFIG, and so finds nothing on a host
    whose other addresses are all IPv6: getaddrinfo(3) does not count 127.0.0.1. There
    the loopback has another meanwhile. All of 127.0.0.0/8 leads to it anyhow: no route
    changes. What a killed process leaves there helps the next one."""
    if _is_known(_LOOPBACK):
        yield
        return
    with IPRoute() as route:
        address = {
            "index": _LOOPBACK_INDEX,
            "address": SECOND,
            "prefixlen": 32,
            "scope": _SCOPE_HOST,
        }
        try:
            route.addr("add", **address)
        except NetlinkError as error:
            log.debug("the loopback gets no second address: %s", error)
            yield
            return
        log.info("no IPv4 address here: the loopback has %s meanwhile", SECOND)
        try:
            yield
        finally:
            with contextlib.suppress(NetlinkError):
                route.addr("del", **address)


def _is_known(address: str) -> bool:
    """As librdkafka asks."""
    try:
        socket.getaddrinfo(address, None, flags=socket.AI_ADDRCONFIG)
    except socket.gaierror:
        return False
    return True
