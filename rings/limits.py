# cython: annotation_typing=False
"""Bounds of every table and buffer between block and pair, with their reasons.

`Limits` are the settings, of a connection or of all of them. A `Budget` counts what all
connections of an assembler hold together, which the product of the others would not
bound: when it is spent, nothing more is held and each refusal is counted.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one assembler; what exceeds one is counted, never kept."""

    head_bytes: int = 64 << 10
    """Start line and fields of one message. Servers stop at 8 to 48 KiB."""
    body_bytes: int = 1 << 20
    """Prefix of a body that is kept; the rest is only counted."""
    part_bytes: int = 64 << 10
    """A body of many messages is told in parts: after so many bytes of them …"""
    part_ns: int = 10_000_000_000
    """… or after so long, whatever is there: a stream may stay open for hours."""
    in_parts: bool = True
    """Else each exchange is told at its end, its bodies cut at `body_bytes`."""
    keep_all_bodies: bool = False
    """Keep bodies that are neither JSON nor forms too."""
    json_by_structure: bool = True
    """Bodies without a media type, or with one that says nothing, are JSON if they
    begin so (`media`)."""
    tunnels: bool = False
    """Look into tunnels and rare link layers: a capture file may hold them."""
    offline: bool = False
    """Put IP fragments together and verify checksums, as the kernel does before a
    live ring."""
    connections: int = 65_536
    """Connections known at once; beyond it the longest idle ones are closed."""
    pending_bytes: int = 1 << 20
    """Bytes of one stream held while earlier ones are missing: a receive window of
    a busy local connection."""
    pending_segments: int = 1024
    """Pieces of one stream held likewise: full segments of such a window."""
    held_bytes: int = 128 << 20
    """Payload held at once for all connections: pieces, heads, bodies of messages that
    are not yet in a pair. A hundred large bodies, within what a node gives a worker."""
    requests: int = 128
    """Requests of one connection that wait for responses: deeper pipelines than
    clients open."""
    streams: int = 1024
    """Exchanges of one HTTP/2 connection that are open at once: servers allow 100 to
    250, some 1000."""
    reorder_ns: int = 20_000_000
    """A hole that the receiver acknowledged is awaited this long: capture order is
    mixed by processors, not by the network."""
    hole_ns: int = 3_000_000_000
    """A hole that nobody acknowledged is awaited this long: several retransmissions."""
    idle_ns: int = 600_000_000_000
    """A silent open connection is forgotten after this."""
    closed_ns: int = 10_000_000_000
    """A closed connection is remembered for its late duplicates this long."""


class Budget:
    """Bytes held by all connections of an assembler."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
