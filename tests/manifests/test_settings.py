"""Every role would start: its file and variables are settings, its addresses served."""

from pathlib import Path

import pytest

from agent.lifecycle import STOP_SECONDS
from agent.loading import load
from agent.settings import Settings, split_address
from tests.agent.test_keys import key_file
from tests.certificates import Authority
from tests.manifests.rendering import (
    KUSTOMIZE,
    OVERLAYS,
    Object,
    containers,
    named,
    of_kind,
    pod,
    ports,
    workloads,
)

SECRETS = {
    "url": "postgresql+psycopg://vethscope:secret@db.example/vethscope",
    "username": "vethscope",
    "password": "secret",
}
"""What Secrets hold that are read as variables."""
PROBES = ("startup", "readiness", "liveness")
ROLES = ("interceptor", "digger", "detector", "cloud", "authority")


def _roles(overlay: str) -> list[str]:
    """Those that its components leave there; test_workloads.py checks which are."""
    text = (KUSTOMIZE / "overlays" / overlay / "kustomization.yaml").read_text()
    absent = {"cloud"} if "/agents-only" in text else set()
    absent |= set() if "/tls-own-authority" in text else {"authority"}
    return [role for role in ROLES if role not in absent]


pytestmark = pytest.mark.parametrize(
    ("overlay", "role"), [(one, role) for one in OVERLAYS for role in _roles(one)]
)


def _workload(overlay: str, role: str) -> Object:
    (workload,) = (w for w in workloads(overlay) if w["metadata"]["name"] == role)
    return workload


def _variables(overlay: str, container: Object) -> dict[str, str]:
    """The container's environment; a field of the pod stands as its path."""
    variables: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        variables |= named(overlay, "ConfigMap", source["configMapRef"]["name"])["data"]
    for variable in container.get("env", ()):
        source = variable.get("valueFrom", {})
        if "resourceFieldRef" in source:
            limit = container["resources"]["limits"]["cpu"]
            assert source["resourceFieldRef"] == {"resource": "limits.cpu"}
            variables[variable["name"]] = limit
        elif "secretKeyRef" in source:
            variables[variable["name"]] = SECRETS[source["secretKeyRef"]["key"]]
        else:
            field = source.get("fieldRef", {}).get("fieldPath")
            variables[variable["name"]] = field or variable["value"]
    return variables


def _settings(overlay: str, role: str, directory: Path) -> Settings:
    """What the role reads when it starts, from the file that its arguments name."""
    workload = _workload(overlay, role)
    (container,) = containers(workload)
    volumes = {v["name"]: v for v in pod(workload)["volumes"]}
    command, option, file = container["args"]
    assert (command, option) == (role, "--config")
    (mount,) = (
        m
        for m in container["volumeMounts"]
        if Path(m["mountPath"]) in Path(file).parents
    )
    config_map = volumes[mount["name"]]["configMap"]["name"]
    copy = directory / Path(file).name
    copy.write_text(named(overlay, "ConfigMap", config_map)["data"][copy.name])
    variables = _variables(overlay, container)
    for name, volume in volumes.items():
        if "secret" in volume:
            made = _secret(directory / volume["secret"]["secretName"])
            (where,) = (
                m["mountPath"] for m in container["volumeMounts"] if m["name"] == name
            )
            variables = {n: v.replace(where, str(made)) for n, v in variables.items()}
    return load(copy, variables)


def _secret(folder: Path) -> Path:
    """Files as the documentation says to make them."""
    Authority().issue(folder)
    (folder / "token").touch(0o600)
    (folder / "token").write_text("abc")
    Path(key_file(folder, b"k" * 32)).rename(folder / "keys")
    return folder


def test_settings_load(overlay: str, role: str, tmp_path: Path) -> None:
    settings = _settings(overlay, role, tmp_path)
    assert settings.cluster.name == overlay


def test_interceptor_is_given_the_node(overlay: str, role: str, tmp_path: Path) -> None:
    node = _settings(overlay, role, tmp_path).cluster.node
    assert node == ("spec.nodeName" if role == "interceptor" else "")


def test_addresses_are_services(overlay: str, role: str, tmp_path: Path) -> None:
    settings = _settings(overlay, role, tmp_path)
    services = {
        (service["metadata"]["name"], port["port"])
        for service in of_kind(overlay, "Service")
        for port in service["spec"]["ports"]
    }
    for server in (
        settings.addresses.server,
        settings.cloud.server,
        settings.detector.server,
        settings.kafka.bootstrap,
    ):
        is_ours = "example" not in server
        assert not is_ours or split_address(server) in services


def test_servers_listen_for_others(overlay: str, role: str, tmp_path: Path) -> None:
    settings = _settings(overlay, role, tmp_path)
    listening = {
        "interceptor": {},
        "digger": {"addresses": settings.addresses.listen},
        "authority": {},
        "detector": {"detector": settings.detector.listen},
        "cloud": {
            "collector": settings.cloud.collector_listen,
            "dashboard": settings.cloud.listen,
        },
    }[role] | {"health": settings.health.listen}
    (container,) = containers(_workload(overlay, role))
    declared = {p["name"]: p["containerPort"] for p in container.get("ports", ())}
    listens = {name: split_address(listen) for name, listen in listening.items()}
    assert listens == {name: ("::", port) for name, port in declared.items()}


def test_database_is_on_the_volume(overlay: str, role: str, tmp_path: Path) -> None:
    if role != "cloud":
        return
    database = _settings(overlay, role, tmp_path).cloud.database_url
    if database == SECRETS["url"]:
        return
    (container,) = containers(_workload(overlay, "cloud"))
    (mount,) = (m for m in container["volumeMounts"] if m["name"] == "data")
    assert database.startswith(f"sqlite:///{mount['mountPath']}/")


def test_it_is_probed_at_its_health_port(
    overlay: str, role: str, tmp_path: Path
) -> None:
    _, port = split_address(_settings(overlay, role, tmp_path).health.listen)
    workload = _workload(overlay, role)
    assert ports(workload)["health"] == port
    (container,) = containers(workload)
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in PROBES]
    assert [probe["path"] for probe in probes] == ["/startz", "/readyz", "/livez"]
    assert {probe["port"] for probe in probes} == {"health"}


def test_it_may_stop_in_its_own_time(overlay: str, role: str, tmp_path: Path) -> None:
    grace = pod(_workload(overlay, role))["terminationGracePeriodSeconds"]
    stop_seconds = _settings(overlay, role, tmp_path).capture.stop_seconds
    assert grace > STOP_SECONDS + stop_seconds
