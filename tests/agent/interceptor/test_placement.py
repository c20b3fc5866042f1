"""Where pod interfaces are captured: in the host, inside, on loopback, or not."""

from dataclasses import replace

from agent.interceptor.placement import HOST, INSIDE, LOOPBACK, Placement
from agent.interceptor.reading.inside import RING_BYTES
from agent.interceptor.search.pods import PodInterface

IP, IP_6, OTHER = bytes([10, 0, 0, 1]), bytes(15) + b"\1", bytes([10, 0, 0, 2])
FE = bytes([0xFE, 0x80]) + bytes(13) + b"\1"
ROUTED = PodInterface(
    namespace_inode=100,
    host_index=7,
    host_name="veth7",
    pod_name_in_ns="eth0",
    addresses=frozenset({IP_6, IP}),
    namespace_path="/run/netns/a",
    pod_index=2,
)
HOSTLESS = replace(ROUTED, host_index=0, host_name="")
MESHED = replace(ROUTED, proxy="envoy")


def placement(rings: int = 8, workers: int = 1) -> Placement:
    return Placement(rings * RING_BYTES, workers)


def test_an_interface_with_an_end_in_the_host_is_captured_there() -> None:
    plan = placement().plan([ROUTED], None)
    assert plan.host == {7: (IP, IP_6)}
    assert plan.where == {7: HOST}
    assert not plan.inside


def test_without_an_end_in_the_host_it_is_captured_inside() -> None:
    plan = placement().plan([HOSTLESS], None)
    ((number, inside),) = plan.inside.items()
    assert number > 1 << 30
    assert (inside.path, inside.inode, inside.index) == ("/run/netns/a", 100, 2)
    assert inside.addresses == (IP, IP_6)
    assert plan.where == {number: INSIDE}
    assert not plan.host


def test_one_that_packets_pass_by_is_captured_inside_only() -> None:
    plan = placement().plan([replace(ROUTED, is_bypassed=True)], None)
    assert list(plan.where.values()) == [INSIDE]


def test_beside_a_proxy_loopback_is_captured_too() -> None:
    plan = placement().plan([MESHED], None)
    assert sorted(plan.where.values()) == [HOST, LOOPBACK]
    (inside,) = plan.inside.values()
    assert (inside.index, inside.is_loopback) == (1, True)


def test_loopback_of_a_pod_with_two_interfaces_is_captured_once_for_both() -> None:
    second = replace(MESHED, host_index=8, pod_index=3, addresses=frozenset({OTHER}))
    (inside,) = placement().plan([MESHED, second], None).inside.values()
    assert inside.addresses == (IP, OTHER, IP_6)


def test_only_listed_pods_are_captured_and_count_as_monitored() -> None:
    other = replace(
        ROUTED, namespace_inode=101, host_index=8, addresses=frozenset({OTHER})
    )
    plan = placement().plan([ROUTED, other], frozenset({IP}))
    assert list(plan.host) == [7]
    assert plan.own == {IP, IP_6}
    assert not placement().plan([ROUTED], frozenset()).host


def test_a_listed_pod_has_all_its_interfaces_and_addresses() -> None:
    """One that the list knows names it, whatever sorts first."""
    first = bytes([10, 0, 0, 0])
    second = replace(
        HOSTLESS, pod_index=3, addresses=frozenset({first}), link_local=frozenset({FE})
    )
    plan = placement().plan([ROUTED, second], frozenset({IP}))
    ((number, inside),) = plan.inside.items()
    assert plan.host == {7: (IP, first, IP_6, FE)}
    assert inside.addresses == (IP, first, IP_6, FE)
    assert plan.captured == {7: (IP, IP_6), number: (first,)}
    assert plan.own == {IP, IP_6, first, FE}
    assert plan.aliases == {first: IP, IP_6: IP, FE: IP}


def test_without_a_list_only_link_local_addresses_need_another() -> None:
    second = replace(ROUTED, link_local=frozenset({FE}))
    assert placement().plan([second], None).aliases == {FE: IP_6}


def test_interfaces_of_unknown_namespaces_belong_to_nobody_else() -> None:
    one = replace(ROUTED, namespace_inode=0)
    other = replace(one, host_index=8, addresses=frozenset({OTHER}))
    assert list(placement().plan([one, other], frozenset({IP})).host) == [7]


def test_a_pod_without_addresses_is_awaited_unless_they_cannot_be_known() -> None:
    bare = replace(ROUTED, addresses=frozenset())
    assert not placement().plan([bare], None).host
    assert placement().plan([replace(bare, pod_name_in_ns="")], None).host == {7: ()}


def test_who_comes_when_the_budget_is_used_up_is_missed_until_one_goes() -> None:
    later = replace(HOSTLESS, namespace_inode=101, addresses=frozenset({OTHER}))
    place = placement(rings=1)
    first = place.plan([HOSTLESS], None)
    both = place.plan([later, HOSTLESS], None)
    assert both.inside == first.inside
    assert both.missed == {OTHER: "no_budget"}
    assert not place.plan([later], None).missed


def test_a_ring_keeps_its_number_and_no_number_serves_twice() -> None:
    place = placement()
    before = place.plan([HOSTLESS], None)
    assert place.plan([HOSTLESS], None) == before
    place.plan([], None)
    assert place.plan([HOSTLESS], None).inside.keys().isdisjoint(before.inside)


def test_workers_share_the_rings_inside() -> None:
    pods = [replace(HOSTLESS, namespace_inode=n) for n in range(100, 106)]
    plan = placement(workers=3).plan(pods, None)
    assert sorted(i.worker for i in plan.inside.values()) == [0, 0, 1, 1, 2, 2]


def test_what_a_worker_refused_is_missed_for_its_reason_and_news_only_once() -> None:
    place = placement()
    (number,) = place.plan([HOSTLESS], None).inside
    assert place.refuse({number: "no_right"})
    assert not place.refuse({number: "no_right"})
    plan = place.plan([HOSTLESS], None)
    assert plan.missed == {IP: "no_right"}
    assert not plan.inside


def test_a_namespace_that_cannot_be_entered_is_missed() -> None:
    plan = placement().plan([replace(HOSTLESS, namespace_path="")], None)
    assert plan.missed == {IP: "no_path"}
