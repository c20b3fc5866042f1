"""What a visitor who is limited to clusters or namespaces sees, on every page."""

import json
from contextlib import closing
from functools import cache
from typing import Any

import pytest

from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.visits import Visits
from cloud.errors import DoorError
from cloud.pages.site import PAGES
from cloud.visitor import EVERYTHING, Role, Scope, read_scope
from tests.cloud.company import CLUSTERS, NAMESPACES, named
from tests.cloud.packages import endpoint, package
from tests.cloud.running import Answer, Cloud


def ask(cloud: Cloud, path: str, scope: Scope) -> Answer:
    key = _key(cloud.database_url, scope)
    return cloud.ask(path, headers={"authorization": f"Bearer {key}"})


@cache
def _key(database_url: str, scope: Scope) -> str:
    with closing(Ledger(database_url)) as ledger:
        visits = Visits(ledger, People(ledger), Attempts())
        return visits.make_api_key("test", Role.VIEWER, 600, "test", scope)


def addresses(cloud: Cloud) -> list[str]:
    """Every page and report, with each endpoint that there is."""
    rows = cloud.get("/api/v1/endpoints").json()["endpoints"]
    rows += cloud.get("/api/v1/workloads").json()["workloads"]
    texts = ("east", "alpha", "/", "$")
    catalogs = [f"/catalog?cluster={cluster}" for cluster in CLUSTERS]
    searches = [f"/search?q={text}" for text in texts]
    asked = [api + path for api in ("", "/api/v1") for path in [*catalogs, *searches]]
    names = [row["data_type"] for row in cloud.get("/api/v1/types").json()["types"]]
    asked += [f"{api}/types/{name}" for api in ("", "/api/v1") for name in names]
    return asked + [
        path.replace("{id}", row["id"])
        for page in PAGES
        if page.role is Role.VIEWER
        for path in (page.path, page.api)
        for row in (rows if "{id}" in path else rows[:1])
    ]


def test_status_does_not_call_empty_what_may_not_be_seen(company: Cloud) -> None:
    page = ask(company, "/status", read_scope("east/alpha")).text
    assert "You see namespaces" in page
    assert "No cluster has sent" not in page
    assert "Every package was taken" not in page
    whole = ask(company, "/status", read_scope("east")).text
    assert "Every package was taken" in whole
    assert "You see namespaces" not in whole


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("east", {"east-alpha", "east-beta"}),
        ("east/alpha", {"east-alpha"}),
        ("east/alpha west/beta", {"east-alpha", "west-beta"}),
        ("west east/beta", {"west-alpha", "west-beta", "east-beta"}),
        ("north", set()),
        ("north/alpha", set()),
    ],
)
def test_no_page_tells_what_is_outside_of_the_scope(
    company: Cloud, text: str, seen: set[str]
) -> None:
    scope = read_scope(text)
    shown: set[str] = set()
    for path in addresses(company):
        answer = ask(company, path, scope)
        assert answer.status in (200, 404), path
        for cluster in CLUSTERS:
            for namespace in NAMESPACES:
                place_name = f"{cluster}-{namespace}"
                forms = (place_name, f"{cluster}_{namespace}", f"{cluster}/{namespace}")
                is_told = any(form in answer.text for form in forms)
                assert not is_told or place_name in seen, (path, place_name)
                if is_told:
                    shown.add(place_name)
    assert shown == seen


def totals(cloud: Cloud, scope: Scope) -> tuple[Any, ...]:
    told = ask(cloud, "/api/v1/overview", scope).json()
    covered = ask(cloud, "/api/v1/coverage", scope).json()
    listed = ask(cloud, "/api/v1/endpoints", scope).json()
    return (
        *(told[key] for key in ("endpoints", "workloads", "pairs", "edges_total")),
        len(told["data_types"]),
        told["coverage"]["bytes"],
        covered["paging"]["total"],
        listed["paging"]["total"],
        len(told["clusters"]),
    )


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("", (4, 8, 220, 4, 4, 22_000, 4, 4, 2)),
        ("east", (2, 4, 110, 2, 2, 11_000, 2, 2, 1)),
        ("east/alpha", (1, 2, 10, 1, 1, 1_000, 1, 1, 0)),
        ("east/beta west", (3, 6, 210, 3, 3, 21_000, 3, 3, 1)),
        ("north/x", (0, 0, 0, 0, 0, 0, 0, 0, 0)),
    ],
)
def test_totals_are_of_what_is_within(
    company: Cloud, text: str, counted: tuple[int, ...]
) -> None:
    assert totals(company, read_scope(text)) == counted


def test_edge_into_the_scope_names_its_other_end(company: Cloud) -> None:
    crossing = endpoint(
        "/crossing",
        server=named("east", "alpha", "server"),
        client=named("east", "beta", "client"),
    )
    with Cloud(company.database_url + "-crossing") as cloud:
        cloud.collector.Send(package(endpoints=[crossing], cluster="east"))
        for text in ("east/alpha", "east/beta"):
            told = ask(cloud, "/api/v1/overview", read_scope(text)).json()
            (edge,) = told["edges"]
            assert edge["client"]["name"] == "client-east-beta"
            assert told["endpoints"] == (text == "east/alpha")


@pytest.mark.parametrize("text", ["", "a", "a b/c", "a/b a/c", "x/y/z"])
def test_scope_reads_back(text: str) -> None:
    assert read_scope(str(read_scope(text))) == read_scope(text)
    assert (read_scope(text) == EVERYTHING) is (text == "")


@pytest.mark.parametrize("text", ["/x", "x/", " ".join(map(str, range(201)))])
def test_wrong_scope_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_scope(text)


def test_limits_are_kept_with_users_and_not_for_admins(company: Cloud) -> None:
    with closing(Ledger(company.database_url)) as ledger:
        people = People(ledger)
        scope = read_scope("east/alpha")
        people.add("ann", Role.EDITOR, "long enough words", "test", scope)
        assert [user.scope for user in people.all() if user.name == "ann"] == [scope]
        with pytest.raises(DoorError, match="admin"):
            people.add("bob", Role.ADMIN, "long enough words", "test", scope)


def test_every_report_s_table_is_csv(company: Cloud) -> None:
    for page in PAGES:
        if page.rows and "{id}" not in page.path and page.path != "/coverage/node":
            answer = company.get(f"{page.api}?format=csv")
            assert answer.headers["content-type"].startswith("text/csv")
            head, *lines = answer.text.splitlines()
            rows = company.get(page.api).json()[page.rows]
            assert len(lines) == len(rows)
            assert len(head.split(",")) > 3


def test_description_names_every_page(company: Cloud) -> None:
    told = json.loads(company.get("/api/v1/openapi.json").text)
    assert told["openapi"] == "3.1.0"
    assert {page.api for page in PAGES} <= told["paths"].keys()
    listed = told["paths"]["/api/v1/endpoints"]["get"]
    names = {parameter["name"] for parameter in listed["parameters"]}
    assert {"q", "sort", "page", "size", "format"} <= names
