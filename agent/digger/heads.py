"""What the digger needs of an HTTP/1 message head, as captured.

In: the raw bytes of a start line and field lines (RFC 9112 sections 3 to 5). Out: the
few values asked for. Rubbish gives empty values, never an exception.
"""

import re

METHODS = frozenset(
    b"GET HEAD POST PUT PATCH DELETE OPTIONS CONNECT TRACE QUERY".split()
)
"""RFC 9110 section 9, RFC 5789 and QUERY; any other token is reported as OTHER."""

_CONTENT_CODING = re.compile(rb"\ncontent-encoding[ \t]*:([^\r\n]*)", re.IGNORECASE)


def content_coding(head: bytes) -> bytes:
    """The content codings as sent, without looking at all fields."""
    found = _CONTENT_CODING.search(head)
    return found[1].strip() if found else b""
