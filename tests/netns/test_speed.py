"""Pairs at speed: nginx and wrk in two pods, every request accounted for."""

from pathlib import Path

from agent.kafka.embedded import EmbeddedBroker
from tests.netns.capturing import (
    WAIT_SECONDS,
    accounts_for_all,
    address_list,
    capturing,
    settings,
)
from tests.netns.pods import Node
from tests.netns.web import CLIENT, SERVER, load_of, web

SECONDS = 5
CONNECTIONS = 50


def test_a_steady_rate_is_captured_whole(node: Node, tmp_path: Path) -> None:
    with (
        EmbeddedBroker() as broker,
        address_list((SERVER, CLIENT)) as addresses,
        web(node, tmp_path) as made,
        capturing(settings(broker.bootstrap, addresses), (SERVER, CLIENT)) as captor,
    ):
        before = made.served()
        done = load_of(made.start(SECONDS, CONNECTIONS, delay_ms=10))
        served = made.served() - before
        assert captor.flush(WAIT_SECONDS)
        total = captor.coverage.total()
    assert served >= done.requests > 0
    assert total.counts.get("ring_drops", 0) == 0
    assert total.counts["pairs"] == served
    assert accounts_for_all(captor)
