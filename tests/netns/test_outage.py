"""Kafka stops while traffic goes on, and comes back: what is lost is counted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka.broker import KafkaNode, missing
from tests.netns import outage
from tests.netns.pods import Node


@pytest.fixture
def kafka(privileged: None, tmp_path: Path) -> Iterator[KafkaNode]:
    if reason := missing():
        pytest.skip(reason)
    folder = tmp_path / "kafka"
    folder.mkdir()
    made = KafkaNode(folder)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.mark.parametrize(
    ("queue_bytes", "is_enough"), [(64 << 20, True), (4 << 20, False)]
)
def test_kafka_away_for_a_while_costs_what_its_queue_cannot_hold(
    node: Node, kafka: KafkaNode, tmp_path: Path, queue_bytes: int, is_enough: bool
) -> None:
    result = outage.measure(node, kafka, tmp_path, 8, queue_bytes)
    pairs = result.total.counts["pairs"]
    # wrk does not count what it no longer awaits at its end.
    assert result.requests <= pairs <= result.requests + outage.CONNECTIONS
    lost = result.dropped.total()
    assert result.records == pairs - lost
    assert result.repeated == 0
    assert lost == 0 if is_enough else result.dropped["kafka_queue_full"] == lost > 0
