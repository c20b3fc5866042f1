"""What the digger needs of an HTTP/1 message head, as captured.

In: the raw bytes of a start line and field lines (RFC 9112 sections 3 to 5), possibly
with bare LF and obsolete line folding. Out: the few values asked for. Rubbish gives
empty values, never an exception. Framing is not judged here: `rings` did that.
"""

import re
from typing import NamedTuple

METHODS = frozenset(
    b"GET HEAD POST PUT PATCH DELETE OPTIONS CONNECT TRACE QUERY".split()
)
"""RFC 9110 section 9, RFC 5789 and QUERY; any other token is reported as OTHER."""


class Fields(NamedTuple):
    """Fields in order, obsolete folding undone, names as sent."""

    lines: list[tuple[bytes, bytes]]

    def value(self, name: bytes) -> bytes:
        """The value of the fields called so (lower case), joined as a list."""
        return b", ".join(value for key, value in self.lines if key.lower() == name)


_FOLD = re.compile(rb"\r?\n[ \t]+")
_CONTENT_TYPE = re.compile(rb"\ncontent-type[ \t]*:([^\r\n]*)", re.IGNORECASE)
_CONTENT_CODING = re.compile(rb"\ncontent-encoding[ \t]*:([^\r\n]*)", re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+([1-9]\d\d)(?!\d)")


def request_line(head: bytes) -> tuple[str, bytes]:
    """Method (OTHER if unknown) and request target (RFC 9112 section 3)."""
    line = head[: head.find(b"\n")] if b"\n" in head else head
    method, _, rest = line.strip().partition(b" ")
    target = rest.strip().rpartition(b" ")[0] if b" " in rest.strip() else rest
    return method.decode("ascii") if method in METHODS else "OTHER", target.strip()


def status(head: bytes) -> int:
    """The status code, 0 if there is none (RFC 9112 section 4)."""
    found = _STATUS.match(head)
    return int(found[1]) if found else 0


def content_type(head: bytes) -> bytes:
    """The media type as sent, without looking at all fields."""
    return _first(_CONTENT_TYPE, head)


def content_coding(head: bytes) -> bytes:
    """The content codings as sent, without looking at all fields."""
    return _first(_CONTENT_CODING, head)


def fields(head: bytes) -> Fields:
    """All field lines; lines without a name are left out."""
    lines = []
    for line in _FOLD.sub(b" ", head).split(b"\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon and name.strip():
            lines.append((name.strip(), value.strip()))
    return Fields(lines)


def _first(pattern: re.Pattern[bytes], head: bytes) -> bytes:
    found = pattern.search(head)
    return found[1].strip() if found else b""
