"""WebSocket's opening handshake: what both sides agreed on.

In come the heads of a request and of the response that switches, out goes whether they
open a WebSocket (RFC 6455 section 4: the answer proves by the key that it is to this
request; in HTTP/2 RFC 8441 has none) and how its messages are compressed (RFC 7692).
Once a connection, so not compiled.
"""

import base64
import re
from hashlib import sha1
from typing import NamedTuple

from rings.pairs.message import Message

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_DEFLATE = b"permessage-deflate"
_LARGEST_BITS = 15
_LEAST_BITS = 9
"""zlib writes windows of 9 bits where 8 were agreed on."""
_BITS = re.compile(rb'"?(8|9|1[0-5])"?')
_EXTENSIONS = b"sec-websocket-extensions"


class Way(NamedTuple):
    """How one side sends compressed messages."""

    bits: int = 0
    """Of its window; none: it does not."""
    is_going_on: bool = True
    """Messages refer to those before (context takeover)."""


class Agreement(NamedTuple):
    """How both sides send."""

    client: Way = Way()
    server: Way = Way()
    is_known: bool = True
    """No extension was agreed on that changes frames in a way of its own."""


def opens(request: Message, response: Message) -> bool:
    """Whether a response with the status 101 begins the WebSocket that was asked for,
    in a way that can be read."""
    if b"websocket" not in response.field(b"upgrade").lower():
        return False
    key = request.field(b"sec-websocket-key")
    proof = base64.b64encode(sha1(key + _GUID, usedforsecurity=False).digest())
    if not key or response.field(b"sec-websocket-accept") != proof:
        return False
    return agreed(request, response).is_known


def opens_within(request: Message, response: Message) -> bool:
    """The same for a request of HTTP/2 with the method CONNECT."""
    is_asked = b"\n:protocol: websocket\r" in request.head
    return is_asked and agreed(request, response).is_known


def agreed(request: Message, response: Message) -> Agreement:
    """What the response's extensions say (RFC 6455 section 9.1)."""
    client, server = Way(), Way()
    for element in response.field(_EXTENSIONS).lower().split(b","):
        name, *options = (part.strip() for part in element.split(b";"))
        if not name:
            continue
        is_offered = _DEFLATE in request.field(_EXTENSIONS).lower()
        if name != _DEFLATE or client.bits or not is_offered:
            return Agreement(is_known=False)
        client, server = _way(options, b"client"), _way(options, b"server")
        if not client.bits or not server.bits:
            return Agreement(is_known=False)
    return Agreement(client, server)


def _way(options: list[bytes], side: bytes) -> Way:
    """Of one side; without bits if they are none (RFC 7692 section 7.1)."""
    bits, is_going_on = _LARGEST_BITS, True
    for option in options:
        name, _, value = (part.strip() for part in option.partition(b"="))
        if name == side + b"_no_context_takeover":
            is_going_on = False
        elif name == side + b"_max_window_bits":
            if _BITS.fullmatch(value) is None:
                return Way()
            bits = max(int(value.strip(b'"')), _LEAST_BITS)
    return Way(bits, is_going_on)
