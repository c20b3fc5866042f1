"""Every page that people see, by name: where it is in a cloud with the town in it."""

from collections.abc import Callable
from urllib.parse import urlencode

from tests.cloud.running import Cloud


def _endpoint(cloud: Cloud) -> str:
    listed = cloud.get("/api/v1/endpoints?q=payments&type=personal.birth_date").json()
    return f"/endpoints/{listed['endpoints'][0]['id']}"


def _around(cloud: Cloud) -> str:
    flows = cloud.get("/api/v1/map?level=workloads&size=200").json()["flows"]
    ends = [flow["source"] for flow in flows]
    return f"/map?workload={next(e['id'] for e in ends if e['name'] == 'checkout')}"


def _workload(cloud: Cloud) -> str:
    listed = cloud.get("/api/v1/workloads?q=checkout").json()["workloads"]
    return f"/workloads/{listed[0]['id']}"


def _correct(cloud: Cloud) -> str:
    found = _endpoint(cloud)
    field = cloud.get(f"/api/v1{found}").json()["fields"][0]
    asked = {name: field[name] for name in ("direction", "location")}
    asked |= {"field": field["path"], "type": field["data_type"]}
    return f"{found}/correct?{urlencode(asked)}"


def _part(cloud: Cloud) -> str:
    listed = cloud.get("/api/v1/coverage?q=orders").json()["parts"]
    return f"/coverage/parts/{listed[0]['id']}"


PAGES: dict[str, Callable[[Cloud], str]] = {
    "today": lambda _: "/",
    "overview": lambda _: "/overview",
    "map": lambda _: "/map",
    "map-namespace": lambda _: "/map?open=prod/shop",
    "map-workloads": lambda _: "/map?level=workloads",
    "map-around": _around,
    "map-data": lambda _: "/map?type=financial.payment_card",
    "changes": lambda _: "/changes?window=year",
    "endpoints": lambda _: "/endpoints",
    "endpoint": _endpoint,
    "catalog": lambda _: "/catalog",
    "catalog-cluster": lambda _: "/catalog?cluster=prod",
    "workloads": lambda _: "/workloads?cluster=prod&namespace=shop",
    "workload": _workload,
    "search": lambda _: "/search?q=card",
    "correct": _correct,
    "corrections": lambda _: "/corrections?state=all",
    "types": lambda _: "/types",
    "type": lambda _: "/types/financial.payment_card",
    "outside": lambda _: "/outside",
    "violations": lambda _: "/violations",
    "policies": lambda _: "/policies",
    "policy": lambda _: "/policies/cards-outside",
    "coverage": lambda _: "/coverage",
    "coverage-cluster": lambda _: "/coverage?cluster=prod&window=week",
    "node": lambda _: "/coverage/node?cluster=prod&node=node-4",
    "part": _part,
    "status": lambda _: "/status",
    "users": lambda _: "/administration/users",
    "tokens": lambda _: "/administration/tokens",
    "alerts": lambda _: "/administration/alerts",
    "visits": lambda _: "/administration/visits",
    "audit": lambda _: "/administration/audit",
    "settings": lambda _: "/administration/settings",
    "account": lambda _: "/account",
}
