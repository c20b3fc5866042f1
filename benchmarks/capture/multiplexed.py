"""HTTP/2 of one connection, as the benchmark's captures hold it.

In come requests and bodies, out go the frames that a client and a server send (RFC
9113), their heads coded by the library hpack with a dynamic table each.
"""

import struct

from hpack import Encoder

_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_END_STREAM, _END_HEADERS = 1, 4
_FRAME_BYTES = 16_384


def frame(kind: int, flags: int, number: int, payload: bytes) -> bytes:
    head = struct.pack(">I", len(payload) << 8 | kind)
    return head + struct.pack(">BI", flags, number) + payload


def _message(size: int, number: int) -> bytes:
    """Framed: one text field, as protobuf codes it."""
    text = f"{number}:".encode().ljust(size - 3, b"m")
    return struct.pack(">BI", 0, size) + b"\x0a\xc5\x01" + text


class Multiplexed:
    """Both sides of a connection, and the streams that wait for their answers."""

    def __init__(self) -> None:
        self._asking, self._answering = Encoder(), Encoder()
        self._number = 1
        self._open: list[int] = []

    def preface(self) -> bytes:
        settings = frame(_SETTINGS, 0, 0, struct.pack(">HI", 3, 1000))
        return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings

    def settings(self) -> bytes:
        return frame(_SETTINGS, 0, 0, b"") + frame(_SETTINGS, 1, 0, b"")

    def request(self, path: str, number: int) -> bytes:
        fields = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "shop.example.com"),
            (":path", path),
            ("user-agent", "python-httpx/0.28"),
            ("accept-encoding", "gzip, deflate"),
            ("accept", "*/*"),
            ("x-request-id", f"7a8b9c{number}"),
        ]
        stream, self._number = self._number, self._number + 2
        self._open.append(stream)
        block = self._asking.encode(fields)
        return frame(_HEADERS, _END_STREAM | _END_HEADERS, stream, block)

    def call(self, number: int, size: int) -> bytes:
        """A unary call of gRPC, its message `size` bytes."""
        fields = [
            (":scheme", "http"),
            (":method", "POST"),
            (":authority", "shop.example.com"),
            (":path", f"/shop.Orders/Get{number % 20}"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "grpc-python/1.70.0"),
            ("grpc-accept-encoding", "identity, deflate, gzip"),
        ]
        stream, self._number = self._number, self._number + 2
        self._open.append(stream)
        block = self._asking.encode(fields)
        message = _message(size, number)
        asked = frame(_HEADERS, _END_HEADERS, stream, block)
        return asked + frame(_DATA, _END_STREAM, stream, message)

    def replies(self, size: int) -> bytes:
        """To all calls that are open: head, message, trailers."""
        streams, self._open = self._open, []
        parts = []
        for stream in streams:
            head = [
                (":status", "200"),
                ("content-type", "application/grpc"),
                ("grpc-accept-encoding", "identity, deflate, gzip"),
            ]
            parts += [
                frame(_HEADERS, _END_HEADERS, stream, self._answering.encode(head)),
                frame(_DATA, 0, stream, _message(size, stream)),
            ]
            block = self._answering.encode([("grpc-status", "0")])
            flags = _END_STREAM | _END_HEADERS
            parts.append(frame(_HEADERS, flags, stream, block))
        return b"".join(parts)

    def responses(
        self, content_type: str, bodies: list[bytes], is_marked: bool
    ) -> bytes:
        """Of all streams that are open: the heads first, then the bodies. `is_marked`:
        each head has a field of its own."""
        streams, self._open = self._open, []
        heads, parts = [], []
        for stream, body in zip(streams, bodies, strict=True):
            fields = [
                (":status", "200"),
                ("server", "nginx"),
                ("date", "Mon, 01 Jan 2024 00:00:00 GMT"),
                ("content-type", content_type),
                ("content-length", str(len(body))),
            ]
            if is_marked:
                fields.append(("x-request-id", f"7a8b9c{stream}"))
            block = self._answering.encode(fields)
            heads.append(frame(_HEADERS, _END_HEADERS, stream, block))
            for start in range(0, len(body), _FRAME_BYTES):
                piece = body[start : start + _FRAME_BYTES]
                is_last = start + _FRAME_BYTES >= len(body)
                parts.append(frame(_DATA, _END_STREAM * is_last, stream, piece))
        return b"".join(heads + parts)
