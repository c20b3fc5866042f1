"""Hashes that addresses are checked by."""

from detection.validators import crypto


def test_keccak_has_the_published_digest() -> None:
    empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert crypto.keccak256(b"").hex() == empty
    assert len(crypto.keccak256(b"x" * 300)) == 32
