"""HPACK against RFC 7541's examples and another implementation."""

import random

import pytest
from hpack import Decoder as Oracle
from hpack import Encoder
from hpack.exceptions import HPACKError
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given, settings
from hypothesis import strategies as st

from rings.http2.hpack import Decoder as Reader
from rings.http2.lines import Lines

MUTATIONS = 50_000
UNKNOWN = -1
FIRST_BYTES = 4_096
MOST_BYTES = 64 << 10
NAMES = st.sampled_from([b":path", b"cookie", b"x-request-id", b"etag", b"x", b"date"])
VALUES = st.binary(max_size=40) | st.sampled_from([b"/a", b"a" * 900, b"a" * 5000])
FIELDS = st.lists(st.tuples(NAMES, VALUES, st.booleans()), min_size=1, max_size=8)
BLOCKS = st.lists(FIELDS, min_size=1, max_size=12)


def Decoder(block_bytes: int) -> Reader:  # noqa: N802
    return Reader(block_bytes, Lines())


def read(decoder: Reader, block: bytes) -> list[tuple[bytes, bytes]]:
    assert decoder.decode(block, 0, len(block))
    return [(name, value) for name, value, _ in fields_of(decoder)]


def fields_of(decoder: Reader) -> list[tuple[bytes, bytes, int]]:
    """Name, value and kind of each."""
    lines = decoder.fields
    return [
        (lines.name(place), lines.value(place), lines.kind)
        for place in range(lines.last)
    ]


def encoded(
    blocks: list[list[tuple[bytes, bytes, bool]]], sizes: list[int]
) -> list[bytes]:
    encoder = Encoder()
    made = []
    for place, fields in enumerate(blocks):
        if sizes and place % 3 == 2:
            encoder.header_table_size = sizes[place % len(sizes)]
        made.append(encoder.encode(fields, huffman=place % 2 == 0))
    return made


def plain(fields: list[tuple[bytes, bytes, bool]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value, _ in fields]


def test_examples_of_the_specification() -> None:
    """Appendix C.4 and C.6."""
    decoder = Decoder(1 << 16)
    blocks = (
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "828684be5886a8eb10649cbf",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    )
    last = [read(decoder, bytes.fromhex(block)) for block in blocks][-1]
    assert last == [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", b"/index.html"),
        (b":authority", b"www.example.com"),
        (b"custom-key", b"custom-value"),
    ]
    assert decoder.table_bytes == 164


@given(BLOCKS, st.lists(st.sampled_from([0, 64, 200, 4096])))
@settings(deadline=None)
def test_every_block_is_what_was_encoded(
    blocks: list[list[tuple[bytes, bytes, bool]]], sizes: list[int]
) -> None:
    decoder = Decoder(1 << 16)
    for fields, block in zip(blocks, encoded(blocks, sizes), strict=True):
        assert read(decoder, block) == plain(fields)
        assert decoder.table_bytes <= decoder.most_bytes <= FIRST_BYTES


@given(BLOCKS, st.integers(0, 11), st.lists(st.sampled_from([0, 64, 200, 4096])))
@settings(deadline=None)
def test_who_comes_late_knows_a_field_or_says_that_it_is_unknown(
    blocks: list[list[tuple[bytes, bytes, bool]]], missed: int, sizes: list[int]
) -> None:
    decoder = Decoder(1 << 16)
    decoder.lose()
    made = encoded(blocks, sizes)
    for fields, block in list(zip(blocks, made, strict=True))[missed:]:
        assert decoder.decode(block, 0, len(block))
        for (*read, kind), field in zip(fields_of(decoder), plain(fields), strict=True):
            assert kind == UNKNOWN or tuple(read) == field


@given(BLOCKS, st.sets(st.integers(0, 11)))
@settings(deadline=None)
def test_after_a_lost_block_nothing_is_wrong(
    blocks: list[list[tuple[bytes, bytes, bool]]], lost: set[int]
) -> None:
    decoder = Decoder(1 << 16)
    for place, (fields, block) in enumerate(
        zip(blocks, encoded(blocks, []), strict=True)
    ):
        if place in lost:
            decoder.lose()
            continue
        assert decoder.decode(block, 0, len(block))
        for (*read, kind), field in zip(fields_of(decoder), plain(fields), strict=True):
            assert kind == UNKNOWN or tuple(read) == field


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_any_bytes_are_read_as_the_other_implementation_reads_them(data: bytes) -> None:
    decoder, oracle = Decoder(1 << 20), Oracle()
    oracle.max_allowed_table_size = MOST_BYTES
    try:
        wanted = [(bytes(n), bytes(v)) for n, v in oracle.decode(data, raw=True)]
    except (HPACKError, ValueError):
        return
    assert read(decoder, data) == wanted


def test_mutations_raise_nothing_and_stay_within_bounds() -> None:
    chance = random.Random(7)
    encoder = Encoder()
    fields = [(b":path", b"/a/b"), (b"x-long", b"b" * 60), (b"cookie", b"c=1; d=2")]
    blocks = [encoder.encode([*fields, (b"n", b"%d" % n)]) for n in range(40)]
    decoder = Decoder(4096)
    refused = 0
    for turn in range(MUTATIONS):
        block = bytearray(blocks[turn % 40])
        block[chance.randrange(len(block))] = chance.randrange(256)
        if turn % 5 == 0:
            del block[chance.randrange(len(block)) :]
        refused += not decoder.decode(bytes(block), 0, len(block))
        assert decoder.table_bytes <= MOST_BYTES
        assert decoder.fields.last <= 4096 // 32
    assert 0 < refused < MUTATIONS


@pytest.mark.parametrize("octet", range(256))
def test_each_octet_has_its_code(octet: int) -> None:
    coder = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
    for text in (bytes([octet]), bytes([octet, octet, 97]), bytes([48, octet])):
        coded = coder.encode(text)
        block = b"\x00\x01a" + bytes([0x80 | len(coded)]) + coded
        assert read(Decoder(1 << 16), block) == [(b"a", text)]


@pytest.mark.parametrize(
    "block",
    [
        "80",
        "ff8080808080808001",
        "ffffffffffffffffff",
        "40",
        "4001",
        "400161",
        "40016184ffffffff",
        "000161821fff",
        "000161811c",
        "3fffffffffff",
        "0001617f",
    ],
)
def test_wrong_blocks_are_refused_and_the_table_is_forgotten(block: str) -> None:
    decoder = Decoder(1 << 16)
    assert read(decoder, b"\x40\x01a\x01b") == [(b"a", b"b")]
    data = bytes.fromhex(block)
    assert not decoder.decode(data, 0, len(data))
    assert decoder.decode(b"\xbe", 0, 1)
    assert decoder.unknown == 1


def test_a_bomb_of_references_is_cut() -> None:
    decoder = Decoder(8192)
    read(decoder, b"\x40\x01a\x7f\xd9\x0e" + b"b" * 2008)
    data = b"\xbe" * 1000 + b"\x40\x01c\x01d"
    assert decoder.decode(data, 0, len(data))
    assert decoder.is_over
    assert decoder.fields.last <= 4
    assert read(decoder, b"\xbe") == [(b"c", b"d")]
