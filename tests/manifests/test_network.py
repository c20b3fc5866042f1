"""Who reaches whom: services lead to ports, and policies let just our own line in."""

import pytest

from tests.manifests.rendering import (
    OVERLAYS,
    Object,
    named,
    of_kind,
    ports,
    rendered,
    selects,
    workloads,
)

PROVED = {"addresses", "kafka"}
"""Ports where both ends show a certificate of ours, with the component `tls`."""

pytestmark = pytest.mark.parametrize("overlay", OVERLAYS)


def _selected(overlay: str, selector: dict[str, str]) -> Object:
    (workload,) = (w for w in workloads(overlay) if selects(selector, w))
    return workload


def _policies(overlay: str) -> list[Object]:
    """Kubernetes's own of one workload; that of `monitoring` is of all."""
    return [
        policy
        for policy in of_kind(overlay, "NetworkPolicy")
        if policy["apiVersion"] == "networking.k8s.io/v1"
        and policy["metadata"]["name"] != "monitoring"
    ]


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
    for kafka in of_kind(overlay, "StatefulSet"):
        service = named(overlay, "Service", kafka["spec"]["serviceName"])
        assert service["spec"]["clusterIP"] == "None"


def test_policies_cover_every_server(overlay: str) -> None:
    covered = {
        _selected(overlay, p["spec"]["podSelector"]["matchLabels"])["metadata"]["name"]
        for p in _policies(overlay)
        if "Ingress" in p["spec"]["policyTypes"]
    }
    servers = {w["metadata"]["name"] for w in workloads(overlay)} - {"interceptor"}
    assert covered == servers


def test_every_digger_serves_the_list_whether_ready_or_not(overlay: str) -> None:
    """Readiness may depend on the cloud; which pods to capture does not."""
    service = named(overlay, "Service", "digger")["spec"]
    assert service["publishNotReadyAddresses"] is True


def test_everyone_is_let_in_only_where_both_ends_prove_themselves(overlay: str) -> None:
    assert {"tls", "broker-tls"} & _mounted(overlay, "digger")
    for policy in _policies(overlay):
        for rule in policy["spec"].get("ingress", ()):
            if "from" not in rule:
                assert {port["port"] for port in rule["ports"]} <= PROVED
            for peer in rule.get("from", ()):
                assert peer.get("podSelector") or peer.get("namespaceSelector")


def _mounted(overlay: str, name: str) -> set[str]:
    (workload,) = (w for w in workloads(overlay) if w["metadata"]["name"] == name)
    volumes = workload["spec"]["template"]["spec"]["volumes"]
    return {volume["name"] for volume in volumes}


def test_no_policy_names_addresses(overlay: str) -> None:
    """Nodes have none in ipBlock on Cilium, and tunnels' on overlay networks."""
    assert "ipBlock" not in str(rendered(overlay))
    assert "cidr" not in str(rendered(overlay)).lower()


def test_pods_that_reach_a_server_are_the_digger(overlay: str) -> None:
    for policy in _policies(overlay):
        for rule in policy["spec"].get("ingress", ()):
            for peer in rule.get("from", ()):
                if "podSelector" in peer:
                    selector = peer["podSelector"]["matchLabels"]
                    name = _selected(overlay, selector)["metadata"]["name"]
                    assert name == "digger"


def test_policy_ports_exist(overlay: str) -> None:
    for policy in _policies(overlay):
        selector = policy["spec"]["podSelector"]["matchLabels"]
        workload = _selected(overlay, selector)
        for rule in policy["spec"].get("ingress", ()):
            for port in rule.get("ports", ()):
                assert port["port"] in ports(workload)


def test_health_is_open_to_monitoring_alone(overlay: str) -> None:
    """But for the interceptor's, which is the node's."""
    for policy in _policies(overlay):
        for rule in policy["spec"].get("ingress", ()):
            assert "health" not in {port["port"] for port in rule["ports"]}


def test_interceptors_are_let_in_on_every_network(overlay: str) -> None:
    """By a port that is open, or by a policy of the plug-in that knows nodes."""
    for name, port in (("digger", "addresses"), ("kafka", "kafka")):
        for policy in _policies(overlay):
            if policy["metadata"]["name"] != name:
                continue
            is_open = {"ports": [{"port": port}]} in policy["spec"].get("ingress", [])
            assert is_open != bool(_of_plug_in(overlay, name))


def _of_plug_in(overlay: str, name: str) -> list[Object]:
    return [
        thing
        for thing in rendered(overlay)
        if thing["apiVersion"].startswith(("cilium.io", "projectcalico.org"))
        and thing["metadata"]["labels"]["app.kubernetes.io/component"] == name
    ]


@pytest.mark.parametrize("name", ["cloud", "detector", "kafka"])
def test_holders_of_data_send_nothing_out(overlay: str, name: str) -> None:
    """The component `postgresql` lets the cloud reach its database, by port."""
    for policy in _policies(overlay):
        if policy["metadata"]["name"] == name:
            assert "Egress" in policy["spec"]["policyTypes"]
            assert "egress" not in policy["spec"]
        if policy["metadata"]["name"] == "postgresql":
            allowed = {p["port"] for r in policy["spec"]["egress"] for p in r["ports"]}
            assert allowed == {53, 5432}
