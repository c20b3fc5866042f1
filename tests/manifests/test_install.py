"""What docs/install.md says can be done: its overlay, its Secrets, its commands."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from agent.cli import _parser
from agent.loading import load
from tests.manifests.rendering import KUSTOMIZE, Object, pod, ports, render
from tests.manifests.test_schema import KUBERNETES, OTHERS

ROOT = KUSTOMIZE.parent
TEXT = (ROOT / "docs" / "install.md").read_text()
NAME = "vethscope.company.example"
COMPONENTS = sorted(path.name for path in (KUSTOMIZE / "components").iterdir())


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Object, ...]:
    """The documented overlay, somewhere else."""
    folder = tmp_path_factory.mktemp("mine")
    (block,) = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.M | re.S)
    base = os.path.relpath(KUSTOMIZE, folder.resolve())
    (folder / "kustomization.yaml").write_text(block.replace("../..", base))
    return render(folder)


def one(objects: tuple[Object, ...], kind: str, name: str) -> Any:
    (found,) = (
        thing
        for thing in objects
        if thing["kind"] == kind and thing["metadata"]["name"].startswith(name)
    )
    return found


def variables(objects: tuple[Object, ...]) -> dict[str, str]:
    found: dict[str, str] = one(objects, "ConfigMap", "environment")["data"]
    return found


def secrets(objects: tuple[Object, ...]) -> set[str]:
    """Those that pods and the ingress wait for."""
    names: set[str] = set()
    for thing in objects:
        if thing["kind"] in ("DaemonSet", "Deployment", "StatefulSet"):
            for volume in pod(thing).get("volumes", ()):
                names |= (
                    {volume["secret"]["secretName"]} if "secret" in volume else set()
                )
        if thing["kind"] == "Ingress":
            names |= {tls["secretName"] for tls in thing["spec"]["tls"]}
    return names


@pytest.mark.parametrize("version", KUBERNETES)
def test_overlay_follows_the_schema(mine: tuple[Object, ...], version: str) -> None:
    for thing in mine:
        if thing["apiVersion"].partition("/")[0] not in OTHERS:
            kubernetes_validate.validate(thing, version, strict=True)


def test_people_come_in_by_one_name(mine: tuple[Object, ...]) -> None:
    specification = one(mine, "Ingress", "dashboard")["spec"]
    assert [rule["host"] for rule in specification["rules"]] == [NAME]
    assert [tls["hosts"] for tls in specification["tls"]] == [[NAME]]
    told = variables(mine)
    cloud = load(environment=told).cloud
    assert cloud.origin == f"https://{NAME}"
    assert cloud.trusted_proxies
    (path,) = specification["rules"][0]["http"]["paths"]
    service = path["backend"]["service"]
    named = {p["name"] for p in one(mine, "Service", service["name"])["spec"]["ports"]}
    assert service["port"]["name"] in named


def test_only_the_ingress_reaches_the_dashboard(mine: tuple[Object, ...]) -> None:
    """It is believed in who asks."""
    let_in = [
        peer
        for thing in mine
        if thing["kind"] == "NetworkPolicy"
        and thing["spec"]["podSelector"]["matchLabels"].get(
            "app.kubernetes.io/component"
        )
        == "cloud"
        for rule in thing["spec"].get("ingress", ())
        if {port["port"] for port in rule["ports"]} != {"collector"}
        for peer in rule["from"]
    ]
    labels = {"kubernetes.io/metadata.name": "ingress-nginx"}
    assert let_in == [{"namespaceSelector": {"matchLabels": labels}}]
    policy = one(mine, "NetworkPolicy", "dashboard")["spec"]
    cloud = one(mine, "Deployment", "cloud")
    assert policy["ingress"][0]["ports"][0]["port"] in ports(cloud)


def test_every_secret_is_told_and_told_ones_are_used(tmp_path: Path) -> None:
    """By the components together, but for those that exclude each other."""
    told = set()
    for row in re.findall(r"^\| (`.*?) \| `.*\|$", TEXT, re.M):
        told |= set(re.findall(r"`([a-z-]+)`", row))
    used = set()
    for number, name in enumerate(COMPONENTS):
        folder = tmp_path / str(number)
        folder.mkdir()
        base = os.path.relpath(KUSTOMIZE, folder.resolve())
        (folder / "kustomization.yaml").write_text(
            f"resources: [{base}/base]\ncomponents: [{base}/components/{name}]\n"
        )
        if name != "encryption-required":
            objects = render(folder)
            used |= secrets(objects)
            used |= set(re.findall(r"secretKeyRef.*?name': '(\S+?)'", str(objects)))
    assert told == used


def commands() -> Iterator[list[str]]:
    """Each line of the documented shell blocks, as words."""
    for block in re.findall(r"^```sh\n(.*?)^```", TEXT, re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            yield shlex.split(line, comments=True)


def test_shell_blocks_are_shell() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", TEXT, re.M | re.S)
    assert len(blocks) >= 8
    for block in blocks:
        subprocess.run(["sh", "-n"], input=block, text=True, check=True, timeout=10)


def test_our_own_commands_are_known() -> None:
    own = 0
    for words in commands():
        _, _, *given = words[words.index("--") :] if "--" in words else ["", ""]
        if given and words[words.index("--") + 1] == "vethscope":
            given = given[: given.index(">")] if ">" in given else given
            _parser().parse_args(given)
            own += 1
    assert own >= 4


def test_names_in_commands_are_in_the_overlay(mine: tuple[Object, ...]) -> None:
    there = {f"{t['kind'].lower()}/{t['metadata']['name']}" for t in mine}
    for words in commands():
        for word in words:
            if re.fullmatch(r"(deployment|daemonset|service)/[a-z]+", word):
                assert word in there
            if word.startswith("kustomize/") and "mine" not in word:
                assert (ROOT / word).is_file()
    assert f"token create {variables(mine)['VETHSCOPE_CLUSTER_NAME']}" in TEXT


def test_own_file_in_the_container_is_where_commands_look(
    mine: tuple[Object, ...],
) -> None:
    (container,) = pod(one(mine, "Deployment", "cloud"))["containers"]
    file = container["args"][-1]
    assert f"--config {file}" in TEXT
    mounts = {m["mountPath"] for m in container["volumeMounts"]}
    for path in re.findall(r"/var/lib/\S+backup\S+", TEXT):
        assert any(path.startswith(f"{mount}/") for mount in mounts)
