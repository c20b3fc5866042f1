"""The authority's rights are enough for its certificates, and for nothing else."""

import base64
import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import HTTPError

import pytest

from agent import authority
from agent.cluster.vault import Vault, VaultError
from agent.issuing import AUTHORITY, HOSTS, Issuer
from tests.kubernetes.apiserver import ApiServer
from tests.manifests.rendering import Object, of_kind

NAMESPACE = "issuing"
"""Not the manifests' own, which other tests apply."""
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"


@pytest.fixture
def account(cluster: ApiServer, tmp_path: Path) -> Iterator[Path]:
    """What the kubelet mounts for the component's own account and role."""
    core, rights = "/api/v1/namespaces", "/apis/rbac.authorization.k8s.io/v1/namespaces"
    _have(cluster, core, {"metadata": {"name": NAMESPACE}})
    for kind, path in (
        ("ServiceAccount", f"{core}/{NAMESPACE}/serviceaccounts"),
        ("Role", f"{rights}/{NAMESPACE}/roles"),
        ("RoleBinding", f"{rights}/{NAMESPACE}/rolebindings"),
    ):
        _have(cluster, path, _of_component(kind))
    path = f"{core}/{NAMESPACE}/serviceaccounts/authority/token"
    made = cluster.request("POST", path, {"spec": {"expirationSeconds": 3600}})
    (tmp_path / "token").write_text(made["status"]["token"])
    (tmp_path / "namespace").write_text(NAMESPACE)
    (tmp_path / "ca.crt").write_bytes(cluster.ca_file.read_bytes())
    yield tmp_path
    for name in (AUTHORITY, *(f"{name}-tls" for name in HOSTS)):
        try:
            cluster.request("DELETE", f"{SECRETS}/{name}")
        except HTTPError as error:
            error.close()


def _have(cluster: ApiServer, path: str, document: Object) -> None:
    try:
        cluster.request("POST", path, document)
    except HTTPError as error:
        error.close()
        if error.code != 409:
            raise


def _of_component(kind: str) -> Object:
    found = of_kind("kind-dev", kind)
    named = (thing for thing in found if thing["metadata"]["name"] == "authority")
    thing: Object = deepcopy(next(named))
    for placed in (thing["metadata"], *thing.get("subjects", ())):
        placed["namespace"] = NAMESPACE
    return thing


@pytest.fixture
def vault(cluster: ApiServer, account: Path) -> Vault:
    return Vault(cluster.url.removeprefix("https://"), account)


def held(cluster: ApiServer, name: str) -> dict[str, bytes]:
    data = cluster.request("GET", f"{SECRETS}/{name}")["data"]
    return {key: base64.b64decode(value) for key, value in data.items()}


def test_every_program_gets_a_certificate_and_keeps_it(
    cluster: ApiServer, vault: Vault
) -> None:
    issuer = Issuer(vault)
    issuer.look()
    made = {name: held(cluster, f"{name}-tls") for name in HOSTS}
    root = authority.Pair(made["digger"]["ca.crt"], b"")
    for name, hosts in HOSTS.items():
        assert made[name]["ca.crt"] == root.certificate
        certificate = made[name]["tls.crt"]
        assert not authority.is_due(root, certificate, hosts, datetime.now(UTC))
        combined = made[name]["tls.key"] + certificate
        assert made[name]["tls-combined.pem"] == combined
    issuer.look()
    assert issuer.issued == len(HOSTS)
    assert {name: held(cluster, f"{name}-tls") for name in HOSTS} == made
    assert issuer.is_ready


def test_old_ones_are_renewed_but_for_what_is_read_once(
    cluster: ApiServer, vault: Vault
) -> None:
    Issuer(vault).look()
    before = {name: held(cluster, f"{name}-tls")["tls.crt"] for name in HOSTS}
    Issuer(vault, lambda: datetime.now(UTC) + timedelta(days=300)).look()
    after = {name: held(cluster, f"{name}-tls")["tls.crt"] for name in HOSTS}
    assert {name for name in HOSTS if before[name] == after[name]} == {"broker"}


def test_another_authority_gives_all_of_them_anew(
    cluster: ApiServer, vault: Vault
) -> None:
    issuer = Issuer(vault)
    issuer.look()
    cluster.request("DELETE", f"{SECRETS}/{AUTHORITY}")
    issuer.look()
    assert issuer.issued == 2 * len(HOSTS)
    above = held(cluster, AUTHORITY)["tls.crt"]
    assert all(held(cluster, f"{n}-tls")["ca.crt"] == above for n in HOSTS)


def test_it_may_read_no_other_secret(cluster: ApiServer, vault: Vault) -> None:
    _have(cluster, SECRETS, {"metadata": {"name": "others"}, "stringData": {"a": "b"}})
    for name in ("others", "cloud-token"):
        with pytest.raises(VaultError, match="403"):
            vault.read(name)
    with pytest.raises(VaultError, match="403"):
        vault.replace(AUTHORITY, {"tls.crt": b"", "tls.key": b""}, {})


def test_its_role_says_just_what_it_does(cluster: ApiServer) -> None:
    rules = _of_component("Role")["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {
        "create",
        "get",
        "update",
    }
    named = {name for rule in rules for name in rule.get("resourceNames", ())}
    assert named == {AUTHORITY, *(f"{name}-tls" for name in HOSTS)}


def test_outside_a_pod_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="namespace"):
        Vault("127.0.0.1:1", tmp_path)


def test_a_server_that_is_away_is_told_without_what_was_sent(account: Path) -> None:
    away = Vault("127.0.0.1:1", account)
    with pytest.raises(VaultError, match="ConnectionRefusedError") as told:
        away.create("x", {"tls.key": b"secret"}, {})
    assert "secret x" in str(told.value)
    assert json.dumps("c2VjcmV0") not in str(told.value)
