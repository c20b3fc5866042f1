"""What a pod is called: the object that keeps one name over all its revisions and runs.

In: pods, and the metadata of jobs (a sink of their watch). Out: workloads. From the
pod's controller it goes up, owner by owner, until there is none, or one of Kubernetes's
own that stays. A ReplicaSet is named by its maker and a hash that stands in a label of
the pod, which spares us to watch them; jobs are watched, since nothing on a pod tells a
CronJob's from one that is called `migrate-20261126`. Makers whose objects have another
name with each revision or run may write their own into a label of the pod. Where that
is not enough the controller itself is asked for, once, by reference. Who was made with
`generateName` and has no owner is called by what its maker wrote.
"""

import re
from collections import OrderedDict
from collections.abc import Set
from typing import NamedTuple

from agent.cluster.addresses import Workload
from agent.cluster.watching.api import ApiError
from agent.cluster.watching.objects import Metadata, Owner, Partial, Pod
from agent.cluster.watching.references import Find

MOST_ASKED = 50_000
"""Owners that were asked for, remembered; then the first is forgotten."""
MOST_STEPS = 4
"""From a pod's controller up: Tekton, Argo and KubeRay have two above a pod."""
MAKERS = {
    "pod-template-hash": "Deployment",
    "rollouts-pod-template-hash": "Rollout",
}
"""Label of a pod with the hash in its ReplicaSet's name → who makes such."""
STANDING = (
    ("ReplicationController", "deploymentconfig", "DeploymentConfig"),
    ("ReplicaSet", "serving.knative.dev/configuration", "Configuration"),
    ("TaskRun", "tekton.dev/pipeline", "Pipeline"),
    ("TaskRun", "tekton.dev/task", "Task"),
)
"""Kind of a pod's controller that goes with its revision or run, label of the pod with
the name of what stays, and its kind: OpenShift; Knative Serving, by its service's name;
Tekton. The first that is there holds."""
STAYING = frozenset(
    (
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("batch/v1", "CronJob"),
        ("v1", "Pod"),
    )
)
"""API version and kind of who is called as it is, whoever made it."""
_CRON_JOB = re.compile(r"(.+)-\d{8,10}")


class Name(NamedTuple):
    kind: str
    name: str


class Owners:
    """Put by the watch of jobs, asked by that of pods."""

    def __init__(self, find: Find | None = None) -> None:
        """Without `find`, names alone must do."""
        self._find = find
        self._jobs: dict[str, Owner | None] = {}
        """By uid: who is above them."""
        self._asked: OrderedDict[str, Owner | None] = OrderedDict()

    def put(self, job: Partial) -> None:
        self._jobs[job.metadata.uid] = _above("Job", job.metadata)

    def drop(self, uid: str) -> None:
        self._jobs.pop(uid, None)

    def uids(self) -> Set[str]:
        return self._jobs.keys()

    def workload(self, pod: Pod) -> Workload:
        """What the pod belongs to, as its user calls it."""
        metadata = pod.metadata
        owner = _controller(metadata)
        if owner is None or owner.kind == "Node":
            return Workload(metadata.namespace, "Pod", metadata.name)
        name = _by_labels(owner, metadata.labels or {})
        if name is None:
            owner = self._standing(owner, metadata.namespace)
            name = Name(owner.kind, owner.name)
        return Workload(metadata.namespace, *name)

    def _standing(self, owner: Owner, namespace: str) -> Owner:
        for _ in range(MOST_STEPS):
            above = self._next(owner, namespace)
            if above is None:
                break
            owner = above
        return owner

    def _next(self, owner: Owner, namespace: str) -> Owner | None:
        """Who is above; None: nobody, or it cannot be known."""
        if owner.uid in self._jobs:
            return self._jobs[owner.uid]
        if owner.uid in self._asked:
            return self._asked[owner.uid]
        if (owner.api_version, owner.kind) in STAYING:
            return None
        if self._find is None or not owner.uid:
            return _by_name(owner)
        try:
            found = self._find(owner, namespace)
        except ApiError:
            return _by_name(owner)
        above = _by_name(owner) if found is None else _above(owner.kind, found)
        self._asked[owner.uid] = above
        if len(self._asked) > MOST_ASKED:
            self._asked.popitem(last=False)
        return above


def _above(kind: str, metadata: Metadata) -> Owner | None:
    """Its controller, or the name that its runs have in common."""
    owner = _controller(metadata)
    common = metadata.generate_name.rstrip("-.")
    if owner is None and common and metadata.name.startswith(metadata.generate_name):
        return Owner(kind, common)
    return owner


def _by_name(owner: Owner) -> Owner | None:
    """Where nobody can be asked."""
    is_job = (owner.api_version, owner.kind) == ("batch/v1", "Job")
    made = _CRON_JOB.fullmatch(owner.name) if is_job else None
    return Owner("CronJob", made[1]) if made else None


def _by_labels(owner: Owner, labels: dict[str, str]) -> Name | None:
    for of, label, kind in STANDING:
        name = labels.get(label)
        # Tekton writes the run's name where its pipeline stands in the run itself.
        if owner.kind == of and name and name != labels.get(f"{label}Run"):
            return Name(kind, name)
    for label, kind in MAKERS.items():
        suffix = "-" + labels.get(label, "")
        if owner.kind == "ReplicaSet" and len(suffix) > 1:
            name = owner.name.removesuffix(suffix)
            if name not in ("", owner.name):
                return Name(kind, name)
    return None


def _controller(metadata: Metadata) -> Owner | None:
    owners = metadata.owner_references or ()
    return next((owner for owner in owners if owner.controller), None)
