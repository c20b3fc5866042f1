"""The one cluster of these tests, with the overlay kind-dev and a shop in it."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import images, node
from tests.cluster.node import Node
from tests.manifests.rendering import KUSTOMIZE

OURS = (
    "deployment/authority",
    "statefulset/kafka",
    "deployment/cloud",
    "deployment/digger",
    "deployment/detector",
    "daemonset/interceptor",
)
SETTINGS = ("--config", "/etc/vethscope/vethscope.toml")
ROLL_SECONDS = 240
LOOK_SECONDS = 2.0

_ASK = """
import sys, urllib.request as r
q = r.Request("http://127.0.0.1:8080" + sys.argv[1],
    headers={"authorization": "Bearer " + sys.argv[2], "host": sys.argv[3]})
print(r.urlopen(q, timeout=20).read().decode())
"""


_LASTING = """
resources: [{base}/overlays/kind-dev]
patches:
  - target: {{kind: Deployment, name: cloud}}
    patch: |-
      - op: replace
        path: /spec/template/spec/volumes/0
        value: {{name: data, hostPath: {{path: {folder}/store}}}}
"""
"""kind-dev, but its store outlives a pod: so it is when an update does not lose it."""


class Cluster:
    """A node with Vethscope and the shop on it."""

    def __init__(self, made: Node) -> None:
        self.node = made
        self.overlay = _lasting(made.folder)
        self.apply("-f", str(KUSTOMIZE / "sample/shop.yaml"))
        self.apply("-k", str(self.overlay))
        self.begin("kind-dev", OURS)

    def begin(
        self, name: str, roles: tuple[str, ...], host: str = "localhost:8080"
    ) -> None:
        """Gives the cluster of that name its token; returns once all of it runs.
        `host`: of the dashboard."""
        self.rolled_out("deployment/authority", "deployment/cloud")
        token = self.vethscope("token", "create", name).strip()
        secret = f"--from-literal=token={token}"
        self("-n", "vethscope", "create", "secret", "generic", "cloud-token", secret)
        self.rolled_out(*roles)
        self._key = self.vethscope("key", "create", "tests", "--days", "1").split()[-1]
        self._host = host

    def __call__(self, *arguments: str, text: str = "") -> str:
        """kubectl's output; what it refuses fails the test."""
        status, told, said = self.node.kubectl(*arguments, text=text)
        assert status == 0, f"kubectl {' '.join(arguments)}: {said}"
        return told

    def apply(self, *arguments: str, text: str = "") -> None:
        """Without a warning."""
        status, told, said = self.node.kubectl("apply", *arguments, text=text)
        assert (status, said) == (0, ""), told

    def vethscope(self, *words: str) -> str:
        """`vethscope cloud WORDS…` in the cloud's pod."""
        command = ("vethscope", "cloud", *words, *SETTINGS)
        return self("-n", "vethscope", "exec", "deployment/cloud", "--", *command)

    def rolled_out(self, *names: str) -> None:
        for name in names:
            wait = ("rollout", "status", name, f"--timeout={ROLL_SECONDS}s")
            self("-n", "vethscope", *wait)

    def ask(self, path: str) -> Any:
        """A report of the cloud, as JSON."""
        python = ("/opt/vethscope/bin/python", "-c", _ASK, path, self._key, self._host)
        told = self("-n", "vethscope", "exec", "deployment/cloud", "--", *python)
        return json.loads(told)

    def endpoints(self) -> list[dict[str, Any]]:
        """Of the shop."""
        found = self.ask("/api/v1/endpoints?size=200")["endpoints"]
        return [one for one in found if one["server"]["namespace"] == "shop"]

    def endpoint(self, name: str, path: str) -> dict[str, Any]:
        """Of that workload itself, not of a Service that leads there; waits for it."""
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            found[:] = (
                one
                for one in self.endpoints()
                if (one["server"]["name"], one["path"]) == (name, path)
                and one["server"]["kind"] != "Service"
            )
            return bool(found)

        assert seen(is_there)
        (one,) = found
        return one

    def clients(self, name: str, path: str) -> set[tuple[str, str]]:
        """Kinds and names of who calls a path of a server of the shop."""
        report = self.ask(f"/api/v1/endpoints/{self.endpoint(name, path)['id']}")
        clients = (line["client"] for line in report["clients"])
        return {(client["kind"], client["name"]) for client in clients}

    def pairs(self, path: str) -> int:
        """Of all endpoints with that path."""
        return sum(one["pairs"] for one in self.endpoints() if one["path"] == path)

    def call(self, path: str, times: int) -> None:
        """So many requests to the ledger, by a Job that is over then."""
        name = path.strip("/")
        pod = {
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "main",
                    "image": "vethscope:dev",
                    "command": ["/opt/vethscope/bin/python", "/p/ask.py"],
                    "args": ["ledger.shop.svc.cluster.local", path, str(times)],
                    "volumeMounts": [{"name": "p", "mountPath": "/p"}],
                }
            ],
            "volumes": [{"name": "p", "configMap": {"name": "programs"}}],
        }
        job = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"template": {"spec": pod}, "backoffLimit": 0},
        }
        self("create", "-f", "-", text=json.dumps(job))
        wait = ("wait", "--for=condition=complete", f"job/{name}")
        self("-n", "shop", *wait, f"--timeout={ROLL_SECONDS}s")

    def is_counted(self, path: str, times: int) -> bool:
        """Exactly, and it stays so."""
        if not seen(lambda: self.pairs(path) >= times):
            return False
        time.sleep(3 * LOOK_SECONDS)
        return self.pairs(path) == times


def seen(holds: Any, seconds: float = 120.0) -> bool:
    """Whether it holds in time; looks seldom, for a look is a process in a pod."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def _lasting(folder: Path) -> Path:
    """The overlay of these tests."""
    (folder / "store").mkdir()
    os.chown(folder / "store", 65532, 65532)
    made = folder / "overlay"
    made.mkdir()
    base = os.path.relpath(KUSTOMIZE, made.resolve())
    text = _LASTING.format(base=base, folder=folder)
    (made / "kustomization.yaml").write_text(text)
    return made


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Skips where it cannot be had, in CI that is a failure."""
    if reason := node.missing() or images.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    archives = images.store().all()
    folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="vethscope-node-"))
    made = Node(folder, archives)
    try:
        yield Cluster(made)
    finally:
        made.close()
