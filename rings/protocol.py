# cython: annotation_typing=False
"""Protocols: what the first bytes of a stream, or of a piece of it, are.

In come bytes, out goes the role whose HTTP/1 start line certainly stands there (RFC
9112 sections 3 and 4), or why these bytes cannot begin a message: TLS records (RFC
8446 section 5.1), the HTTP/2 preface (RFC 9113 section 3.4) or something else.
"""

import cython

from rings.memory import Octets

if not cython.compiled:
    from rings.memory import begins, find_byte, starts_with

UNKNOWN = 0
REQUEST = 1
RESPONSE = 2

MAYBE_HTTP = 0
NOT_HTTP = 1
TLS = 2
HTTP2 = 3

METHOD_LIMIT = 32
"""Bytes of a method; the longest registered one has 17."""

_LF = 10
_CR = 13
_SPACE = 32
_TAB = 9
_PREFACE = b"PRI * HTTP/2.0\r\n"


def starting_role(data: Octets, start: int, end: int) -> int:
    """The role whose start line certainly stands here, in full."""
    if start == end or not is_token(data[start]):
        return UNKNOWN
    stop = find_byte(data, _LF, start, end)
    if stop < 0:
        return UNKNOWN
    stop = trimmed(data, start, stop)
    if starts_with(data, start, stop, b"HTTP/1.") and stop - start >= 12:
        if data[start + 8] == _SPACE and 49 <= data[start + 9] <= 57:
            return RESPONSE
        return UNKNOWN
    space = find_byte(data, _SPACE, start, stop)
    if space <= start or space - start > METHOD_LIMIT or stop - space < 10:
        return UNKNOWN
    for position in range(start, space):
        if not is_token(data[position]):
            return UNKNOWN
    if data[stop - 9] == _SPACE and starts_with(data, stop - 8, stop, b"HTTP/1."):
        return REQUEST
    return UNKNOWN


def foreign(data: Octets, start: int, end: int, role: int) -> int:
    """Why these bytes cannot begin a message of this role; MAYBE_HTTP if they can."""
    if is_tls(data, start, end):
        return TLS
    if role == RESPONSE:
        fits = begins(data, start, end, b"HTTP/")
        return MAYBE_HTTP if fits else NOT_HTTP
    if end - start > 4 and begins(data, start, end, _PREFACE):
        return HTTP2
    return _foreign_request(data, start, end)


def is_tls(data: Octets, start: int, end: int) -> bool:
    """Whether a record of TLS or SSL 3 begins here."""
    if not 20 <= data[start] <= 23:
        return False
    return end - start < 2 or data[start + 1] == 3


def _foreign_request(data: Octets, start: int, end: int) -> int:
    """A line that is complete must be a request's, another may begin one."""
    if find_byte(data, _LF, start, end) >= 0:
        role = starting_role(data, start, end)
        return MAYBE_HTTP if role == REQUEST else NOT_HTTP
    position = start
    while position < end and position - start <= METHOD_LIMIT:
        octet = data[position]
        if octet == _SPACE and position > start:
            return MAYBE_HTTP
        if not is_token(octet):
            return NOT_HTTP
        position += 1
    return NOT_HTTP if position - start > METHOD_LIMIT else MAYBE_HTTP


def trimmed(data: Octets, start: int, end: int) -> int:
    """`end` without the white space before it."""
    while end > start and data[end - 1] in (_CR, _SPACE, _TAB):
        end -= 1
    return end


def is_token(octet: int) -> bool:
    """tchar of RFC 9110 section 5.6.2."""
    if 65 <= octet <= 90 or 94 <= octet <= 122 or 48 <= octet <= 57:
        return True
    return octet in (33, 35, 36, 37, 38, 39, 42, 43, 45, 46, 124, 126)
