# cython: annotation_typing=False
"""Messages and pairs: what the parser fills and the pairer joins."""

from typing import Any

import cython

HTTP_1 = 1
HTTP_2 = 2
GRPC = 3
WEBSOCKET = 4
SSE = 5
"""What a message is of; the numbers are those of `proto/v1/collector.proto`."""

_NONE: Any = None


@cython.no_gc
@cython.cclass
class Message:
    """One HTTP request or response. Its repr shows no captured byte.

    `start` and `end` are positions in its own stream, `acknowledged` is the position
    in the opposite stream that its first segment acknowledged.
    """

    def __init__(self) -> None:
        self.is_request = False
        self.protocol = HTTP_1
        self.start = 0
        self.head_end = 0
        self.end = 0
        self.acknowledged = 0
        self.first_ns = 0
        self.head = b""
        self.method_end = 0
        self.target_start = 0
        self.target_end = 0
        self.type_start = 0
        self.type_end = 0
        self.coding_start = 0
        self.coding_end = 0
        """Places in the head."""
        self.is_path_unknown = False
        """Or the method: the exchange is seen, but not what it asked for."""
        self.asks_head = False
        self.asks_tunnel = False
        self.status = 0
        self.is_json = False
        self.kind = 0
        """Of its media type (`media`)."""
        self.is_judged = True
        """It is settled whether the body is JSON."""
        self.keeps_body = False
        self.body: bytes | bytearray = b""
        self.body_bytes = 0
        self.gap_bytes = 0
        self.wire_bytes = 0
        self.following: Message = _NONE
        """The next request that waits behind this one (`pairing`)."""
        self.held_bytes = 0
        """Of the budget."""
        self.truncated = False
        self.is_done = False
        self.division = 0
        """How the body may be told in parts (`media`); below zero: not looked at."""
        self.cutter: Any = None
        """A body's that is told in parts (`cutting`)."""
        self.parts = 0
        """Of a request: how many parts of its exchange were handed on …"""
        self.is_paired = False
        """… whether it is counted as a pair …"""
        self.is_told = False
        """… and whether one was handed on that has the response's head."""

    @property
    def method(self) -> bytes:
        return self.head[: self.method_end]

    @property
    def target(self) -> bytes:
        return self.head[self.target_start : self.target_end]

    @property
    def content_type(self) -> bytes:
        """Without parameters."""
        return self.head[self.type_start : self.type_end]

    def field(self, name: bytes) -> bytes:
        """A head field's values joined by commas; `name` in lower case."""
        values: list[bytes] = []
        is_wanted = False
        for line in self.head.replace(b"\r\n", b"\n").split(b"\n")[1:]:
            if line[:1] in (b" ", b"\t"):
                if is_wanted:
                    values.append(values.pop() + b" " + line.strip())
                continue
            key, _, value = line.partition(b":")
            is_wanted = key.strip().lower() == name
            if is_wanted:
                values.append(value.strip())
        return b", ".join(values)

    def __repr__(self) -> str:
        kind = "request" if self.is_request else "response"
        return f"Message({kind}, head={len(self.head)} B, body={self.body_bytes} B)"


@cython.no_gc
@cython.cclass
class Pair:
    """A request and its response; without a response, a request never answered."""

    def __init__(
        self, request: Message, response: Message | None, connection: int
    ) -> None:
        self.request = request
        self.response = response
        self.connection = connection
        self.client = b""
        self.client_port = 0
        self.server = b""
        self.server_port = 0
        self.interface = 0
        self.part = 0
        """Which part of its exchange this is, from zero on."""
        self.is_last = True
        """No other one follows: the exchange ended."""
        self.exchanges = 1
        """None if a part before counts as the exchange, or a later one will."""

    @property
    def is_json(self) -> bool:
        response = self.response
        return self.request.is_json or (response is not None and response.is_json)

    def __repr__(self) -> str:
        return f"Pair({self.request!r}, {self.response!r})"
