# cython: annotation_typing=False
"""Streams: one direction's bytes in order, with explicit gaps.

Theory of operation. Bytes stand on a 64-bit line of positions that begins where the
stream was first seen. A segment is delivered to the parser when two things hold: all
bytes before it were delivered, and the opposite stream was delivered up to the byte
that this segment acknowledges. The second rule puts both directions into the order in
which their sender knew them, whatever order the capture has them in, so a response is
never parsed before its request. A segment that has to wait is copied and held.

Held segments prove that something is missing: either a byte that the receiver
acknowledged, which the capture lost, or one that may still be retransmitted. After
the bounds in `limits` the missing bytes are declared a gap and delivery goes on.
Where segments overlap, bytes that were delivered stand; among held ones the segment
that begins first wins.
"""

from typing import Any

import cython

from rings.http1.parser import Parser
from rings.limits import Limits
from rings.packets.packet import Segment
from rings.stats import Stats
from rings.streams.sequence import advanced, distance

if not cython.compiled:
    from rings.memory import copy
    from rings.packets.packet import ACK, FIN, SYN

_NONE: Any = None

_WINDOW_BYTES = 1 << 30
PIECE_BYTES = 144
"""What a held piece takes in memory beside its payload."""


@cython.no_gc
@cython.cclass
class Piece:
    """A held segment: a copy of its payload and what came with it."""

    def __init__(self, position: int, acknowledged: int, data: bytes) -> None:
        self.position = position
        self.acknowledged = acknowledged
        self.data = data
        self.missing = 0
        self.timestamp_ns = 0
        self.is_last = False
        self.is_trimmed = False
        """Its first bytes are those of another: it begins within a segment."""


@cython.no_gc
@cython.cclass
class Stream:
    """One direction of a connection."""

    def __init__(self, parser: Parser, limits: Limits) -> None:
        self.parser = parser
        self.limits = limits
        self.budget = self.parser.pairer.budget
        self.stats: Stats = self.parser.pairer.stats
        self.peer: Stream = _NONE
        self.key = b""
        self.next = 0
        """Position of the next byte to deliver."""
        self.next_sequence = 0
        """Its sequence number."""
        self.is_placed = False
        """`next_sequence` is known, from an own segment or the peer's."""
        self.is_seen = False
        """An own segment was captured."""
        self.is_ended = False
        self.acknowledged = 0
        """Position in the opposite stream up to which this side told to have all."""
        self.late_start = self.late_end = 0
        """The last gap: what comes of it afterwards was never delivered."""
        self.pieces: list[Piece] = _NONE
        """Held segments by position; a list once there were any."""
        self.pending_bytes = 0

    def feed(self, segment: Segment) -> bool:
        """Takes a segment; true if it, or others, must now wait."""
        peer = self.peer
        sequence = segment.sequence
        if segment.flags & SYN:
            sequence = advanced(sequence, 1)
        if not self.is_placed:
            self._place(sequence)
            if not segment.flags & SYN:
                self.parser.pairer.lose()
        self.is_seen = True
        position = self.next + distance(sequence, self.next_sequence)
        acknowledged = peer.next
        if segment.flags & ACK:
            if not peer.is_placed and position != 0:
                # Only what the first byte acknowledges is the start of the other.
                self.parser.pairer.lose()
            acknowledged = peer.learn(segment.acknowledgement)
            if acknowledged > self.acknowledged:
                self.acknowledged = acknowledged
        size = segment.payload_end - segment.payload_start
        is_last = segment.flags & FIN != 0
        if size == 0 and not is_last and not segment.missing:
            return bool(peer.pieces) or bool(self.pieces)
        if (
            position == self.next
            and acknowledged <= peer.next
            and not self.pieces
            and not segment.missing
        ):
            self.stats.in_flight_bytes += size
            self._deliver(segment, size, acknowledged, is_last)
            return bool(peer.pieces)
        self._hold(segment, position, acknowledged, is_last)
        return True

    def opens(self, sequence: int) -> bool:
        """Whether a SYN of this sequence number stands right before the first byte."""
        if not self.is_placed:
            return False
        return self.next + distance(sequence + 1, self.next_sequence) == 0

    def had(self, sequence: int) -> bool:
        """Whether a byte of this number, or what follows the last one, is known."""
        away = distance(sequence, self.next_sequence)
        return self.is_placed and -self.next <= away <= 0

    def is_far(self, sequence: int) -> bool:
        """Whether a segment is of another connection, whose start was missed: no
        window is larger than 1 GiB (RFC 7323 section 2.3).
        """
        if not self.is_placed:
            return False
        away = distance(sequence, self.next_sequence)
        return away > _WINDOW_BYTES or away < -_WINDOW_BYTES

    def learn(self, acknowledgement: int) -> int:
        """Position that the peer acknowledged; places a stream not yet seen."""
        if not self.is_placed:
            self._place(acknowledgement)
        position = self.next + distance(acknowledgement, self.next_sequence)
        if not self.is_seen and position > self.next:
            self.skip(position)
        return position

    def hear_reset(self, acknowledgement: int) -> None:
        """This side ended the connection, and told what it had received until then."""
        peer = self.peer
        if peer.is_placed:
            away = distance(acknowledgement, peer.next_sequence)
            self.acknowledged = max(self.acknowledged, peer.next + away)

    def drain(self) -> bool:
        """Delivers what no longer has to wait; true if anything moved."""
        moved = False
        while self.pieces:
            piece = self.pieces[0]
            if piece.position > self.next or piece.acknowledged > self.peer.next:
                break
            self.pieces.pop(0)
            self._deliver_piece(piece)
            moved = True
        return moved

    def skip(self, position: int) -> None:
        """Declares the bytes before `position` missing."""
        length = position - self.next
        self.stats.gaps += 1
        self.stats.gap_bytes += length
        self.late_start = self.next
        self.late_end = position
        self.parser.gap(length, self.next)
        self._advance(length)

    def skip_acknowledged(self) -> bool:
        """Skips bytes that their receiver acknowledged but the capture never saw."""
        peer = self.peer
        if not peer.pieces:
            return False
        piece = peer.pieces[0]
        if piece.position > peer.next:
            return False
        hole_end = piece.acknowledged
        if self.pieces:
            piece = self.pieces[0]
            hole_end = min(hole_end, piece.position)
        if hole_end <= self.next:
            return False
        self.skip(hole_end)
        return True

    def force(self) -> None:
        """Goes on at the first held piece, whatever it waits for."""
        piece = self.pieces.pop(0)
        if piece.position > self.next:
            self.skip(piece.position)
        self._deliver_piece(piece)

    def is_over_limit(self) -> bool:
        if self.pieces is None:
            return False
        if self.budget.held_bytes > self.budget.limit_bytes:
            self.stats.memory_refusals += 1
            return True
        return (
            self.pending_bytes > self.limits.pending_bytes
            or len(self.pieces) > self.limits.pending_segments
        )

    def end(self, is_reset: bool) -> None:
        """No byte will follow."""
        if not self.is_ended:
            self.is_ended = True
            self.parser.finish(self.next, is_reset)

    def _end_by_fin(self) -> None:
        """FIN takes a sequence number, which the peer acknowledges."""
        self.end(False)
        self._advance(1)

    def _place(self, sequence: int) -> None:
        self.next_sequence = sequence
        self.is_placed = True

    def _advance(self, length: int) -> None:
        self.next += length
        self.next_sequence = advanced(self.next_sequence, length)

    def _deliver(
        self, segment: Segment, size: int, acknowledged: int, is_last: bool
    ) -> None:
        position = self.next
        if size:
            self._advance(size)
            self.parser.feed(
                segment.data,
                segment.payload_start,
                segment.payload_end,
                position,
                acknowledged,
                segment.timestamp_ns,
                True,
            )
        if is_last:
            self._end_by_fin()

    def _hold(
        self, segment: Segment, position: int, acknowledged: int, is_last: bool
    ) -> None:
        start, end = segment.payload_start, segment.payload_end
        size = end - start
        if position + size + segment.missing <= self.next and not is_last:
            self._count_known(position, size)
            return
        is_trimmed = position < self.next
        if is_trimmed:
            known = min(self.next - position, size)
            self._count_known(position, known)
            start += known
            position += known
        piece = Piece(position, acknowledged, copy(segment.data, start, end))
        piece.missing = segment.missing
        piece.timestamp_ns = segment.timestamp_ns
        piece.is_last = is_last
        piece.is_trimmed = is_trimmed
        self.stats.in_flight_bytes += end - start
        self.pending_bytes += end - start
        self.budget.held_bytes += end - start + PIECE_BYTES
        if self.pieces is None:
            self.pieces = []
        place = len(self.pieces)
        while place > 0:
            before = self.pieces[place - 1]
            if before.position <= position:
                break
            place -= 1
        self.pieces.insert(place, piece)

    def _count_known(self, position: int, size: int) -> None:
        """Counts bytes before `next`: most were delivered, others came too late."""
        late = min(self.late_end, position + size) - max(self.late_start, position)
        late = max(late, min(-position, size), 0)
        self.stats.duplicate_bytes += size - late
        self.stats.unsynchronized_bytes += late

    def _deliver_piece(self, piece: Piece) -> None:
        size = len(piece.data)
        self.pending_bytes -= size
        self.budget.held_bytes -= size + PIECE_BYTES
        known = min(self.next - piece.position, size)
        if known:
            self.stats.in_flight_bytes -= known
            self._count_known(piece.position, known)
        if known < size:
            position = self.next
            self._advance(size - known)
            self.parser.feed(
                piece.data,
                known,
                size,
                position,
                piece.acknowledged,
                piece.timestamp_ns,
                known == 0 and not piece.is_trimmed,
            )
        missing = piece.position + size + piece.missing - self.next
        if piece.missing and missing > 0:
            self.skip(self.next + missing)
        if piece.is_last:
            self._end_by_fin()
