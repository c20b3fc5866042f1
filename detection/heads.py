"""Messages from HTTP/1 heads as captured.

In: the raw bytes of a start line and field lines (RFC 9112 sections 3 to 5), possibly
with bare LF and obsolete line folding, and a body. Out: a Message to scan. Rubbish
gives empty values, never an exception.
"""

import re

from detection.finding import Message

_FOLD = re.compile(rb"\r?\n[ \t]+")


def message(head: bytes, body: bytes, truncated: bool) -> Message:
    """Of a request, with its target, or of a response."""
    headers = fields(head)
    types = [value for name, value in headers if name.lower() == b"content-type"]
    return Message(
        target=target(head),
        headers=headers,
        content_type=b", ".join(types).decode("latin-1"),
        body=body,
        truncated=truncated,
    )


def target(head: bytes) -> bytes:
    """The request target; empty in a response (RFC 9112 section 3)."""
    end = head.find(b"\n")
    line = (head if end < 0 else head[:end]).strip()
    method, _, rest = line.partition(b" ")
    if method.startswith(b"HTTP/"):
        return b""
    rest = rest.strip()
    return rest.rpartition(b" ")[0].strip() if b" " in rest else rest


def fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """Field lines in order, obsolete folding undone; those without a name are left
    out."""
    if b"\n " in head or b"\n\t" in head:
        head = _FOLD.sub(b" ", head)
    lines = []
    for line in head.split(b"\n")[1:]:
        name, colon, value = line.partition(b":")
        name = name.strip()
        if colon and name:
            lines.append((name, value.strip()))
    return lines
