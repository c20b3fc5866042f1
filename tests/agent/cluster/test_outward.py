"""Names and addresses that lead into the cluster, with what answers there."""

from typing import Any

import msgspec
import pytest

from agent.cluster import outward
from agent.cluster.addresses import Workload
from agent.cluster.outward import AGAIN_SECONDS, Outward, Reached, name_of
from agent.cluster.watching.objects import Pod, Service

Row = tuple[str, str, str, int]


def service(
    name: str = "shop",
    entries: list[dict[str, str]] | None = None,
    selector: dict[str, str] | None = None,
    **spec: Any,
) -> Service:
    """As the API server tells it."""
    told = {
        "metadata": {"name": name, "namespace": "web", "uid": name},
        "spec": {"selector": selector or {}, **spec},
        "status": {"loadBalancer": {"ingress": entries} if entries else {}},
    }
    return msgspec.json.decode(msgspec.json.encode(told), type=Service)


def pod(owner: str, labels: dict[str, str], namespace: str = "web") -> Pod:
    reference = {"kind": "StatefulSet", "name": owner, "controller": True}
    metadata = {"namespace": namespace, "uid": owner, "labels": labels}
    told = {"metadata": {**metadata, "ownerReferences": [reference]}}
    return msgspec.json.decode(msgspec.json.encode(told), type=Pod)


def rows(known: Outward) -> set[Row]:
    return {
        (one.workload.kind, one.workload.name, one.name, one.port)
        for one in known.news()
    }


PORTS = [{"port": 443}, {"port": 80}]


def test_load_balancers_and_external_addresses_are_told_with_their_ports() -> None:
    known = Outward()
    entries = [{"ip": "203.0.113.7"}, {"hostname": "LB-1.eu.example.COM."}]
    known.services.put(
        service(entries=entries, ports=PORTS, externalIPs=["2001:DB8::0:1"])
    )
    names = ("203.0.113.7", "lb-1.eu.example.com", "2001:db8::1")
    expected = {("Service", "shop", n, p) for n in names for p in (443, 80)}
    assert rows(known) == expected


def test_services_inside_are_not_told() -> None:
    known = Outward()
    known.services.put(service(clusterIPs=["10.96.0.7"], ports=PORTS))
    assert rows(known) == set()


def test_pods_that_the_selector_chooses_are_what_answers() -> None:
    known = Outward()
    known.pods.put(pod("front", {"app": "front", "tier": "a"}))
    known.pods.put(pod("back", {"app": "back"}))
    known.pods.put(pod("front-of-others", {"app": "front"}, "other"))
    entries = [{"ip": "203.0.113.7"}]
    known.services.put(service(entries=entries, selector={"app": "front"}))
    assert rows(known) == {("StatefulSet", "front", "203.0.113.7", 0)}
    known.pods.put(pod("second", {"app": "front"}))
    assert rows(known) == {("StatefulSet", "second", "203.0.113.7", 0)}


def test_service_that_comes_before_its_pods_is_told_again_with_them() -> None:
    known = Outward()
    entries = [{"ip": "203.0.113.7"}]
    known.services.put(service(entries=entries, selector={"app": "front"}))
    assert rows(known) == {("Service", "shop", "203.0.113.7", 0)}
    known.pods.put(pod("front", {"app": "front"}))
    assert rows(known) == {("StatefulSet", "front", "203.0.113.7", 0)}


def test_told_once_until_it_changes_or_a_while_has_passed() -> None:
    now = 0.0
    known = Outward(lambda: now)
    one = service(entries=[{"ip": "203.0.113.7"}])
    known.services.put(one)
    assert [len(known.news()) for _ in range(2)] == [1, 0]
    known.services.put(one)
    assert known.news() == []
    known.services.put(service(entries=[{"ip": "203.0.113.8"}]))
    assert [row.name for row in known.news()] == ["203.0.113.8"]
    now = AGAIN_SECONDS
    assert [row.name for row in known.news()] == ["203.0.113.8"]
    known.clear()
    assert len(known.news()) == 1
    known.services.drop("shop")
    now = 3 * AGAIN_SECONDS
    assert (known.news(), known.services.uids()) == ([], set())


def test_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outward, "MOST_REACHED", 3)
    monkeypatch.setattr(outward, "MOST_NEWS", 2)
    known = Outward()
    gateway = Workload("web", "Gateway", "g")
    for number in range(5):
        known.keep(str(number), [Reached(gateway, f"h{number}.example", 0, 3)])
    assert [len(known.news()) for _ in range(3)] == [2, 1, 0]
    known.drop("0")
    known.keep("9", [Reached(gateway, "h9.example", 0, 3)])
    assert [row.name for row in known.news()] == ["h9.example"]


@pytest.mark.parametrize("text", ["", "a b", "http://x", "x" * 300, "é.example", "*"])
def test_what_is_no_name_is_not_told(text: str) -> None:
    assert name_of(text) == ""


def test_wildcards_and_addresses_are_names() -> None:
    assert name_of("*.Shop.example") == "*.shop.example"
    assert name_of("010.0.0.1") == "010.0.0.1"
    assert name_of("FD00::0001") == "fd00::1"
