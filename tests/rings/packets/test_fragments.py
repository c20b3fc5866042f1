"""IP datagrams put together."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rings.limits import Limits
from rings.packets.fragments import (
    MOST_BYTES,
    MOST_DATAGRAMS,
    PART_BYTES,
    WAIT_NS,
    Fragments,
)
from rings.streams.assembler import Assembler
from tests.rings.wire import (
    MS,
    START_NS,
    block_of,
    collect,
    ethernet,
    ipv4,
    ipv6,
    outcomes,
    request,
    tcp,
)

OFFLINE = Limits(keep_all_bodies=True, offline=True)
WHOLE = tcp(request("/fragmented"), seq=1, ack=1)


def fragments4(size: int, number: int = 7) -> list[bytes]:
    pieces = [WHOLE[i : i + size] for i in range(0, len(WHOLE), size)]
    frames = []
    for place, piece in enumerate(pieces):
        more = 0x2000 if place < len(pieces) - 1 else 0
        word = more | place * size // 8
        frames.append(ethernet(ipv4(piece, fragment=word, number=number)))
    return frames


def fragments6(size: int) -> list[bytes]:
    pieces = [WHOLE[i : i + size] for i in range(0, len(WHOLE), size)]
    frames = []
    for place, piece in enumerate(pieces):
        word = place * size | (1 if place < len(pieces) - 1 else 0)
        head = b"\x06\0" + word.to_bytes(2, "big") + b"\0\0\0\x09"
        frames.append(ethernet(ipv6(head + piece, protocol=44), 0x86DD))
    return frames


@pytest.mark.parametrize("make", [fragments4, fragments6])
def test_fragments_in_any_order_are_one_segment(make: object) -> None:
    frames = make(24)  # type: ignore[operator]
    assert len(frames) == 3
    for order in itertools.permutations(frames):
        pairs, assembler = collect([(START_NS, frame) for frame in order], OFFLINE)
        assert outcomes(pairs) == [("GET", "/fragmented", None)]
        assert assembler.total().fragments == 2


@pytest.mark.parametrize("make", [fragments4, fragments6])
def test_a_live_ring_leaves_fragments_to_the_kernel(make: object) -> None:
    frames = make(24)  # type: ignore[operator]
    pairs, assembler = collect([(START_NS, frame) for frame in frames])
    assert pairs == []
    assert assembler.total().fragments == 3


def add(fragments: Fragments, key: int, offset: int, more: bool, data: bytes) -> bytes:
    return fragments.add(bytes([key % 256, key // 256]), b"H", offset, data, more, 0)


@pytest.mark.parametrize(
    "parts",
    [
        [(0, True, 8), (4, False, 8)],
        [(4, False, 8), (0, True, 8)],
        [(8, True, 8), (0, True, 24)],
        [(0, True, 8), (0, True, 9)],
    ],
)
def test_overlap_gives_the_datagram_up(parts: list[tuple[int, bool, int]]) -> None:
    fragments = Fragments()
    for offset, more, size in parts:
        assert add(fragments, 1, offset, more, bytes(size)) == b""
    assert (fragments.dropped, fragments.kept_bytes) == (1, 0)


def test_a_repeated_fragment_changes_nothing() -> None:
    fragments = Fragments()
    for _ in range(3):
        assert add(fragments, 1, 8, False, b"b") == b""
        assert add(fragments, 1, 0, True, b"aaaa") == b""
        assert add(fragments, 1, 0, True, b"aa") == b""
        assert add(fragments, 1, 2, True, b"aa") == b""
    assert add(fragments, 1, 4, True, b"aaaa") == b"Haaaaaaaab"
    assert (fragments.dropped, fragments.kept_bytes) == (0, 0)


@given(st.permutations(range(9)), st.sets(st.integers(0, 8)))
def test_parts_in_any_order_and_number_are_the_datagram(
    order: list[int], again: set[int]
) -> None:
    whole = bytes(range(70))
    fragments, seen = Fragments(), b""
    for number in order:
        part = whole[number * 8 : number * 8 + 8]
        for _ in range(2 if number in again and number != order[-1] else 1):
            seen += add(fragments, 1, number * 8, number < 8, part)
    assert seen == b"H" + whole
    assert fragments.kept_bytes == 0


def test_parts_beyond_the_end_give_the_datagram_up() -> None:
    fragments = Fragments()
    add(fragments, 2, 8, False, b"aa")
    add(fragments, 2, 16, True, b"aa")
    add(fragments, 3, 65_528, True, b"aaaaaaaaaaaa")
    add(fragments, 4, 16, True, b"aa")
    add(fragments, 4, 8, False, b"aa")
    assert (fragments.dropped, fragments.kept_bytes) == (3, 0)


def test_small_parts_count_with_what_they_take() -> None:
    fragments = Fragments()
    for key in range(30):
        for offset in range(0, 65_000, 16):
            add(fragments, key, offset, True, b"aaaaaaaa")
    assert fragments.kept_bytes <= MOST_BYTES + 2 * PART_BYTES
    assert fragments.dropped > 0


def test_the_bounds_in_number_bytes_and_time_give_up_the_oldest() -> None:
    fragments = Fragments()
    for key in range(MOST_DATAGRAMS + 1):
        add(fragments, key, 0, True, b"aa")
    assert fragments.dropped == 1
    fragments = Fragments()
    big = bytes(60_000)
    for key in range(MOST_BYTES // len(big) + 3):
        add(fragments, key, 0, True, big)
        assert fragments.kept_bytes <= MOST_BYTES + len(big)
    assert fragments.dropped == 3
    fragments.add(b"x", b"H", 0, b"a", True, WAIT_NS + 1)
    assert fragments.kept_bytes == 1 + PART_BYTES


def test_datagrams_given_up_are_counted() -> None:
    assembler = Assembler(OFFLINE)
    assembler.feed(block_of([(START_NS, fragments4(24)[0])]))
    late = START_NS + WAIT_NS + MS
    assembler.feed(block_of([(late, fragments4(24, number=8)[0])]))
    assert assembler.total().datagrams_lost == 1
