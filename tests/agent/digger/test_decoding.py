"""Kafka values are trusted only as far as they make sense."""

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.digger.decoding import Undecodable, decode_batch, decode_coverage
from agent.record import VERSION, Agent, NodeCoverage, encoder
from benchmarks.records import fuzz
from tests.agent.digger.records import batch, fact, record

GOOD = batch(fact(exchanges=3), record(response={"a": 1}))


def test_a_batch_comes_back_as_it_was() -> None:
    assert decode_batch(encoder.encode(GOOD)) == GOOD
    assert GOOD.exchanges == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"node": "n" * 300},
        {"server": b""},
        {"server_port": 70_000},
        {"server_port": -1},
    ],
)
def test_an_impossible_batch_is_no_batch(wrong: dict[str, object]) -> None:
    value = encoder.encode(msgspec.structs.replace(GOOD, **wrong))
    assert decode_batch(value) is Undecodable.BROKEN


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(
    "wrong",
    [
        {"client": b"\x01\x02"},
        {"client_identity": "jane@example.com/x"},
        {"client_identity": "shop"},
        {"target": b"/" * 5000},
        {"status": 1000},
        {"status": -1},
        {"operation": b"x" * 1000},
        {"exchanges": -1},
        {"exchanges": 1 << 50},
        {"truncated": 1 << 50},
        {"request_bytes": 1 << 50},
        {"response_bytes": -1},
        {"first_ns": -1},
        {"last_ns": 0},
        {"last_ns": 2**63},
        {"waited_ns": 2**64 - 1},
    ],
)
def test_an_impossible_fact_spoils_its_batch(
    wrong: dict[str, object], whole: bool
) -> None:
    bad = msgspec.structs.replace(fact(), **wrong)
    told = msgspec.structs.replace(record(), fact=bad) if whole else bad
    value = encoder.encode(batch(fact(), told))
    assert decode_batch(value) is Undecodable.BROKEN


def test_a_record_is_of_one_exchange() -> None:
    twice = msgspec.structs.replace(record(), fact=fact(exchanges=2))
    assert decode_batch(encoder.encode(batch(twice))) is Undecodable.BROKEN


@pytest.mark.parametrize("name", ["body_bytes", "gaps"])
def test_an_impossible_body_is_no_record(name: str) -> None:
    wrong = record()
    setattr(wrong.response, name, 1 << 60)
    assert decode_batch(encoder.encode(batch(wrong))) is Undecodable.BROKEN


@pytest.mark.parametrize("version", [0, 1, VERSION + 1, 300])
def test_other_versions_are_told_apart_from_rubbish(version: int) -> None:
    for told in (msgspec.structs.replace(GOOD, version=version), [version, "else"]):
        assert decode_batch(encoder.encode(told)) is Undecodable.VERSION
    other = {"version": version, "window_start_ns": "else"}
    assert decode_coverage(encoder.encode(other)) is Undecodable.VERSION
    assert decode_coverage(coverage(version=version)) is Undecodable.VERSION


@pytest.mark.parametrize("depth", [500, 1_000, 100_000])
@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a"])
def test_nesting_raises_nothing(depth: int, opening: bytes) -> None:
    nested = opening * depth + b"\x00"
    value = b"\x97" + encoder.encode(GOOD)[1:] + nested
    assert decode_batch(value) in (GOOD, Undecodable.BROKEN)
    decode_coverage(b"\x82" + coverage()[1:] + b"\xa1z" + nested)


@pytest.mark.parametrize("length", [b"\xdd", b"\xc6", b"\xdb", b"\xdf"])
def test_a_length_beyond_memory_raises_nothing(length: bytes) -> None:
    begun = encoder.encode(GOOD)[: -len(encoder.encode(GOOD.records)) - 1]
    for place in range(len(begun)):
        value = begun[:place] + length + b"\xff\xff\xff\xff" + begun[place:]
        decode_batch(value)


def test_mutations_raise_nothing() -> None:
    counts = fuzz(3_000, seed=1)
    assert counts["decoded"] > 100
    assert counts["undecodable"] > 100
    assert counts["unknown_version"] > 10


def coverage(**changes: object) -> bytes:
    good = NodeCoverage(VERSION, "n", 1, 2, b"\x0a\0\0\1", {"paired": 5}, {"tls": 1})
    return encoder.encode(msgspec.structs.replace(good, **changes))


def test_coverage_comes_back_as_it_was() -> None:
    found = decode_coverage(coverage())
    assert isinstance(found, NodeCoverage)
    assert found.buckets == {"paired": 5}


AGENT = {"version": "1", "started_ns": 1, "workers": 2, "kernel": "6", "state": "ready"}


def test_how_an_agent_is_comes_back() -> None:
    found = decode_coverage(coverage(agent=AGENT))
    assert isinstance(found, NodeCoverage)
    assert found.agent == msgspec.convert(AGENT, Agent)


@pytest.mark.parametrize(
    "wrong",
    [
        {"pod": b"abc"},
        {"node": "n" * 300},
        {"window_start_ns": 3},
        {"window_end_ns": 2**63},
        {"buckets": {"jane@example.com": 1}},
        {"buckets": {"paired": -1}},
        {"counts": {"paired": 2**62}},
        {"counts": {f"reason_{n}": 1 for n in range(90)}},
        {"agent": AGENT | {"version": "v\n"}},
        {"agent": AGENT | {"kernel": "k" * 101}},
        {"agent": AGENT | {"state": "All Fine"}},
        {"agent": AGENT | {"started_ns": -1}},
        {"agent": AGENT | {"workers": 1 << 40}},
    ],
)
def test_impossible_coverage_is_no_coverage(wrong: dict[str, object]) -> None:
    assert decode_coverage(coverage(**wrong)) is Undecodable.BROKEN


@given(st.binary())
@example(b"\x9a\x00\xa6\x00\x00\x00\x00\x00\x80")
def test_no_bytes_raise(value: bytes) -> None:
    decode_batch(value)
    decode_coverage(value)
