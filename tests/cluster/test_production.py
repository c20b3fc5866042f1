"""A production overlay in place of the first: four capabilities, encrypted records, and
Kafka and PostgreSQL of the company's, over TLS.

It is `onprem-production` as it is, but for the brokers' address, the image, and the
kinds of Calico and the Prometheus operator, which the node does not have
(tests/kubernetes/test_manifests.py asks a server that has the operator's).
"""

import base64
import os
from pathlib import Path

import pytest
import yaml

from tests.cluster import company
from tests.cluster.company import KAFKA, Company
from tests.cluster.conftest import OURS, Cluster, seen
from tests.manifests.rendering import KUSTOMIZE, render

pytestmark = pytest.mark.timeout(900)

NAME = "onprem-production"
HOST = "vethscope.company.example"
OF_OTHERS = {"projectcalico.org", "monitoring.coreos.com"}
ROLES = tuple(role for role in OURS if role != "statefulset/kafka")
TIMES = 200
_OVERLAY = """
resources: [{base}/overlays/{name}]
images: [{{name: registry.example/vethscope, newName: vethscope, newTag: dev}}]
patches:
  - target: {{kind: ConfigMap, name: environment}}
    patch: |-
      - {{op: replace, path: /data/VETHSCOPE_KAFKA_BOOTSTRAP, value: "{kafka}"}}
"""


def objects(folder: Path) -> str:
    """What is applied."""
    base = os.path.relpath(KUSTOMIZE, folder.resolve())
    text = _OVERLAY.format(base=base, name=NAME, kafka=KAFKA)
    (folder / "kustomization.yaml").write_text(text)
    return yaml.safe_dump_all(
        thing
        for thing in render(folder)
        if thing["apiVersion"].partition("/")[0] not in OF_OTHERS
    )


def has_secrets(cluster: Cluster, beside: Company) -> None:
    """Those that docs/install.md names for the overlay's components."""
    pem, keys = beside.pem, base64.b64encode(os.urandom(32)).decode()
    parts = {"tls.crt": pem.certificate, "tls.key": pem.key}
    files = [f"--from-file={name}={path}" for name, path in parts.items()]
    authority = f"--from-file=ca.crt={pem.ca}"
    for name, values in {
        "kafka-tls": [authority, *files],
        "dashboard-tls": files,
        "kafka-encryption": [f"--from-literal=keys={keys}"],
        "postgresql": [authority, f"--from-literal=url={beside.url}"],
    }.items():
        cluster("-n", "vethscope", "create", "secret", "generic", name, *values)


@pytest.fixture(scope="module")
def production(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The cluster, after the first installation was taken away."""
    if reason := company.missing():
        pytest.skip(reason)
    cluster("delete", "-k", str(cluster.overlay))
    assert not running(cluster)
    beside = Company(cluster.node)
    cluster.apply("-f", str(KUSTOMIZE / "base/namespace.yaml"))
    has_secrets(cluster, beside)
    cluster.apply("-f", "-", text=objects(tmp_path_factory.mktemp(NAME)))
    cluster.begin(NAME, ROLES, HOST)
    return cluster


def running(cluster: Cluster) -> str:
    """Processes of ours on the node."""
    return cluster.node.run("pgrep", "-f", "bin/vethscope [a-z]").stdout


def test_findings_are_told_by_the_names_of_workloads(production: Cluster) -> None:
    owners = {("Deployment", "web"), ("CronJob", "nightly")}
    assert seen(lambda: production.clients("orders", "/orders") >= owners)
    assert production.endpoint("orders", "/orders")["sensitivity"] == "high"


def test_each_request_counts_once(production: Cluster) -> None:
    production.call("/books", TIMES)
    assert production.is_counted("/books", TIMES)
    assert ("Job", "books") in production.clients("ledger", "/books")


def test_four_capabilities_are_enough(production: Cluster) -> None:
    log = production("-n", "vethscope", "logs", "daemonset/interceptor")
    assert "missing" not in log
    assert "is off" not in log


def test_two_diggers_that_are_rolled_over_count_nothing_twice(
    production: Cluster,
) -> None:
    production("-n", "vethscope", "rollout", "restart", "deployment/digger")
    production.call("/events", TIMES)
    production.rolled_out(*ROLES)
    assert production.is_counted("/events", TIMES)
