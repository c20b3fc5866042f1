"""Which party outside of one cluster is a workload of a cluster that is known.

In: parties with their names, and what the clusters told of how they are reached. Out:
the workload that each is, where that is clear: its name or address, and every port at
which it is asked, lead to one workload. What the own cluster tells goes before others;
private addresses that two other clusters tell lead nowhere.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from ipaddress import ip_address
from typing import NamedTuple, Protocol

import sqlalchemy as sa
from sqlalchemy import Connection

from cloud.store.schema import HOUR, clusters, endpoints, outward, workloads
from cloud.store.statements import chunks

HOLDS_NS = HOUR * 10**9
"""What a cluster has not told for so long, by its own time, holds no more: diggers
tell all four times as often."""
KINDS = ("External", "Unresolved")
"""Of workloads that may be one elsewhere: one that nobody resolves is called by its
address."""
_AT_ONCE = 500
"""Keys named in one statement."""


class Party(Protocol):
    """A workload outside, as pages have it."""

    @property
    def id(self) -> int: ...
    @property
    def cluster(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...


class Target(NamedTuple):
    """Who answers, and at which port (0: any)."""

    cluster: str
    port: int
    workload_id: int


def joined(
    connection: Connection,
    parties: Iterable[Party],
    within: sa.ColumnElement[bool],
) -> dict[int, int]:
    """The id of a party → of the workload that it is; `within`: which workloads may be
    told."""
    asked = {one.id: (one, _names(one)) for one in parties if one.kind in KINDS}
    names = {name for _, listed in asked.values() for name in listed}
    targets = _targets(connection, names, within)
    if not targets:
        return {}
    hit = [key for key, (_, listed) in asked.items() if targets.keys() & set(listed)]
    ports = _ports(connection, hit)
    found = {}
    for key in hit:
        party, listed = asked[key]
        name = next(one for one in listed if one in targets)
        target = _clear(targets[name], party.cluster, ports[key])
        if target is not None and target != key:
            found[key] = target
    return found


def _clear(targets: list[Target], cluster: str, ports: Collection[int]) -> int | None:
    """The only workload that answers at all of the ports; None: there is none."""
    own = [target for target in targets if target.cluster == cluster]
    answering: set[int] = set()
    for port in ports or (0,):
        here = [t for t in own or targets if not port or t.port in (0, port)]
        if not here:
            return None
        answering |= {target.workload_id for target in here}
    return answering.pop() if len(answering) == 1 else None


def _names(party: Party) -> list[str]:
    """Under which it may be told, the most exact first."""
    name = party.name.lower()
    try:
        return [str(ip_address(name))]
    except ValueError:
        host = name.partition(":")[0].rstrip(".")
        _, dot, rest = host.partition(".")
        return [host, f"*.{rest}"] if dot else []


def _targets(
    connection: Connection, names: Collection[str], within: sa.ColumnElement[bool]
) -> dict[str, list[Target]]:
    found: defaultdict[str, list[Target]] = defaultdict(list)
    holds = outward.c.last_seen_ns >= clusters.c.last_seen_ns - HOLDS_NS
    told = outward.join(clusters, clusters.c.name == outward.c.cluster).join(
        workloads, workloads.c.id == outward.c.workload_id
    )
    for some in chunks(sorted(names), _AT_ONCE):
        chosen = (
            sa.select(
                outward.c.name,
                outward.c.cluster,
                outward.c.port,
                outward.c.workload_id,
            )
            .select_from(told)
            .where(outward.c.name.in_(some), holds, within)
        )
        for name, *target in connection.execute(chosen):
            found[name].append(Target(*target))
    return found


def _ports(connection: Connection, keys: list[int]) -> defaultdict[int, set[int]]:
    """Party → ports at which it is asked."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    of = endpoints.c
    for some in chunks(keys, _AT_ONCE):
        chosen = sa.select(of.server_id, of.port).where(of.server_id.in_(some))
        for key, port in connection.execute(chosen.distinct()):
            found[key].add(port)
    return found
