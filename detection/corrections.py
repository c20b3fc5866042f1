"""Corrections: findings that are none, or of another data type, where people say so.

In: corrections, out of a catalog's file or from the cloud, and the findings of one
message with the place where it was seen. Out: the findings as they are with them. The
correction that names most of a place holds; of two that name as much the later one.
What is empty or 0 is any. Looking up costs a step for each way of naming places, not
for each correction.

A capture file and a line of text have no names of clusters and workloads:
`of_endpoints` keeps what can be told without them. Their paths have all names, which
those of diggers have not: `{key}` stands for any name in these.
"""

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from detection.finding import Finding, Likelihood, Location, Sensitivity
from detection.steps import KEY, is_told_as_kind, steps

MOST_CORRECTIONS = 10_000
"""Of one catalog: twice of what a cloud holds for a cluster."""
TYPE_PATTERN = r"\A[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+\Z"
LONGEST_TYPE = 64

Name = Annotated[str, msgspec.Meta(max_length=2_600)]
TypeName = Annotated[str, msgspec.Meta(pattern=TYPE_PATTERN, max_length=LONGEST_TYPE)]


class Correction(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    """As it stands in a catalog's file."""

    data_type: TypeName = msgspec.field(name="type")
    becomes: TypeName | Literal[""] = msgspec.field(name="is", default="")
    """The data type that it is; empty: it is none."""
    sensitivity: Literal["", "low", "medium", "high"] = ""
    """Of that; empty: as found."""
    cluster: Name = ""
    namespace: Name = ""
    kind: Name = ""
    workload: Name = ""
    """The server's name."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    method: Name = ""
    endpoint: Name = ""
    """Path template, and the operation behind a space, if there is one."""
    direction: Literal["", "request", "response"] = ""
    location: Literal["", "body", "header", "query", "path"] = ""
    path: Name = ""
    """As a finding has it."""
    reason: Annotated[str, msgspec.Meta(max_length=1_000)] = ""
    """For people: it goes nowhere."""


TOLD = tuple(name for name in Correction.__struct_fields__ if name != "reason")
"""Fields that a digger is told."""


class Place(NamedTuple):
    """Where a message was seen: names of a correction, in its order."""

    cluster: str = ""
    namespace: str = ""
    kind: str = ""
    workload: str = ""
    port: int = 0
    method: str = ""
    endpoint: str = ""
    direction: str = ""


_NAMES = (*Place._fields, "location", "path", "data_type")
_LOCATIONS = {location: location.name.lower() for location in Location}
_NOWHERE = ("cluster", "namespace", "kind", "workload", "port")
_Pick = Callable[[tuple[Any, ...]], Any]


class Corrections:
    """Those that hold at one moment; never changed."""

    def __init__(
        self, told: Iterable[Correction] = (), *, is_any_key: bool = False
    ) -> None:
        """`is_any_key`: findings have all names in their paths, so `{key}` is any."""
        told = list(told)
        self._hidden = _Hidden(one.path for one in told if is_any_key)
        ways: dict[tuple[int, ...], dict[Any, tuple[int, Correction]]] = {}
        for rank, one in enumerate(told):
            values = tuple(getattr(one, name) for name in _NAMES)
            named = tuple(at for at, value in enumerate(values) if value)
            # The later one takes the place of the earlier one.
            ways.setdefault(named, {})[_picked(named)(values)] = rank, one
        self._ways: list[tuple[int, _Pick, dict[Any, tuple[int, Correction]]]] = sorted(
            ((_weight(named), _picked(named), held) for named, held in ways.items()),
            key=lambda way: -way[0],
        )

    def __bool__(self) -> bool:
        return bool(self._ways)

    def speaking(self, place: Place, finding: Finding) -> Correction | None:
        """The one that holds for a finding."""
        location = _LOCATIONS[finding.location]
        places = [
            (*place, location, path, finding.data_type)
            for path in (finding.path, *self._hidden.of(finding.path))
        ]
        best: tuple[int, Correction] | None = None
        reached = 0
        for weight, pick, held in self._ways:
            if best is not None and weight < reached:
                break
            # Who names a key looks closer than who says that it is any.
            found = filter(None, (held.get(pick(values)) for values in places))
            one = next(found, None)
            if one is not None and (best is None or one[0] > best[0]):
                best, reached = one, weight
        return best[1] if best else None

    def apply(self, place: Place, findings: list[Finding]) -> list[Finding]:
        """The findings of one message as they are, in their order."""
        if not self._ways or not findings:
            return findings
        kept: list[Finding] = []
        is_renamed = False
        for finding in findings:
            one = self.speaking(place, finding)
            if one is None:
                kept.append(finding)
            elif one.becomes:
                kept.append(_renamed(finding, one))
                is_renamed = True
        return _together(kept) if is_renamed else kept


class _Hidden:
    """Paths with names that are not told, and which paths they stand for."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._first: dict[str | None, Any] = {}
        for path in paths:
            if KEY in path:
                node = self._first
                for text, name in steps(path):
                    node = node.setdefault(KEY if name == KEY else text, {})
                node[_END] = path

    def of(self, path: str) -> list[str]:
        """Those that stand for a path; at most as many as there are."""
        if not self._first:
            return []
        nodes = [self._first]
        for text, name in steps(path):
            is_any = name and not is_told_as_kind(name)
            ways = (text, KEY) if is_any else (text,)
            nodes = [node[way] for node in nodes for way in ways if way in node]
        return [node[_END] for node in nodes if _END in node]


_END = None
"""No piece of a path."""


def of_endpoints(told: Iterable[Correction]) -> Corrections:
    """For messages without a server's name: those that name an endpoint, whoever
    serves it, and those that name neither cluster nor workload."""
    nowhere: dict[str, Any] = dict.fromkeys(_NOWHERE[:-1], "") | {"port": 0}
    kept = (
        msgspec.structs.replace(one, **nowhere)
        for one in told
        if one.endpoint or not any(getattr(one, name) for name in _NOWHERE)
    )
    return Corrections(kept, is_any_key=True)


def _renamed(finding: Finding, one: Correction) -> Finding:
    """What explains the type that was found does not explain that one."""
    level = finding.sensitivity
    if one.sensitivity:
        level = Sensitivity[one.sensitivity.upper()]
    return msgspec.structs.replace(
        finding,
        data_type=one.becomes,
        sensitivity=level,
        likelihood=Likelihood.VERY_LIKELY,
        why=None,
    )


def _together(findings: list[Finding]) -> list[Finding]:
    """One for each type and place: what was renamed may have been found there, too."""
    found: dict[tuple[str, Location, str], Finding] = {}
    for one in findings:
        key = (one.data_type, one.location, one.path)
        other = found.get(key)
        if other is not None:
            one = msgspec.structs.replace(
                one,
                sensitivity=max(one.sensitivity, other.sensitivity),
                likelihood=max(one.likelihood, other.likelihood),
                count=one.count + other.count,
                why=one.why or other.why,
            )
        found[key] = one
    return [found[key] for key in sorted(found)]


def _picked(named: tuple[int, ...]) -> _Pick:
    if not named:
        return lambda _: ()
    return itemgetter(*named)


def _weight(named: tuple[int, ...]) -> int:
    """How much is named; the cluster is no closer look."""
    return sum(_NAMES[at] != "cluster" for at in named)
