"""Sets of addresses: exact, compact, and safe to decode."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cluster.address_list.blocks import AddressSet, BlocksError, packed, unpacked

ips = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)
# Such that many share a block.
near = st.builds(
    lambda a, b: bytes((10, 0, a, b)), st.integers(0, 2), st.integers(0, 255)
)
sets = st.frozensets(ips | near, max_size=300)


@given(sets, sets)
def test_it_is_the_set_that_it_was_made_of(
    one: frozenset[bytes], two: frozenset[bytes]
) -> None:
    made = AddressSet(one)
    assert frozenset(made) == one
    assert len(made) == len(one)
    assert all((ip in made) == (ip in one) for ip in one | two)
    assert frozenset(AddressSet.decode(made.encode())) == one
    assert frozenset(made.minus(AddressSet(two))) == one - two
    made.update(AddressSet(two))
    assert frozenset(made) == one | two
    made.remove(AddressSet(one))
    assert frozenset(made) == two - one
    assert b"" not in made


@given(st.binary(max_size=200))
def test_what_is_no_set_is_refused(data: bytes) -> None:
    try:
        AddressSet.decode(data)
    except BlocksError:
        return


@pytest.mark.parametrize("size", range(1, 10))
def test_a_set_that_was_cut_is_refused(size: int) -> None:
    with pytest.raises(BlocksError):
        AddressSet.decode(
            AddressSet([bytes((10, 0, 0, n)) for n in range(5)]).encode()[:size]
        )


@given(sets)
def test_what_was_packed_is_unpacked(addresses: frozenset[bytes]) -> None:
    encoded = AddressSet(addresses).encode()
    assert unpacked(packed(encoded), len(encoded) + 1) == encoded


@pytest.mark.parametrize("data", [b"", b"none", packed(b"x")[:-1], packed(b"x") + b"y"])
def test_what_was_not_packed_whole_is_refused(data: bytes) -> None:
    with pytest.raises(BlocksError):
        unpacked(data, 100)


def test_what_is_larger_than_it_may_be_is_not_unpacked() -> None:
    with pytest.raises(BlocksError):
        unpacked(packed(bytes(1 << 20)), 1 << 10)


def test_a_large_cluster_is_small() -> None:
    chance = random.Random(1)
    made = AddressSet(
        bytes((10, node >> 8, node & 255, chance.randrange(256)))
        for node in range(5_000)
        for _ in range(32)
    )
    assert len(made.encode()) < 200_000
    assert len(packed(made.encode())) < 155_000
