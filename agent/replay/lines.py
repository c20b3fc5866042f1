# cython: annotation_typing=False
"""Pairs as the lines of `--pairs`: DESIGN's contract, sizes and digests for bodies."""

from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address

import msgspec

from rings.bodies.content import codings, decode
from rings.pairs.message import Message, Pair

MOST_ENDS = 65_536
"""Addresses and ports kept as text, since most lines have one of the last ones."""
_NOTHING = sha256().hexdigest()
_NO_ANSWER: tuple[int | None, str | None, bool] = (None, None, True)

PROTOCOLS = ("", "HTTP/1", "HTTP/2", "gRPC", "WebSocket", "SSE")
"""By their numbers in `rings/pairs/message.py`."""


class Line(msgspec.Struct, gc=False):
    """A pair as the contract of `--pairs` has it."""

    file: str
    connection: int
    protocol: str
    client: str
    server: str
    method: str
    target: str
    status: int | None
    request_content_type: str | None
    response_content_type: str | None
    request_body_bytes: int
    request_body_sha256: str
    response_body_bytes: int | None
    response_body_sha256: str | None
    truncated: bool
    gaps: int
    started_ns: int
    answered_ns: int | None


def line(file: str, pair: Pair, limit: int) -> Line:
    """The pair's; bodies are undone of their codings up to so many bytes."""
    request, response = pair.request, pair.response
    gaps = request.gap_bytes
    asked = _content(request, limit)
    answered = _NO_ANSWER
    status = answer_type = answered_ns = None
    if response is not None:
        answered, status = _content(response, limit), response.status
        answer_type = _text(response.head, response.type_start, response.type_end)
        answered_ns = response.first_ns
        gaps += response.gap_bytes
    return Line(
        file,
        pair.connection,
        PROTOCOLS[request.protocol],
        _end(pair.client, pair.client_port),
        _end(pair.server, pair.server_port),
        _text(request.head, 0, request.method_end),
        _text(request.head, request.target_start, request.target_end),
        status,
        _text(request.head, request.type_start, request.type_end) or None,
        answer_type or None,
        asked[0],
        asked[1],
        answered[0],
        answered[1],
        not (asked[2] and answered[2]),
        gaps,
        request.first_ns,
        answered_ns,
    )


def _content(message: Message, limit: int) -> tuple[int, str, bool]:
    """Size and digest of the body as its sender meant it, and whether it is whole."""
    body = message.body
    if not body:
        return 0, _NOTHING, not message.truncated
    if message.coding_end == message.coding_start:
        return len(body), sha256(body).hexdigest(), not message.truncated
    decoded, is_whole = decode(codings(message.head), bytes(body), limit)
    is_whole = is_whole and not message.truncated
    return len(decoded), sha256(decoded).hexdigest(), is_whole


def _text(head: bytes, start: int, end: int) -> str:
    return head[start:end].decode("latin-1")


@lru_cache(maxsize=MOST_ENDS)
def _end(address: bytes, port: int) -> str:
    ip = ip_address(address)
    return f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}"
