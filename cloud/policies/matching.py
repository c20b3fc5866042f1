"""Which policies a flow breaks.

In: policies, and the catalog's tags of data types. Out: for each flow the policies that
it breaks. Policies are compiled once; answers for names are remembered, since flows are
many and names are few.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from cloud.policies.rule import Data, Matcher, Party, Policy
from cloud.store.windows import EXTERNAL

MOST_REMEMBERED = 4_096
"""Names of one condition whose answer is remembered."""
_LEVELS = {"low": 1, "medium": 2, "high": 3}


class Side(NamedTuple):
    """One end of a flow."""

    cluster: str
    namespace: str
    kind: str
    name: str
    group: str = ""
    owner: str = ""

    @property
    def is_outside(self) -> bool:
        return self.kind == EXTERNAL


class Flow(NamedTuple):
    """A data type that goes from one party to another at one place."""

    sender: Side
    receiver: Side
    data_type: str
    sensitivity: int
    """0 none … 3 high"""
    endpoint: str
    """`METHOD /path`"""
    location: str
    direction: str
    is_in_errors: bool
    first_seen_ns: int


Test = Callable[[Flow], bool]


class Judge:
    """Policies, ready to be asked."""

    def __init__(
        self,
        policies: Iterable[tuple[Policy, int]],
        tags: Mapping[str, frozenset[str]],
    ) -> None:
        """Each policy with the time in ns after which a flow is new for it; `tags` of
        data types, from the catalog."""
        self._compiled = [
            (
                policy,
                [_matcher(matcher, tags, since_ns) for matcher in policy.deny],
                [_matcher(matcher, tags, since_ns) for matcher in policy.allow],
            )
            for policy, since_ns in policies
        ]

    def broken(self, flow: Flow) -> list[Policy]:
        """The policies that the flow breaks, in their order."""
        return [
            policy
            for policy, deny, allow in self._compiled
            if any(test(flow) for test in deny)
            and not any(test(flow) for test in allow)
        ]


def _matcher(
    matcher: Matcher, tags: Mapping[str, frozenset[str]], since_ns: int
) -> Test:
    tests = [
        *_data(matcher.data, tags),
        *_party(matcher.sender, lambda flow: flow.sender),
        *_party(matcher.to, lambda flow: flow.receiver),
        *_place(matcher, since_ns),
    ]
    return lambda flow: all(test(flow) for test in tests)


def _data(data: Data | None, tags: Mapping[str, frozenset[str]]) -> list[Test]:
    if data is None:
        return []
    tests: list[Test] = []
    if data.types is not None:
        fits = _fits(data.types)
        tests.append(lambda flow: fits(flow.data_type))
    if data.tags is not None:
        wanted, none = frozenset(data.tags), frozenset[str]()
        tests.append(lambda flow: not wanted.isdisjoint(tags.get(flow.data_type, none)))
    if data.sensitivity is not None:
        least = _LEVELS[data.sensitivity]
        tests.append(lambda flow: flow.sensitivity >= least)
    return tests


def _party(party: Party | None, side: Callable[[Flow], Side]) -> list[Test]:
    if party is None:
        return []
    tests = [
        _attribute(name, values, side)
        for name in ("cluster", "namespace", "kind", "name", "group", "owner")
        if (values := getattr(party, name)) is not None
    ]
    if party.outside is not None:
        tests.append(lambda flow: side(flow).is_outside is party.outside)
    return tests


def _attribute(
    name: str, values: tuple[str, ...], side: Callable[[Flow], Side]
) -> Test:
    fits = _fits(values)
    return lambda flow: fits(getattr(side(flow), name))


def _place(matcher: Matcher, since_ns: int) -> list[Test]:
    tests: list[Test] = []
    if matcher.across is not None:
        tests.append(_across(matcher.across))
    if matcher.endpoint is not None:
        fits = _fits(matcher.endpoint)
        tests.append(lambda flow: fits(flow.endpoint))
    if (locations := matcher.location) is not None:
        tests.append(lambda flow: flow.location in locations)
    if matcher.direction is not None:
        tests.append(lambda flow: flow.direction == matcher.direction)
    if matcher.in_errors is not None:
        tests.append(lambda flow: flow.is_in_errors is matcher.in_errors)
    if matcher.new is not None:
        tests.append(lambda flow: (flow.first_seen_ns > since_ns) is matcher.new)
    return tests


def _across(border: str) -> Test:
    def test(flow: Flow) -> bool:
        one, other = flow.sender, flow.receiver
        if one.is_outside or other.is_outside:
            return False
        if one.cluster != other.cluster:
            return True
        return border == "namespace" and one.namespace != other.namespace

    return test


def _fits(values: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether one of the values, in which `*` stands for anything, fits."""
    exact = frozenset(value for value in values if "*" not in value)
    open_ended = [value.split("*") for value in values if "*" in value]
    if not open_ended:
        return exact.__contains__

    @lru_cache(MOST_REMEMBERED)
    def fits(name: str) -> bool:
        return name in exact or any(_is_like(name, pieces) for pieces in open_ended)

    return fits


def _is_like(name: str, pieces: list[str]) -> bool:
    """Whether the pieces follow each other in the name, the first and last at its ends.

    Each as early as it can be: in linear time, which a regular expression would not
    promise.
    """
    first, *middle, last = pieces
    if len(name) < len(first) + len(last) or not name.startswith(first):
        return False
    at, end = len(first), len(name) - len(last)
    for piece in middle:
        found = name.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return name.endswith(last)
