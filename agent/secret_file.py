"""A file that holds a secret: read only if it is closed to all but owner and group.

In: a path. Out: its bytes. What is wrong is told without the path's or file's content:
somebody may have taken the setting for the secret itself.
"""

import os
import re
import stat
from pathlib import Path

MOST_TOKEN_BYTES = 4096

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
"""RFC 6750, section 2.1."""


class SecretFileError(Exception):
    """The file cannot be used; the text says why."""


def read_secret(file: Path, most_bytes: int) -> bytes:
    """Raises SecretFileError."""
    try:
        if not file.is_file():
            raise SecretFileError("no such file (a path is meant, not the key itself)")
        with file.open("rb") as opened:
            status = os.fstat(opened.fileno())
            if status.st_mode & (stat.S_IROTH | stat.S_IWOTH):
                raise SecretFileError("is open to all users: chmod o-rw")
            if status.st_size > most_bytes:
                raise SecretFileError(f"is longer than {most_bytes} bytes")
            return opened.read(most_bytes)
    except OSError as error:
        raise SecretFileError(f"cannot be read: {error.strerror}") from None


def read_token(file: str) -> str:
    """A bearer token, alone in its file. Raises SecretFileError."""
    text = read_secret(Path(file), MOST_TOKEN_BYTES).decode("latin-1").strip()
    if not _TOKEN.fullmatch(text):
        raise SecretFileError("must hold one token: letters, digits and -._~+/= only")
    return text
