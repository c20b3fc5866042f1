"""The map's page, its report, its files, and what people leave out."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest

from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.visits import Visits
from cloud.pages.map import hiding
from cloud.visitor import Role, read_scope
from tests.cloud import town
from tests.cloud.inhabited import post
from tests.cloud.running import Answer, Cloud


@pytest.fixture(scope="module")
def inhabited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    file: Path = tmp_path_factory.mktemp("town") / "cloud.sqlite3"
    with Cloud(f"sqlite:///{file}") as running:
        for package in town.packages():
            running.collector.Send(package, timeout=30)
        yield running


def told(cloud: Cloud, query: str = "") -> Any:
    answer = cloud.get(f"/api/v1/map{query}")
    assert answer.status == 200, answer.text
    return answer.json()


def ids(cloud: Cloud) -> dict[str, str]:
    flows = told(cloud, "?level=workloads&size=200")["flows"]
    ends = [end for flow in flows for end in (flow["source"], flow["target"])]
    return {end["name"]: end["id"] for end in ends if end["cluster"] != "eu"}


def test_namespaces_come_first(inhabited: Cloud) -> None:
    report = told(inhabited)
    assert report["level"] == "namespaces"
    kinds = {flow["source"]["kind"] for flow in report["flows"]}
    assert kinds == {"namespace", "outside"}
    first = report["flows"][0]
    assert first["sensitivity"] == "high"
    assert {t["data_type"] for t in first["sent"]} >= {"credential.bearer_token"}
    assert report["clusters"] == ["eu", "prod"]


def test_page_draws_and_lists_the_same(inhabited: Cloud) -> None:
    text = inhabited.get("/map?level=workloads").text
    root = ElementTree.fromstring(told(inhabited, "?level=workloads")["picture"])
    titles = [t.text or "" for t in root.iter("{http://www.w3.org/2000/svg}title")]
    assert any(title.startswith("checkout, Deployment, payments") for title in titles)
    assert any(title.startswith("checkout → api.cards.example") for title in titles)
    assert 'href="/map?' in text
    assert re.search(r"<h2[^>]*>\d+ flows", text)


def test_one_workload_with_its_neighbours(inhabited: Cloud) -> None:
    key = ids(inhabited)["checkout"]
    report = told(inhabited, f"?workload={key}&size=200")
    assert report["level"] == "around"
    assert report["center"]["name"] == "checkout"
    for flow in report["flows"]:
        assert key in (flow["source"]["id"], flow["target"]["id"])
    further = told(inhabited, f"?workload={key}&hops=2&size=200")
    assert further["paging"]["total"] > report["paging"]["total"]
    assert "Around checkout" in inhabited.get(f"/map?workload={key}").text


def test_one_data_types_way_leads_from_sender_to_receiver(inhabited: Cloud) -> None:
    report = told(inhabited, "?type=health.icd10_code&size=200")
    assert report["level"] == "data"
    ways = {(f["source"]["name"], f["target"]["name"]) for f in report["flows"]}
    # The console asks the archive, and the archive's answer brings it.
    assert ("archive", "admin-console") in ways
    assert ("intake", "lab.partner.example") in ways


@pytest.mark.parametrize(
    "query",
    [
        "?workload=0123456789abcdef",
        "?workload=7fffffffffffffff&hops=2",
    ],
)
def test_workload_that_is_not_there(inhabited: Cloud, query: str) -> None:
    assert inhabited.get(f"/map{query}").status == 404
    assert inhabited.get(f"/api/v1/map{query}&format=svg").status == 404


@pytest.mark.parametrize(
    "query",
    [
        *("?workload=x", "?workload=ffffffffffffffff", "?hops=3", "?level=pods"),
        *("?window=year", "?show=all", "?page=0", "?size=1000", "?direction=up"),
    ],
)
def test_wrong_queries_are_refused(inhabited: Cloud, query: str) -> None:
    assert inhabited.get(f"/map{query}").status == 400


@pytest.mark.parametrize(
    "query", ["?type=no.such", "?cluster=x", "?open=x/y", "?page=999", "?window=hour"]
)
def test_what_is_not_there_is_an_empty_or_whole_map(
    inhabited: Cloud, query: str
) -> None:
    assert inhabited.get(f"/map{query}").status == 200


def test_form_as_browsers_send_it_is_understood(inhabited: Cloud) -> None:
    """With all its fields, most of them empty."""
    for path in ("/map", f"/map?workload={ids(inhabited)['checkout']}"):
        text = inhabited.get(path).text
        form = text[text.index('<form class="filter') : text.index("</form>")]
        fields = {}
        for name, options in re.findall(
            r'<select name="(\w+)">(.*?)</select>', form, re.S
        ):
            fields[name] = re.findall(r'<option value="([^"]*)"', options)[0]
        fields |= re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
        assert {"show", "window", "sensitivity"} <= fields.keys()
        assert inhabited.get(f"/map?{urlencode(fields)}").status == 200


def test_labels_that_a_visitor_may_see_are_offered(inhabited: Cloud) -> None:
    assert told(inhabited)["labels"] == [
        *("team", "team=claims", "team=payments", "team=shop", "team=web"),
        *("tier", "tier=backend", "tier=data", "tier=edge"),
    ]
    seen = limited(inhabited, "prod/shop").json()["labels"]
    assert seen == ["team=shop", "tier=backend"]
    text = inhabited.get("/map?label=tier%3Dedge").text
    assert '<option value="tier=edge"></option>' in text
    assert 'list="labels" value="tier=edge"' in text


@pytest.mark.parametrize("order", ["pairs", "source", "target"])
def test_table_is_sorted(inhabited: Cloud, order: str) -> None:
    flows = told(inhabited, f"?level=workloads&size=200&sort={order}")["flows"]
    found = [flow[order] if order == "pairs" else flow[order]["name"] for flow in flows]
    assert found == sorted(found, reverse=order == "pairs")


def test_files_to_take_along(inhabited: Cloud) -> None:
    svg = inhabited.get("/api/v1/map?level=workloads&format=svg")
    assert svg.headers["content-type"].startswith("image/svg+xml")
    assert 'filename="vethscope-map.svg"' in svg.headers["content-disposition"]
    root = ElementTree.fromstring(svg.text)
    assert not list(root.iter("{http://www.w3.org/2000/svg}a"))
    style = root.findtext("{http://www.w3.org/2000/svg}style") or ""
    # What programs other than browsers do not know, and paint black.
    assert not re.search(r"var\(|color-mix|@|:hover", style)
    colours = re.findall(r"(?:fill|stroke): ([^;]+)", style)
    assert len(colours) > 20
    assert all(re.fullmatch("#[0-9a-f]{3,6}|none", colour) for colour in colours)
    assert ".map .flow.s3{" in style
    mermaid = inhabited.get("/api/v1/map?level=workloads&format=mermaid").text
    assert mermaid.startswith("flowchart LR\n")
    assert mermaid.count("subgraph") == mermaid.count("\n  end\n")
    assert "checkout, Deployment, payments, prod" in mermaid
    table = inhabited.get("/api/v1/map?level=workloads&format=csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert len(rows) == told(inhabited, "?level=workloads")["paging"]["total"]
    assert rows[0]["source.name"]


def test_people_leave_out_what_they_like(inhabited: Cloud) -> None:
    before = told(inhabited, "?size=200")["paging"]["total"]
    answer = post(inhabited, "/map/hide", name="prometheus", level="workloads")
    assert (answer.status, answer.headers["location"]) == (303, "/map?level=workloads")
    try:
        report = told(inhabited, "?size=200")
        assert report["hidden"] == ["prometheus"]
        assert report["paging"]["total"] == before - 1
        assert told(inhabited, "?size=200&whole=1")["paging"]["total"] == before
        other = limited(inhabited, "", name="bob").json()
        assert other["hidden"] == []
        assert other["paging"]["total"] == before
    finally:
        post(inhabited, "/map/show", name="prometheus")
    assert told(inhabited, "?size=200")["paging"]["total"] == before


def test_names_that_are_left_out_are_bounded(inhabited: Cloud) -> None:
    names = [f"name-{number}" for number in range(hiding.MOST_HIDDEN)]
    for name in names:
        assert post(inhabited, "/map/hide", name=name).status == 303
    assert post(inhabited, "/map/hide", name="one-more").status == 400
    assert post(inhabited, "/map/hide", name=names[0]).status == 303
    assert post(inhabited, "/map/hide", name="").status == 400
    assert post(inhabited, "/map/hide", name="x" * 201).status == 400
    for name in names:
        post(inhabited, "/map/show", name=name)
    assert told(inhabited)["hidden"] == []


def limited(cloud: Cloud, scope: str, query: str = "", name: str = "test") -> Answer:
    with closing(Ledger(cloud.database_url)) as ledger:
        visits = Visits(ledger, People(ledger), Attempts())
        key = visits.make_api_key(name, Role.VIEWER, 60, "test", read_scope(scope))
    headers = {"authorization": f"Bearer {key}"}
    return cloud.ask(f"/api/v1/map?size=200{query}", headers=headers)


def test_limited_visitor_sees_flows_that_touch_the_own(inhabited: Cloud) -> None:
    for query in ("", "&format=csv", "&format=svg", "&format=mermaid"):
        seen = limited(inhabited, "eu/claims", f"&level=workloads{query}").text
        assert "intake" in seen
        assert "lab.partner.example" in seen
        assert "checkout" not in seen
        assert "gateway" not in seen
    key = ids(inhabited)["checkout"]
    assert limited(inhabited, "eu/claims", f"&workload={key}").status == 404
    assert limited(inhabited, "prod/payments", f"&workload={key}").status == 200
    report = limited(inhabited, "eu/claims").json()
    assert (report["clusters"], report["namespaces"]) == (["eu"], ["claims"])
    assert "financial.payment_card" not in report["data_types"]
