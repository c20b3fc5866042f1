"""The key file: 32-byte keys in base64, one a line; empty lines do not count.

In: a path. Out: the keys in their order: the first encrypts, all decrypt, so that keys
change without loss. What is wrong is told by line numbers, never by content.
"""

import base64
import binascii
from pathlib import Path

from agent.secret_file import SecretFileError, read_secret

KEY_BYTES = 32
MOST_BYTES = 4096
"""Of the file: some ninety keys."""


class KeyFileError(Exception):
    """The keys cannot be used; the text says why and holds nothing of the file."""

    def __init__(self, why: str) -> None:
        super().__init__(f"kafka.encryption_key_file: {why}")


def read_keys(file: str) -> tuple[bytes, ...]:
    """At least one key. Raises KeyFileError."""
    try:
        content = read_secret(Path(file), MOST_BYTES)
    except SecretFileError as error:
        raise KeyFileError(str(error)) from None
    numbered = [
        (number, line.strip())
        for number, line in enumerate(content.splitlines(), 1)
        if line.strip()
    ]
    if not numbered:
        raise KeyFileError("holds no key (head -c 32 /dev/urandom | base64)")
    keys = [_key(line) for _, line in numbered]
    wrong = [
        str(number)
        for (number, _), key in zip(numbered, keys, strict=True)
        if key is None or keys.count(key) > 1
    ]
    if wrong:
        raise KeyFileError(
            f"line {', '.join(wrong)}: must be {KEY_BYTES} bytes in base64, each once"
        )
    return tuple(key for key in keys if key is not None)


def _key(line: bytes) -> bytes | None:
    try:
        key = base64.b64decode(line, validate=True)
    except binascii.Error:
        return None
    return key if len(key) == KEY_BYTES else None
