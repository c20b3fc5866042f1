"""What pods are called by their owners."""

import msgspec
import pytest

from agent.cluster.owners import Owners
from agent.cluster.watching.api import ApiError
from agent.cluster.watching.objects import Metadata, Owner, Partial, Pod


def pod(metadata: str = "", spec: str = "", status: str = "") -> Pod:
    text = (
        f'{{"metadata": {{"name": "p-1", "namespace": "shop", "uid": "u"{metadata}}},'
        f' "spec": {{"nodeName": "n1"{spec}}},'
        f' "status": {{"phase": "Running", "podIP": "10.0.0.2"{status}}}}}'
    )
    return msgspec.json.decode(text, type=Pod)


def owned(kind: str, name: str, labels: str = "{}", version: str = "") -> Pod:
    version = version or ("batch/v1" if kind == "Job" else "apps/v1")
    owner = f'"kind": "{kind}", "name": "{name}", "apiVersion": "{version}"'
    owners = f'[{{{owner}, "controller": true}}]'
    return pod(f', "labels": {labels}, "ownerReferences": {owners}')


@pytest.mark.parametrize(
    ("owner", "labels", "expected"),
    [
        (
            ("ReplicaSet", "orders-7d9f8"),
            '{"pod-template-hash": "7d9f8"}',
            ("Deployment", "orders"),
        ),
        (("ReplicaSet", "orders"), "{}", ("ReplicaSet", "orders")),
        (("ReplicaSet", "orders-x"), '{"app": "x"}', ("ReplicaSet", "orders-x")),
        (("StatefulSet", "db"), "{}", ("StatefulSet", "db")),
        (("DaemonSet", "logs"), "{}", ("DaemonSet", "logs")),
        (("Job", "report-28391040"), "{}", ("CronJob", "report")),
        (("Job", "migrate-2"), "{}", ("Job", "migrate-2")),
        (("Rollout", "web"), "{}", ("Rollout", "web")),
        (
            ("ReplicaSet", "web-5f6"),
            '{"rollouts-pod-template-hash": "5f6"}',
            ("Rollout", "web"),
        ),
        (
            ("ReplicationController", "web-12"),
            '{"deploymentconfig": "web"}',
            ("DeploymentConfig", "web"),
        ),
        (
            ("ReplicaSet", "hello-07-deployment-5f"),
            '{"serving.knative.dev/configuration": "hello", "pod-template-hash": "5f"}',
            ("Configuration", "hello"),
        ),
        (
            ("TaskRun", "nightly-x7k2p-build"),
            '{"tekton.dev/pipeline": "nightly", "tekton.dev/task": "build"}',
            ("Pipeline", "nightly"),
        ),
        (("TaskRun", "b-x7k2p"), '{"tekton.dev/task": "build"}', ("Task", "build")),
        (
            ("TaskRun", "b-x7k2p"),
            '{"tekton.dev/pipeline": "b", "tekton.dev/pipelineRun": "b"}',
            ("TaskRun", "b-x7k2p"),
        ),
        (("CloneSet", "web"), '{"tekton.dev/task": "build"}', ("CloneSet", "web")),
        (("Node", "n1"), "{}", ("Pod", "p-1")),
    ],
)
def test_a_pod_is_called_by_its_owner(
    owner: tuple[str, str], labels: str, expected: tuple[str, str]
) -> None:
    assert Owners().workload(owned(*owner, labels)) == ("shop", *expected)


def test_a_pod_without_owner_is_itself() -> None:
    assert Owners().workload(pod()) == ("shop", "Pod", "p-1")


def partial_of(uid: str, kind: str = "", name: str = "", of: str = "") -> Partial:
    owner = f'{{"kind": "{kind}", "name": "{name}", "controller": true}}'
    owners = f', "ownerReferences": [{owner}]' if kind else ""
    beginning = f', "name": "{of}7", "generateName": "{of}"' if of else ""
    text = f'{{"metadata": {{"uid": "{uid}"{owners}{beginning}}}}}'
    return msgspec.json.decode(text, type=Partial)


def of(kind: str, name: str, uid: str) -> Pod:
    found = owned(kind, name)
    version = "batch/v1" if kind == "Job" else "apps/v1"
    found.metadata.owner_references = [Owner(kind, name, uid, True, version)]
    return found


class Asked:
    """What is above owners, by uid; who asks is written down."""

    def __init__(self, **above: Partial | None) -> None:
        self.names: list[str] = []
        self.is_away = False
        self._above = above

    def __call__(self, owner: Owner, namespace: str) -> Metadata | None:
        self.names.append(owner.name)
        if self.is_away:
            raise ApiError("away")
        found = self._above.get(owner.uid)
        return None if found is None else found.metadata


def test_a_job_is_a_cron_job_s_only_if_that_made_it() -> None:
    asked = Asked()
    owners = Owners(asked)
    owners.put(partial_of("1"))
    owners.put(partial_of("2", "CronJob", "report"))
    owners.put(partial_of("3", "JobSet", "training"))
    owners.put(partial_of("4", of="import-"))
    migrate, report = "migrate-20261126", "report-28391040"
    assert owners.workload(of("Job", migrate, "1")) == ("shop", "Job", migrate)
    assert owners.workload(of("Job", report, "2")) == ("shop", "CronJob", "report")
    assert owners.workload(of("Job", "x-0", "3")) == ("shop", "JobSet", "training")
    assert owners.workload(of("Job", "import-7", "4")) == ("shop", "Job", "import")
    assert not asked.names
    owners.drop("1")
    assert owners.uids() == {"2", "3", "4"}


def test_who_is_not_known_by_labels_is_asked_for_once() -> None:
    asked = Asked(blue=partial_of("blue", "Fleet", "web"))
    owners = Owners(asked)
    for _ in range(3):
        found = owners.workload(of("ReplicaSet", "web-blue", "blue"))
        assert found == ("shop", "Fleet", "web")
    assert asked.names == ["web-blue"]
    # One of the same name that came later.
    later = owners.workload(of("ReplicaSet", "web-blue", "other"))
    assert later == ("shop", "ReplicaSet", "web-blue")


def test_who_could_not_be_asked_for_is_asked_for_again() -> None:
    asked = Asked(blue=partial_of("blue", "Fleet", "web"))
    owners, found = Owners(asked), of("ReplicaSet", "web-blue", "blue")
    asked.is_away = True
    assert owners.workload(found) == ("shop", "ReplicaSet", "web-blue")
    asked.is_away = False
    assert owners.workload(found) == ("shop", "Fleet", "web")


def test_who_stays_is_called_as_it_is_whoever_made_it() -> None:
    asked = Asked(one=partial_of("one", "Prometheus", "main"))
    found = Owners(asked).workload(of("StatefulSet", "prometheus-main", "one"))
    assert found == ("shop", "StatefulSet", "prometheus-main")
    assert not asked.names


def test_owners_that_own_each_other_end_nothing() -> None:
    one, two = partial_of("one", "Two", "b"), partial_of("two", "One", "a")
    for made, uid in ((one, "two"), (two, "one")):
        for reference in made.metadata.owner_references or ():
            reference.uid = uid
    found = Owners(Asked(one=one, two=two)).workload(of("One", "a", "one"))
    assert found in {("shop", "One", "a"), ("shop", "Two", "b")}
