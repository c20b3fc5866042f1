"""Measures what a Kafka that stops for a while costs: real Kafka, real traffic."""

import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from agent.interceptor.coverage import Counts, Coverage
from agent.kafka.topics import ensure_topics
from agent.record import batch_decoder
from tests.agent.digger.records import exchanges
from tests.kafka.broker import KafkaNode
from tests.netns.capturing import (
    address_list,
    all_values,
    capturing,
    settings,
    wait_for,
)
from tests.netns.pods import Node
from tests.netns.web import CLIENT, SERVER, requests_done, web
from tests.topics import RECORDS_TOPIC

CONNECTIONS = 16
DELAY_MS = 10
LEAD_SECONDS = 3
"""Traffic before Kafka stops; after it is back as long again, and Kafka's start."""


@dataclass(frozen=True)
class Outage:
    """What was asked, and what arrived."""

    requests: int
    records: int
    repeated: int
    total: Counts

    @property
    def dropped(self) -> Counter[str]:
        """Records by reason."""
        return Counter(
            {n: c for n, c in self.total.counts.items() if n.startswith("kafka_")}
        )


def measure(
    node: Node, kafka: KafkaNode, folder: Path, seconds: float, queue_bytes: int
) -> Outage:
    """Kafka is away for `seconds` and the time that it takes to start."""
    pause = threading.Event()
    with (
        address_list([SERVER, CLIENT]) as addresses,
        web(node, folder) as site,
    ):
        flags = {"capture-workers": "1", "kafka-queue-bytes": str(queue_bytes)}
        used = settings(kafka.bootstrap, addresses, **flags)
        ensure_topics(used, pause)
        with capturing(used, [SERVER, CLIENT]) as interceptor:
            wrk = site.start(round(seconds) + 5 * LEAD_SECONDS, CONNECTIONS, DELAY_MS)
            pause.wait(LEAD_SECONDS)
            kafka.stop()
            pause.wait(seconds)
            kafka.start()
            requests = requests_done(wrk)
            wait_for(lambda: _is_settled(interceptor.coverage, requests))
        total = interceptor.coverage.total()
    records, repeated = _records(kafka.bootstrap)
    return Outage(requests, records, repeated, total)


def _is_settled(coverage: Coverage, requests: int) -> bool:
    """Each pair is with the broker, or counted as dropped."""
    counts = coverage.total().counts
    dropped = sum(n for name, n in counts.items() if name.startswith("kafka_"))
    return coverage.delivered + dropped >= counts["pairs"] >= requests


def _records(bootstrap: str) -> tuple[int, int]:
    """All on the topic, and how many are there more than once."""
    seen: Counter[tuple[int, int]] = Counter()
    for value in all_values(bootstrap, RECORDS_TOPIC):
        for told in exchanges(batch_decoder.decode(value)):
            seen[told.client_port, told.started_ns] += 1
    return seen.total(), seen.total() - len(seen)
