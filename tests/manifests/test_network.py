"""Who reaches whom: services lead to ports, and policies let just our own line in."""

from typing import Any

import pytest

from tests.manifests.rendering import (
    OVERLAYS,
    Object,
    named,
    of_kind,
    ports,
    selects,
    workloads,
)

pytestmark = pytest.mark.parametrize("overlay", OVERLAYS)


def _selected(overlay: str, selector: dict[str, str]) -> Object:
    (workload,) = (w for w in workloads(overlay) if selects(selector, w))
    return workload


def _ingress(overlay: str, name: str) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = named(overlay, "NetworkPolicy", name)["spec"][
        "ingress"
    ]
    return rules


def test_services_lead_to_ports_that_exist(overlay: str) -> None:
    for service in of_kind(overlay, "Service"):
        workload = _selected(overlay, service["spec"]["selector"])
        for port in service["spec"]["ports"]:
            assert ports(workload)[port["targetPort"]] == port["port"]


def test_every_port_but_health_has_a_service(overlay: str) -> None:
    served = {
        (service["metadata"]["name"], port["name"])
        for service in of_kind(overlay, "Service")
        for port in service["spec"]["ports"]
    }
    assert served == {
        (workload["metadata"]["name"], name)
        for workload in workloads(overlay)
        for name in ports(workload)
        if name != "health"
    }


def test_kafka_names_its_brokers_by_the_headless_service(overlay: str) -> None:
    kafka = named(overlay, "StatefulSet", "kafka")
    service = named(overlay, "Service", kafka["spec"]["serviceName"])
    assert service["spec"]["clusterIP"] == "None"


def test_policies_cover_every_server(overlay: str) -> None:
    policies = of_kind(overlay, "NetworkPolicy")
    covered = [
        _selected(overlay, p["spec"]["podSelector"]["matchLabels"])["metadata"]["name"]
        for p in policies
    ]
    assert sorted(covered) == ["cloud", "detector", "digger", "kafka"]


def test_every_digger_serves_the_list_whether_ready_or_not(overlay: str) -> None:
    """Readiness may depend on the cloud; which pods to capture does not."""
    service = named(overlay, "Service", "digger")["spec"]
    assert service["publishNotReadyAddresses"] is True


def test_no_rule_admits_everyone(overlay: str) -> None:
    for policy in of_kind(overlay, "NetworkPolicy"):
        assert "Ingress" in policy["spec"]["policyTypes"]
        for rule in policy["spec"]["ingress"]:
            assert rule["from"]
            for peer in rule["from"]:
                assert peer.get("podSelector") or peer["ipBlock"]["cidr"] != "0.0.0.0/0"


def test_pods_that_reach_a_server_are_the_digger(overlay: str) -> None:
    for policy in of_kind(overlay, "NetworkPolicy"):
        for rule in policy["spec"]["ingress"]:
            for peer in rule["from"]:
                if "podSelector" in peer:
                    selector = peer["podSelector"]["matchLabels"]
                    name = _selected(overlay, selector)["metadata"]["name"]
                    assert name == "digger"


def test_policy_ports_exist(overlay: str) -> None:
    for policy in of_kind(overlay, "NetworkPolicy"):
        selector = policy["spec"]["podSelector"]["matchLabels"]
        workload = _selected(overlay, selector)
        for rule in policy["spec"]["ingress"]:
            for port in rule.get("ports", ()):
                assert port["port"] in ports(workload)


@pytest.mark.parametrize("name", ["digger", "kafka"])
def test_interceptors_are_let_in_from_the_nodes(overlay: str, name: str) -> None:
    blocks = [
        peer["ipBlock"]["cidr"]
        for rule in _ingress(overlay, name)
        for peer in rule["from"]
        if "ipBlock" in peer
    ]
    assert len(blocks) == 1


@pytest.mark.parametrize("name", ["cloud", "detector", "kafka"])
def test_holders_of_data_send_nothing_out(overlay: str, name: str) -> None:
    specification = named(overlay, "NetworkPolicy", name)["spec"]
    assert "Egress" in specification["policyTypes"]
    assert specification["egress"] == []
