# cython: annotation_typing=False
"""HTTP/2 out of one direction's bytes (RFC 9113).

Theory of operation. One parser reads one direction, in order, in pieces of any size,
and is told of gaps. It begins where the client's preface or the server's first SETTINGS
proves a connection's start; elsewhere its bytes are in `doubt` until both directions
are proven, and so again after a gap that may hide a frame's header. Within a frame's
payload a gap costs only its bytes, for lengths tell where the next header is: but not
in a header block, without which HPACK's table is not known (`hpack`). Heads, bodies and
ends go to the connection's exchanges by their stream's number. Frames without a message
(settings, windows, pings, unknown types) are counted and skipped without being held: no
number of them costs memory. Where a frame breaks a rule of its type, the direction is
lost, until it is proven again.
"""

from typing import Any

import cython

from rings.http2.doubt import Doubt
from rings.http2.exchanges import Exchange, Exchanges
from rings.http2.hpack import Decoder
from rings.limits import Limits
from rings.memory import Octets
from rings.pairs.message import Message

if not cython.compiled:
    from rings.http2.protocol import (
        CONTINUATION,
        DATA,
        END_HEADERS,
        END_STREAM,
        HEADER_BYTES,
        HEADERS,
        PADDED,
        PREFACE,
        PRIORITIZED,
        PUSH_PROMISE,
        RST_STREAM,
        SETTINGS,
        breaks,
        is_header,
        length_at,
    )
    from rings.memory import append, equals, read_be32

_FIRST = 0
"""A connection's first frame is due, which is SETTINGS."""
_HEADER = 1
_DATA = 2
_PADDING = 3
"""The length of a DATA frame's padding is due."""
_BLOCK = 4
_SKIP = 5
_DOUBT = 6
_OFF = 7

_BLOCK_LIMIT = 2
"""So often a head's bound may a block's frames count, headers and padding among them:
more are a flood of CONTINUATION, of empty ones too."""
_OUTAGE_BYTES = 1 << 20
"""A gap so long, of the server's, may hide the connection's end, and the beginning of
another one on the same ports: numbers go on by the clock (RFC 9293 section 3.4.1)."""
_REQUEST = 1
_NUMBER = 0x7FFFFFFF
_NONE: Any = None


@cython.no_gc
@cython.cclass
class Parser:
    """Frames of one direction."""

    def __init__(
        self, exchanges: Exchanges, limits: Limits, role: int, preface: int
    ) -> None:
        """`preface`: bytes of the client's preface that are still to come."""
        self.exchanges = exchanges
        self.stats = self.exchanges.stats
        self.budget = self.exchanges.budget
        self.limits = limits
        self.role = role
        """As HTTP/1's `protocol` has it."""
        self.peer: Parser = _NONE
        self.preface = preface
        self.state = _FIRST
        self.decoder = Decoder(limits.head_bytes, self.exchanges.fields)
        self.doubt: Doubt = _NONE
        """Once there was any."""
        self.header = bytearray()
        """What came of a frame's header."""
        self.kind = 0
        self.flags = 0
        self.number = 0
        self.left = 0
        """Bytes of the frame's payload that are still to come."""
        self.padding = 0
        """How many at its end are padding."""
        self.exchange: Exchange | None = None
        """Whose body the frame's data is."""
        self.frame_ns = 0
        self.block: bytearray = _NONE
        """A header block that came in pieces."""
        self.block_bytes = 0
        """In frames, of a block that did not end yet; still in flight."""
        self.block_number = 0
        """Its stream; zero: none is open."""
        self.block_kind = 0
        self.block_flags = 0
        self.block_ns = 0
        self.promised = 0
        """The stream that a block promises."""
        self.is_block_over = False

    def feed(
        self, data: Octets, start: int, end: int, is_beginning: bool, now_ns: int
    ) -> None:
        """Takes data[start:end]; `is_beginning`: it is a segment's first."""
        if self.state == _DOUBT:
            self.doubt.feed(data, start, end, is_beginning, now_ns)
            return
        if self.preface:
            start = self._skip_preface(data, start, end)
        while start < end:
            if self.state <= _HEADER:
                start = self._take_header(data, start, end, now_ns)
            elif self.state == _DATA:
                start = self._take_data(data, start, end, now_ns)
            elif self.state == _BLOCK:
                start = self._take_block(data, start, end)
            elif self.state == _SKIP:
                start = self._skip(start, end)
            elif self.state == _PADDING:
                start = self._take_padding(data, start)
            else:
                self._count(end - start)
                return

    def gap(self, length: int) -> None:
        """So many bytes are missing here."""
        if length > _OUTAGE_BYTES and self.role != _REQUEST and self.state != _OFF:
            self.exchanges.begin_anew()
        if self.state == _DOUBT:
            self.doubt.reset()
        elif self.state == _SKIP and length <= self.left:
            self.left -= length
            self._end_skipped()
        elif self.state == _DATA and length <= self.left:
            self._miss_data(length)
        elif self.state != _OFF:
            self.lose()

    def finish(self) -> None:
        """The direction ended."""
        if self.state == _OFF:
            return
        if self.state != _DOUBT:
            self.await_proof()
        self.doubt.reset()
        self.state = _OFF
        if self.role != _REQUEST or self.peer is None or self.peer.state == _OFF:
            self.exchanges.close()

    def leave(self) -> None:
        """Only counts from now on."""
        self.finish()
        self.exchanges.close()

    def lose(self) -> None:
        """What follows is not known to be frames."""
        if self.state != _DOUBT:
            self.stats.http2_losses += 1
            self.await_proof()

    def await_proof(self) -> None:
        """Nothing more is known of this direction: it is in doubt."""
        self._count(len(self.header))
        self.header.clear()
        self._drop_block()
        self.exchange = None
        self.preface = 0
        self.doubt = Doubt(self.stats, self.budget)
        self.state = _DOUBT
        self.decoder.lose()
        self.exchanges.lose(self.role == _REQUEST)

    def is_ready(self) -> bool:
        """Whether what was in doubt is proven, and who asks is known."""
        if self.state != _DOUBT or not self.doubt.is_proven():
            return False
        peer = self.peer
        if peer.state == _DOUBT:
            if not peer.doubt.is_proven():
                return False
            if peer.role == 0:
                peer.role = peer.doubt.role
        if self.role == 0:
            self.role = self.doubt.role or (3 - peer.role if peer.role else 0)
        if self.role == 0:
            return False
        peer.role = 3 - self.role
        return True

    def begin(self) -> None:
        """Reads what was held of both directions, the client's first."""
        first = self if self.role == _REQUEST else self.peer
        first._begin()
        first.peer._begin()

    def _begin(self) -> None:
        if self.state == _DOUBT and self.doubt.is_proven():
            self.left, now_ns = self.doubt.lead, self.doubt.first_ns
            held = self.doubt.taken()
            self.doubt = _NONE
            self.state = _SKIP if self.left else _HEADER
            data = held
            self.feed(data, 0, len(held), True, now_ns)

    def _skip_preface(self, data: Octets, start: int, end: int) -> int:
        size = min(self.preface, end - start)
        place = len(PREFACE) - self.preface
        if not equals(data, start, start + size, PREFACE[place : place + size]):
            self.lose()
            return start
        self.preface -= size
        self._count_frames(size)
        return start + size

    def _take_header(self, data: Octets, start: int, end: int, now_ns: int) -> int:
        known = len(self.header)
        if known == 0:
            self.frame_ns = now_ns
            if end - start >= HEADER_BYTES:
                self._begin_frame(data, start)
                return start + HEADER_BYTES
        size = min(HEADER_BYTES - known, end - start)
        append(self.header, data, start, start + size)
        if known + size == HEADER_BYTES:
            header = bytes(self.header)
            self.header.clear()
            self._begin_frame(header, 0)
        return start + size

    def _begin_frame(self, data: Octets, start: int) -> None:
        kind, flags = data[start + 3], data[start + 4]
        self.left = length_at(data, start)
        number = read_be32(data, start + 5) & _NUMBER
        self.kind = kind
        self.flags = flags
        self.number = number
        self.padding = 0
        if self._is_wrong(data, start):
            self._count(HEADER_BYTES)
            self.lose()
        elif kind == DATA:
            self._begin_data()
        elif kind in (HEADERS, CONTINUATION, PUSH_PROMISE):
            self._begin_block()
        else:
            self._count_frames(HEADER_BYTES)
            if kind == RST_STREAM:
                self.exchanges.reset(number)
            else:
                self.stats.http2_control_frames += 1
            self.state = _SKIP
            self._end_skipped()

    def _is_wrong(self, data: Octets, start: int) -> bool:
        """Whether this frame cannot stand here."""
        if self.state == _FIRST and not (
            self.kind == SETTINGS and is_header(data, start, 0) and not self.flags & 1
        ):
            return True
        if self.block_number:
            return self.kind != CONTINUATION or self.number != self.block_number
        return self.kind == CONTINUATION or breaks(self.kind, self.left, self.number)

    def _begin_data(self) -> None:
        self.exchange = self.exchanges.body(self.number, self.role == _REQUEST)
        self._count_data(HEADER_BYTES)
        self.state = _DATA
        if self.flags & PADDED:
            self.state = _PADDING
            if self.left == 0:
                self.lose()
        elif self.left == 0:
            self._end_data()

    def _take_padding(self, data: Octets, start: int) -> int:
        self.padding = data[start]
        self.left -= 1
        self._count_data(1)
        self.state = _DATA
        if self.padding > self.left:
            self.lose()
        elif self.left == 0:
            self._end_data()
        return start + 1

    def _take_data(self, data: Octets, start: int, end: int, now_ns: int) -> int:
        size = min(self.left, end - start)
        kept = min(size, self.left - self.padding)
        message, is_due = self._message(), False
        if message is not None and kept > 0:
            is_all = kept == self.left - self.padding and self.flags & END_STREAM != 0
            is_due = self.exchanges.keeper.keep(message, data, start, kept, is_all)
        exchange = self.exchange
        is_within = exchange is not None and exchange.socket is not None
        if is_within and exchange is not None and kept > 0:
            is_asking = self.role == _REQUEST
            exchange.socket.feed(is_asking, data, start, start + kept, now_ns)
            self._count_data(size - kept)
        else:
            self._count_data(size)
        self.left -= size
        if is_due and exchange is not None:
            self.exchanges.tell_one(exchange, True, now_ns)
        if self.left == 0:
            self._end_data()
        return start + size

    def _miss_data(self, length: int) -> None:
        missed = min(length, max(self.left - self.padding, 0))
        exchange = self.exchange
        message = self._message()
        if message is not None and missed:
            self.exchanges.keeper.miss(message, missed)
        elif exchange is not None and exchange.socket is not None and missed:
            exchange.socket.gap(self.role == _REQUEST, missed)
        self.left -= length
        if self.left == 0:
            self._end_data()

    def _message(self) -> Message | None:
        """Whose body the frame's data is; none if it ended meanwhile."""
        exchange = self.exchange
        if exchange is None or exchange.is_closed:
            self.exchange = None
            return None
        if self.role == _REQUEST:
            return exchange.request if exchange.is_asking else None
        return exchange.response if exchange.is_answering else None

    def _end_data(self) -> None:
        exchange = self.exchange
        self.exchange = None
        self.state = _HEADER
        if exchange is not None and not exchange.is_closed and self.flags & END_STREAM:
            self.exchanges.end(exchange, self.role == _REQUEST)

    def _count_data(self, size: int) -> None:
        exchange = self.exchange
        if exchange is None or exchange.is_closed:
            self.exchanges.stray(size)
        elif exchange.is_tunnel:
            self.stats.in_flight_bytes -= size
            if exchange.socket is None:
                self.stats.tunnel_bytes += size
            else:
                self.stats.websocket_bytes += size
        elif self.role == _REQUEST:
            exchange.request.wire_bytes += size
        else:
            exchange.response.wire_bytes += size

    def _begin_block(self) -> None:
        if self.kind != CONTINUATION:
            self.block_number = self.number
            self.block_kind = self.kind
            self.block_flags = self.flags
            self.block_ns = self.frame_ns
            self.block_bytes = 0
            self.is_block_over = False
        self.block_bytes += HEADER_BYTES
        self.state = _BLOCK
        if self.block_bytes > _BLOCK_LIMIT * self.limits.head_bytes:
            self._refuse_block()
        if self.left == 0:
            self._end_fragment()

    def _take_block(self, data: Octets, start: int, end: int) -> int:
        size = min(self.left, end - start)
        self.block_bytes += size
        self.left -= size
        if self.is_block_over:
            self._refuse_block()
        is_whole = self.left == 0 and self.block is None and not self.is_block_over
        if is_whole and self.flags & END_HEADERS:
            self._read_block(data, start, start + size)
            return start + size
        if self._holds(size):
            append(self.block, data, start, start + size)
        if self.left == 0:
            self._end_fragment()
        return start + size

    def _holds(self, size: int) -> bool:
        """Whether there is room for so many bytes of a block."""
        if self.is_block_over:
            return False
        if self.block is None:
            self.block = bytearray()
        is_full = self.budget.held_bytes + size > self.budget.limit_bytes
        self.stats.memory_refusals += is_full
        if is_full or len(self.block) + size > self.limits.head_bytes:
            self._refuse_block()
            return False
        self.budget.held_bytes += size
        return True

    def _end_fragment(self) -> None:
        """A frame of a block ended, and all of it is held."""
        self.state = _HEADER
        if self.kind != CONTINUATION and self.block is not None:
            self._strip()
        if self.state != _HEADER or not self.flags & END_HEADERS:
            return
        if self.block is None:
            self.block = bytearray()
        block = self.block
        data = block
        self._read_block(data, 0, len(block))

    def _strip(self) -> None:
        """Takes away what a first frame has beside its fragment."""
        block = self.block
        data = block
        start, end = self._bounds(data, 0, len(block))
        if start > end:
            self.lose()
            return
        self.budget.held_bytes -= len(block) - (end - start)
        self.block = block[start:end]

    def _bounds(self, data: Octets, start: int, end: int) -> tuple[int, int]:
        """Where the fragment of a block's first frame stands in its payload."""
        flags = self.block_flags
        size = end - start
        if flags & PADDED:
            if size < 1 or data[start] >= size:
                return 1, 0
            end -= data[start]
            start += 1
        if self.block_kind == PUSH_PROMISE:
            if end - start < 4:
                return 1, 0
            self.promised = read_be32(data, start) & _NUMBER
            start += 4
        elif flags & PRIORITIZED:
            start += 5
        return start, end

    def _read_block(self, data: Octets, start: int, end: int) -> None:
        """A header block is whole."""
        self.state = _HEADER
        if self.block is None:
            start, end = self._bounds(data, start, end)
        if self.is_block_over:
            self.decoder.lose()
            self.exchanges.refuse(self.block_number, self.role == _REQUEST)
            self._drop_block()
            return
        if start > end or not self.decoder.decode(data, start, end):
            self.stats.http2_blocks_refused += 1
            self.lose()
            return
        size, number = self.block_bytes, self.block_number
        self.block_bytes = self.block_number = 0
        self._let_block_go()
        is_end = self.block_flags & END_STREAM != 0
        if self.block_kind == PUSH_PROMISE:
            self.exchanges.promise(self.promised, self.decoder, size, self.block_ns)
        elif self.role == _REQUEST:
            self.exchanges.ask(number, self.decoder, size, is_end, self.block_ns)
        else:
            self.exchanges.answer(number, self.decoder, size, is_end, self.block_ns)
        self.decoder.fields.clear()

    def _refuse_block(self) -> None:
        """It is too long, in bytes or in frames: its rest is only counted."""
        if not self.is_block_over:
            self.stats.http2_blocks_refused += 1
            self.is_block_over = True
        self._let_block_go()
        self.stats.in_flight_bytes -= self.block_bytes
        self.stats.broken_bytes += self.block_bytes
        self.block_bytes = 0

    def _let_block_go(self) -> None:
        if self.block is not None:
            self.budget.held_bytes -= len(self.block)
            self.block = _NONE

    def _drop_block(self) -> None:
        """The block that is open is not read."""
        self._let_block_go()
        if self.block_bytes or self.is_block_over:
            self.stats.in_flight_bytes -= self.block_bytes
            self.stats.broken_bytes += self.block_bytes
            self.stats.broken_messages += 1
        self.block_bytes = self.block_number = 0
        self.is_block_over = False

    def _skip(self, start: int, end: int) -> int:
        size = min(self.left, end - start)
        self.left -= size
        self._count_frames(size)
        self._end_skipped()
        return start + size

    def _end_skipped(self) -> None:
        if self.left == 0:
            self.state = _HEADER

    def _count_frames(self, size: int) -> None:
        """Bytes of frames that belong to no message."""
        self.stats.in_flight_bytes -= size
        self.stats.http2_frames_bytes += size

    def _count(self, size: int) -> None:
        """Bytes that are not read."""
        self.stats.in_flight_bytes -= size
        self.stats.http2_bytes += size
