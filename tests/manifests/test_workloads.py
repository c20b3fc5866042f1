"""What every workload owes its cluster, and what only the interceptor may have."""

import tomllib
from pathlib import Path

import pytest

from agent.lifecycle import STOP_SECONDS
from tests.manifests.rendering import (
    KUSTOMIZE,
    OVERLAYS,
    Object,
    containers,
    named,
    of_kind,
    pod,
    ports,
    rendered,
    selects,
    workloads,
)

ROOT = Path(__file__).parents[2]
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")

pytestmark = pytest.mark.parametrize("overlay", OVERLAYS)


def _restricted(overlay: str) -> list[Object]:
    return [w for w in workloads(overlay) if w["metadata"]["name"] != "interceptor"]


def test_all_roles_are_there(overlay: str) -> None:
    names = {(w["kind"], w["metadata"]["name"]) for w in workloads(overlay)}
    assert names >= {
        ("DaemonSet", "interceptor"),
        ("Deployment", "digger"),
        ("Deployment", "detector"),
    }
    assert names <= {
        ("DaemonSet", "interceptor"),
        ("StatefulSet", "kafka"),
        ("Deployment", "digger"),
        ("Deployment", "detector"),
        ("Deployment", "cloud"),
        ("Deployment", "authority"),
    }


def test_what_is_elsewhere_is_named(overlay: str) -> None:
    (told,) = (
        thing["data"]
        for thing in of_kind(overlay, "ConfigMap")
        if thing["metadata"]["name"].startswith("environment")
    )
    here = {w["metadata"]["name"] for w in workloads(overlay)}
    chosen = (KUSTOMIZE / "overlays" / overlay / "kustomization.yaml").read_text()
    assert ("/tls-own-authority" in chosen) == ("authority" in here)
    assert ("/agents-only" in chosen) == ("cloud" not in here)
    assert ("VETHSCOPE_KAFKA_BOOTSTRAP" in told) == ("kafka" not in here)
    assert ("VETHSCOPE_CLOUD_SERVER" in told) == ("cloud" not in here)


def test_interceptor_sees_the_host(overlay: str) -> None:
    interceptor = named(overlay, "DaemonSet", "interceptor")
    specification = pod(interceptor)
    assert specification["hostNetwork"] is True
    assert specification["hostPID"] is True
    assert specification["dnsPolicy"] == "ClusterFirstWithHostNet"
    (container,) = containers(interceptor)
    security = container["securityContext"]
    assert security["privileged"] or "SYS_PTRACE" in security["capabilities"]["add"]
    assert container["securityContext"]["runAsUser"] == 0


def test_interceptor_runs_on_every_node(overlay: str) -> None:
    specification = pod(named(overlay, "DaemonSet", "interceptor"))
    assert specification["tolerations"] == [{"operator": "Exists"}]
    assert "affinity" not in specification
    priority = named(overlay, "PriorityClass", specification["priorityClassName"])
    assert priority["preemptionPolicy"] == "Never"


def test_interceptor_knows_its_node(overlay: str) -> None:
    (container,) = containers(named(overlay, "DaemonSet", "interceptor"))
    variables = {v["name"]: v for v in container["env"]}
    source = variables["VETHSCOPE_CLUSTER_NODE"]["valueFrom"]
    assert source == {"fieldRef": {"fieldPath": "spec.nodeName"}}


def test_namespace_admits_the_interceptor(overlay: str) -> None:
    labels = named(overlay, "Namespace", "vethscope")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"
    assert labels["pod-security.kubernetes.io/warn"] == "privileged"


def test_all_run_on_linux_only(overlay: str) -> None:
    for workload in workloads(overlay):
        assert pod(workload)["nodeSelector"] == {"kubernetes.io/os": "linux"}


def test_replicas_are_spread(overlay: str) -> None:
    for name in ("digger", "detector"):
        workload = named(overlay, "Deployment", name)
        (constraint,) = pod(workload)["topologySpreadConstraints"]
        assert selects(constraint["labelSelector"]["matchLabels"], workload)


def test_scaled_workloads_have_no_number_of_their_own(overlay: str) -> None:
    for scaler in of_kind(overlay, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        workload = named(overlay, target["kind"], target["name"])
        assert "replicas" not in workload["spec"]


def test_others_are_restricted(overlay: str) -> None:
    for workload in _restricted(overlay):
        specification = pod(workload)
        assert not specification.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        security = specification["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] >= 1000
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(workload):
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert "privileged" not in security


def test_root_file_systems_are_read_only(overlay: str) -> None:
    for workload in workloads(overlay):
        for container in containers(workload):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_resources_are_bounded(overlay: str) -> None:
    for workload in workloads(overlay):
        for container in containers(workload):
            resources = container["resources"]
            assert resources["requests"].keys() == {"cpu", "memory"}
            assert resources["limits"].keys() == {"cpu", "memory"}


def test_only_who_needs_the_api_may_ask_it(overlay: str) -> None:
    for workload in workloads(overlay):
        may_ask = workload["metadata"]["name"] in ("digger", "authority")
        assert pod(workload)["automountServiceAccountToken"] is may_ask


def test_digger_may_only_read(overlay: str) -> None:
    account = pod(named(overlay, "Deployment", "digger"))["serviceAccountName"]
    binding = named(overlay, "ClusterRoleBinding", "vethscope-digger")
    (subject,) = binding["subjects"]
    assert (subject["name"], subject["namespace"]) == (account, "vethscope")
    assert named(overlay, "ServiceAccount", account)
    role = named(overlay, "ClusterRole", binding["roleRef"]["name"])
    for rule in role["rules"]:
        assert set(rule["verbs"]) <= {"get", "list", "watch"}
        assert "secrets" not in rule["resources"]
        assert "*" not in {*rule["resources"], *rule["apiGroups"]}


def test_service_variables_are_off(overlay: str) -> None:
    """Kubernetes would name them like settings, and unknown settings are errors."""
    for workload in workloads(overlay):
        assert pod(workload)["enableServiceLinks"] is False


def test_selectors_match_their_pods_only(overlay: str) -> None:
    for workload in workloads(overlay):
        selector = workload["spec"]["selector"]["matchLabels"]
        matches = [w for w in workloads(overlay) if selects(selector, w)]
        assert matches == [workload]


def test_volumes_are_those_that_are_mounted(overlay: str) -> None:
    for workload in workloads(overlay):
        claims = workload["spec"].get("volumeClaimTemplates", ())
        volumes = {v["name"] for v in pod(workload)["volumes"]}
        volumes |= {claim["metadata"]["name"] for claim in claims}
        mounted = {m["name"] for c in containers(workload) for m in c["volumeMounts"]}
        assert volumes == mounted


def test_volumes_name_what_exists(overlay: str) -> None:
    for workload in workloads(overlay):
        for volume in pod(workload)["volumes"]:
            if "configMap" in volume and not volume["configMap"].get("optional"):
                assert named(overlay, "ConfigMap", volume["configMap"]["name"])
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert named(overlay, "PersistentVolumeClaim", claim)


def test_servers_are_probed_at_ports_that_exist(overlay: str) -> None:
    for workload in _restricted(overlay):
        container = pod(workload)["containers"][0]
        for probe in (container[name] for name in PROBES):
            target = probe.get("httpGet") or probe["tcpSocket"]
            assert target["port"] in ports(workload)


def test_grace_exceeds_our_own_time_to_stop(overlay: str) -> None:
    for workload in workloads(overlay):
        grace = pod(workload)["terminationGracePeriodSeconds"]
        assert grace > 2 * STOP_SECONDS


def test_version_is_the_packages(overlay: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for thing in rendered(overlay):
        labels = thing["metadata"]["labels"]
        assert labels["app.kubernetes.io/version"] == version


def test_kafka_is_the_one_that_we_test_with(overlay: str) -> None:
    pom = (ROOT / "tests/kafka/pom.xml").read_text()
    for kafka in of_kind(overlay, "StatefulSet"):
        for container in containers(kafka):
            image, _, tag = container["image"].partition(":")
            assert image == "apache/kafka"
            assert f"<version>{tag}</version>" in pom


def test_budget_leaves_room_to_drain_nodes(overlay: str) -> None:
    for budget in of_kind(overlay, "PodDisruptionBudget"):
        selector = budget["spec"]["selector"]["matchLabels"]
        (workload,) = (w for w in workloads(overlay) if selects(selector, w))
        assert budget["spec"]["maxUnavailable"] == 1
        assert workload["kind"] == "Deployment"
