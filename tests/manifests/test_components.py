"""Parts that an overlay may choose."""

import os
import re
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from cryptography import x509

from agent.certificates import Files, name_in
from agent.cluster.filters import parse
from agent.interceptor.privileges import Capability
from agent.keys import read_keys
from agent.loading import load
from agent.settings import Settings
from tests.agent.test_keys import key_file
from tests.certificates import Authority
from tests.manifests.rendering import KUSTOMIZE, Object, containers, pod, render
from tests.manifests.test_schema import KUBERNETES


def rendered_with(components: str, folder: Path) -> tuple[Object, ...]:
    """An overlay of the base and some components."""
    base = os.path.relpath(KUSTOMIZE, folder.resolve())
    chosen = ", ".join(f"{base}/components/{name}" for name in components.split())
    (folder / "kustomization.yaml").write_text(
        f"resources: [{base}/base]\ncomponents: [{chosen}]\n"
    )
    return render(folder)


def _is_workload(thing: Object) -> bool:
    return thing["kind"] in ("DaemonSet", "Deployment", "StatefulSet")


def _workloads(components: str, folder: Path) -> dict[str, Object]:
    """Each workload with its name, valid for all versions."""
    found = {}
    for thing in rendered_with(components, folder):
        if _is_workload(thing):
            for version in KUBERNETES:
                kubernetes_validate.validate(thing, version, strict=True)
            found[thing["metadata"]["name"]] = thing
    return found


def _loaded(workload: Object, folder: Path) -> Settings:
    """What it reads, if its Secrets hold what they are documented to hold."""
    (container,) = containers(workload)
    mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
    variables = {}
    for variable in container.get("env", ()):
        source = variable.get("valueFrom", {})
        if "resourceFieldRef" not in source:
            key = source.get("secretKeyRef", {}).get("key", "x")
            variables[variable["name"]] = variable.get("value", key)
    for volume in pod(workload)["volumes"]:
        if "secret" in volume:
            assert not volume["secret"]["defaultMode"] & 0o007
            assert not volume["secret"].get("optional", False)
            made = folder / volume["secret"]["secretName"]
            Authority().issue(made)
            (made / "token").touch(0o600)
            (made / "token").write_text("abc")
            for name, value in variables.items():
                variables[name] = value.replace(mounts[volume["name"]], str(made))
    return load(None, variables)


def _secrets(workload: Object) -> set[str]:
    volumes = pod(workload).get("volumes", ())
    return {v["secret"]["secretName"] for v in volumes if "secret" in v}


def test_each_of_our_programs_has_a_certificate_of_its_own(tmp_path: Path) -> None:
    found = _workloads("tls", tmp_path)
    secrets = {name: _secrets(workload) for name, workload in found.items()}
    ours = ("interceptor", "digger", "detector", "cloud")
    assert secrets == {"kafka": {"broker-tls"}} | {n: {f"{n}-tls"} for n in ours}
    loaded = {name: _loaded(found[name], tmp_path) for name in ours}
    assert loaded["interceptor"].addresses.files.ca
    assert loaded["interceptor"].kafka.security_protocol == "SSL"
    assert loaded["digger"].kafka.files.certificate
    assert loaded["digger"].addresses.files.ca
    assert loaded["digger"].detector.files.ca
    assert loaded["digger"].cloud.files.ca
    assert loaded["detector"].detector.files.ca
    assert loaded["cloud"].cloud.collector_files.certificate


def test_no_service_says_plain_text_where_tls_is_spoken(tmp_path: Path) -> None:
    ports = {
        port["name"]: port.get("appProtocol")
        for thing in rendered_with("tls", tmp_path)
        if thing["kind"] == "Service"
        for port in thing["spec"]["ports"]
    }
    encrypted = (ports["addresses"], ports["detector"], ports["collector"])
    assert encrypted == (None, None, None)
    assert ports["dashboard"] == "http"


def test_the_token_is_the_diggers_alone(tmp_path: Path) -> None:
    found = _workloads("tls cloud-token", tmp_path)
    have = {name for name, w in found.items() if "cloud-token" in _secrets(w)}
    assert have == {"digger"}
    assert _loaded(found["digger"], tmp_path).cloud.token_file.endswith("/token")


@pytest.mark.parametrize(
    ("component", "protocol"),
    [("kafka-certificate", "SSL"), ("kafka-password", "SASL_SSL")],
)
def test_kafka_is_reached_over_tls_by_who_sends_and_who_reads(
    tmp_path: Path, component: str, protocol: str
) -> None:
    found = _workloads(f"{component} tls encryption cloud-token", tmp_path)
    secret = {"kafka-certificate": "kafka-tls"}.get(component, component)
    have = {name for name, w in found.items() if secret in _secrets(w)}
    assert have == {"interceptor", "digger"}
    alone = _workloads(component, tmp_path)
    for name in have:
        kafka = _loaded(alone[name], tmp_path).kafka
        assert kafka.security_protocol == protocol
        assert kafka.ca_file
        assert bool(kafka.certificate_file) != bool(kafka.sasl_password)


def test_the_certificates_made_as_documented_are_of_one_authority(
    tmp_path: Path,
) -> None:
    """The commands of docs/operation.md, with a kubectl that does nothing."""
    text = (KUSTOMIZE.parent / "docs" / "operation.md").read_text()
    (block,) = re.findall(r"^```\n(openssl req -x509.*?)^```", text, re.M | re.S)
    (tmp_path / "kubectl").write_text("#!/bin/sh\n")
    (tmp_path / "kubectl").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(
        ["sh", "-euc", "umask 077; " + block],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        timeout=60,
    )
    authority = x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes())
    for name in ("interceptor", "digger", "detector", "cloud"):
        parts = (tmp_path / file for file in ("ca.crt", f"{name}.crt", f"{name}.key"))
        content = Files("detector", *map(str, parts)).read()
        assert name_in(content.certificate) == name
        own = x509.load_pem_x509_certificate(content.certificate)
        own.verify_directly_issued_by(authority)


def test_the_interceptor_can_do_with_four_capabilities(tmp_path: Path) -> None:
    (interceptor,) = (
        thing
        for thing in rendered_with("capabilities", tmp_path)
        if thing["kind"] == "DaemonSet"
    )
    for version in KUBERNETES:
        kubernetes_validate.validate(interceptor, version, strict=True)
    (container,) = containers(interceptor)
    security = container["securityContext"]
    assert security["privileged"] is False
    assert security["capabilities"]["drop"] == ["ALL"]
    assert set(security["capabilities"]["add"]) == {c.name for c in Capability}
    assert pod(interceptor)["hostPID"] is True


@pytest.mark.parametrize(
    ("component", "is_required"), [("encryption", False), ("encryption-required", True)]
)
def test_who_sends_and_who_reads_records_has_the_keys_and_nobody_else(
    tmp_path: Path, component: str, is_required: bool
) -> None:
    have = {}
    for thing in rendered_with(component, tmp_path):
        if thing["kind"] not in ("DaemonSet", "Deployment", "StatefulSet"):
            continue
        for version in KUBERNETES:
            kubernetes_validate.validate(thing, version, strict=True)
        for volume in pod(thing).get("volumes", ()):
            if "secret" in volume:
                have[thing["metadata"]["name"]] = (thing, volume["secret"])
    assert set(have) == {"interceptor", "digger"}
    for workload, secret in have.values():
        assert not secret["defaultMode"] & 0o007
        assert not secret.get("optional", False)
        (container,) = containers(workload)
        variables = {v["name"]: v.get("value", "") for v in container["env"]}
        file = Path(variables["VETHSCOPE_KAFKA_ENCRYPTION_KEY_FILE"])
        (mount,) = (m for m in container["volumeMounts"] if m["name"] == "keys")
        assert (file.name, str(file.parent)) == ("keys", mount["mountPath"])
        flags = {"kafka-encryption-key-file": key_file(tmp_path, b"k" * 32)}
        assert load(None, variables, flags).kafka.encryption_required is is_required
    digger = pod(have["digger"][0])["securityContext"]
    assert digger["fsGroup"] == digger["runAsGroup"]


def test_the_secret_made_as_documented_is_a_key_file(tmp_path: Path) -> None:
    """The commands of docs/operation.md, but for kubectl: a key, then one before it."""
    text = (KUSTOMIZE.parent / "docs" / "operation.md").read_text()
    (made,) = re.findall(r"^(head .*) > keys$", text, re.M)
    file = Path(key_file(tmp_path))
    for expected in (1, 2):
        subprocess.run(f"{made} >> {file}", shell=True, check=True, timeout=10)
        flags = {"kafka-encryption-key-file": str(file)}
        assert load(environment={}, flags=flags).kafka.encryption_key_file == str(file)
        assert len(read_keys(str(file))) == expected


def test_the_alerts_of_the_operator_are_those_of_prometheus() -> None:
    folder = KUSTOMIZE / "components"
    rules = yaml.safe_load((folder / "monitoring/rules.yaml").read_text())
    made = folder / "monitoring-operator/prometheusrule.yaml"
    assert yaml.safe_load(made.read_text())["spec"] == rules, "stale; run make rules"


def test_without_a_cloud_nothing_of_it_is_left(tmp_path: Path) -> None:
    things = rendered_with("tls agents-only cloud-token", tmp_path)
    assert not [t for t in things if t["metadata"]["name"] == "cloud"]
    digger = next(
        t for t in things if t["metadata"]["name"] == "digger" and _is_workload(t)
    )
    assert _loaded(digger, tmp_path).cloud.ca_file == str(tmp_path / "cloud-ca/ca.crt")


def test_with_postgresql_there_is_no_volume(tmp_path: Path) -> None:
    things = rendered_with("postgresql", tmp_path)
    assert not [t for t in things if t["kind"] == "PersistentVolumeClaim"]
    (cloud,) = (
        t for t in things if _is_workload(t) and t["metadata"]["name"] == "cloud"
    )
    (source,) = (
        v["valueFrom"]["secretKeyRef"]
        for v in next(containers(cloud))["env"]
        if v["name"] == "VETHSCOPE_CLOUD_DATABASE_URL"
    )
    assert source == {"name": "postgresql", "key": "url"}


@pytest.mark.parametrize("plug_in", ["cilium", "calico"])
def test_a_plug_in_that_knows_nodes_closes_what_is_open_without(
    tmp_path: Path, plug_in: str
) -> None:
    for thing in rendered_with(plug_in, tmp_path):
        if thing["apiVersion"] == "networking.k8s.io/v1":
            assert all("from" in rule for rule in thing["spec"].get("ingress", ()))


def test_the_rules_of_what_is_captured_are_read_where_they_are_mounted(
    tmp_path: Path,
) -> None:
    things = rendered_with("filters", tmp_path)
    (rules,) = (
        thing["data"]
        for thing in things
        if (thing["kind"], thing["metadata"]["name"]) == ("ConfigMap", "filters")
    )
    (digger,) = (
        t for t in things if _is_workload(t) and t["metadata"]["name"] == "digger"
    )
    (container,) = containers(digger)
    values = {v["name"]: v.get("value", "") for v in container["env"]}
    file = Path(values["VETHSCOPE_ADDRESSES_FILTER_FILE"])
    (mount,) = (m for m in container["volumeMounts"] if m["name"] == "filters")
    assert file.parent == Path(mount["mountPath"])
    assert "subPath" not in mount, "it would not change while all runs"
    assert parse(rules[file.name].encode(), file.name)
