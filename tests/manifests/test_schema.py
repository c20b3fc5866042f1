"""Each overlay renders to objects that the oldest and newest supported API accept."""

from collections import Counter

import kubernetes_validate
import pytest

from tests.manifests.rendering import KUSTOMIZE, OVERLAYS, rendered

KUBERNETES = ("1.30", "1.34")
"""AppArmor is a field since 1.30."""
OTHERS = {
    "cert-manager.io",
    "cilium.io",
    "monitoring.coreos.com",
    "projectcalico.org",
    "security.openshift.io",
}
"""Groups of other projects; tests/kubernetes has a server that knows them."""


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_objects_follow_the_schema(overlay: str, version: str) -> None:
    for thing in rendered(overlay):
        if thing["apiVersion"].partition("/")[0] not in OTHERS:
            kubernetes_validate.validate(thing, version, strict=True)


def test_schema_check_is_strict() -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "x"},
        "spec": {"ports": [{"port": 80}], "porrts": []},
    }
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, KUBERNETES[-1], strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_names_are_unique(overlay: str) -> None:
    names = Counter((t["kind"], t["metadata"]["name"]) for t in rendered(overlay))
    assert names.total() == len(names)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_all_is_labelled_and_namespaced(overlay: str) -> None:
    cluster_wide = {"ClusterRole", "ClusterRoleBinding", "Namespace", "PriorityClass"}
    for thing in rendered(overlay):
        assert thing["metadata"]["labels"]["app.kubernetes.io/name"] == "vethscope"
        if thing["kind"] not in cluster_wide:
            assert thing["metadata"]["namespace"] == "vethscope"


def test_every_file_is_used() -> None:
    for kustomization in KUSTOMIZE.rglob("kustomization.yaml"):
        folder = kustomization.parent
        text = kustomization.read_text()
        for file in folder.rglob("*.*"):
            name = str(file.relative_to(folder))
            assert name in text or file == kustomization, f"{file} is not used"
