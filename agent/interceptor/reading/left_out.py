"""What a worker left out: a first estimate of payload bytes, by interface and bucket.

In come the counters of what it read, samples among them, and how many frames the kernel
dropped; out go bytes of `shed` and `ring_drop`. It is coarse: a sample that is dropped
is missing with all that it stands for. Where the interface has counters of its own, the
interceptor brings it to these (`agent/interceptor/unread.py`).
"""

from collections import Counter, deque
from collections.abc import Mapping

from rings.stats import Stats
from rings.streams.flow import View

SHED, DROPPED = "shed", "ring_drop"


class LeftOut:
    """The estimate, handed over once by `take`.

    Dropped frames are taken to be like those that came at about the same time. These
    are read later, by as much as the ring holds, so drops wait until then.
    """

    def __init__(self) -> None:
        self._untold: dict[int, Counter[str]] = {}
        self._seen: dict[int, tuple[int, int]] = {}
        self._shed: dict[int, int] = {}
        self._drops = 0
        self._waiting: deque[tuple[int, int]] = deque()
        """Capture times and frames dropped until then."""

    def feed(
        self, views: Mapping[int, View], drops: int, now_ns: int, read_ns: float
    ) -> None:
        """`drops` since the start; all that came until `read_ns` was read."""
        for interface, view in views.items():
            self._add_shed(interface, view.stats)
        if drops > self._drops:
            self._waiting.append((now_ns, drops - self._drops))
            self._drops = drops
        seen = {i: (v.stats.frames, v.stats.payload_bytes) for i, v in views.items()}
        frames = sum(f - self._seen.get(i, (0, 0))[0] for i, (f, _) in seen.items())
        if frames <= 0:
            return
        dropped = 0
        while self._waiting and self._waiting[0][0] <= read_ns:
            dropped += self._waiting.popleft()[1]
        for interface, (_, payload) in seen.items():
            read = payload - self._seen.get(interface, (0, 0))[1]
            self._add(interface, DROPPED, dropped * max(0, read) // frames)
        self._seen = seen

    def end(self, interface: int, stats: Stats) -> None:
        """Nothing more comes of it."""
        self._add_shed(interface, stats)
        self._shed.pop(interface, None)

    def take(self) -> dict[int, dict[str, int]]:
        """Interface → bucket → bytes, since the last call."""
        untold, self._untold = self._untold, {}
        return {interface: dict(counts) for interface, counts in untold.items()}

    def _add_shed(self, interface: int, stats: Stats) -> None:
        self._add(interface, SHED, stats.shed_bytes - self._shed.get(interface, 0))
        self._shed[interface] = stats.shed_bytes

    def _add(self, interface: int, bucket: str, payload_bytes: int) -> None:
        if payload_bytes:
            self._untold.setdefault(interface, Counter())[bucket] += payload_bytes
