"""The digger's ClusterRole grants what is asked for, and no more."""

import os
from pathlib import Path
from typing import Any

import pytest

from agent.cluster.addresses import AddressIndex
from agent.cluster.filters import Filters
from agent.cluster.following import asking
from agent.cluster.freshness import Freshness
from agent.cluster.watching import api
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
from tests.manifests.rendering import KUSTOMIZE, render
from tests.waiting import eventually

BUILT_IN = ("apps/v1/ReplicaSet", "v1/ReplicationController", "batch/v1/Job")


def granted(role: Any) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize(("net", "component"), [("10.2.0", ""), ("10.2.1", "filters")])
def test_the_account_may_do_what_it_does_and_nothing_else(
    cluster: ApiServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    net: str,
    component: str,
) -> None:
    base = os.path.relpath(KUSTOMIZE, tmp_path.resolve())
    chosen = f"{base}/components/{component}" if component else ""
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [{base}/base]\ncomponents: [{chosen}]\n"
    )
    (role,) = (one for one in render(tmp_path) if one["kind"] == "ClusterRole")
    token = installed(cluster, role, f"rights-{component}".strip("-"))
    rules = tmp_path / "rules"
    rules.write_text("deny * namespace:no=such")
    shop, before = Namespace(cluster), len(cluster.audited())
    for number, owner in enumerate(("apps/v1/ReplicaSet", *owners(cluster, role))):
        shop.pod(f"one-{number}", f"{net}.{number}", f"{owner}/none-7", uid=f"{number}")
    index, file = AddressIndex(), configured(cluster, tmp_path, token)
    chosen = str(rules) if component else ""
    with following(file, index, Freshness(), chosen):
        assert eventually(lambda: index.is_complete)
        found = index.find(ip(f"{net}.0"), NOW)
        assert found == (shop.name, "ReplicaSet", "none-7")
        if component:
            assert asked_for(file, shop.name)["kubernetes.io/metadata.name"]
        eventually(lambda: granted(role) <= asked(cluster, before), 20)
    assert asked(cluster, before) == granted(role)
    assert "403" not in caplog.text


def owners(cluster: ApiServer, role: Any) -> list[str]:
    """Version and kind of all that is asked for by reference; the server knows them."""
    known = (*BUILT_IN, *OTHERS)
    of = {(_group(one), f"{one.rpartition('/')[2].lower()}s"): one for one in known}
    found = [
        of[group, resource]
        for group, resource, verb in sorted(granted(role))
        if verb == "get" and resource != "namespaces"
    ]
    for one in found:
        if one in OTHERS:
            define(cluster, one)
    return found


def _group(written: str) -> str:
    return written.rpartition("/")[0].rpartition("/")[0]


def asked_for(file: Path, namespace: str) -> dict[str, str]:
    """As a pod that comes before its namespace was told makes it."""
    configuration = api.configuration(str(file))
    assert configuration is not None
    return (
        Filters(ask=asking(api.Api(configuration))).namespaces.labels(namespace) or {}
    )


def asked(cluster: ApiServer, before: int) -> set[tuple[str, str, str]]:
    """What is watched may have to be listed, by servers that do not stream lists."""
    found = set()
    for line in cluster.audited()[before:]:
        if line["userAgent"] == "vethscope" and "objectRef" in line:
            if line["verb"] == "get" and line["responseStatus"]["code"] == 403:
                continue  # for an owner of another test's pod
            what = line["objectRef"]
            group, resource = what.get("apiGroup", ""), what["resource"]
            found.add((group, resource, line["verb"]))
            if line["verb"] == "watch":
                found.add((group, resource, "list"))
    return found
