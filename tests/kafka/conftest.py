"""Fixtures: a real Kafka node for the session, and brokers of both kinds."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.kafka.embedded import EmbeddedBroker
from tests.agent.digger.detector import SmallDetector
from tests.cloud import prepared
from tests.kafka.broker import KafkaNode, missing
from tests.kafka.line import RunningCloud


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    with prepared.cheap_passwords():
        yield


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may find the Kubernetes cluster of whoever runs it."""
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", os.devnull
    )


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaNode]:
    """A running node; skips where it cannot be had, in CI that is a failure."""
    if reason := missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    node = KafkaNode(tmp_path_factory.mktemp("kafka"))
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture
def own_kafka(kafka: KafkaNode, tmp_path: Path) -> Iterator[KafkaNode]:
    """A node that the test may stop and start."""
    node = KafkaNode(tmp_path)
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture(params=["embedded", "kafka"])
def bootstrap(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an embedded broker, then of a real one."""
    if request.param == "embedded":
        with EmbeddedBroker() as broker:
            yield broker.bootstrap
    else:
        node: KafkaNode = request.getfixturevalue("kafka")
        yield node.bootstrap
        node.delete_topics()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[RunningCloud]:
    """A running cloud with an empty store."""
    running = RunningCloud(tmp_path)
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def detector() -> Iterator[SmallDetector]:
    """A running detector service."""
    with SmallDetector() as running:
        yield running
