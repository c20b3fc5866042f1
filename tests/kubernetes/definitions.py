"""Kinds of other projects, for a server that must know them: CustomResourceDefinitions.

They come as those projects publish them, out of their Go modules by the module proxy,
verified by Go's checksum database and kept in Go's own cache. Where just names matter,
`define` makes one that takes anything.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from tests.kubernetes.apiserver import ApiServer
from tests.waiting import eventually

EXTENSIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MODULES = {
    "github.com/cert-manager/cert-manager@v1.21.2": (
        "deploy/crds/cert-manager.io_certificates.yaml",
        "deploy/crds/cert-manager.io_issuers.yaml",
    ),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
    "github.com/cilium/cilium@v1.20.2": (
        "pkg/k8s/apis/cilium.io/client/crds/v2/ciliumnetworkpolicies.yaml",
    ),
}
OTHERS = (
    *("argoproj.io/v1alpha1/Workflow", "argoproj.io/v1alpha1/CronWorkflow"),
    *("tekton.dev/v1/TaskRun", "tekton.dev/v1/PipelineRun"),
    "actions.github.com/v1alpha1/EphemeralRunner",
    "actions.github.com/v1alpha1/EphemeralRunnerSet",
    *("apps.kruise.io/v1alpha1/CloneSet", "apps.kruise.io/v1beta1/StatefulSet"),
    *("batch.volcano.sh/v1alpha1/Job", "jobset.x-k8s.io/v1alpha2/JobSet"),
    *("build.openshift.io/v1/Build", "sparkoperator.k8s.io/v1beta2/SparkApplication"),
    *("ray.io/v1/RayCluster", "ray.io/v1/RayJob"),
)
"""Version and kind of objects that have pods, or are above one that has; `define` makes
them known."""
DOWNLOAD_SECONDS = 300


def missing() -> str:
    """Why they cannot be had; empty if they can."""
    return "" if shutil.which("go") else "go is not installed"


def files() -> list[Path]:
    """The manifests of all of them. Raises CalledProcessError without network."""
    found = []
    for module, names in MODULES.items():
        told = subprocess.run(
            ["go", "mod", "download", "-json", module],
            cwd="/",
            env=os.environ | {"GOFLAGS": "-mod=mod", "GOWORK": "off"},
            check=True,
            capture_output=True,
            timeout=DOWNLOAD_SECONDS,
        )
        folder = Path(json.loads(told.stdout)["Dir"])
        found += [folder / name for name in names]
    return found


def define(cluster: ApiServer, written: str) -> None:
    """Returns once the server serves the objects of a version/kind; a second time does
    nothing."""
    version, _, kind = written.rpartition("/")
    group, _, number = version.partition("/")
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served: dict[str, Any] = {"name": number, "served": True, "storage": True}
    served["schema"] = {"openAPIV3Schema": schema}
    spec: dict[str, Any] = {"group": group, "scope": "Namespaced", "versions": [served]}
    spec["names"] = {"kind": kind, "plural": plural}
    # Groups of k8s.io want to know who approved them.
    approved = {"api-approved.kubernetes.io": "unapproved, tests"}
    metadata = {"name": f"{plural}.{group}", "annotations": approved}
    document = {"metadata": metadata, "spec": spec}
    try:
        cluster.request("POST", EXTENSIONS, document)
    except HTTPError as error:
        if error.code != 409:
            raise

    def is_served() -> bool:
        try:
            told = cluster.request("GET", f"/apis/{version}")
        except HTTPError:
            return False
        return plural in {one["name"] for one in told["resources"]}

    assert eventually(is_served)
