"""On a real node: names are right and nothing counts twice, whatever goes and comes."""

import json

import pytest

from tests.cluster.conftest import OURS, Cluster, seen

pytestmark = pytest.mark.timeout(900)

TIMES = 200
LOST = 2_000
"""Changes that a restored store has not."""
OWNERS = {
    ("Deployment", "web"),
    ("DaemonSet", "watcher"),
    ("ReplicaSet", "lone"),
    ("CronJob", "nightly"),
    ("Pod", "{name}"),
}
"""Who asks `orders`, but for the Job, whose name has a date, and the pod on the node's
network, which is the node. A lone pod's name is nobody's (docs/decisions/0011)."""
WORDS = dict(
    zip(
        OURS,
        ("users", "messages", "profiles", "teams", "reports", "projects"),
        strict=True,
    )
)
"""For paths that stay as they are."""
SERVERS = {("Deployment", "orders"), ("StatefulSet", "ledger"), ("Service", "orders")}


def names_of_servers(cluster: Cluster) -> set[tuple[str, str]]:
    return {(e["server"]["kind"], e["server"]["name"]) for e in cluster.endpoints()}


def test_findings_are_told_by_the_names_of_workloads(cluster: Cluster) -> None:
    assert seen(lambda: cluster.clients("orders", "/orders") >= OWNERS)
    assert names_of_servers(cluster) <= SERVERS
    orders = cluster.endpoint("orders", "/orders")
    assert orders["sensitivity"] == "high"
    types = {kind["data_type"] for kind in orders["data_types"]}
    assert types >= {"financial.iban", "financial.payment_card", "contact.email"}


def test_each_request_counts_once(cluster: Cluster) -> None:
    cluster.call("/payments", TIMES)
    assert cluster.is_counted("/payments", TIMES)


def test_pods_that_come_anew_keep_their_names(cluster: Cluster) -> None:
    cluster("-n", "shop", "delete", "pods", "-l", "app in (orders,web,watcher)")
    for kind in ("deployment/orders", "deployment/web", "daemonset/watcher"):
        cluster("-n", "shop", "rollout", "status", kind, "--timeout=120s")
    cluster.call("/customers", TIMES)
    assert cluster.is_counted("/customers", TIMES)
    assert names_of_servers(cluster) <= SERVERS
    seen_now = {name for _, name in cluster.clients("orders", "/orders")}
    assert not [name for name in seen_now if name.startswith(("web-", "orders-"))]


@pytest.mark.parametrize("role", OURS)
def test_a_role_is_rolled_over(cluster: Cluster, role: str) -> None:
    path = f"/{WORDS[role]}"
    cluster("-n", "vethscope", "rollout", "restart", role)
    cluster.rolled_out(role, *OURS)
    cluster.call(path, TIMES)
    assert cluster.is_counted(path, TIMES)


def test_a_killed_interceptor_counts_nothing_twice(cluster: Cluster) -> None:
    (pod,) = json.loads(
        cluster(
            *("-n", "vethscope", "get", "pods", "-o", "json"),
            *("-l", "app.kubernetes.io/component=interceptor"),
        )
    )["items"]
    before = pod["status"]["containerStatuses"][0]["restartCount"]
    cluster.node.run("pkill", "-KILL", "-f", "bin/vethscope interceptor")
    name = pod["metadata"]["name"]
    path = "{.status.containerStatuses[0].restartCount}"
    ask = ("-n", "vethscope", "get", "pod", name, "-o", f"jsonpath={path}")
    assert seen(lambda: int(cluster(*ask)) > before)
    cluster.rolled_out("daemonset/interceptor")
    cluster.call("/invoices", TIMES)
    assert cluster.is_counted("/invoices", TIMES)


def test_names_go_on_after_the_api_server_started_again(cluster: Cluster) -> None:
    cluster.node.stop("kube-apiserver")
    cluster.node.start_server()
    cluster.call("/products", TIMES)
    assert cluster.is_counted("/products", TIMES)
    assert seen(lambda: ("Job", "products") in cluster.clients("ledger", "/products"))


def test_names_go_on_after_the_store_was_restored(cluster: Cluster) -> None:
    """Resource versions go back, so far that a watch which goes on from where it was
    is silent for long. All but Vethscope is started again, as Kubernetes asks for
    (kubernetes.io, "Operating etcd clusters", restoring)."""
    copy = cluster.node.folder / "etcd-before"
    cluster.node.stop("kube-apiserver")
    cluster.node.stop("etcd")
    cluster.node.run("cp", "-a", str(cluster.node.folder / "etcd"), str(copy))
    cluster.node.start_store()
    cluster.node.start_server()
    lost = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"lost-{number}", "namespace": "shop"},
        }
        for number in range(LOST)
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": lost})
    cluster("create", "-f", "-", text=text)
    before = version(cluster)
    cluster.node.stop("kube-apiserver")
    cluster.node.stop("etcd")
    cluster.node.run("rm", "-rf", str(cluster.node.folder / "etcd"))
    cluster.node.run("mv", str(copy), str(cluster.node.folder / "etcd"))
    cluster.node.start_store()
    cluster.node.start_server()
    for name in ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"):
        cluster.node.stop(name)
    cluster.node.start_controllers()
    cluster.node.start_agents()
    cluster.call("/shipments", TIMES)
    assert cluster.is_counted("/shipments", TIMES)
    assert seen(lambda: ("Job", "shipments") in cluster.clients("ledger", "/shipments"))
    assert version(cluster) < before


def version(cluster: Cluster) -> int:
    """Of the store, as it is now."""
    listed = cluster("get", "--raw", "/api/v1/namespaces?limit=1")
    return int(json.loads(listed)["metadata"]["resourceVersion"])
