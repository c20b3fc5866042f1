"""Content codings undone within bounds."""

import gzip
import random
import struct
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from rings.bodies.content import MOST_CODINGS, MOST_RATIO, SMALL_BYTES, codings, decode

BODY = b'{"user": "example"}' * 100
LIMIT = 1 << 20


def raw_deflate(body: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return coder.compress(body) + coder.flush()


def zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(body)


Coder = Callable[[bytes], bytes]
CODERS: list[tuple[bytes, Coder]] = [
    (b"gzip", gzip.compress),
    (b"X-GZIP", gzip.compress),
    (b"deflate", zlib.compress),
    (b"deflate", raw_deflate),
    (b"br", brotli.compress),
    (b"zstd", zstd),
    (b"identity", bytes),
]


@pytest.mark.parametrize(("name", "coder"), CODERS)
def test_each_coding_gives_the_body_back(name: bytes, coder: Coder) -> None:
    assert decode(name, coder(BODY), LIMIT) == (BODY, True)
    assert decode(name, coder(b""), LIMIT) == (b"", True)
    assert decode(name, b"", LIMIT) == (b"", True)


@pytest.mark.parametrize(("name", "coder"), CODERS)
def test_a_cut_body_gives_its_readable_part(name: bytes, coder: Coder) -> None:
    coded = coder(BODY)
    for end in range(1, len(coded)):
        body, is_whole = decode(name, coded[:end], LIMIT)
        assert BODY.startswith(body)
        assert not is_whole or name == b"identity"


@pytest.mark.parametrize(("name", "coder"), CODERS)
@pytest.mark.parametrize("size", [1000, 100_000, 5_000_000])
def test_no_more_than_the_limit_is_given(name: bytes, coder: Coder, size: int) -> None:
    body, is_whole = decode(name, coder(bytes(size)), 1000)
    assert body == bytes(1000)
    assert is_whole is (size <= 1000)


def test_stacked_codings_are_undone_last_first() -> None:
    coded = brotli.compress(gzip.compress(BODY))
    assert decode(b"gzip, br", coded, LIMIT) == (BODY, True)
    assert decode(b" , identity,gzip,", gzip.compress(BODY), LIMIT) == (BODY, True)


@pytest.mark.parametrize(
    ("named", "coder"),
    [
        (b"gzip", zlib.compress),
        (b"deflate", gzip.compress),
        (b"br", zstd),
        (b"zstd;q=1", zstd),
        (b'"gzip"', gzip.compress),
        (b"x-deflate", zlib.compress),
    ],
)
def test_a_coding_that_was_named_wrong_is_known_by_its_bytes(
    named: bytes, coder: Coder
) -> None:
    assert decode(named, coder(BODY), LIMIT) == (BODY, True)


def test_what_aws_frames_stands_outermost_wherever_it_is_named() -> None:
    coded = gzip.compress(BODY)
    framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(coded), coded)
    for names in (b"aws-chunked,gzip", b"gzip,aws-chunked"):
        assert decode(names, framed, LIMIT) == (BODY, True)


def test_stacks_have_a_bound() -> None:
    codings = b",".join([b"identity"] * (MOST_CODINGS + 1))
    assert decode(codings, BODY, LIMIT) == (b"", False)


def test_an_unknown_coding_gives_nothing_but_text_as_it_is() -> None:
    assert decode(b"compress", b"\x1f\x9d\x90{}", LIMIT) == (b"", False)
    assert decode(b"compress", b'{"a": 1}', LIMIT) == (b'{"a": 1}', True)


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd", b"none, gzip"])
def test_a_coding_that_was_only_said_leaves_text_as_it_is(coding: bytes) -> None:
    text = '{"name": "Zoë", "list": [1, 2, 3]}'.encode() * 100
    assert decode(coding, text, LIMIT) == (text, True)
    assert decode(coding, b"\x00\xff\x00\xfe" * 9, LIMIT)[0] in (b"", b"\x00")


def test_the_chunks_that_aws_signs_are_joined() -> None:
    sign = b";chunk-signature=" + b"0f" * 32
    body = b"4" + sign + b'\r\n{"a"\r\n3' + sign + b"\r\n:1}\r\n0" + sign
    assert decode(b"aws-chunked", body + b"\r\nx-crc:1\r\n\r\n", LIMIT) == (
        b'{"a":1}',
        True,
    )
    assert decode(b"aws-chunked", body[:-82], LIMIT) == (b'{"a":1}', False)
    assert decode(b"aws-chunked", b'{"b":2}', LIMIT) == (b'{"b":2}', True)


def test_codings_of_content_and_transfer_are_told_in_order() -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n"
        b"Content-Encoding: br\r\ncontent-encoding: deflate\r\n\r\n"
    )
    assert codings(head) == b"br,deflate,gzip"


def test_members_and_frames_may_follow_each_other() -> None:
    coded = gzip.compress(b"one") + gzip.compress(b"two") + b"\0" * 9
    assert decode(b"gzip", coded, LIMIT) == (b"onetwo", True)
    assert decode(b"zstd", zstd(b"one") + zstd(b"two"), LIMIT) == (b"onetwo", True)


def test_rubbish_after_a_zstd_frame_is_not_whole() -> None:
    body, is_whole = decode(b"zstd", zstd(b"one") + b"rubbish!", LIMIT)
    assert not is_whole
    assert b"one".startswith(body)


def test_the_end_of_a_zstd_body_is_checked() -> None:
    for rubbish in (b"\x28", b"\x28\xb5\x2f", b"\0\0\0\0\0", b"\x28\xb5\x2f\xfd\xff"):
        assert not decode(b"zstd", zstd(b"one") + rubbish, LIMIT)[1]


def streamed(body: bytes) -> bytes:
    """In blocks as they come: no size in the head, a checksum at the end."""
    coder = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    half = coder.compress(body[: len(body) // 2])
    half += coder.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    return half + coder.compress(body[len(body) // 2 :]) + coder.flush()


def skipped(body: bytes) -> bytes:
    return struct.pack("<II", 0x184D2A5F, 5) + b"other" + zstd(body)


@pytest.mark.parametrize("coder", [zstd, streamed, skipped])
@pytest.mark.parametrize(
    "body",
    [b"", b"a", bytes(300), bytes(200_000), random.Random(1).randbytes(300_000)],
    ids=["nothing", "one", "repeated", "many repeated", "random"],
)
def test_zstd_frames_of_any_blocks_are_whole_at_their_end_only(
    coder: Coder, body: bytes
) -> None:
    coded = coder(body)
    limit = max(1, len(body))
    assert decode(b"zstd", coded, limit) == (body, True)
    for size in {1, 3, 4, 5, 7, len(coded) // 2, len(coded) - 1} & set(
        range(1, len(coded))
    ):
        assert decode(b"zstd", coded[:size], limit)[1] is False


@pytest.mark.parametrize("coder", [raw_deflate, zlib.compress, gzip.compress])
def test_inflated_bytes_that_wait_within_the_decoder_are_read(coder: Coder) -> None:
    name = b"gzip" if coder is gzip.compress else b"deflate"
    for size in range((1 << 16) - 300, (1 << 16) + 300, 7):
        assert decode(name, coder(bytes(size)), LIMIT) == (bytes(size), True)


@pytest.mark.parametrize("coder", [brotli.compress, zstd])
def test_more_than_deflate_could_make_of_a_body_is_not_read(coder: Coder) -> None:
    name = b"br" if coder is brotli.compress else b"zstd"
    assert decode(name, coder(bytes(SMALL_BYTES)), LIMIT) == (bytes(SMALL_BYTES), True)
    coded = coder(bytes(5_000_000))
    body, is_whole = decode(name, coded, 5_000_000)
    assert not is_whole
    assert len(body) == max(SMALL_BYTES, MOST_RATIO * len(coded))


def test_a_stack_of_codings_has_the_ratio_of_one() -> None:
    coded = gzip.compress(gzip.compress(bytes(60_000_000)))
    body, is_whole = decode(b"gzip, gzip", coded, 60_000_000)
    assert not is_whole
    assert len(body) == max(SMALL_BYTES, MOST_RATIO * len(coded))


@given(st.sampled_from([name for name, _ in CODERS]), st.binary(max_size=200))
def test_rubbish_never_raises(name: bytes, body: bytes) -> None:
    decoded, _ = decode(name, body, 1000)
    assert len(decoded) <= 1000


@given(st.sampled_from(CODERS), st.integers(0, 10_000), st.integers(0, 255))
def test_damage_never_raises(
    coder: tuple[bytes, Coder], place: int, octet: int
) -> None:
    coded = bytearray(coder[1](BODY))
    coded[place % len(coded)] = octet
    decoded, _ = decode(coder[0], bytes(coded), LIMIT)
    assert len(decoded) <= LIMIT
