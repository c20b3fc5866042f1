"""The key file: 32-byte keys in base64, one a line; empty lines do not count.

In: a path. Out: the keys in their order: the first encrypts, all decrypt, so that keys
change without loss. What is wrong is told by line numbers, never by content.
"""

import base64
import binascii
import os
import stat
from pathlib import Path

KEY_BYTES = 32
MOST_BYTES = 4096
"""Of the file: some ninety keys."""


class KeyFileError(Exception):
    """The keys cannot be used; the text says why and holds nothing of the file."""

    def __init__(self, why: str) -> None:
        super().__init__(f"kafka.encryption_key_file: {why}")


def read_keys(file: str) -> tuple[bytes, ...]:
    """At least one key. Raises KeyFileError."""
    numbered = [
        (number, line.strip())
        for number, line in enumerate(_content(Path(file)).splitlines(), 1)
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


def _content(file: Path) -> bytes:
    """Only of a file that none but its owner and group can read or change."""
    try:
        if not file.is_file():
            raise KeyFileError("no such file (a path is meant, not the key itself)")
        with file.open("rb") as opened:
            status = os.fstat(opened.fileno())
            if status.st_mode & (stat.S_IROTH | stat.S_IWOTH):
                raise KeyFileError("is open to all users: chmod o-rw")
            if status.st_size > MOST_BYTES:
                raise KeyFileError(f"is longer than {MOST_BYTES} bytes")
            return opened.read(MOST_BYTES)
    except OSError as error:
        raise KeyFileError(f"cannot be read: {error.strerror}") from None


def _key(line: bytes) -> bytes | None:
    try:
        key = base64.b64decode(line, validate=True)
    except binascii.Error:
        return None
    return key if len(key) == KEY_BYTES else None
