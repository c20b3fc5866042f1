"""Corrections as rules: which one speaks for a place, and what it is then.

In: corrections that hold. Out: for a place with the data type that was found there, the
correction that names most of it; of two that name as much the later one. The digger
goes by the same order (`agent/digger/corrections.py`). Looking up costs one step for
each way of naming places, however many corrections there are.
"""

from collections.abc import Iterable
from operator import itemgetter
from typing import Any, NamedTuple

from cloud.store.corrections import Correction, Kept
from proto.v1 import detector_pb2

NONE = 0
"""The likelihood of what is no finding."""

_NAMES = ("cluster", "namespace", "kind", "name", "port", "method", "endpoint")
NAMES = (*_NAMES, "direction", "location", "path")
"""What a place is named by, in this order."""
_CLUSTER = NAMES.index("cluster")

Place = tuple[Any, ...]
"""The values of NAMES."""


class Found(NamedTuple):
    """What stands in a place."""

    data_type: str
    sensitivity: int
    likelihood: int


class Rules:
    """Those that hold at one moment."""

    def __init__(self, kept: Iterable[Kept] = ()) -> None:
        self.types: frozenset[str] = frozenset()
        """Data types that are corrected anywhere: others need not be looked up."""
        self._rules: dict[str, dict[tuple[int, ...], dict[Any, Kept]]] = {}
        for one in sorted(kept, key=lambda one: (one.created_ns, -one.id)):
            named = tuple(
                at for at, name in enumerate(NAMES) if getattr(one.correction, name)
            )
            by_names = self._rules.setdefault(one.correction.data_type, {})
            values = tuple(getattr(one.correction, NAMES[at]) for at in named)
            # The later one takes the place of the earlier one.
            by_names.setdefault(named, {})[values] = one
        self._ways = {
            data_type: [(_picked(named), held) for named, held in by_names.items()]
            for data_type, by_names in self._rules.items()
        }
        self.types = frozenset(self._rules)

    def speaking(self, place: Place, data_type: str) -> Kept | None:
        """The correction that holds for what was found in a place."""
        best: Kept | None = None
        for pick, held in self._ways.get(data_type, ()):
            one = held.get(pick(place))
            if one is not None and (best is None or _weight(one) > _weight(best)):
                best = one
        return best


def corrected(one: Correction, found: Found) -> Found:
    """What is so instead."""
    if not one.becomes:
        return found._replace(likelihood=NONE)
    sensitivity = one.sensitivity or found.sensitivity
    return Found(one.becomes, sensitivity, int(detector_pb2.VERY_LIKELY))


def _picked(named: tuple[int, ...]) -> Any:
    if not named:
        return lambda _: ()
    if len(named) == 1:
        return lambda place: (place[named[0]],)
    return itemgetter(*named)


def _weight(one: Kept) -> tuple[int, int, int]:
    named = sum(
        bool(getattr(one.correction, name))
        for at, name in enumerate(NAMES)
        if at != _CLUSTER
    )
    return named, one.created_ns, -one.id
