# cython: annotation_typing=False
"""The assembler: blocks in, pairs out.

It walks the frames of a block, finds each segment's connection on its interface, and
returns the pairs that came to an end. Time is the capture's: `expire` gives up on what
waited or was silent for too long. All bounds are in `limits`.
"""

import cython

from rings.limits import Budget, Limits
from rings.packets.block import Block, Frame
from rings.packets.packet import Segment
from rings.pairs.message import Pair
from rings.stats import Stats
from rings.streams.flow import Connection, View
from rings.streams.sequence import advanced
from rings.streams.stream import Stream

if not cython.compiled:
    from rings.memory import swapped
    from rings.packets.packet import (
        ACK,
        FRAGMENT,
        NOT_IP,
        NOT_TCP,
        RST,
        SAMPLE,
        SEGMENT,
        SYN,
    )
    from rings.packets.shedding import flow_number

_SWEEP_NS = 1_000_000_000
_EVICTED_SHARE = 16


class Assembler:
    """Pairs out of the frames of any number of interfaces."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.budget = Budget(self.limits.held_bytes)
        self.views: dict[int, View] = {}
        self.stats = Stats()
        """Counters of interfaces that are gone."""
        self.now_ns = 0
        self._view: View | None = None
        self._last: Connection | None = None
        """Of this view, if it was not forgotten."""
        self._pairs: list[Pair] = []
        self._waiting: dict[Connection, None] = {}
        self._open = 0
        self._number = 0
        self._swept_ns = 0
        self._frame = Frame()
        self._segment = Segment(self.limits.tunnels, self.limits.offline)

    def feed(self, block: Block) -> list[Pair]:
        """Takes all frames of a block. Raises MalformedBlockError."""
        frame, segment = self._frame, self._segment
        while block.next(frame):
            view = self._view
            if view is None or view.interface != frame.interface:
                view = self.view(frame.interface)
                self._view = view
                self._last = None
            stats = view.stats
            stats.frames += 1
            if frame.timestamp_ns > self.now_ns:
                self.now_ns = frame.timestamp_ns
            kind = segment.decode(block, frame)
            if kind == SEGMENT:
                _count_headers(stats, segment, frame)
                if frame.captured < frame.length:
                    stats.cut_frames += 1
                if segment.has_bad_checksum:
                    stats.bad_checksums += 1
                self._take(view, segment)
            elif kind == SAMPLE:
                _count_sample(stats, segment)
            else:
                _count_other(stats, kind)
        if segment.fragments is not None:
            self.stats.datagrams_lost = segment.fragments.dropped
        return self.expire(self.now_ns)

    def leave(self, block: Block) -> None:
        """Counts a block that nobody is going to read. Raises MalformedBlockError."""
        frame, segment = self._frame, self._segment
        while block.next(frame):
            view = self.view(frame.interface)
            stats = view.stats
            stats.frames += 1
            stats.frames_left += 1
            kind = segment.decode(block, frame)
            if kind == SEGMENT:
                size = segment.payload_end - segment.payload_start
                _count_headers(stats, segment, frame)
                stats.left_at_stop_bytes += size
                stats.payload_bytes += size
            elif kind == SAMPLE:
                _count_sample(stats, segment)
            else:
                _count_other(stats, kind)

    def expire(self, now_ns: int) -> list[Pair]:
        """Gives up on what waited too long at capture time `now_ns`."""
        if now_ns > self.now_ns:
            self.now_ns = now_ns
        if self._waiting:
            self._settle_waiting(now_ns)
        if now_ns - self._swept_ns >= _SWEEP_NS:
            self._swept_ns = now_ns
            self._sweep(now_ns)
        return self._taken()

    def close(self) -> list[Pair]:
        """Ends all connections."""
        for view in list(self.views.values()):
            self._forget_all(view)
        return self._taken()

    def view(self, interface: int) -> View:
        """The interface's view, made at its first frame."""
        view = self.views.get(interface)
        if view is None:
            view = View(interface)
            self.views[interface] = view
        return view

    def drop_view(self, interface: int) -> list[Pair]:
        """The interface is gone: ends its connections, keeps its counters."""
        view = self.views.pop(interface, None)
        if view is not None:
            self._forget_all(view)
            self.stats.add(view.stats)
            self._view = None
        return self._taken()

    def shed(self, level: int, seed: int) -> list[Pair]:
        """Ends the connections that the filter leaves out at this level.

        When they are captured again it is from their middle, as new ones: sequence
        numbers that were last seen long ago say nothing.
        """
        for view in self.views.values():
            for key, connection in list(view.connections.items()):
                if connection.is_forgotten:
                    continue
                if flow_number(key, seed) < level:
                    if not connection.is_closed:
                        view.stats.connections_shed += 1
                    self._forget(connection, False)
        return self._taken()

    def total(self) -> Stats:
        """Counters of all interfaces."""
        total = Stats()
        total.add(self.stats)
        for view in self.views.values():
            total.add(view.stats)
        return total

    def _taken(self) -> list[Pair]:
        if not self._pairs:
            return []
        pairs = self._pairs[:]
        self._pairs.clear()
        return pairs

    def _take(self, view: View, segment: Segment) -> None:
        size = segment.payload_end - segment.payload_start
        view.stats.payload_bytes += size
        connection = self._found(view, segment)
        if connection is not None and connection.opening is not None:
            connection = self._confirmed(view, connection, segment)
        if connection is not None:
            stream = _stream(connection, segment.key)
            if segment.flags & SYN or (size and stream.is_far(segment.sequence)):
                if self._is_doubtful(connection, stream, segment):
                    view.stats.untracked_bytes += size
                    return
                connection = self._reopened(connection, stream, segment)
        if connection is None:
            connection = self._opened(view, segment, size)
            if connection is None:
                view.stats.untracked_bytes += size
                return
            stream = _stream(connection, segment.key)
        self._last = connection
        segment.expected_key = stream.peer.key
        if connection.is_closed:
            view.stats.duplicate_bytes += size
            return
        connection.last_ns = segment.timestamp_ns
        if connection.is_elsewhere:
            view.stats.elsewhere_bytes += size
        elif segment.flags & RST:
            view.stats.untracked_bytes += size
            connection.is_reset = True
            if segment.flags & ACK:
                stream.hear_reset(segment.acknowledgement)
        elif (stream.feed(segment) or stream.is_ended) and connection.settle(
            segment.timestamp_ns, self.limits
        ):
            self._waiting[connection] = None

    def _found(self, view: View, segment: Segment) -> Connection | None:
        """The segment's connection; most are of the last one."""
        last, key = self._last, segment.key
        if last is None or last.is_forgotten:
            return view.connections.get(key)
        if key is last.first.key or key is last.second.key:
            return last
        return view.connections.get(key)

    def _opened(self, view: View, segment: Segment, size: int) -> Connection | None:
        """A new connection; none for segments that do not open one."""
        flags = segment.flags
        if flags & RST or not (size or flags & SYN):
            return None
        opposite = swapped(segment.key)
        if opposite == segment.key:
            # A forged packet from an endpoint to itself: no two streams are there.
            return None
        if self._open >= self.limits.connections:
            self._evict()
        self._open += 1
        self._number += 1
        view.stats.connections += 1
        is_start = flags & SYN != 0
        is_answer = is_start and flags & ACK != 0
        return Connection(
            view,
            self.limits,
            self.budget,
            self._pairs,
            self._number,
            opposite if is_answer else segment.key,
            segment.key if is_answer else opposite,
            is_start,
        )

    def _reopened(
        self, connection: Connection, stream: Stream, segment: Segment
    ) -> Connection | None:
        """The same for its own SYN, none if the ports are used anew."""
        if segment.flags & SYN and _is_own(stream, segment):
            return connection
        self._forget(connection, True)
        return None

    def _is_doubtful(
        self, connection: Connection, stream: Stream, segment: Segment
    ) -> bool:
        """Whether this is a SYN with another number within a live connection.

        Its receiver refuses it (RFC 5961 section 4), so it opens nothing until the
        numbers of both sides prove that it was taken.
        """
        if not segment.flags & SYN or _is_own(stream, segment):
            return False
        if not connection.is_alive():
            return False
        if not segment.flags & RST:
            connection.opening = segment.opening()
        return True

    def _confirmed(
        self, view: View, connection: Connection, segment: Segment
    ) -> Connection | None:
        """The segment's connection: one anew if the segment goes on where a SYN began
        one; none if that SYN opens nothing.
        """
        opening = connection.opening
        is_same = segment.key == opening.key
        number = segment.sequence if is_same else segment.acknowledgement
        if number != advanced(opening.sequence, 1) or not segment.flags & ACK:
            return connection
        opened = connection.stream(opening.key)
        if opened.had(number) and not segment.flags & SYN:
            return connection
        self._forget(connection, True)
        anew = self._opened(view, opening, 0)
        if anew is not None:
            anew.stream(opening.key).feed(opening)
        return anew

    def _settle_waiting(self, now_ns: int) -> None:
        for connection in list(self._waiting):
            if connection.is_closed or not connection.settle(now_ns, self.limits):
                del self._waiting[connection]

    def _sweep(self, now_ns: int) -> None:
        limits = self.limits
        for view in self.views.values():
            for connection in list(view.connections.values()):
                if connection.is_forgotten:
                    continue
                silent_ns = now_ns - connection.last_ns
                is_over = connection.is_closed or connection.is_reset
                if silent_ns > (limits.closed_ns if is_over else limits.idle_ns):
                    self._forget(connection, True)
                elif not is_over:
                    connection.tell(now_ns)

    def _evict(self) -> None:
        """Makes room: forgets the longest silent connections."""
        connections = [
            connection
            for view in self.views.values()
            for key, connection in view.connections.items()
            if key == connection.first.key
        ]
        connections.sort(key=_last_ns)
        for connection in connections[: len(connections) // _EVICTED_SHARE + 1]:
            if not connection.is_closed:
                connection.view.stats.connections_evicted += 1
            self._forget(connection, False)

    def _forget_all(self, view: View) -> None:
        for connection in list(view.connections.values()):
            if not connection.is_forgotten:
                self._forget(connection, True)

    def _forget(self, connection: Connection, is_silent: bool) -> None:
        connection.forget(is_silent)
        self._waiting.pop(connection, None)
        self._open -= 1


def _stream(connection: Connection, key: bytes) -> Stream:
    """The same as the connection says, without asking it where that is certain."""
    first = connection.first
    if key is first.key:
        return first
    second = connection.second
    return second if key is second.key else connection.stream(key)


def _is_own(stream: Stream, segment: Segment) -> bool:
    """Whether a SYN is the one that opened this stream, or the first that does."""
    if stream.opens(segment.sequence):
        return True
    return segment.flags & ACK != 0 and not stream.is_placed


def _last_ns(connection: Connection) -> int:
    return connection.last_ns


def _count_headers(stats: Stats, segment: Segment, frame: Frame) -> None:
    size = segment.payload_end - segment.payload_start + segment.missing
    stats.segments += 1
    stats.header_bytes += frame.length - size


def _count_sample(stats: Stats, segment: Segment) -> None:
    size = segment.stands_for * segment.missing
    stats.shed_segments += segment.stands_for
    stats.shed_bytes += size
    stats.payload_bytes += size


def _count_other(stats: Stats, kind: int) -> None:
    if kind == NOT_IP:
        stats.not_ip += 1
    elif kind == NOT_TCP:
        stats.not_tcp += 1
    elif kind == FRAGMENT:
        stats.fragments += 1
    else:
        stats.malformed += 1
