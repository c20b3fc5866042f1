"""What a kustomization renders to: objects as dictionaries, and ways to walk them."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

KUSTOMIZE = Path(__file__).parents[2] / "kustomize"
OVERLAYS = sorted(path.name for path in (KUSTOMIZE / "overlays").iterdir())

Object = dict[str, Any]


@cache
def rendered(overlay: str) -> tuple[Object, ...]:
    """All objects of an overlay; skips the test where nothing can render them."""
    return render(KUSTOMIZE / "overlays" / overlay)


def render(folder: Path) -> tuple[Object, ...]:
    """All objects of a kustomization."""
    if shutil.which("kustomize"):
        command = ["kustomize", "build"]
    elif shutil.which("kubectl"):
        command = ["kubectl", "kustomize"]
    else:
        pytest.skip("neither kustomize nor kubectl is installed")
    result = subprocess.run(
        [*command, str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return tuple(yaml.safe_load_all(result.stdout))


def of_kind(overlay: str, *kinds: str) -> list[Object]:
    return [thing for thing in rendered(overlay) if thing["kind"] in kinds]


def workloads(overlay: str) -> list[Object]:
    return of_kind(overlay, "DaemonSet", "Deployment", "StatefulSet")


def named(overlay: str, kind: str, name: str) -> Object:
    (thing,) = (t for t in of_kind(overlay, kind) if t["metadata"]["name"] == name)
    return thing


def pod(workload: Object) -> Object:
    """The pod's specification."""
    specification: Object = workload["spec"]["template"]["spec"]
    return specification


def containers(workload: Object) -> Iterator[Object]:
    """All of a pod, those that run before the others too."""
    yield from pod(workload).get("initContainers", ())
    yield from pod(workload)["containers"]


def ports(workload: Object) -> dict[str, int]:
    """Port names of all containers."""
    return {
        port["name"]: port["containerPort"]
        for container in containers(workload)
        for port in container.get("ports", ())
    }


def selects(selector: dict[str, str], workload: Object) -> bool:
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return selector.items() <= labels.items()
