"""Sealed values open again, with the right key and in their own place only."""

import logging

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from agent.encryption import (
    HEADER_BYTES,
    ID_BYTES,
    MARK,
    NONCE_BYTES,
    Key,
    Opener,
    Sealer,
    Unreadable,
    key_id,
)
from agent.record import VERSION, NodeCoverage, encoder
from tests.agent.digger.records import record
from tests.topics import COVERAGE_TOPIC, RECORDS_TOPIC

OLD, NEW, OTHER = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32
MOST_BYTES = 1 << 20
CANARY = b"jane.canary@example.com"
TAG_BYTES = 16


def opener(*keys: bytes, is_required: bool = False) -> Opener:
    return Opener(keys, is_required, MOST_BYTES)


@given(st.text(), st.binary(), st.binary())
def test_what_is_sealed_opens_as_it_was(topic: str, key: bytes, value: bytes) -> None:
    sealed = Sealer(OLD).seal(topic, key, value)
    assert sealed.startswith(MARK + key_id(OLD))
    assert opener(OLD, is_required=True).open(topic, key, sealed) == value


@pytest.mark.parametrize(
    ("key", "bound", "wanted"),
    [
        (b"\x01", b"", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
        (
            b"\x03",
            b"c2sp.org/XAES-256-GCM",
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d",
        ),
    ],
)
def test_the_cipher_is_that_of_its_specification(
    key: bytes, bound: bytes, wanted: str
) -> None:
    """Test vectors of https://c2sp.org/XAES-256-GCM."""
    cipher, rest = Key(key * 32).derive(b"ABCDEFGHIJKLMNOPQRSTUVWX")
    sealed = cipher.encrypt(rest, b"XAES-256-GCM", bound)
    assert sealed.hex() == wanted


def test_no_byte_of_the_value_shows_and_no_two_are_alike() -> None:
    sealer = Sealer(OLD)
    sealed = [sealer.seal("t", b"k", CANARY) for _ in range(1000)]
    assert all(CANARY not in value for value in sealed)
    assert len({value[len(MARK) + ID_BYTES : HEADER_BYTES] for value in sealed}) == 1000


def test_a_repetitive_value_becomes_smaller_though_it_is_sealed() -> None:
    assert len(Sealer(OLD).seal("t", b"k", CANARY * 1000)) < 200


@given(st.data())
def test_no_changed_bit_opens(data: st.DataObject) -> None:
    sealed = bytearray(Sealer(OLD).seal("t", b"k", CANARY))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= 1 << data.draw(st.integers(0, 7))
    opened = opener(OLD, is_required=True).open("t", b"k", bytes(sealed))
    assert isinstance(opened, Unreadable)


@given(st.integers(0, 200), st.binary(max_size=3))
def test_no_cut_or_longer_value_opens(length: int, tail: bytes) -> None:
    sealed = Sealer(OLD).seal("t", b"k", CANARY)
    changed = sealed[:length] + tail
    opened = opener(OLD, is_required=True).open("t", b"k", changed)
    assert isinstance(opened, Unreadable) or changed == sealed


@given(st.binary())
def test_no_bytes_raise(value: bytes) -> None:
    for is_required in (False, True):
        opener(OLD, is_required=is_required).open("t", b"k", MARK + key_id(OLD) + value)
        opener(OLD, is_required=is_required).open("t", b"k", value)


@pytest.mark.parametrize(
    ("topic", "key"),
    [(COVERAGE_TOPIC, b"k"), (RECORDS_TOPIC, b"other"), (RECORDS_TOPIC + "k", b"")],
)
def test_a_moved_value_does_not_open(topic: str, key: bytes) -> None:
    sealed = Sealer(OLD).seal(RECORDS_TOPIC, b"k", CANARY)
    assert opener(OLD).open(RECORDS_TOPIC, b"k", sealed) == CANARY
    assert opener(OLD).open(topic, key, sealed) is Unreadable.ALTERED


def test_keys_change_without_loss() -> None:
    before, after = Sealer(OLD).seal("t", b"k", b"1"), Sealer(NEW).seal("t", b"k", b"2")
    for keys in ((OLD, NEW), (NEW, OLD)):
        both = opener(*keys)
        assert (both.open("t", b"k", before), both.open("t", b"k", after)) == (
            b"1",
            b"2",
        )
    assert opener(NEW).open("t", b"k", before) is Unreadable.UNKNOWN_KEY


def test_the_same_id_does_not_make_the_same_key() -> None:
    sealed = Sealer(OTHER).seal("t", b"k", CANARY)
    forged = MARK + key_id(OLD) + sealed[len(MARK) + ID_BYTES :]
    assert opener(OLD).open("t", b"k", forged) is Unreadable.ALTERED


def test_plain_values_are_read_unless_encryption_is_required() -> None:
    for value in (
        encoder.encode(record()),
        encoder.encode(NodeCoverage(VERSION, "n", 1, 2)),
        b"",
    ):
        assert opener().open("t", b"k", value) == value
        assert opener(OLD).open("t", b"k", value) == value
        refused = opener(OLD, is_required=True).open("t", b"k", value)
        assert refused is Unreadable.PLAIN


def _sealed(packed: bytes) -> bytes:
    """As `Sealer` would, of another content than a zstd frame of the value."""
    nonce = bytes(NONCE_BYTES)
    cipher, rest = Key(OLD).derive(nonce)
    head = MARK + key_id(OLD) + nonce
    return head + cipher.encrypt(rest, packed, MARK + b"t\0k")


@pytest.mark.parametrize(
    ("packed", "wanted"),
    [
        (zstandard.compress(b"x" * MOST_BYTES), b"x" * MOST_BYTES),
        (zstandard.compress(b"x" * (MOST_BYTES + 1)), Unreadable.ALTERED),
        (zstandard.compress(b"x" * 99)[:-1], Unreadable.ALTERED),
        (b"no frame", Unreadable.ALTERED),
        (b"", Unreadable.ALTERED),
    ],
)
def test_no_holder_of_the_key_can_make_it_take_more(
    packed: bytes, wanted: bytes | Unreadable
) -> None:
    assert opener(OLD).open("t", b"k", _sealed(packed)) == wanted


def test_each_reason_is_told_once_without_key_or_value(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = opener(OLD, NEW, is_required=True)
    unknown = Sealer(OTHER).seal("t", b"k", CANARY)
    for _ in range(3):
        one.open("t", b"k", unknown)
        one.open("t", b"moved", Sealer(OLD).seal("t", b"k", CANARY))
        one.open("t", b"k", CANARY)
    ids = [key_id(key).hex() for key in (OTHER, OLD, NEW)]
    assert [r.getMessage() for r in caplog.records] == [
        "kafka: messages cannot be read, encrypted with unknown key "
        f"{ids[0]} (known: {ids[1]}, {ids[2]}); counted as encrypted_unknown_key",
        "kafka: encrypted messages were altered or moved; counted as encrypted_altered",
        "kafka: messages are refused, for they are not encrypted; "
        "counted as not_encrypted",
    ]
    assert {r.levelno for r in caplog.records} == {logging.ERROR}


def test_without_keys_none_is_known(caplog: pytest.LogCaptureFixture) -> None:
    sealed = Sealer(OLD).seal("t", b"k", CANARY)
    assert opener().open("t", b"k", sealed) is Unreadable.UNKNOWN_KEY
    assert "(known: none)" in caplog.text


def test_a_sealed_value_has_a_fixed_overhead() -> None:
    packed = zstandard.ZstdCompressor(level=1).compress(CANARY)
    sealed = Sealer(OLD).seal("t", b"k", CANARY)
    assert len(sealed) == HEADER_BYTES + len(packed) + TAG_BYTES
