"""Exchanges that stay open, from wire to package: counted once, all parts read once."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from agent.cluster.addresses import AddressIndex
from agent.digger.counting import Counting
from agent.digger.decoding import decode_batch
from agent.digger.detectors import LocalDetector
from agent.digger.inspection import Inspector
from agent.digger.sampling import Sampler
from agent.naming.endpoints import Endpoints
from agent.record import VERSION, Batch, Record
from agent.settings import Digger
from cloud.doors.clusters.limits import check
from proto.v1 import collector_pb2
from rings.limits import Limits
from rings.records.gatherer import Gatherer
from tests.rings.websocket.peers import Peers
from tests.rings.wire import Conversation, collect, request
from tests.waiting import eventually

SECOND = 1_000_000_000
MESSAGES = [{"n": n, "email": f"person{n}@example.org"} for n in range(40)]


def events() -> Conversation:
    """Told on a connection that stays open, with a token in the request's head."""
    talk = Conversation(step_ns=1000).open()
    talk.ask(request("/feed", fields="X-Contact: ann.smith@example.org\r\n"))
    talk.answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    for message in MESSAGES:
        talk.answer(b"data: " + json.dumps(message).encode() + b"\n\n")
        talk.at_ns += SECOND
    talk.close()
    return talk


def socket() -> Conversation:
    peers = Peers(Conversation(step_ns=1000).open()).start("/feed")
    for message in MESSAGES:
        peers.say(False, json.dumps(message))
        peers.talk.at_ns += SECOND
    peers.close()
    return peers.talk


def batches(talk: Conversation) -> list[Batch]:
    pairs = collect(talk.frames(), Limits())[0]
    gatherer = Gatherer(VERSION, "node-1", None, lambda _: b"")
    packed = gatherer.feed(pairs, 0) + gatherer.close()
    told = [decode_batch(value) for _, value, _ in packed]
    assert all(isinstance(one, Batch) for one in told)
    assert sum(count for _, _, count in packed) == 1
    return [one for one in told if isinstance(one, Batch)]


@pytest.fixture(scope="module")
def detector() -> LocalDetector:
    return LocalDetector("")


def package_of(told: list[Batch], detector: LocalDetector) -> Any:
    index = AddressIndex()
    endpoints = Endpoints(proof_seconds=0)
    settings = Digger(first_sights_per_second=1e6, inspect_share=100.0)
    with Inspector(detector, settings, 1 << 20) as inspector:
        counting = Counting(index, endpoints, Sampler(float("inf"), 0.0), inspector)
        for number, batch in enumerate(told):
            # One after the other, so that sampling takes all.
            for record in batch.records:
                alone = structs.replace(batch, facts=[], records=[record])
                counting.count(alone, time.monotonic())
                assert eventually(lambda: inspector._outcomes != [])
                counting.gather(time.monotonic())
            counting.draft.cover("records", number, 0, 1)
    package = counting.draft.build(
        "c", counting.resolve, 2 * told[0].records[0].started_ns
    )
    check(package)
    return package


@pytest.mark.parametrize(
    ("talked", "protocol"),
    [(events, collector_pb2.SSE), (socket, collector_pb2.WEBSOCKET)],
)
def test_an_exchange_is_counted_once_and_all_of_it_is_found(
    talked: Callable[[], Conversation], protocol: int, detector: LocalDetector
) -> None:
    told = batches(talked())
    records: list[Record] = [one for batch in told for one in batch.records]
    assert len(records) > 3
    assert [one.part for one in records] == list(range(len(records)))
    assert [one.is_last for one in records] == [False] * (len(records) - 1) + [True]
    assert [one.fact.exchanges for one in records] == [1] + [0] * (len(records) - 1)
    package = package_of(told, detector)
    assert {one.protocol for one in package.endpoints} == {protocol}
    assert {one.path for one in package.endpoints} == {"/feed"}
    traffic = [one for endpoint in package.endpoints for one in endpoint.traffic]
    assert sum(one.pairs for one in traffic) == 1
    assert sum(endpoint.inspected for endpoint in package.endpoints) == 1
    asked = sum(len(records[0].request.head) for _ in range(1))
    assert sum(one.request_bytes for one in traffic) == asked
    found: dict[tuple[str, str], int] = {}
    for endpoint in package.endpoints:
        for place in endpoint.places:
            key = place.path, place.data_type
            found[key] = found.get(key, 0) + place.count
    assert found["$.email", "contact.email"] == len(MESSAGES)
    if protocol == collector_pb2.SSE:
        assert found["x-contact", "contact.email"] == 1
