"""Rules: what is worth an alert, and who is told.

In: news with what they are about. Out: whether a rule is for them. A rule names topics,
the least sensitivity, the clusters and namespaces, and channels; none of the last two
means all. What carries no data, as coverage and problems, has no sensitivity, and no
rule leaves it out for that. What is about no cluster, as a full disk, is only for
rules of all clusters.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from cloud.alerts.message import Line, Topic
from cloud.errors import CloudError
from cloud.visitor import Scope, read_scope

MOST_RULES = 50
LEVELS = ("", "low", "medium", "high")
"""By number."""


class RuleError(CloudError):
    """A field cannot be taken; one line that says why."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


class Found(NamedTuple):
    """News with what rules ask for and no message tells."""

    line: Line
    level: int
    """0: it carries no data."""
    namespaces: frozenset[str] = frozenset()
    group: str = ""
    """What belongs into one issue."""


class Body(msgspec.Struct, frozen=True):
    """What a rule says, as it is stored."""

    topics: tuple[Topic, ...]
    least: str = ""
    scope: str = ""
    channels: tuple[str, ...] = ()
    """Ids; empty: all that are on."""


class Rule(NamedTuple):
    """One that is stored."""

    id: str
    title: str
    body: Body
    is_on: bool
    changed_ns: int = 0
    changed_by: str = ""

    def matcher(self) -> "Matcher":
        return Matcher(
            frozenset(self.body.topics),
            LEVELS.index(self.body.least),
            read_scope(self.body.scope),
        )


class Matcher(NamedTuple):
    """A rule made ready."""

    topics: frozenset[Topic]
    least: int
    scope: Scope

    def wants(self, found: Found) -> bool:
        if found.line.topic not in self.topics:
            return False
        if 0 < found.level < self.least:
            return False
        scope, cluster = self.scope, found.line.cluster
        return (
            scope.is_everything
            or cluster in scope.clusters
            or any((cluster, name) in scope.namespaces for name in found.namespaces)
        )


def read(sent: Mapping[str, list[str]], known_channels: frozenset[str]) -> Body:
    """A rule out of a form's fields. Raises RuleError."""
    topics = tuple(topic for topic in Topic if topic in sent.get("topics", ()))
    if not topics:
        raise RuleError("topics", "choose at least one")
    least = next(iter(sent.get("least", ())), "")
    if least not in LEVELS:
        raise RuleError("least", "choose low, medium or high")
    try:
        scope = read_scope(next(iter(sent.get("scope", ())), "")[:2_000])
    except ValueError as error:
        raise RuleError("scope", str(error)) from None
    chosen = tuple(sorted(known_channels.intersection(sent.get("channels", ()))))
    return Body(topics, least, str(scope), chosen)
