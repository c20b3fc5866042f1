"""Parts that an overlay may choose."""

import os
from pathlib import Path

import kubernetes_validate

from agent.interceptor.privileges import Capability
from tests.manifests.rendering import KUSTOMIZE, Object, containers, pod, render
from tests.manifests.test_schema import KUBERNETES


def _with(component: str, folder: Path) -> tuple[Object, ...]:
    """An overlay of the base and one component."""
    base = os.path.relpath(KUSTOMIZE, folder.resolve())
    (folder / "kustomization.yaml").write_text(
        f"resources: [{base}/base]\ncomponents: [{base}/components/{component}]\n"
    )
    return render(folder)


def test_the_interceptor_can_do_with_four_capabilities(tmp_path: Path) -> None:
    (interceptor,) = (
        thing
        for thing in _with("capabilities", tmp_path)
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
