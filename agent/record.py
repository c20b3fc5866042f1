"""The record: a pair with its capture addresses, as it stands on Kafka.

One MessagePack array a pair, fields in this order and the version first. Bodies are
de-chunked but still content-coded: the digger decodes the few that it inspects.
Records hold captured bytes, so their repr tells only sizes.
"""

import msgspec

VERSION = 1


class Message(msgspec.Struct, array_like=True, gc=False, repr_omit_defaults=True):
    """A request or response."""

    head: bytes
    """Start line and header fields as sent, up to and with the empty line."""
    body: bytes
    """Body bytes kept (a prefix if truncated), transfer coding removed."""
    body_bytes: int
    """Body length as sent, transfer coding removed."""
    truncated: bool
    """The body was longer than the cap, or ended early."""
    gaps: int
    """Bytes known to be missing within the message."""

    def __repr__(self) -> str:
        return f"Message(head={len(self.head)} B, body={len(self.body)} B)"


class Record(msgspec.Struct, array_like=True, gc=False):
    """A request and its response."""

    version: int
    node: str
    client: bytes
    """Address in network order, 4 or 16 bytes."""
    client_port: int
    server: bytes
    server_port: int
    started_ns: int
    """Capture time of the request's first byte, since 1970."""
    answered_ns: int
    """Capture time of the response's first byte."""
    request: Message
    response: Message
    client_identity: str = ""
    """Who the client is, as `namespace/service account`, where a mesh's proxy vouches
    for it; the client's address is then unspecified."""

    def __repr__(self) -> str:
        return f"Record({self.request!r}, {self.response!r})"


class NodeCoverage(msgspec.Struct, omit_defaults=True):
    """One node's counters over a window, on the coverage topic (MessagePack map)."""

    version: int
    node: str
    window_start_ns: int
    window_end_ns: int
    pod: bytes = b""
    """An address of the pod; empty: the node as a whole."""
    buckets: dict[str, int] = {}
    """Reason → TCP payload bytes."""
    counts: dict[str, int] = {}
    """Reason → pieces whose bytes are not known."""


encoder = msgspec.msgpack.Encoder()
record_decoder = msgspec.msgpack.Decoder(Record)
coverage_decoder = msgspec.msgpack.Decoder(NodeCoverage)


def server_key(record: Record) -> bytes:
    """Kafka key: keeps one server endpoint's records in one partition."""
    return record.server + record.server_port.to_bytes(2, "big")
