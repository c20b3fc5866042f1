"""No label is wrong in a cluster that rolls over, loses nodes and uses addresses again.

Every moment of every pod's traffic is asked for; the answer is its workload, or, around
changes, nobody. How much is named is printed by the last test.
"""

import random
from collections.abc import Iterable
from functools import partial
from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.cluster.addresses import AddressIndex
from agent.cluster.claims import pod_claims
from agent.cluster.filters import Filters
from agent.cluster.owners import Owners
from agent.cluster.sinks import Claims
from tests.agent.cluster.simulated import (
    SECOND,
    SKEW_SECONDS,
    Cluster,
    Told,
    Truth,
    relisted,
)


def index_of(told: Iterable[Told], skew: float) -> AddressIndex:
    """As a digger whose clock is wrong by `skew` makes it."""
    index, now = AddressIndex(), 0.0
    claims = Claims(
        index,
        partial(pod_claims, Owners(), Filters()),
        lambda: int((now + skew) * SECOND),
    )
    for now, kind, pod in told:  # noqa: B007  # the clock reads it
        claims.put(pod)
        if kind == "DELETED":
            claims.drop(pod.metadata.uid)
    return index


def wrong(index: AddressIndex, truth: Iterable[Truth]) -> tuple[int, int, int]:
    """Moments that are named wrongly, rightly, and not."""
    bad = good = unnamed = 0
    for address, workload, start, end in truth:
        ip = ip_address(address).packed
        steps = min(200, max(2, int(4 * (end - start))))
        for step in range(steps + 1):
            at = start + (end - start) * step / steps
            found = index.find(ip, int(at * SECOND))
            bad += found is not None and found.name != workload
            good += found is not None and found.name == workload
            unnamed += found is None
    return bad, good, unnamed


skews = st.floats(-SKEW_SECONDS, SKEW_SECONDS)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 6), skews)
def test_no_label_is_wrong(seed: int, nodes: int, addresses: int, skew: float) -> None:
    cluster = Cluster(random.Random(seed), nodes, addresses)
    cluster.run(120)
    assert wrong(index_of(cluster.told, skew), cluster.truth)[0] == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 1), skews)
def test_no_label_is_wrong_after_a_new_list_or_a_new_digger(
    seed: int, share: float, skew: float
) -> None:
    """Lists have no order; a new digger never heard of what ended before."""
    cluster = Cluster(random.Random(seed), 2, 4)
    cluster.run(120)
    first, last = cluster.told[0].at, cluster.told[-1].at
    at = first + share * (last - first)
    told = list(relisted(cluster.told, at))
    assert wrong(index_of(told, skew), cluster.truth)[0] == 0


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), skews)
def test_the_order_of_events_of_different_pods_does_not_matter(
    chance: random.Random, skew: float
) -> None:
    cluster = Cluster(random.Random(chance.random()), 2, 3)
    cluster.run(80)
    delayed = {told.pod.metadata.uid: chance.uniform(0, 6) for told in cluster.told}
    told = [
        one._replace(at=one.at + delayed[one.pod.metadata.uid]) for one in cluster.told
    ]
    told.sort(key=lambda one: one.at)
    assert wrong(index_of(told, skew), cluster.truth)[0] == 0


def test_a_rollout_of_500_pods_is_named_nearly_everywhere() -> None:
    cluster = Cluster(random.Random(7), 25, 12)
    cluster.run(2_000)
    bad, good, unnamed = wrong(index_of(cluster.told, 0.5), cluster.truth)
    assert len(cluster.truth) > 500
    print(f"{len(cluster.truth)} pods: {good} moments right, {unnamed} not named")
    assert bad == 0
    assert good > 20 * unnamed
