"""A company of two clusters with two namespaces each, every name telling its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proto.v1 import collector_pb2 as c
from tests.cloud.inhabited import post, violations
from tests.cloud.packages import coverage, endpoint, package, place
from tests.cloud.running import Cloud
from tests.waiting import eventually

POLICY = """
policies: [{id: nothing-flows, title: All breaks it, severity: low, deny: [{}]}]
"""
CLUSTERS, NAMESPACES = ("east", "west"), ("alpha", "beta")


def name(cluster: str, namespace: str, kind: str) -> str:
    """A name that tells where it is from."""
    return f"{kind}-{cluster}-{namespace}"


def named(cluster: str, namespace: str, kind: str) -> c.Workload:
    return c.Workload(
        namespace=namespace, kind="Deployment", name=name(cluster, namespace, kind)
    )


@contextmanager
def at_work(folder: Path) -> Iterator[Cloud]:
    """In each namespace of each cluster a client asks a server."""
    file = folder / "cloud.sqlite3"
    with Cloud(f"sqlite:///{file}") as running:
        for cluster in CLUSTERS:
            rows, parts = [], []
            for number, namespace in enumerate(NAMESPACES):
                told = (cluster, namespace)
                found = place(f"type.{cluster}_{namespace}", f"$.{cluster}_{namespace}")
                rows.append(
                    endpoint(
                        f"/{cluster}/{namespace}",
                        [found],
                        pairs=10 ** (number + 1),
                        server=named(*told, "server"),
                        client=named(*told, "client"),
                    )
                )
                parts.append(
                    coverage(
                        {"paired": 10 ** (number + 3)},
                        workload=named(*told, "server"),
                        node=name(*told, "node"),
                    )
                )
            running.collector.Send(
                package(endpoints=rows, coverage=parts, cluster=cluster), timeout=10
            )
        post(running, "/policies", document=POLICY)
        post(running, "/policies/nothing-flows/switch", is_on="yes")
        flows = len(CLUSTERS) * len(NAMESPACES)
        assert eventually(lambda: len(violations(running)) == flows)
        yield running
