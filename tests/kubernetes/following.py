"""A namespace of a test's own, and an index that follows the cluster."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from agent.cluster.addresses import AddressIndex
from agent.cluster.filters import Filters
from agent.cluster.following import asking, resources
from agent.cluster.freshness import Freshness
from agent.cluster.owners import Owners
from agent.cluster.watching import api, watch
from agent.cluster.watching.references import References
from agent.naming.endpoints import Endpoints
from agent.outside.hosts import Hosts
from agent.outside.known import Fronts
from tests.kubernetes.apiserver import TOKEN, ApiServer
from tests.manifests.rendering import KUSTOMIZE

BASE = KUSTOMIZE / "base" / "digger"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
CONTAINERS = [{"name": "main", "image": "none"}]
NOW = 2**62
HOSTS = Hosts(Endpoints(b"").segments)
numbers = itertools.count(1)


def ip(text: str) -> bytes:
    return bytes(map(int, text.split(".")))


class Namespace:
    """A namespace of the test's own, and what it does there."""

    def __init__(self, cluster: ApiServer) -> None:
        self.name = f"shop-{next(numbers)}"
        self._cluster = cluster
        self._path = f"/api/v1/namespaces/{self.name}"
        cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": self.name}})

    def label(self, **labels: str) -> None:
        """The namespace."""
        self._cluster.request("PATCH", self._path, {"metadata": {"labels": labels}})

    def pod(
        self,
        name: str,
        address: str,
        owner: str = "",
        made: str = "",
        uid: str = "",
        labels: dict[str, str] | None = None,
        **spec: Any,
    ) -> None:
        """The owner is written version/kind/name, `uid` is its; `made`: when its
        network was; more of `spec`."""
        metadata: dict[str, Any] = {"name": name, "labels": {"app": name}}
        if owner:
            metadata["ownerReferences"] = [_reference(owner, uid or "1")]
            metadata["labels"]["pod-template-hash"] = name.split("-")[-2]
        metadata["labels"] |= labels or {}
        whole = {"containers": CONTAINERS} | spec
        self._cluster.request(
            "POST", f"{self._path}/pods", {"metadata": metadata, "spec": whole}
        )
        self.status(name, address, made=made)

    def custom(
        self, version: str, kind: str, name: str, owner: str = "", uid: str = ""
    ) -> tuple[str, str]:
        """An object of a kind that was defined; its name and uid. A name that ends with
        a hyphen is only the beginning of its own."""
        metadata: dict[str, Any] = {"name": name}
        if name.endswith("-"):
            metadata = {"generateName": name}
        if owner:
            metadata["ownerReferences"] = [_reference(owner, uid)]
        group = "api" if version == "v1" else "apis"
        path = f"/{group}/{version}/namespaces/{self.name}/{kind.lower()}s"
        spec = {"containers": CONTAINERS, "restartPolicy": "Never"}
        document: dict[str, Any] = {"apiVersion": version, "kind": kind}
        document |= {"metadata": metadata, "spec": {"template": {"spec": spec}}}
        made = self._cluster.request("POST", path, document)["metadata"]
        return str(made["name"]), str(made["uid"])

    def controller(self, kind: str, name: str, owner: str) -> str:
        """A controller of pods that another one made; its uid. The owner is written
        version/kind/name."""
        reference = _reference(owner, "1")
        labels = {"app": name}
        inner = {"containers": CONTAINERS}
        spec: dict[str, Any] = {"template": {"metadata": {"labels": labels}}}
        spec["template"]["spec"] = inner
        group = "/api/v1"
        if kind == "ReplicaSet":
            group = "/apis/apps/v1"
            spec["selector"] = {"matchLabels": labels}
        path = f"{group}/namespaces/{self.name}/{kind.lower()}s"
        metadata = {"name": name, "ownerReferences": [reference]}
        made = self._cluster.request("POST", path, {"metadata": metadata, "spec": spec})
        return str(made["metadata"]["uid"])

    def status(
        self, name: str, address: str, phase: str = "Running", made: str = ""
    ) -> None:
        status: dict[str, Any] = {"phase": phase, "podIP": address}
        status["podIPs"] = [{"ip": address}]
        if made:
            kind = "PodReadyToStartContainers"
            condition = {"type": kind, "status": "True", "lastTransitionTime": made}
            status["conditions"] = [condition]
        path = f"{self._path}/pods/{name}/status"
        self._cluster.request("PATCH", path, {"status": status})

    def delete(self, name: str) -> None:
        self._cluster.request(
            "DELETE", f"{self._path}/pods/{name}", {"gracePeriodSeconds": 0}
        )

    def service(self, name: str, **spec: Any) -> str:
        """Returns the address that the server chose."""
        spec = {"ports": [{"port": 80}]} | spec
        made = self._cluster.request(
            "POST", f"{self._path}/services", {"metadata": {"name": name}, "spec": spec}
        )
        return str(made["spec"]["clusterIP"])


def _reference(owner: str, uid: str) -> dict[str, Any]:
    version, kind, name = owner.rsplit("/", 2)
    reference = {"apiVersion": version, "kind": kind, "name": name}
    return reference | {"uid": uid, "controller": True}


def installed(cluster: ApiServer, role: Any, space: str) -> str:
    """Our account with that role; its token."""
    binding, account = (
        yaml.safe_load((BASE / f"{name}.yaml").read_text())
        for name in ("clusterrolebinding", "serviceaccount")
    )
    # Beside what other tests install, who may render the same.
    role = role | {"metadata": dict(role["metadata"])}
    binding["subjects"][0]["namespace"] = space
    account["metadata"]["namespace"] = space
    name = binding["roleRef"]["name"] = f"vethscope-digger-{space}"
    role["metadata"]["name"] = binding["metadata"]["name"] = name
    accounts = f"/api/v1/namespaces/{space}/serviceaccounts"
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": space}})
    cluster.request("POST", accounts, account)
    cluster.request("POST", f"{RBAC}/clusterroles", role)
    cluster.request("POST", f"{RBAC}/clusterrolebindings", binding)
    path = f"{accounts}/{account['metadata']['name']}/token"
    made: Any = cluster.request("POST", path, {"spec": {}})
    return str(made["status"]["token"])


def configured(cluster: ApiServer, folder: Path, token: str = TOKEN) -> Path:
    """A file as kubectl wants it."""
    user = {"name": "u", "user": {"token": token}}
    server = {"server": cluster.url, "certificate-authority": str(cluster.ca_file)}
    document = {
        "current-context": "c",
        "clusters": [{"name": "k", "cluster": server}],
        "users": [user],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    }
    file = folder / "config"
    file.write_text(yaml.safe_dump(document))
    return file


@contextmanager
def following(
    file: Path, index: AddressIndex, freshness: Freshness, rules: str = ""
) -> Iterator[threading.Thread]:
    """As the digger follows, in a thread; `rules` names a file of what is captured."""
    configuration = api.configuration(str(file))
    assert configuration is not None
    server, stop = api.Api(configuration), threading.Event()
    kinds = resources(
        index,
        Owners(References(server)),
        fronts=lambda: Fronts(HOSTS),
        filters=Filters(rules, ask=asking(server)),
    )
    thread = threading.Thread(
        target=watch.follow, args=(server, index, kinds, freshness, stop)
    )
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()
