"""Seals the secrets of channels: what the database, and so a backup, holds of them.

In: a secret, and the id of its channel. Out: bytes. With `cloud.alerts_key_file` they
are AES-256-GCM (NIST SP 800-38D) under a key made of the file's content by HKDF-SHA256
(RFC 5869), bound to the channel, so that they cannot be moved to another.
Without a key they stand as they are: who reads the database reads them.
"""

import os

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cloud.errors import CloudError

_NONCE_BYTES = 12
_OPEN, _SEALED = b"\0", b"\1"
"""The first byte says how."""


class VaultError(CloudError):
    """A secret cannot be read with this key."""


class Vault:
    """Seals and opens, with a key or without."""

    def __init__(self, key: bytes = b"") -> None:
        """`key`: the content of the key's file; empty: there is none."""
        self.is_sealed = bool(key)
        made = HKDF(SHA256(), 32, salt=None, info=b"vethscope alerts")
        self._cipher = AESGCM(made.derive(key)) if key else None

    def seal(self, channel: str, secret: dict[str, str]) -> bytes:
        text = msgspec.json.encode(secret)
        if self._cipher is None:
            return _OPEN + text
        nonce = os.urandom(_NONCE_BYTES)
        return _SEALED + nonce + self._cipher.encrypt(nonce, text, channel.encode())

    def open(self, channel: str, sealed: bytes) -> dict[str, str]:
        """Raises VaultError: it was sealed with another key, or is damaged."""
        try:
            return msgspec.json.decode(self._text(channel, sealed), type=dict[str, str])
        except (InvalidTag, ValueError, msgspec.DecodeError):
            raise VaultError(
                "its secret cannot be read with cloud.alerts_key_file: write it again"
            ) from None

    def _text(self, channel: str, sealed: bytes) -> bytes:
        if sealed[:1] == _OPEN:
            return sealed[1:]
        if self._cipher is None:
            raise ValueError("no key")
        end = 1 + _NONCE_BYTES
        return self._cipher.decrypt(sealed[1:end], sealed[end:], channel.encode())
