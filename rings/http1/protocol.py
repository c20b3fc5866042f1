# cython: annotation_typing=False
"""Protocols: what the first bytes of a stream, or of a piece of it, are.

In come bytes, out goes the role whose HTTP/1 start line certainly stands there (RFC
9112 sections 3 and 4), or why these bytes cannot begin a message: TLS records (RFC
8446 section 5.1), HTTP/2 (`http2`) or something else. After doubt less is certain: a
line may have lost its beginning, or only have begun.
"""

import cython

from rings.memory import Octets

if not cython.compiled:
    from rings.http2.protocol import is_preface, is_settings
    from rings.memory import begins, copy, find_byte, read_be16, starts_with

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
_TLS_RECORD_BYTES = 16_384 + 2_048
"""RFC 5246 section 6.2.3."""
METHODS = frozenset(
    b"ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL "
    b"LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE "
    b"OPTIONS ORDERPATCH PATCH POST PRI PROPFIND PROPPATCH PUT QUERY REBIND REPORT "
    b"SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF "
    b"VERSION-CONTROL BAN M-SEARCH NOTIFY PURGE SUBSCRIBE UNSUBSCRIBE".split()
)
"""IANA's registry (RFC 9110 section 16.1.1), and what UPnP and caches use."""
_ENDINGS = (
    frozenset(method[start:] for method in METHODS for start in range(1, len(method)))
    - METHODS
)
"""What is left of a method whose first bytes are missing."""


def starting_role(data: Octets, start: int, end: int) -> int:
    """The role whose start line certainly stands here, in full."""
    if start == end or not is_token(data[start]):
        return UNKNOWN
    stop = find_byte(data, _LF, start, end)
    if stop < 0:
        return UNKNOWN
    stop = trimmed(data, start, stop)
    if starts_with(data, start, stop, b"HTTP/1.") and stop - start >= 12:
        if data[start + 8] == _SPACE and 48 <= data[start + 9] <= 57:
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


def proven_role(data: Octets, start: int, end: int) -> int:
    """The same after doubt: the rest of a cut method is none."""
    role = starting_role(data, start, end)
    if role == REQUEST and method_at(data, start, end) in _ENDINGS:
        return UNKNOWN
    return role


def method_at(data: Octets, start: int, end: int) -> bytes:
    """The token before the first space."""
    return copy(data, start, max(start, find_byte(data, _SPACE, start, end)))


def prefers_own(line: bytes, own: bytes) -> bool:
    """Whether a start line that stands in a piece, `own`, is likelier than the one that
    it makes with what came before, `line`; both end with LF.
    """
    if proven_role(own, 0, len(own)) == UNKNOWN:
        return False
    if proven_role(line, 0, len(line)) != REQUEST:
        return proven_role(line, 0, len(line)) == UNKNOWN
    known = method_at(line, 0, len(line)) in METHODS
    return not known or line.count(b" ") > 2


def may_begin(data: Octets, start: int, end: int, role: int) -> bool:
    """Whether data[start:end], which has no LF, may be the beginning of a start line:
    of a status line, or of a method and a target (RFC 9112 section 3.2).
    """
    if role != REQUEST and begins(data, start, end, b"HTTP/1."):
        return True
    if role == RESPONSE:
        return False
    space = start
    while space < end and is_token(data[space]):
        space += 1
    if space == start or space - start > METHOD_LIMIT:
        return False
    if space == end:
        return True
    if data[space] != _SPACE:
        return False
    place = space
    while place < end and data[place] == _SPACE:
        place += 1
    if place == end or data[place] in b"/*hH":
        return True
    return starts_with(data, start, space, b"CONNECT")


def foreign(data: Octets, start: int, end: int, role: int) -> int:
    """Why these bytes cannot begin a message of this role; MAYBE_HTTP if they can."""
    if is_tls(data, start, end):
        return TLS
    if role == RESPONSE:
        if begins(data, start, end, b"HTTP/"):
            return MAYBE_HTTP
        return HTTP2 if is_settings(data, start, end) else NOT_HTTP
    if end - start > 4 and is_preface(data, start, end):
        return HTTP2
    return _foreign_request(data, start, end)


def is_tls(data: Octets, start: int, end: int) -> bool:
    """Whether a record of TLS or SSL 3 may begin here."""
    if not 20 <= data[start] <= 23:
        return False
    return end - start < 2 or data[start + 1] == 3


def is_tls_record(data: Octets, start: int, end: int) -> bool:
    """Whether one does, by its whole header."""
    if end - start < 5 or not is_tls(data, start, end) or data[start + 2] > 4:
        return False
    return 0 < read_be16(data, start + 3) <= _TLS_RECORD_BYTES


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
