"""Flows that leave one cluster and enter another, joined at both ends.

In: the parties of a map. Out: which party outside is a workload of another cluster, by
its name alone: a name of the Multi-Cluster Services API (KEP-1645),
NAME.NAMESPACE.svc.clusterset.local, or Istio's older NAME.NAMESPACE.global, if there is
one workload of these names. What is not clear stays outside. Host names and addresses
that clusters told to be theirs are in the store (`cloud/store/outward.py`).
"""

from collections.abc import Iterable, Mapping

from cloud.pages.map.flows import Party

ENDINGS = (".svc.clusterset.local", ".global")


def joined(parties: Iterable[Party]) -> dict[int, int]:
    """The id of a party outside → the id of the workload that it is."""
    known = list(parties)
    services: dict[tuple[str, str], list[Party]] = {}
    for party in known:
        if not party.is_outside:
            services.setdefault((party.name, party.namespace), []).append(party)
    found = {}
    for party in known:
        target = _target(party, services) if party.is_outside else None
        if target is not None:
            found[party.id] = target
    return found


def _target(
    party: Party, services: Mapping[tuple[str, str], list[Party]]
) -> int | None:
    host = party.name.lower().partition(":")[0].rstrip(".")
    for ending in ENDINGS:
        name, dot, namespace = host.removesuffix(ending).partition(".")
        if host.endswith(ending) and dot and "." not in namespace:
            elsewhere = [
                one
                for one in services.get((name, namespace), ())
                if one.cluster != party.cluster
            ]
            return elsewhere[0].id if len(elsewhere) == 1 else None
    return None
