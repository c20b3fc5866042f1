"""Kafka values are trusted only as far as they make sense."""

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.digger.decoding import decode_coverage, decode_record
from agent.record import VERSION, NodeCoverage, encoder
from tests.agent.digger.records import record


def test_a_record_comes_back_as_it_was() -> None:
    assert decode_record(encoder.encode(record())) == record()


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": VERSION + 1},
        {"client": b"\x01\x02"},
        {"server": b""},
        {"server_port": 70_000},
        {"server_port": -1},
        {"started_ns": -1},
        {"started_ns": 2**63},
        {"answered_ns": 2**64 - 1},
        {"client_identity": "jane@example.com/x"},
        {"client_identity": "shop"},
    ],
)
def test_an_impossible_record_is_no_record(wrong: dict[str, object]) -> None:
    value = encoder.encode(msgspec.structs.replace(record(), **wrong))
    assert decode_record(value) is None


def test_a_record_from_before_identities_were_known_is_read() -> None:
    fields = msgspec.msgpack.decode(encoder.encode(record()))
    assert decode_record(encoder.encode(fields[:-1])) == record()


def test_an_impossible_body_is_no_record() -> None:
    wrong = record()
    wrong.response.body_bytes = 1 << 60
    assert decode_record(encoder.encode(wrong)) is None


def coverage(**changes: object) -> bytes:
    good = NodeCoverage(VERSION, "n", 1, 2, b"\x0a\0\0\1", {"paired": 5}, {"tls": 1})
    return encoder.encode(msgspec.structs.replace(good, **changes))


def test_coverage_comes_back_as_it_was() -> None:
    found = decode_coverage(coverage())
    assert found is not None
    assert found.buckets == {"paired": 5}


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 9},
        {"pod": b"abc"},
        {"node": "n" * 300},
        {"window_start_ns": 3},
        {"window_end_ns": 2**63},
        {"buckets": {"jane@example.com": 1}},
        {"buckets": {"paired": -1}},
        {"counts": {"paired": 2**62}},
        {"counts": {f"reason_{n}": 1 for n in range(60)}},
    ],
)
def test_impossible_coverage_is_no_coverage(wrong: dict[str, object]) -> None:
    assert decode_coverage(coverage(**wrong)) is None


@given(st.binary())
@example(b"\x9a\x00\xa6\x00\x00\x00\x00\x00\x80")
def test_no_bytes_raise(value: bytes) -> None:
    decode_record(value)
    decode_coverage(value)
