"""A real API server takes each overlay and component, says no word, and keeps it."""

import json
import os
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubernetes import definitions
from tests.kubernetes.apiserver import TOKEN, ApiServer
from tests.manifests.rendering import KUSTOMIZE, OVERLAYS, rendered
from tests.waiting import eventually

COMPONENTS = sorted(path.name for path in (KUSTOMIZE / "components").iterdir())
UNKNOWN = {"calico": "projectcalico.org", "openshift": "security.openshift.io"}
"""Their definitions come by no module proxy: the server is not asked about these."""

pytestmark = pytest.mark.timeout(400)


class Kubectl:
    """kubectl as the administrator of a server."""

    def __init__(self, cluster: ApiServer, folder: Path) -> None:
        self._file = folder / "config"
        server = {"server": cluster.url, "certificate-authority": str(cluster.ca_file)}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [{"name": "k", "cluster": server}],
            "users": [{"name": "u", "user": {"token": TOKEN}}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        }
        self._file.write_text(yaml.safe_dump(document))

    def __call__(self, *arguments: str, text: str = "") -> tuple[int, str, str]:
        """Exit status, output, and what it says beside."""
        done = subprocess.run(
            ["kubectl", "--kubeconfig", str(self._file), *arguments],
            input=text,
            env=os.environ | {"HOME": str(self._file.parent)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def kubectl(cluster: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """The server knows the other projects' kinds too."""
    reason = definitions.missing()
    if not shutil.which("kubectl"):
        reason = "kubectl is not installed"
    if reason:
        pytest.skip(reason)
    made = Kubectl(cluster, tmp_path_factory.mktemp("kubectl"))
    for file in definitions.files():
        status, _, said = made("create", "-f", str(file))
        assert status == 0, said
        name = yaml.safe_load(file.read_text())["metadata"]["name"]
        assert eventually(partial(_is_established, made, name))
    return made


def _is_established(kubectl: Kubectl, name: str) -> bool:
    _, told, _ = kubectl("get", "crd", name, "-o", "json")
    conditions = json.loads(told)["status"].get("conditions", ())
    return any((c["type"], c["status"]) == ("Established", "True") for c in conditions)


def known(objects: tuple[dict[str, Any], ...], namespace: str) -> str:
    """In a namespace of the test's own, without what the server cannot know."""
    told = [
        thing
        for thing in objects
        if thing["apiVersion"].partition("/")[0] not in UNKNOWN.values()
    ]
    text = yaml.safe_dump_all(told)
    return text.replace("namespace: vethscope\n", f"namespace: {namespace}\n")


def has_namespace(kubectl: Kubectl, name: str, level: str) -> None:
    """With that level of Pod Security enforced, for those in it to be."""
    labels = {"pod-security.kubernetes.io/enforce": level}
    metadata = {"name": name, "labels": labels}
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    status, _, said = kubectl("create", "-f", "-", text=yaml.safe_dump(document))
    assert status == 0, said


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_applied_without_a_warning_and_leaves_no_difference(
    kubectl: Kubectl, overlay: str
) -> None:
    has_namespace(kubectl, f"overlay-{overlay}", "privileged")
    text = known(rendered(overlay), f"overlay-{overlay}")
    for dry in (["--dry-run=server"], []):
        status, told, said = kubectl("apply", *dry, "-f", "-", text=text)
        assert (status, said) == (0, ""), told
    status, told, said = kubectl("diff", "-f", "-", text=text)
    assert (status, said) == (0, ""), told


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_is_taken_without_a_warning(
    kubectl: Kubectl, component: str, tmp_path: Path
) -> None:
    base = os.path.relpath(KUSTOMIZE, tmp_path.resolve())
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [{base}/base]\ncomponents: [{base}/components/{component}]\n"
    )
    status, told, said = kubectl("kustomize", str(tmp_path))
    assert (status, said) == (0, "")
    objects = tuple(yaml.safe_load_all(told))
    has_namespace(kubectl, f"component-{component}", "privileged")
    text = known(objects, f"component-{component}")
    status, _, said = kubectl("apply", "--dry-run=server", "-f", "-", text=text)
    assert (status, said) == (0, "")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_all_but_the_interceptor_are_restricted(kubectl: Kubectl, overlay: str) -> None:
    """Pod Security admission itself says so, in a namespace that enforces it."""
    name = f"restricted-{overlay}"
    has_namespace(kubectl, name, "restricted")
    pods = []
    for thing in rendered(overlay):
        if thing["kind"] in ("DaemonSet", "Deployment", "StatefulSet"):
            template = thing["spec"]["template"]
            metadata = {"name": thing["metadata"]["name"], "namespace": name}
            pod = template | {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
            pod["spec"] = {
                k: v for k, v in template["spec"].items() if k != "priorityClassName"
            }
            if thing["kind"] == "StatefulSet":
                volumes = [{"name": "data", "emptyDir": {}}, *pod["spec"]["volumes"]]
                pod["spec"]["volumes"] = [
                    v for n, v in {v["name"]: v for v in volumes}.items()
                ]
            pods.append(pod)
    refused = set()
    for pod in pods:
        status, _, said = kubectl("create", "-f", "-", text=yaml.safe_dump(pod))
        if status != 0:
            assert "violates PodSecurity" in said
            refused.add(pod["metadata"]["name"])
    assert refused == {"interceptor"}
