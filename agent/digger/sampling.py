"""Sampling: which pairs are inspected in detail; all are counted anyway.

The bound: a pair is inspected if its endpoint, status class and body
shape was not seen before, or if its endpoint was not inspected for the longest
interval; beyond that as the budget allows, shared evenly between the endpoints active
of late. The clock is the capture time of the pairs; nothing here waits or is random.
The allowance keeps a slow detector from holding up the counting.
"""

import re
from collections import OrderedDict
from collections.abc import Hashable

MOST_ENDPOINTS = 100_000
"""Beyond, the endpoint inspected longest ago is forgotten, so inspected anew."""
MOST_SHAPES = 64
"""Shapes told apart at one endpoint; a body with ids as keys never ends."""
ACTIVE_NS = 10 * 10**9
"""An endpoint counts as active for so long: its share of the budget."""
SHAPE_BYTES = 16_384
"""Of a body, looked at for its shape."""
MOST_ALLOWED_SECONDS = 1.0
"""Saved up at most, for a burst."""

_SECOND_NS = 10**9
_KEY = re.compile(rb'"([A-Za-z_$@][A-Za-z_$@.-]{0,63})"\s*:')


def shape(content_type: bytes, body: bytes) -> int:
    """What kind of body this is: media type and the set of JSON key names in it.

    Numbers and order do not matter, keys that hold digits are left out: they are
    often ids. Only compares within one process.
    """
    media_type = content_type.partition(b";")[0].strip().lower()
    keys = frozenset(_KEY.findall(body[:SHAPE_BYTES]))
    return hash((media_type, body[:1], keys))


class _Endpoint:
    __slots__ = ("inspected_ns", "seen_ns", "shapes")

    def __init__(self) -> None:
        self.inspected_ns = 0
        self.seen_ns = 0
        self.shapes: set[tuple[int, int]] = set()


class Sampler:
    """Decides pair by pair."""

    def __init__(self, per_second: float, interval_seconds: float) -> None:
        self._per_second = per_second
        self._interval_ns = int(interval_seconds * _SECOND_NS)
        self._endpoints: OrderedDict[Hashable, _Endpoint] = OrderedDict()
        self._tokens = self._most_tokens = max(per_second, 1.0) if per_second else 0.0
        self._now_ns = 0
        self._window_ns = 0
        self._active = self._active_before = 0

    def is_chosen(
        self,
        endpoint: Hashable,
        status_class: int,
        body_shape: int,
        at_ns: int,
        is_allowed: bool = True,
    ) -> bool:
        """Whether to inspect the pair captured at `at_ns`.

        If not `is_allowed`, only what the bound demands is.
        """
        now_ns = self._advance(at_ns)
        state = self._state(endpoint)
        if state.seen_ns < self._window_ns:
            self._active += 1
        state.seen_ns = now_ns
        key = (status_class, body_shape)
        if not (
            self._is_first(state, key)
            or now_ns - state.inspected_ns >= self._interval_ns
            or (is_allowed and self._is_affordable(state, now_ns))
        ):
            return False
        state.inspected_ns = now_ns
        self._endpoints.move_to_end(endpoint)
        return True

    def _advance(self, at_ns: int) -> int:
        """Capture time never runs back here; unused budget lasts a second."""
        elapsed_ns = at_ns - self._now_ns
        if elapsed_ns > 0:
            self._now_ns = at_ns
            earned = self._per_second * elapsed_ns / _SECOND_NS
            self._tokens = min(self._tokens + earned, self._most_tokens)
            if at_ns - self._window_ns >= ACTIVE_NS:
                self._window_ns = at_ns
                self._active_before, self._active = self._active, 0
        return self._now_ns

    def _state(self, endpoint: Hashable) -> _Endpoint:
        state = self._endpoints.get(endpoint)
        if state is None:
            if len(self._endpoints) >= MOST_ENDPOINTS:
                self._endpoints.popitem(last=False)
            state = self._endpoints[endpoint] = _Endpoint()
        return state

    def _is_first(self, state: _Endpoint, key: tuple[int, int]) -> bool:
        if key in state.shapes or len(state.shapes) >= MOST_SHAPES:
            return False
        state.shapes.add(key)
        return True

    def _is_affordable(self, state: _Endpoint, now_ns: int) -> bool:
        if self._tokens < 1:
            return False
        active = max(self._active, self._active_before)
        if (now_ns - state.inspected_ns) * self._per_second < active * _SECOND_NS:
            return False
        self._tokens -= 1
        return True


class Allowance:
    """The share of real time that inspections may take beyond the bound."""

    def __init__(self, share: float, now: float) -> None:
        self._share = share
        self._left_seconds = MOST_ALLOWED_SECONDS
        self._at = now

    def spend(self, seconds: float) -> None:
        self._left_seconds -= seconds

    def is_left(self, now: float) -> bool:
        earned = self._share * (now - self._at)
        self._left_seconds = min(self._left_seconds + earned, MOST_ALLOWED_SECONDS)
        self._at = now
        return self._left_seconds > 0
