"""Gathers changes that belong together: a roll-out is one line, not its forty fields.

In: changes by their keys, the gravest first, and which workloads are outside. Out:
groups, the gravest first. What is new at one workload of ours is one group, what goes
to one party outside another; data in addresses stands alone, since it asks for another
answer. What carries no sensitive data is one group a cluster. Pure.
"""

from collections.abc import Collection, Iterable
from enum import Enum
from typing import NamedTuple

from cloud.pages.rollouts import BROUGHT_KINDS
from cloud.store.changes import Brief
from cloud.store.news import Kind


class Topic(Enum):
    """What a group is about; its value is the line's kind."""

    URL = "url"
    PARTY = "party"
    DATA = "data"
    COVERAGE = "coverage"
    CLUSTER = "cluster"
    RULES = "rules"
    AGENT = "agent"
    QUIET = "quiet"


_ALONE: dict[int, Topic] = {
    Kind.COVERAGE_FELL: Topic.COVERAGE,
    Kind.CLUSTER: Topic.CLUSTER,
    Kind.CATALOG: Topic.RULES,
    Kind.AGENT_VERSION: Topic.AGENT,
    Kind.IN_URL: Topic.URL,
}
_OF_PARTY = (Kind.PARTY, Kind.COUNTRY)


class Key(NamedTuple):
    topic: Topic
    cluster: str
    subject: int
    """A workload; 0: the cluster."""


class Group:
    """Changes of one key."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.gravity = self.sensitivity = self.changes = self.latest_ns = 0
        self.earliest_ns = 1 << 62
        """Of capture; `latest_ns` is of storing."""
        self.kinds: dict[Kind, int] = {}
        self.types: dict[str, int] = {}
        """Data type → sensitivity."""
        self.places: dict[tuple[int, int], None] = {}
        """Endpoint and place, the gravest first."""
        self.endpoints: dict[int, None] = {}
        self.clients: dict[int, None] = {}
        self.servers: dict[int, None] = {}
        self.countries: dict[str, None] = {}
        self.brought: dict[tuple[int, int, int], None] = {}
        """Client, server and time of capture of what a roll-out may bring, the gravest
        first."""
        self.fell: list[Brief] = []
        self.versions = ("", "")

    def add(self, one: Brief) -> None:
        kind = Kind(one.kind)
        self.changes += 1
        self.gravity = max(self.gravity, one.gravity)
        self.sensitivity = max(self.sensitivity, one.sensitivity)
        self.latest_ns = max(self.latest_ns, one.stored_ns)
        self.earliest_ns = min(self.earliest_ns, one.at_ns)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if one.data_type:
            known = self.types.get(one.data_type, 0)
            self.types[one.data_type] = max(known, one.sensitivity)
        if one.place_id:
            self.places[one.endpoint_id, one.place_id] = None
        for key, keys in (
            (one.endpoint_id, self.endpoints),
            (one.client_id, self.clients),
            (one.server_id, self.servers),
        ):
            if key:
                keys[key] = None
        if kind in BROUGHT_KINDS:
            self.brought[one.client_id, one.server_id, one.at_ns] = None
        if kind is Kind.COUNTRY:
            self.countries[one.after] = None
        elif kind is Kind.COVERAGE_FELL:
            self.fell.append(one)
        elif one.after:
            self.versions = (one.before, one.after)

    @property
    def order(self) -> tuple[int, int, int, int]:
        """The gravest first, then those with most data types, then the latest."""
        return -self.gravity, -self.sensitivity, -len(self.types), -self.latest_ns


def grouped(briefs: Iterable[Brief], outside: Collection[int]) -> list[Group]:
    """`outside`: keys of the workloads that are parties outside."""
    groups: dict[Key, Group] = {}
    for one in briefs:
        key = _key(one, outside)
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group(key)
        group.add(one)
    return sorted(groups.values(), key=lambda group: group.order)


def subjects(briefs: Iterable[Brief]) -> set[int]:
    """Workloads of which one has to know whether they are outside."""
    found = {one.server_id for one in briefs}
    found |= {one.client_id for one in briefs if one.kind in _OF_PARTY}
    return found - {0}


def _key(one: Brief, outside: Collection[int]) -> Key:
    topic = _ALONE.get(one.kind)
    if topic is Topic.URL:
        return Key(topic, one.cluster, one.server_id)
    if topic:
        return Key(topic, one.cluster, 0)
    if one.kind in _OF_PARTY:
        is_server = one.server_id in outside
        party = one.server_id if is_server else one.client_id
        return Key(Topic.PARTY, one.cluster, party)
    if one.server_id in outside:
        return Key(Topic.PARTY, one.cluster, one.server_id)
    if one.sensitivity:
        return Key(Topic.DATA, one.cluster, one.server_id)
    return Key(Topic.QUIET, one.cluster, 0)
