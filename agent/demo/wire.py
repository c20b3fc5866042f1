"""HTTP/1.1 as the demo's services and clients speak it (RFC 9112): encode and read.

Only what the two need of each other; it is no general parser.
"""

import gzip
from asyncio import StreamReader
from typing import NamedTuple

from agent.demo.api import Answer, Request

CHUNK_BYTES = 1000
_REASONS = {200: b"OK", 201: b"Created", 204: b"No Content", 404: b"Not Found"}


class Head(NamedTuple):
    first: list[str]
    """The start line's three parts."""
    fields: dict[str, str]
    """Names in lower case."""

    @property
    def is_last(self) -> bool:
        """No further message follows on this connection."""
        return self.fields.get("connection") == "close"


def encode_request(request: Request, is_last: bool = False) -> bytes:
    lines = [
        f"{request.method} {request.target} HTTP/1.1".encode(),
        f"Host: {request.host}".encode(),
        f"User-Agent: {request.agent}".encode(),
        b"Accept: application/json, */*",
        b"Accept-Encoding: gzip",
    ]
    if request.body:
        lines.append(b"Content-Type: " + request.content_type.encode())
        lines.append(b"Content-Length: %d" % len(request.body))
    return _message(lines, is_last, request.body)


def encode_answer(answer: Answer, is_last: bool = False) -> bytes:
    reason = _REASONS.get(answer.status, b"Refused")
    lines = [b"HTTP/1.1 %d %s" % (answer.status, reason), b"Server: vethscope-demo"]
    body = gzip.compress(answer.body, 1, mtime=0) if answer.is_gzip else answer.body
    if answer.body:
        lines.append(b"Content-Type: " + answer.content_type.encode())
    if answer.is_gzip:
        lines.append(b"Content-Encoding: gzip")
    if answer.is_chunked:
        lines.append(b"Transfer-Encoding: chunked")
        body = _chunked(body)
    elif answer.status != 204:
        lines.append(b"Content-Length: %d" % len(body))
    return _message(lines, is_last, body)


async def read_head(reader: StreamReader) -> Head:
    """Raises asyncio.IncompleteReadError when the connection ends."""
    raw = await reader.readuntil(b"\r\n\r\n")
    first, *rest = raw[:-4].decode("ascii").split("\r\n")
    pairs = (line.partition(": ") for line in rest)
    return Head(first.split(" ", 2), {name.lower(): value for name, _, value in pairs})


async def read_body(reader: StreamReader, head: Head) -> bytes:
    """The body without its transfer coding; empty where none is announced."""
    if head.fields.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(head.fields.get("content-length", 0)))
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body


def _message(lines: list[bytes], is_last: bool, body: bytes) -> bytes:
    if is_last:
        lines.append(b"Connection: close")
    return b"\r\n".join([*lines, b"", b""]) + body


def _chunked(body: bytes) -> bytes:
    pieces = (body[at : at + CHUNK_BYTES] for at in range(0, len(body), CHUNK_BYTES))
    framed = (b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return b"".join(framed) + b"0\r\n\r\n"
