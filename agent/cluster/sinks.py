"""What fills the address index: a sink of claims.

In: objects of one kind as their watch tells them. Out: their claims, each from when it
is first seen to when it goes.
"""

import time
from collections.abc import Callable, Set
from typing import Any

from agent.cluster.addresses import AddressIndex
from agent.cluster.claims import Claim, Claimed


class Claims:
    """Addresses of one kind of object, into the index."""

    def __init__(
        self,
        index: AddressIndex,
        claims: Callable[[Any, int], Claimed],
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._index = index
        self._claims_of = claims
        self._clock = clock
        self._claims: dict[str, tuple[Claim, ...]] = {}

    def put(self, thing: Any) -> None:
        uid, now_ns = thing.metadata.uid, self._clock()
        self._index.begin(now_ns)
        before = self._claims.get(uid, ())
        claims, ended_ns = self._claims_of(thing, now_ns)
        claims = tuple(_since_before(claim, before) for claim in claims)
        if claims == before and uid in self._claims:
            return
        self._release(uid, before, claims, ended_ns)
        for claim in claims:
            for key in claim.keys:
                self._index.add(
                    key,
                    claim.workload,
                    claim.kind,
                    claim.start_ns,
                    uid,
                    claim.earliest_ns,
                    claim.node,
                )
        self._claims[uid] = claims

    def drop(self, uid: str) -> None:
        self._release(uid, self._claims.pop(uid, ()), (), None)

    def uids(self) -> Set[str]:
        return self._claims.keys()

    def _release(
        self,
        uid: str,
        before: tuple[Claim, ...],
        claims: tuple[Claim, ...],
        ended_ns: int | None,
    ) -> None:
        now_ns = self._clock()
        kept = {key for claim in claims for key in claim.keys}
        for claim in before:
            for key in claim.keys - kept:
                end_ns = now_ns if ended_ns is None else ended_ns
                self._index.remove(key, uid, end_ns, ended_ns is not None)


def _since_before(claim: Claim, before: tuple[Claim, ...]) -> Claim:
    """What was seen once was seen then, if it is the same."""
    for known in before:
        if claim.is_seen and known.is_seen and claim.keys == known.keys:
            return claim._replace(start_ns=known.start_ns)
    return claim
