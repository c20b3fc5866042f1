"""Inflating: compressed messages of one direction of a WebSocket (RFC 7692).

In come the payloads of messages in pieces, as sent, out go their bytes (`undoing`). A
message may refer to those before, so all are inflated, those too that nobody keeps.
"""

from rings.bodies.undoing import INFLATING_BYTES, Undoing, inflating
from rings.limits import Budget
from rings.websocket.protocol import Way

_TAIL = b"\x00\x00\xff\xff"
"""Left out by the sender at a message's end (section 7.2.1)."""


class Inflater:
    """Of one direction."""

    def __init__(self, way: Way, budget: Budget) -> None:
        self.is_broken = False
        """Nothing more can be inflated; not before the next message, where messages do
        not refer to each other."""
        self._way = way
        self._budget = budget
        self._undoing: Undoing | None = None
        self._is_open = False
        self._held = 0

    def begin(self) -> None:
        """A message begins."""
        if not self._way.is_going_on:
            self.is_broken = self._is_open = False
        if not self._is_open and not self.is_broken:
            self._open()

    def inflate(self, coded: bytes, target: bytearray, limit: int) -> None:
        """Appends what `coded` gives, at most up to `limit` bytes in all and one."""
        if self._undoing is None or not self._is_open:
            return
        for piece in self._undoing.pieces(coded):
            target += piece[: max(limit + 1 - len(target), 0)]
        self.is_broken = self._undoing.is_broken

    def end(self, target: bytearray, limit: int) -> None:
        """The message ended."""
        self.inflate(_TAIL, target, limit)

    def lose(self) -> None:
        """Bytes of the present message are missing."""
        self.is_broken = True
        self._is_open = False

    def close(self) -> None:
        """Gives the memory back."""
        self._budget.held_bytes -= self._held
        self._held = 0
        self._undoing = None
        self.lose()

    def _open(self) -> None:
        size = (1 << self._way.bits) + INFLATING_BYTES
        if not self._held:
            if self._budget.held_bytes + size > self._budget.limit_bytes:
                self.is_broken = True
                return
            self._held = size
            self._budget.held_bytes += size
        step = inflating(-self._way.bits, is_endless=True)
        if self._undoing is None:
            self._undoing = Undoing(step, size)
        self._undoing.begin(step)
        self._is_open = True
