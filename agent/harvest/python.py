"""File descriptors in Python's generated modules, `*_pb2.py`.

They hold each .proto file as a bytes literal, which is read and never run. In comes a
module's source, out come serialized FileDescriptorProtos. Compiled modules hold the
same bytes as they are, for `search.py`.
"""

import codecs
import re
import warnings
from collections.abc import Iterator

from agent.harvest.search import file

_LITERAL = re.compile(
    rb"(?:AddSerializedFile\(|serialized_pb=)\s*b"
    rb"(?:'((?:[^'\\\n]|\\[^\n])*)'|\"((?:[^\"\\\n]|\\[^\n])*)\")"
)


def search_source(source: bytes) -> Iterator[bytes]:
    for found in _LITERAL.finditer(source):
        try:
            plain = _plain(found[1] or found[2] or b"")
        except ValueError:
            continue
        told = file(plain)
        if told:
            yield told


def _plain(literal: bytes) -> bytes:
    """Raises ValueError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        plain, _ = codecs.escape_decode(literal)
    return plain
