# cython: annotation_typing=False
"""HTTP/2: whether bytes are its, so that they are counted as what they are.

In come the first bytes of a stream or of a segment, out goes whether they are the
client's preface (RFC 9113 section 3.4), the server's (a SETTINGS frame), or frames of a
connection whose beginning was missed. A single frame header is weak: it needs the place
where it ends.
"""

import cython

from rings.memory import Octets

if not cython.compiled:
    from rings.memory import begins, read_be16, read_be32

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_BYTES = 9
_FRAME_BYTES = 1 << 20
"""Longer frames need a setting that nobody uses; 16 KiB is usual."""
DATA = 0
HEADERS = 1
PRIORITY = 2
RST_STREAM = 3
SETTINGS = 4
PUSH_PROMISE = 5
PING = 6
GOAWAY = 7
WINDOW_UPDATE = 8
CONTINUATION = 9
_FLAGS = bytes((0x09, 0x2D, 0x00, 0x00, 0x01, 0x0C, 0x01, 0x00, 0x00, 0x04))
"""The flags that each type defines (section 6)."""
END_STREAM = 0x01
END_HEADERS = 0x04
PADDED = 0x08
PRIORITIZED = 0x20
USUAL_STREAM = 1 << 24
"""Below it stand most streams' numbers; 2^31 are allowed, and what is connected for
days gets there."""
_MOST_STREAM = 1 << 31
_NEAR = 1 << 20
"""So close together are the larger numbers of streams that are open at once."""


def is_preface(data: Octets, start: int, end: int) -> bool:
    """Whether the client's preface, or as much of it as is there, stands here."""
    return begins(data, start, end, PREFACE)


def is_settings(data: Octets, start: int, end: int) -> bool:
    """Whether a SETTINGS frame begins here, as a connection's first one does."""
    return (
        end - start >= HEADER_BYTES
        and data[start + 3] == SETTINGS
        and is_header(data, start, 0)
    )


def is_framed(data: Octets, start: int, end: int) -> bool:
    """Whether frames stand here: several, or one that ends where the bytes do, or the
    beginning of DATA or HEADERS that are longer than they are, with a usual number.
    """
    place = start
    frames = 0
    number = 0
    while end - place >= HEADER_BYTES:
        if not is_header(data, place, number):
            return False
        number = max(number, number_at(data, place))
        frames += 1
        place += HEADER_BYTES + length_at(data, place)
    if frames > 1 or (frames == 1 and place == end):
        return True
    if frames == 0 or number >= USUAL_STREAM:
        return False
    return place > end and data[start + 3] < PRIORITY


def length_at(data: Octets, start: int) -> int:
    """Of the payload behind the header at `start`."""
    return data[start] << 16 | read_be16(data, start + 1)


def number_at(data: Octets, start: int) -> int:
    """Of the stream, in the header at `start`."""
    return read_be32(data, start + 5)


def is_header(data: Octets, start: int, known: int) -> bool:
    """Whether the nine bytes make sense as a frame's header (section 4.1, 6). `known`:
    the highest number in headers before it; one beyond the usual must be close to it.
    """
    kind = data[start + 3]
    if kind > CONTINUATION or data[start + 4] & ~_FLAGS[kind]:
        return False
    length = length_at(data, start)
    stream = number_at(data, start)
    if length > _FRAME_BYTES or stream >= _MOST_STREAM:
        return False
    if stream >= USUAL_STREAM and known >= USUAL_STREAM:
        away = stream - known if stream > known else known - stream
        if away > _NEAR:
            return False
    if kind == SETTINGS:
        is_answer = data[start + 4] & 1
        return stream == 0 and length % 6 == 0 and not (is_answer and length)
    if kind == PING:
        return stream == 0 and length == 8
    if kind == GOAWAY:
        return stream == 0 and length >= 8
    if kind == WINDOW_UPDATE:
        return length == 4
    if stream == 0:
        return False
    if kind == PRIORITY:
        return length == 5
    return length == 4 if kind == RST_STREAM else True


def read_role(data: Octets, start: int, end: int) -> int:
    """Whose head a HEADERS frame's first field is of, as in HTTP/1's `protocol`: 1 a
    request's, 2 a response's, 0 if it does not tell (section 6.2, RFC 7541 section 6).
    """
    place = start + HEADER_BYTES
    flags = data[start + 4]
    place += (1 if flags & PADDED else 0) + (5 if flags & PRIORITIZED else 0)
    if place >= end:
        return 0
    octet = data[place]
    if octet & 0x80:
        index = octet & 0x7F
    elif octet & 0x60 == 0x20:
        return 0
    else:
        index = octet & (0x3F if octet & 0x40 else 0x0F)
    if 1 <= index <= 7:
        return 1
    return 2 if 8 <= index <= 14 else 0


def breaks(kind: int, length: int, stream: int) -> bool:
    """Whether a frame that is due here breaks a rule of its type (section 6): it, or
    the place, is none. Unknown types are allowed, and so are unknown flags.
    """
    if kind in (SETTINGS, PING, GOAWAY):
        if stream:
            return True
        if kind == SETTINGS:
            return length % 6 != 0
        return length != 8 if kind == PING else length < 8
    if kind == WINDOW_UPDATE:
        return length != 4
    if kind > CONTINUATION:
        return False
    if stream == 0:
        return True
    if kind == PRIORITY:
        return length != 5
    return length != 4 if kind == RST_STREAM else False
