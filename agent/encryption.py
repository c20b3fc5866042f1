"""Encryption of Kafka values, where broker and disks are not to be trusted with them.

In: keys, and a message's topic, key and value. Out: the sealed value, and back. An
altered value, or one that was moved to another topic or key, does not open.

    0xC1 0x01 | id of the key, 8 bytes | nonce, 24 bytes | zstd frame, XAES-256-GCM, tag

0xC1 begins no MessagePack value, so plain and sealed values tell themselves apart.
XAES-256-GCM is AES-256-GCM under a key derived for each message, so that nonces may be
random for 2^80 messages (https://c2sp.org/XAES-256-GCM). What is sealed has no pattern
left, so it is compressed before. Order and repetition of messages are not protected.
"""

import hashlib
import logging
import os
from collections.abc import Iterable
from enum import Enum

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

log = logging.getLogger("vethscope")

MARK = b"\xc1\x01"
ID_BYTES = 8
NONCE_BYTES = 24
HEADER_BYTES = len(MARK) + ID_BYTES + NONCE_BYTES
LEVEL = -1
"""Of zstd, whose fast levels are negative: the node's time counts for more than the
broker's disk (docs/decisions/0008-encryption.md)."""

_DERIVING = NONCE_BYTES // 2
"""Bytes of the nonce that the message's key is derived from."""


class Unreadable(Enum):
    """Why a value does not open; the reason in coverage."""

    UNKNOWN_KEY = "encrypted_unknown_key"
    ALTERED = "encrypted_altered"
    PLAIN = "not_encrypted"


class Key:
    """A key of XAES-256-GCM; a cipher of its own comes out of it for each message."""

    def __init__(self, key: bytes) -> None:
        self._halves = (CMAC(AES(key)), CMAC(AES(key)))
        for counter, half in enumerate(self._halves, 1):
            half.update(bytes((0, counter, ord("X"), 0)))

    def derive(self, nonce: bytes) -> tuple[AESGCM, bytes]:
        """The cipher and its own nonce, by SP 800-108r1's KDF in counter mode."""
        first, second = (half.copy() for half in self._halves)
        first.update(nonce[:_DERIVING])
        second.update(nonce[:_DERIVING])
        return AESGCM(first.finalize() + second.finalize()), nonce[_DERIVING:]


class Sealer:
    """Seals values with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = Key(key)
        self._head = MARK + key_id(key)
        self._compress = zstandard.ZstdCompressor(level=LEVEL).compress

    def seal(self, topic: str, key: bytes, value: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        cipher, rest = self._key.derive(nonce)
        sealed = cipher.encrypt(rest, self._compress(value), _bound(topic, key))
        return b"".join((self._head, nonce, sealed))


class Opener:
    """Opens what was sealed with any of the keys; says once each what does not open."""

    def __init__(
        self, keys: Iterable[bytes], is_required: bool, most_bytes: int
    ) -> None:
        """`is_required`: plain values are refused. No value is larger than `most_bytes`
        when opened."""
        self._keys = {key_id(key): Key(key) for key in keys}
        self._is_required = is_required
        self._most_bytes = most_bytes
        self._decompress = zstandard.ZstdDecompressor().decompress
        self._told: set[Unreadable] = set()

    def open(self, topic: str, key: bytes, value: bytes) -> bytes | Unreadable:
        """The value; a plain one as it is, unless encryption is required."""
        if not value.startswith(MARK):
            return self._tell(Unreadable.PLAIN) if self._is_required else value
        name = value[len(MARK) : len(MARK) + ID_BYTES]
        known = self._keys.get(name)
        if known is None:
            have = ", ".join(known.hex() for known in self._keys) or "none"
            return self._tell(Unreadable.UNKNOWN_KEY, f" {name.hex()} (known: {have})")
        if len(value) <= HEADER_BYTES:
            return self._tell(Unreadable.ALTERED)
        cipher, rest = known.derive(value[HEADER_BYTES - NONCE_BYTES : HEADER_BYTES])
        try:
            packed = cipher.decrypt(rest, value[HEADER_BYTES:], _bound(topic, key))
            if zstandard.frame_content_size(packed) <= self._most_bytes:
                return self._decompress(packed)
        except (InvalidTag, zstandard.ZstdError):
            pass
        return self._tell(Unreadable.ALTERED)

    def _tell(self, reason: Unreadable, key: str = "") -> Unreadable:
        if reason not in self._told:
            self._told.add(reason)
            log.error("kafka: %s%s; counted as %s", _WORDS[reason], key, reason.value)
        return reason


def key_id(key: bytes) -> bytes:
    """Names a key without telling it."""
    return hashlib.sha256(b"vethscope key id\0" + key).digest()[:ID_BYTES]


def _bound(topic: str, key: bytes) -> bytes:
    """What a value may not be parted from. No topic's name holds a zero byte."""
    return MARK + topic.encode() + b"\0" + key


_WORDS = {
    Unreadable.UNKNOWN_KEY: "messages cannot be read, encrypted with unknown key",
    Unreadable.ALTERED: "encrypted messages were altered or moved",
    Unreadable.PLAIN: "messages are refused, for they are not encrypted",
}
