"""File descriptors in Java's jars and classes.

Generated code of Java holds each .proto file as strings of Latin-1 characters, one a
byte, in the constants of a class (JVM specification, section 4.4), long ones in
several pieces. Jars are zip files (APPNOTE.TXT), also within each other without
compression (Spring Boot). In comes something to read from, out come serialized
FileDescriptorProtos; what is malformed ends its part of the search.
"""

import struct
import zlib
from collections.abc import Iterator

from agent.harvest.search import Read, end, file

MOST_DIRECTORY_BYTES = 16 << 20
"""Of a jar: some 200,000 files."""
MOST_CLASS_BYTES = 4 << 20
MOST_INFLATED = 256 << 20
"""Of one jar."""
MOST_WITHIN = 1_000
"""Jars within a jar."""

_END = struct.Struct("<4s4xHHIIH")
_END_BYTES = 22
_MOST_COMMENT = 1 << 16
_ENTRY = struct.Struct("<4s6xH8xIIHHH8xI")
_ENTRY_BYTES = 46
_LOCAL_BYTES = 30
_STORED, _DEFLATED = 0, 8
_MAGIC = b"\xca\xfe\xba\xbe"
_UTF8, _STRING = 1, 8
_CONSTANT_BYTES = {
    **dict.fromkeys((7, 8, 16, 19, 20), 2),
    **dict.fromkeys((3, 4, 9, 10, 11, 12, 17, 18), 4),
    **dict.fromkeys((5, 6), 8),
    15: 3,
}
_TWO_PLACES = (5, 6)


def search_jar(read: Read, size: int, is_within: bool = False) -> Iterator[bytes]:
    """Those of all classes that are no inner ones."""
    inflated = 0
    within = 0
    for name, method, packed, plain, place in _entries(read, size):
        if name.endswith(b".jar") and method == _STORED and not is_within:
            within += 1
            start = _content(read, place)
            if within <= MOST_WITHIN and start >= 0 and start + packed <= size:
                yield from search_jar(_part(read, start, packed), packed, True)
        elif name.endswith(b".class") and b"$" not in name:
            inflated += plain
            if plain <= MOST_CLASS_BYTES and inflated <= MOST_INFLATED:
                yield from search_class(_inflated(read, method, packed, plain, place))


def search_class(data: bytes) -> Iterator[bytes]:
    """Those of a class file."""
    if data[:4] != _MAGIC or b".proto" not in data:
        return
    texts = _strings(data)
    for number, text in enumerate(texts):
        if text[:1] != b"\n" or b".proto" not in text[:260]:
            continue
        # Pieces are cut anywhere: the next one belongs to it if it leads further.
        for piece in texts[number + 1 :]:
            if end(text + piece) <= end(text):
                break
            text += piece
        found = file(text)
        if found:
            yield found


def _strings(data: bytes) -> list[bytes]:
    """String constants whose characters all are bytes, in order."""
    if len(data) < 10:
        return []
    texts: dict[int, bytes] = {}
    strings: list[int] = []
    count = int.from_bytes(data[8:10], "big")
    position, number = 10, 1
    while number < count and position + 3 <= len(data):
        kind = data[position]
        if kind == _UTF8:
            size = int.from_bytes(data[position + 1 : position + 3], "big")
            texts[number] = data[position + 3 : position + 3 + size]
            position += 3 + size
        elif kind in _CONSTANT_BYTES:
            if kind == _STRING:
                strings.append(int.from_bytes(data[position + 1 : position + 3], "big"))
            position += 1 + _CONSTANT_BYTES[kind]
        else:
            break
        number += 2 if kind in _TWO_PLACES else 1
    return [_latin(texts.get(index, b"")) for index in strings]


def _latin(text: bytes) -> bytes:
    """Modified UTF-8 as Latin-1; empty if it is other text."""
    try:
        return text.replace(b"\xc0\x80", b"\0").decode().encode("latin-1")
    except ValueError:
        return b""


def _entries(read: Read, size: int) -> Iterator[tuple[bytes, int, int, int, int]]:
    """Of each file of a zip file: name, method, sizes packed and plain, place."""
    tail = read(max(0, size - _END_BYTES - _MOST_COMMENT), _END_BYTES + _MOST_COMMENT)
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or len(tail) - found < _END_BYTES:
        return
    _, _, _, length, start, _ = _END.unpack_from(tail, found)
    if length > MOST_DIRECTORY_BYTES:
        return
    directory = read(start, length)
    place = 0
    while place + _ENTRY_BYTES <= len(directory):
        mark, method, packed, plain, named, extra, comment, local = _ENTRY.unpack_from(
            directory, place
        )
        if mark != b"PK\x01\x02":
            return
        begin = place + _ENTRY_BYTES
        yield directory[begin : begin + named], method, packed, plain, local
        place = begin + named + extra + comment


def _content(read: Read, place: int) -> int:
    """Where the bytes of a file begin, or -1."""
    local = read(place, _LOCAL_BYTES)
    if len(local) < _LOCAL_BYTES or local[:4] != b"PK\x03\x04":
        return -1
    named, extra = struct.unpack_from("<HH", local, 26)
    return place + _LOCAL_BYTES + int(named) + int(extra)


def _inflated(read: Read, method: int, packed: int, plain: int, place: int) -> bytes:
    start = _content(read, place)
    if start < 0 or packed > MOST_CLASS_BYTES:
        return b""
    data = read(start, packed)
    if method == _STORED:
        return data
    if method != _DEFLATED:
        return b""
    try:
        return zlib.decompressobj(-15).decompress(data, max(1, plain))
    except zlib.error:
        return b""


def _part(read: Read, start: int, size: int) -> Read:
    def part(place: int, length: int) -> bytes:
        return read(start + place, max(0, min(length, size - place)))

    return part
