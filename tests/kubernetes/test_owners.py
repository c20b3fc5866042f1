"""Pods of other projects keep one name over revisions and runs, by our own rights."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.cluster.addresses import AddressIndex
from agent.cluster.freshness import Freshness
from tests.kubernetes.apiserver import ApiServer
from tests.kubernetes.definitions import OTHERS, define
from tests.kubernetes.following import (
    NOW,
    Namespace,
    configured,
    following,
    installed,
    ip,
)
from tests.manifests.rendering import rendered
from tests.waiting import eventually


class Case(NamedTuple):
    """Two of each are made; `{}` is the number of the revision or run."""

    chain: tuple[str, ...]
    """From the top, version/kind/name of what is there; the last has the pods. One that
    begins with `?` is only referred to."""
    name: tuple[str, str]
    labels: tuple[tuple[str, str], ...] = ()


CASES = {
    "Argo Rollouts": Case(
        ("?apps/v1/ReplicaSet/web-5f{}",),
        ("Rollout", "web"),
        (
            ("rollouts-pod-template-hash", "5f{}"),
            ("pod-template-hash", "none"),
        ),
    ),
    "OpenShift": Case(
        ("?v1/ReplicationController/web-{}",),
        ("DeploymentConfig", "web"),
        (
            ("deploymentconfig", "web"),
            ("deployment", "web-{}"),
        ),
    ),
    "Knative": Case(
        ("?apps/v1/ReplicaSet/web-0000{}-deployment-5f",),
        ("Configuration", "web"),
        (
            ("serving.knative.dev/configuration", "web"),
            ("serving.knative.dev/revision", "web-0000{}"),
            ("pod-template-hash", "5f"),
        ),
    ),
    "Kruise CloneSet": Case(
        ("apps.kruise.io/v1alpha1/CloneSet/web",),
        ("CloneSet", "web"),
        (("controller-revision-hash", "web-5f{}"),),
    ),
    "Kruise StatefulSet": Case(
        ("apps.kruise.io/v1beta1/StatefulSet/db",), ("StatefulSet", "db")
    ),
    "Argo CronWorkflow": Case(
        (
            "argoproj.io/v1alpha1/CronWorkflow/nightly",
            "argoproj.io/v1alpha1/Workflow/nightly-179571000{}",
        ),
        ("CronWorkflow", "nightly"),
        (("workflows.argoproj.io/workflow", "nightly-179571000{}"),),
    ),
    "Argo Workflow": Case(
        ("argoproj.io/v1alpha1/Workflow/import-",), ("Workflow", "import")
    ),
    "Tekton": Case(
        ("?tekton.dev/v1/TaskRun/build-{}-test",),
        ("Pipeline", "build"),
        (
            ("tekton.dev/pipeline", "build"),
            ("tekton.dev/pipelineRun", "build-{}"),
        ),
    ),
    "Tekton, a pipeline inside its run": Case(
        ("tekton.dev/v1/PipelineRun/build-", "tekton.dev/v1/TaskRun/build-{}-test"),
        ("PipelineRun", "build"),
        (
            ("tekton.dev/pipeline", "build-{}"),
            ("tekton.dev/pipelineRun", "build-{}"),
        ),
    ),
    "runners of GitHub Actions": Case(
        (
            "?actions.github.com/v1alpha1/AutoscalingRunnerSet/runners",
            "actions.github.com/v1alpha1/EphemeralRunnerSet/runners-xyzz{}",
            "actions.github.com/v1alpha1/EphemeralRunner/runners-xyzz{}-runner-ab",
        ),
        ("AutoscalingRunnerSet", "runners"),
    ),
    "Volcano": Case(("batch.volcano.sh/v1alpha1/Job/train-",), ("Job", "train")),
    "JobSet": Case(
        ("jobset.x-k8s.io/v1alpha2/JobSet/train-", "batch/v1/Job/train-{}-w-0"),
        ("JobSet", "train"),
    ),
    "a Job by hand": Case(("batch/v1/Job/migrate-",), ("Job", "migrate")),
    "a kind that we may not read": Case(
        ("?example.org/v1/Fleet/web",), ("Fleet", "web")
    ),
}


@pytest.fixture(scope="module")
def index(
    cluster: ApiServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AddressIndex]:
    """Follows the cluster with the rights of the base."""
    for kind in OTHERS:
        define(cluster, kind)
    (role,) = (one for one in rendered("kind-dev") if one["kind"] == "ClusterRole")
    token = installed(cluster, role, "owners")
    folder: Path = tmp_path_factory.mktemp("owners")
    made = AddressIndex()
    with following(configured(cluster, folder, token), made, Freshness()):
        assert eventually(lambda: made.is_complete)
        yield made


@pytest.mark.parametrize("project", CASES)
def test_a_name_stays_over_revisions_and_runs(
    cluster: ApiServer, index: AddressIndex, project: str
) -> None:
    case, shop, there = CASES[project], Namespace(cluster), dict[str, str]()
    net = f"10.3.{list(CASES).index(project)}"
    for number in (1, 2):
        owner, uid = made(shop, case, number, there)
        labels = {key: value.format(number) for key, value in case.labels}
        shop.pod(f"p-x-{number}", f"{net}.{number}", owner, uid=uid, labels=labels)
    assert eventually(lambda: index.find(ip(f"{net}.2"), NOW) is not None)
    names = {index.find(ip(f"{net}.{number}"), NOW) for number in (1, 2)}
    assert names == {(shop.name, *case.name)}


def made(
    shop: Namespace, case: Case, number: int, there: dict[str, str]
) -> tuple[str, str]:
    """The owner of a pod, as it is written, and its uid; `there`: uids of those that
    stay."""
    owner = uid = ""
    for written in case.chain:
        version, kind, name = written.lstrip("?").format(number).rsplit("/", 2)
        if written.startswith("?"):
            uid = f"{kind}-{number}"
        elif written in there:
            uid = there[written]
        else:
            name, uid = shop.custom(version, kind, name, owner, uid)
            if "{}" not in written and not written.endswith("-"):
                there[written] = uid
        owner = f"{version}/{kind}/{name}"
    return owner, uid
