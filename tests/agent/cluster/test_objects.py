"""Kubernetes objects and their owners."""

import msgspec
import pytest

from agent.cluster.addresses import NODE, POD, SERVICE
from agent.cluster.objects import Pod, Service, pod_claim, pod_workload, service_claim


def pod(metadata: str = "", spec: str = "", status: str = "") -> Pod:
    text = (
        f'{{"metadata": {{"name": "p-1", "namespace": "shop", "uid": "u"{metadata}}},'
        f' "spec": {{"nodeName": "n1"{spec}}},'
        f' "status": {{"phase": "Running", "podIP": "10.0.0.2"{status}}}}}'
    )
    return msgspec.json.decode(text, type=Pod)


def owned(kind: str, name: str, labels: str = "{}") -> Pod:
    owner = f'{{"kind": "{kind}", "name": "{name}", "controller": true}}'
    return pod(f', "labels": {labels}, "ownerReferences": [{owner}]')


@pytest.mark.parametrize(
    ("owner", "labels", "expected"),
    [
        (
            ("ReplicaSet", "orders-7d9f8"),
            '{"pod-template-hash": "7d9f8"}',
            ("Deployment", "orders"),
        ),
        (("ReplicaSet", "orders"), "{}", ("ReplicaSet", "orders")),
        (("ReplicaSet", "orders-x"), '{"app": "x"}', ("ReplicaSet", "orders-x")),
        (("StatefulSet", "db"), "{}", ("StatefulSet", "db")),
        (("DaemonSet", "logs"), "{}", ("DaemonSet", "logs")),
        (("Job", "report-28391040"), "{}", ("CronJob", "report")),
        (("Job", "migrate-2"), "{}", ("Job", "migrate-2")),
        (("Rollout", "web"), "{}", ("Rollout", "web")),
        (("Node", "n1"), "{}", ("Pod", "p-1")),
    ],
)
def test_a_pod_is_called_by_its_owner(
    owner: tuple[str, str], labels: str, expected: tuple[str, str]
) -> None:
    assert pod_workload(owned(*owner, labels)) == ("shop", *expected)


def test_a_pod_without_owner_is_itself() -> None:
    assert pod_workload(pod()) == ("shop", "Pod", "p-1")


def test_a_pod_claims_all_its_addresses_from_its_start() -> None:
    claim = pod_claim(
        pod(
            status=', "podIPs": [{"ip": "10.0.0.2"}, {"ip": "fd00::2"}],'
            ' "startTime": "2023-11-14T22:13:20Z"'
        ),
        5,
    )
    assert claim.kind == POD
    assert claim.ips == {b"\x0a\0\0\2", bytes.fromhex("fd" + "00" * 14 + "02")}
    assert claim.start_ns == 1_700_000_000 * 10**9


def test_a_pod_that_has_not_started_claims_from_now() -> None:
    assert pod_claim(pod(), 5).start_ns == 5


def test_a_pod_on_the_hosts_network_names_the_node() -> None:
    claim = pod_claim(pod(spec=', "hostNetwork": true'), 5)
    assert (claim.kind, claim.workload) == (NODE, ("", "Node", "n1"))


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_claims_nothing(phase: str) -> None:
    finished = pod()
    finished.status.phase = phase
    assert not pod_claim(finished, 5).ips


def service(spec: str) -> Service:
    text = f'{{"metadata": {{"name": "orders", "namespace": "shop"}}, "spec": {spec}}}'
    return msgspec.json.decode(text, type=Service)


@pytest.mark.parametrize(
    ("spec", "ips"),
    [
        ('{"clusterIP": "10.96.0.9"}', {b"\x0a\x60\0\x09"}),
        (
            '{"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9", "10.96.0.8"]}',
            {b"\x0a\x60\0\x09", b"\x0a\x60\0\x08"},
        ),
        ('{"clusterIP": "None"}', set()),
        ("{}", set()),
    ],
)
def test_a_service_claims_its_own_addresses(spec: str, ips: set[bytes]) -> None:
    claim = service_claim(service(spec), 5)
    assert claim.kind == SERVICE
    assert claim.ips == ips
    assert claim.workload == ("shop", "Service", "orders")
