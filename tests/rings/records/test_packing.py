"""MessagePack as msgspec writes it, which is an implementation of its own."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rings.records.packing import (
    pack_array,
    pack_integer,
    pack_octets,
    pack_text,
    pack_truth,
)

encode = msgspec.msgpack.encode


@given(st.integers(0, 2**64 - 1) | st.sampled_from([(1 << n) - 1 for n in range(65)]))
def test_numbers(number: int) -> None:
    target = bytearray(b"before")
    pack_integer(target, number)
    assert target == b"before" + encode(number)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_535, 65_536, 100_000])
def test_octets(size: int) -> None:
    data = bytes(n % 251 for n in range(size))
    target = bytearray()
    pack_octets(target, b"a" + data + b"b", 1, size + 1)
    assert target == encode(data)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 253])
def test_text(size: int) -> None:
    target = bytearray()
    pack_text(target, b"n" * size)
    assert target == encode("n" * size)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 65_535, 65_536])
def test_arrays(size: int) -> None:
    target = bytearray()
    pack_array(target, size)
    assert target == encode([None] * size)[: -size or None]


@pytest.mark.parametrize("truth", [False, True])
def test_truths(truth: bool) -> None:
    target = bytearray()
    pack_truth(target, truth)
    assert target == encode(truth)
