# cython: annotation_typing=False
"""Chunked transfer coding (RFC 9112 section 7.1): where chunk data begins and ends.

In comes the framing between runs of chunk data, in pieces of any size; out goes how
many octets of data follow. The data itself is the framer's. Extensions and trailer
fields are skipped; a line ends by LF, with or without CR before it. What is no chunked
coding ends in the phase CHUNKS_BAD, and so do lines longer than the limit.
"""

import cython

from rings.memory import Octets

if not cython.compiled:
    from rings.memory import find_byte

CHUNK_SIZE = 0
CHUNK_EXTENSION = 1
CHUNK_DATA = 2
CHUNK_END = 3
CHUNK_TRAILER = 4
CHUNKS_DONE = 5
CHUNKS_BAD = 6

_MOST_DIGITS = 13
"""Of a chunk's size: 52 bits, with which no sum of positions overflows. Zeros before it
do not count, for RFC 9112 allows any number; the limit of a line bounds them."""
_LF = 10
_CR = 13
_SPACE = 32
_TAB = 9
_SEMICOLON = 59


class Chunks:
    """The framing of one chunked body."""

    def __init__(self, line_limit: int) -> None:
        self.phase = CHUNK_SIZE
        self.remaining = 0
        """Octets of the present chunk's data that are still to come."""
        self.line_limit = line_limit
        self.line_bytes = 0
        self.digits = 0
        self.trailer_bytes = 0

    def read(self, data: Octets, start: int, end: int) -> int:
        """Reads framing in data[start:end]; the position up to which it took it."""
        if self.phase == CHUNK_SIZE:
            return self._read_size(data, start, end)
        if self.phase == CHUNK_EXTENSION:
            return self._read_extension(data, start, end)
        if self.phase == CHUNK_END:
            return self._read_end(data, start)
        return self._read_trailer(data, start, end)

    def skip(self, size: int) -> None:
        """`size` octets of chunk data have passed, at most those that remain."""
        self.remaining -= size
        if self.remaining == 0:
            self.phase = CHUNK_END
            self.line_bytes = 0

    def _read_size(self, data: Octets, start: int, end: int) -> int:
        while start < end:
            value = _hex_value(data[start])
            if value < 0:
                is_end = data[start] in (_CR, _LF, _SEMICOLON, _SPACE, _TAB)
                is_size = is_end and (self.digits or self.line_bytes)
                self.phase = CHUNK_EXTENSION if is_size else CHUNKS_BAD
                self.line_bytes = 0
                return start
            self.remaining = self.remaining * 16 + value
            if self.remaining:
                self.digits += 1
            else:
                self.line_bytes += 1
            start += 1
            if self.digits > _MOST_DIGITS or self.line_bytes > self.line_limit:
                self.phase = CHUNKS_BAD
                return start
        return start

    def _read_extension(self, data: Octets, start: int, end: int) -> int:
        stop = find_byte(data, _LF, start, end)
        self.line_bytes += (end if stop < 0 else stop) - start
        if self.line_bytes > self.line_limit:
            self.phase = CHUNKS_BAD
            return end
        if stop < 0:
            return end
        self.phase = CHUNK_DATA if self.remaining else CHUNK_TRAILER
        self.line_bytes = 0
        self.trailer_bytes = 0
        return stop + 1

    def _read_end(self, data: Octets, start: int) -> int:
        octet = data[start]
        if octet == _LF:
            self.phase = CHUNK_SIZE
            self.digits = 0
            self.line_bytes = 0
        elif octet == _CR and self.line_bytes == 0:
            self.line_bytes = 1
        else:
            self.phase = CHUNKS_BAD
            return start
        return start + 1

    def _read_trailer(self, data: Octets, start: int, end: int) -> int:
        while start < end:
            octet = data[start]
            start += 1
            if octet == _LF:
                if self.line_bytes == 0:
                    self.phase = CHUNKS_DONE
                    return start
                self.line_bytes = 0
            elif octet != _CR:
                self.line_bytes += 1
                self.trailer_bytes += 1
            if self.trailer_bytes > self.line_limit:
                self.phase = CHUNKS_BAD
                return start
        return start


def _hex_value(octet: int) -> int:
    if 48 <= octet <= 57:
        return octet - 48
    if 65 <= octet <= 70:
        return octet - 55
    if 97 <= octet <= 102:
        return octet - 87
    return -1
