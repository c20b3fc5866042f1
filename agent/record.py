"""What stands on Kafka: batches of exchanges, and the nodes' coverage.

A batch holds what one node saw of one server for a moment: facts of the exchanges that
are only counted, and whole records, bodies too, of those that may be inspected. It is
one MessagePack array, fields in this order and the version first;
`rings/records/batch.py` writes it, this module reads it. Records hold captured bytes,
so no repr tells any.
"""

import msgspec

VERSION = 4
"""Of batches and coverage. Others are not read, but counted as `unknown_version`."""


UNKNOWN_TARGET = b"?"
"""Of a request in HTTP/2 whose path was told before the capture began."""


class Fact(msgspec.Struct, array_like=True, gc=False):
    """Exchanges of one server that differ in nothing but sizes and times."""

    client: bytes
    """Address in network order, 4 or 16 bytes; unspecified behind a mesh's proxy."""
    client_identity: str
    """Who the client is, as `namespace/service account`, where a mesh's proxy vouches
    for it; else empty."""
    method: bytes
    """As sent."""
    target: bytes
    """As sent, without the query; a prefix if it is very long."""
    status: int
    """Three digits."""
    shape: int
    """64 bits that tell kinds of bodies apart (`rings/records/shape.py`), both
    together."""
    operation: bytes
    """What the target does not tell of the operation (GraphQL, JSON-RPC, SOAP …);
    empty: it tells all."""
    protocol: int
    """1: HTTP/1, 2: HTTP/2, 3: gRPC …, as `Protocol` in collector.proto."""
    exchanges: int
    """None, if it tells only of later parts of exchanges that are counted before."""
    truncated: int
    """Exchanges, or parts of them, with a body that is not whole."""
    request_bytes: int
    """Heads and bodies, as sent, of all requests; of a later part, without the head."""
    response_bytes: int
    first_ns: int
    """Capture time of the first request's first byte, since 1970."""
    last_ns: int
    """The same of the last request."""
    waited_ns: int
    """From the first byte of a request to that of its response, of all together."""

    def __repr__(self) -> str:
        return f"Fact(target={len(self.target)} B, exchanges={self.exchanges})"


class Message(msgspec.Struct, array_like=True, gc=False):
    """A request or response."""

    head: bytes
    """Start line and header fields as sent, up to and with the empty line. Of HTTP/2 in
    the same form: pseudo-fields are lines too, and trailers stand at the end."""
    body: bytes
    """Body bytes kept (a prefix if truncated), transfer coding removed."""
    body_bytes: int
    """Body length as sent, transfer coding removed."""
    truncated: bool
    """The body was longer than the cap, cut to fit a Kafka message, or ended early."""
    gaps: int
    """Bytes known to be missing within the message."""

    def __repr__(self) -> str:
        return f"Message(head={len(self.head)} B, body={len(self.body)} B)"


class Record(msgspec.Struct, array_like=True, gc=False):
    """One exchange, whole, or a part of one that stays open: it has the heads again,
    and of the bodies what came since the part before. Its fact stands here and not
    among the batch's facts."""

    fact: Fact
    """Of this exchange alone."""
    client_port: int
    request: Message
    response: Message
    """Without a head, if none is known yet."""
    part: int = 0
    """Which one it is, from zero on."""
    is_last: bool = True
    """The exchange ended."""

    @property
    def started_ns(self) -> int:
        """Capture time of the request's first byte."""
        return self.fact.first_ns

    @property
    def answered_ns(self) -> int:
        """Capture time of the response's first byte."""
        return self.fact.first_ns + self.fact.waited_ns

    def __repr__(self) -> str:
        return f"Record({self.request!r}, {self.response!r})"


class Batch(msgspec.Struct, array_like=True, gc=False):
    """A message of the records topic."""

    version: int
    node: str
    server: bytes
    """Address in network order, 4 or 16 bytes."""
    server_port: int
    facts: list[Fact]
    records: list[Record]

    @property
    def exchanges(self) -> int:
        """All that it tells of."""
        facts = [*self.facts, *(record.fact for record in self.records)]
        return sum(fact.exchanges for fact in facts)

    def __repr__(self) -> str:
        return f"Batch(facts={len(self.facts)}, records={len(self.records)})"


class Agent(msgspec.Struct, frozen=True):
    """How a node's interceptor is."""

    version: str
    started_ns: int
    """Since 1970."""
    workers: int
    """That run."""
    kernel: str
    """Its release."""
    state: str
    """ready, starting, stopped, or what it waits for: workers_down, kafka_away,
    list_away, list_old."""


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
    agent: Agent | None = None
    """Told now and then, with the node as a whole."""


encoder = msgspec.msgpack.Encoder()
batch_decoder = msgspec.msgpack.Decoder(Batch)
coverage_decoder = msgspec.msgpack.Decoder(NodeCoverage)


def server_key(server: bytes, port: int) -> bytes:
    """Kafka key: keeps one server endpoint's batches in one partition."""
    return server + port.to_bytes(2, "big")
