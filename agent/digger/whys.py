"""Which explanations, and which catalog, were told already, so that each is told once.

In: places with what was found there. Out: whether the cloud has to hear why: at a
place's first sight, when it is found surer or graver than before, and when it was told
so long ago that the cloud may have forgotten. Nothing here is per pair: only inspected
exchanges come by.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator

from agent.digger.detectors import Known
from detection.finding import Finding, Why
from proto.v1 import detector_pb2

MOST_PLACES = 100_000
"""Remembered, about 200 bytes each; the one told longest ago is told anew."""
AGAIN_SECONDS = 6 * 3600.0
"""A cloud whose store was replaced knows all explanations after so long."""

NAME_BYTES = 64
"""Of names of rules and data types: this and what follows is what the cloud takes."""
PHRASE_BYTES = 253
TITLE_BYTES = 200
MOST_DATA_TYPES = 2_000
MOST_TAGS = 20

_TAG = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")

Place = tuple[int, int, str, str]
"""Direction, location, path, data type."""


class Whys:
    """What was told, of all packages."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._digest = ""
        self._told: OrderedDict[int, tuple[int, int, float]] = OrderedDict()
        """Hash of a place → sensitivity and likelihood told, and when. Two places of
        one hash share what is told: one of them is explained later."""

    def follow(self, digest: str) -> None:
        """Rules of another digest have other explanations."""
        if digest != self._digest:
            self._digest = digest
            self.clear()

    def is_news(self, endpoint: Hashable, where: Place, found: Finding) -> bool:
        """Whether to tell; from then on it is told."""
        key = hash((endpoint, where))
        now = self._clock()
        known = self._told.get(key)
        rank = (found.sensitivity, found.likelihood)
        if known and now - known[2] < AGAIN_SECONDS and rank <= known[:2]:
            return False
        self._told[key] = (*rank, now)
        self._told.move_to_end(key)
        if len(self._told) > MOST_PLACES:
            self._told.popitem(last=False)
        return True

    def clear(self) -> None:
        """What was told may have been lost: tells all again."""
        self._told.clear()


class CatalogTold:
    """Whether the data types of a catalog were told."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._digest = ""
        self._told_at = 0.0

    def is_news(self, known: Known) -> bool:
        """Whether to tell; from then on it is told."""
        now = self._clock()
        is_told = known.digest == self._digest and now - self._told_at < AGAIN_SECONDS
        if is_told or not known.digest:
            return False
        self._digest, self._told_at = known.digest, now
        return True

    def clear(self) -> None:
        """What was told may have been lost."""
        self._digest = ""


def why(told: Why) -> detector_pb2.Why:
    """As packages hold it."""
    return detector_pb2.Why(
        rule=cut(told.rule),
        validator=cut(told.validator),
        verdict=told.verdict,
        context=told.context,
        phrase=cut(told.phrase, PHRASE_BYTES),
        points=told.points,
        usual=detector_pb2.Sensitivity.ValueType(told.usual),
        combination=cut(told.combination),
    )


def data_types(known: Known) -> Iterator[detector_pb2.DataType]:
    """As packages hold them; what the cloud would refuse is left out."""
    for one in known.data_types[:MOST_DATA_TYPES]:
        if len(one.name) <= NAME_BYTES:
            yield detector_pb2.DataType(
                name=one.name,
                title=cut(one.title, TITLE_BYTES),
                sensitivity=detector_pb2.Sensitivity.ValueType(one.sensitivity),
                tags=list(filter(_TAG.fullmatch, one.tags))[:MOST_TAGS],
                is_own=one.is_own,
                is_off=one.is_off,
            )


def cut(text: str, most: int = NAME_BYTES) -> str:
    """The first so many bytes."""
    return text.encode()[:most].decode(errors="ignore")
