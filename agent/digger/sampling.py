# cython: annotation_typing=False
"""Sampling: which exchanges are inspected in detail; all are counted anyway.

In: an exchange's endpoint and kind (status class, body shape, operation), and whether
its bodies are at hand. Out: how urgent its inspection is. What came of an inspection is
told afterwards: only one that succeeded counts, so what was lost on the way, for
whatever reason, is chosen again.

The bound: a kind never inspected is FIRST, an endpoint not inspected for the longest
interval is DUE, whenever a body comes by; the rest is EXTRA as the budget allows,
shared evenly between the endpoints active of late. Time is the caller's monotonic
clock, never that of the records; nothing here waits or is random.
"""

from collections import OrderedDict
from collections.abc import Hashable

import cython

MOST_ENDPOINTS = 100_000
"""When full, forgets the endpoint inspected longest ago: it is inspected anew."""
MOST_KINDS = 64
"""Told apart at one endpoint; a body with ids as keys never ends."""
ACTIVE_SECONDS = 10.0
"""An endpoint counts as active for so long: its share of the budget."""
WAITING_SECONDS = 60.0
"""A choice of which nothing was heard for so long is forgotten: chosen again."""


NONE, EXTRA, DUE, FIRST = range(4)
"""Why an exchange is inspected."""

NEVER = -1.0e18
_MOMENT = 1e-3


@cython.cclass
class Endpoint:
    """What the sampler knows of one endpoint."""

    def __init__(self) -> None:
        self.inspected_at = NEVER
        """Of the last inspection that succeeded."""
        self.due_at = NEVER
        """When DUE was chosen, if that is still under way."""
        self.extra_at = NEVER
        """When EXTRA was chosen last."""
        self.active_in = -1
        """The last period in which it had traffic."""
        self.kinds: dict[Hashable, float] = {}
        """Kind → NEVER if inspected, else when it was chosen."""


@cython.cclass
class Sampler:
    """Decides exchange by exchange."""

    def __init__(self, per_second: float, interval_seconds: float) -> None:
        """`per_second`: extra inspections; 0 for none, inf for all."""
        self._per_second = per_second
        self._interval = interval_seconds
        self._endpoints: OrderedDict[Hashable, Endpoint] = OrderedDict()
        self._most_tokens = max(per_second, 1.0) if per_second else 0.0
        self._tokens = self._most_tokens
        self._now = 0.0
        self._period = 0
        self._active = self._active_before = 0

    def choose(
        self, endpoint: Hashable, kind: Hashable, is_whole: bool, now: float
    ) -> int:
        """The urgency of inspecting this exchange; without bodies (`is_whole` false)
        always NONE. What is not NONE is under way until `succeed` or `fail`."""
        state = self._state(endpoint)
        if now - self._now > 0:
            self._advance(now)
        if state.active_in != self._period:
            state.active_in = self._period
            self._active += 1
        if not is_whole:
            return NONE
        chosen_at = state.kinds.get(kind)
        if chosen_at is None:
            if len(state.kinds) < MOST_KINDS:
                state.kinds[kind] = now
                return FIRST
        elif chosen_at != NEVER and now - chosen_at > WAITING_SECONDS:
            state.kinds[kind] = now
            return FIRST
        if state.inspected_at == NEVER or now - state.due_at < WAITING_SECONDS:
            return NONE
        if now - state.inspected_at >= self._interval:
            state.due_at = now
            return DUE
        if self._tokens < 1:
            return NONE
        idle = now - max(state.inspected_at, state.extra_at)
        active = max(self._active, self._active_before)
        # At an infinite rate no idle time is too short: 0 * inf is no number.
        if idle * self._per_second < active:
            return NONE
        self._tokens -= 1
        state.extra_at = now
        return EXTRA

    def succeed(self, endpoint: Hashable, kind: Hashable, now: float) -> None:
        """An exchange of this kind was inspected."""
        state = self._endpoints.get(endpoint)
        if state is not None:
            if kind in state.kinds:
                state.kinds[kind] = NEVER
            state.due_at = NEVER
            state.inspected_at = now
            self._endpoints.move_to_end(endpoint)

    def fail(self, endpoint: Hashable, kind: Hashable) -> None:
        """It was not: the next one may be."""
        state = self._endpoints.get(endpoint)
        if state is not None:
            state.due_at = NEVER
            if state.kinds.get(kind, NEVER) != NEVER:
                del state.kinds[kind]

    def _advance(self, now: float) -> None:
        """Unused budget lasts a second."""
        earned = self._per_second * (now - self._now)
        self._now = now
        self._tokens = min(self._tokens + earned, self._most_tokens)
        period = int(now / ACTIVE_SECONDS)
        if period != self._period:
            self._period = period
            self._active_before, self._active = self._active, 0

    def _state(self, endpoint: Hashable) -> Endpoint:
        state = self._endpoints.get(endpoint)
        if state is None:
            if len(self._endpoints) >= MOST_ENDPOINTS:
                self._endpoints.popitem(last=False)
            state = self._endpoints[endpoint] = Endpoint()
        return state


class Budget:
    """Tokens that come at a rate, up to a second's worth; spending may leave a debt."""

    def __init__(self, per_second: float, now: float) -> None:
        self._per_second = per_second
        self._left = per_second
        self._at = now

    def is_left(self, now: float) -> bool:
        self._earn(now)
        return self._left > 0

    def spend(self, amount: float) -> None:
        self._left -= amount

    def wait_seconds(self, now: float) -> float:
        """Until something is left."""
        self._earn(now)
        if self._left > 0:
            return 0.0
        if not self._per_second:
            return float("inf")
        return _MOMENT - self._left / self._per_second

    def _earn(self, now: float) -> None:
        earned = self._per_second * (now - self._at)
        self._left = min(self._left + earned, self._per_second)
        self._at = now
