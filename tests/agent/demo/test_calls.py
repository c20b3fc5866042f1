"""Who asks whom, in turn."""

from agent.demo.calls import (
    AGENTS,
    EDGES,
    NEXT_ROUND,
    PAYROLL,
    ROUND,
    SERVERS,
    call,
)
from agent.demo.company import CLIENTS_ONLY, MAILER, OUTSIDE, PODS, PROCESSOR, ROLL_OUT
from agent.outside.robots import Robots

CALLS = [call(number) for number in range(ROUND)]


def test_every_pod_and_party_takes_part() -> None:
    named = {name for edge in (*EDGES, PAYROLL) for name in edge}
    assert named == (PODS.keys() | set(OUTSIDE)) - set(ROLL_OUT.values())
    assert not set(CLIENTS_ONLY) & set(SERVERS)


def test_each_call_belongs_to_an_edge_and_comes_again() -> None:
    later = {call(number, True).edge for number in range(NEXT_ROUND)}
    assert later == set(EDGES)
    assert later - {made.edge for made in CALLS} == {("orders", MAILER)}
    assert call(ROUND + 7).edge == call(7).edge


def test_hosts_are_what_clients_call_their_servers() -> None:
    hosts = {made.edge: made.request.host for made in CALLS}
    assert hosts["payments-api", PROCESSOR] == PROCESSOR  # type: ignore[index]
    assert hosts["shopper", "gateway"] == "shop.example"  # type: ignore[index]
    assert hosts["orders", "payments-api"] == "payments-api.payments"  # type: ignore[index]


def test_one_of_those_outside_is_a_robot() -> None:
    robots = Robots.load()
    found = {name for name, told in AGENTS.items() if robots.is_robot(told.encode())}
    assert found == {"crawler"}
