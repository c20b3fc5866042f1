# cython: annotation_typing=False
"""Counters of what was captured and where every payload byte went.

`Stats` counts for one interface (or file). The identity that tests check: payload
bytes equal the sum of the buckets, those still in flight among them. Missing bytes
(`gap_bytes`) were never captured, so they stand beside it.
"""

BUCKETS = (
    "paired",
    "not_json",
    "unpaired",
    "broken",
    "unsynchronized",
    "not_http",
    "tls",
    "http2",
    "http2_frames",
    "path_unknown",
    "websocket",
    "tunnel",
    "proxy_header",
    "duplicate",
    "elsewhere",
    "untracked",
    "shed",
    "left_at_stop",
    "in_flight",
)
"""Where payload bytes go: each has an attribute `<name>_bytes`.

paired: in pairs that were handed on; not_json: in pairs with no JSON side; unpaired: in
messages without a partner; broken: in messages that break RFC 9112 or ended by a gap;
unsynchronized: before the first message start that could be proven, or captured after
what follows them was read, or in a WebSocket after a loss; not_http, tls: in
connections of these protocols; http2: of HTTP/2 where its frames are not, or not yet,
proven; http2_frames: in frames that belong to no message; path_unknown: in pairs of
whose request the path, or method, is not known; websocket: of WebSockets, in no text
that is JSON; tunnel: after CONNECT or another Upgrade; proxy_header: a load balancer's,
in front of the first request (`proxied`); duplicate: retransmitted; elsewhere: reported
by another interface's view; untracked: in segments that belong to no known connection;
shed: in connections that the kernel filter left out, told from a sample of their
frames; left_at_stop: captured, but not read any more before the end (`frames_left` of
`frames`).
"""

COUNTS = (
    "frames",
    "frames_left",
    "not_ip",
    "not_tcp",
    "fragments",
    "malformed",
    "cut_frames",
    "bad_checksums",
    "datagrams_lost",
    "segments",
    "shed_segments",
    "connections",
    "connections_evicted",
    "memory_refusals",
    "connections_shed",
    "gaps",
    "gap_bytes",
    "requests",
    "responses",
    "pairs",
    "pairs_not_json",
    "bodies_truncated",
    "unpaired_no_response",
    "unpaired_no_request",
    "unpaired_ambiguous",
    "broken_messages",
    "proxy_headers",
    "http2_connections",
    "http2_losses",
    "http2_heads_unknown",
    "http2_blocks_refused",
    "http2_streams_refused",
    "http2_resets",
    "http2_control_frames",
    "http2_pushes",
    "http2_tunnels",
    "coded_streams_left",
    "websockets",
    "websocket_losses",
    "paths_unknown",
    "payload_bytes",
)


class Stats:
    """The counters, from zero.

    `header_bytes`: what `segments` had in front of their payload, the link layer's too.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.frames_left = 0
        self.not_ip = 0
        self.not_tcp = 0
        self.fragments = 0
        self.malformed = 0
        self.cut_frames = 0
        self.bad_checksums = 0
        self.datagrams_lost = 0
        self.segments = 0
        self.shed_segments = 0
        self.connections = 0
        self.connections_evicted = 0
        self.memory_refusals = 0
        self.connections_shed = 0
        self.gaps = 0
        self.gap_bytes = 0
        self.requests = 0
        self.responses = 0
        self.pairs = 0
        self.pairs_not_json = 0
        self.bodies_truncated = 0
        self.unpaired_no_response = 0
        self.unpaired_no_request = 0
        self.unpaired_ambiguous = 0
        self.broken_messages = 0
        self.proxy_headers = 0
        self.http2_connections = 0
        self.http2_losses = 0
        self.http2_heads_unknown = 0
        self.http2_blocks_refused = 0
        self.http2_streams_refused = 0
        self.http2_resets = 0
        self.http2_control_frames = 0
        self.http2_pushes = 0
        self.http2_tunnels = 0
        self.coded_streams_left = 0
        self.websockets = 0
        self.websocket_losses = 0
        self.paths_unknown = 0
        self.payload_bytes = 0
        self.header_bytes = 0
        self.paired_bytes = 0
        self.not_json_bytes = 0
        self.unpaired_bytes = 0
        self.broken_bytes = 0
        self.unsynchronized_bytes = 0
        self.not_http_bytes = 0
        self.tls_bytes = 0
        self.http2_bytes = 0
        self.http2_frames_bytes = 0
        self.path_unknown_bytes = 0
        self.websocket_bytes = 0
        self.tunnel_bytes = 0
        self.proxy_header_bytes = 0
        self.duplicate_bytes = 0
        self.elsewhere_bytes = 0
        self.untracked_bytes = 0
        self.shed_bytes = 0
        self.left_at_stop_bytes = 0
        self.in_flight_bytes = 0

    def buckets(self) -> dict[str, int]:
        """Payload bytes by where they went; their sum is `payload_bytes`."""
        return {name: getattr(self, f"{name}_bytes") for name in BUCKETS}

    def counts(self) -> dict[str, int]:
        """Everything else, by name."""
        return {name: getattr(self, name) for name in COUNTS}

    def unpaired(self) -> dict[str, int]:
        """Messages that are in no pair, by reason."""
        return {
            name.removeprefix("unpaired_"): getattr(self, name)
            for name in COUNTS
            if name.startswith("unpaired_")
        }

    def add(self, other: "Stats") -> None:
        """Adds the counters of `other` to these."""
        buckets = (f"{bucket}_bytes" for bucket in BUCKETS)
        for name in (*COUNTS, "header_bytes", *buckets):
            setattr(self, name, getattr(self, name) + getattr(other, name))
