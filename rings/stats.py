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
    "tunnel",
    "duplicate",
    "elsewhere",
    "untracked",
    "shed",
    "in_flight",
)
"""Where payload bytes go: each has an attribute `<name>_bytes`.

paired: in pairs that were handed on; not_json: in pairs with no JSON side; unpaired:
in messages without a partner; broken: in messages that break RFC 9112 or ended by a
gap; unsynchronized: before the first message start that could be proven; not_http,
tls, http2: in connections of these protocols; tunnel: after CONNECT or Upgrade;
duplicate: retransmitted; elsewhere: reported by another interface's view;
untracked: in segments that belong to no known connection; shed: in connections that
the kernel filter left out, told from a sample of their frames.
"""

COUNTS = (
    "frames",
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
    "payload_bytes",
)


class Stats:
    """The counters, from zero."""

    def __init__(self) -> None:
        self.frames = 0
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
        self.payload_bytes = 0
        self.paired_bytes = 0
        self.not_json_bytes = 0
        self.unpaired_bytes = 0
        self.broken_bytes = 0
        self.unsynchronized_bytes = 0
        self.not_http_bytes = 0
        self.tls_bytes = 0
        self.http2_bytes = 0
        self.tunnel_bytes = 0
        self.duplicate_bytes = 0
        self.elsewhere_bytes = 0
        self.untracked_bytes = 0
        self.shed_bytes = 0
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
        for name in (*COUNTS, *(f"{bucket}_bytes" for bucket in BUCKETS)):
            setattr(self, name, getattr(self, name) + getattr(other, name))
