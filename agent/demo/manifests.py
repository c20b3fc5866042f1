"""Kubernetes objects of the company, as its API server would tell them.

In: pods with their addresses, and the time. Out: pods, services and ingresses as JSON
values, by the path that lists them.
"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from agent.demo.company import HOST, PODS, PROCESSOR, Pod

Thing = dict[str, Any]

PODS_PATH = "/api/v1/pods"
SERVICES_PATH = "/api/v1/services"
INGRESSES_PATH = "/apis/networking.k8s.io/v1/ingresses"
REGISTRY = "registry.example"
_UP_SECONDS = 9 * 86_400
"""For so long the first pods have run."""
_JOB = "29384720"
"""Minutes of a job that a CronJob made."""


def pod(name: str, addresses: tuple[str, ...], now: float, is_new: bool) -> Thing:
    """One that runs; `is_new`: since now, else for days."""
    one = PODS[name]
    started = datetime.fromtimestamp(now - (0 if is_new else _UP_SECONDS), UTC)
    revision = sha256(f"{one.workload} {one.version}".encode()).hexdigest()[:9]
    image = f"{REGISTRY}/{one.namespace}/{one.workload}:{one.version}"
    return {
        "metadata": _metadata(one, name, revision),
        "spec": {
            "nodeName": "demo",
            "containers": [{"name": one.workload, "image": image}],
        },
        "status": {
            "phase": "Running",
            "podIP": addresses[0],
            "podIPs": [{"ip": address} for address in addresses],
            "startTime": started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
    }


def processor() -> Thing:
    """The service that stands for the party outside."""
    metadata = {"name": "card-processor", "namespace": "payments", "uid": "processor"}
    return {"metadata": metadata, "spec": {"externalName": PROCESSOR}}


def ingress() -> Thing:
    """By which the gateway is reached from outside."""
    metadata = {"name": "front", "namespace": "platform", "uid": "front"}
    return {"metadata": metadata, "spec": {"rules": [{"host": HOST}]}}


def _metadata(one: Pod, name: str, revision: str) -> Thing:
    owners = {
        "Deployment": ("ReplicaSet", f"{one.workload}-{revision}"),
        "CronJob": ("Job", f"{one.workload}-{_JOB}"),
    }
    kind, owner = owners.get(one.kind, (one.kind, one.workload))
    version = "batch/v1" if kind == "Job" else "apps/v1"
    reference = {"apiVersion": version, "kind": kind, "name": owner, "uid": owner}
    hashed = "pod-template-hash" if kind == "ReplicaSet" else "controller-revision-hash"
    return {
        "name": f"{owner}-0",
        "namespace": one.namespace,
        "uid": name,
        "labels": {
            hashed: revision,
            "team": one.owner,
            "app.kubernetes.io/name": one.workload,
            "app.kubernetes.io/part-of": one.part_of,
            "environment": "demo",
            "tier": one.tier,
        },
        "ownerReferences": [{**reference, "controller": True}],
    }
