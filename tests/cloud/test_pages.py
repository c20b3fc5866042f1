"""The pages over real HTTP: what they show, how they escape, what they forbid."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from cloud.doors.site import form_proof
from cloud.doors.web.headers import HEADERS
from cloud.pages.application import HERE
from proto.v1 import collector_pb2 as c
from tests.cloud import packages
from tests.cloud.packages import coverage, endpoint, offsets, package, place
from tests.cloud.postgres import Postgres
from tests.cloud.running import Cloud
from tests.waiting import eventually

PAGES = ("/overview", "/endpoints", "/coverage")
HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}"


class Reader(HTMLParser):
    """Collects the tags and the visible text; a stray end tag fails."""

    VOID = frozenset(("meta", "link", "img", "input", "rect", "wbr", "hr", "br"))

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("li", "option", "p") or self._open[-1] == tag:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def api(path: str) -> str:
    """Where a page's report is."""
    return "/api/v1" + path


def first_endpoint(cloud: Cloud) -> str:
    row: dict[str, Any] = cloud.get("/api/v1/endpoints").json()["endpoints"][0]
    return f"/endpoints/{row['id']}"


@pytest.mark.parametrize("path", PAGES)
def test_empty_pages_say_what_to_do(cloud: Cloud, path: str) -> None:
    answer = cloud.get(path)
    assert answer.status == 200
    text = Reader(answer.text).text
    assert "yet" in text
    assert path == "/coverage" or "vethscope run" in text


def test_overview_shows_figures_types_and_edges(shop: Cloud) -> None:
    text = Reader(shop.get("/overview").text).text
    for shown in ("shop-api", "credit card", "908", "49.1 %", "not readable"):
        assert shown in text


def test_list_shows_endpoints_with_their_clients_and_statuses(shop: Cloud) -> None:
    text = Reader(shop.get("/endpoints").text).text
    for shown in (
        "/users/{id}",
        "gateway",
        "nightly-report",
        "0.3 %",
        "birth date",
    ):
        assert shown in text


def test_filter_keeps_what_was_asked(shop: Cloud) -> None:
    page = shop.get("/endpoints?q=pay&type=financial.iban&sensitivity=high&sort=path")
    shown = Reader(page.text)
    assert {i.get("name"): i.get("value") for i in shown.all("input")} == {"q": "pay"}
    assert "/payments" in shown.text
    assert "/orders" not in shown.text
    assert sum("selected" in option for option in shown.all("option")) == 3
    assert any(th.get("aria-sort") == "ascending" for th in shown.all("th"))


def test_filter_without_a_match_says_so(shop: Cloud) -> None:
    assert "No endpoint matches" in shop.get("/endpoints?q=nothing").text


def test_page_beyond_the_last_says_so(shop: Cloud) -> None:
    assert "There is no page 9" in shop.get("/endpoints?page=9&size=2").text


def test_pages_lead_to_each_other_with_the_filter_kept(shop: Cloud) -> None:
    links = {
        a.get("href")
        for a in Reader(shop.get("/endpoints?size=2&page=2").text).all("a")
    }
    assert "/endpoints?size=2&page=1" in links
    assert "/endpoints?size=2&page=3" in links


def test_endpoint_hides_the_less_certain_behind_a_switch(shop: Cloud) -> None:
    path = first_endpoint(shop)
    closed = Reader(shop.get(path).text)
    assert "Show less certain" in closed.text
    assert "US SSN" not in closed.text
    assert f"{path}?uncertain=1" in {a.get("href") for a in closed.all("a")}
    opened = shop.get(f"{path}?uncertain=1").text
    assert "US SSN" in opened
    assert "Hide less certain" in opened


def test_coverage_names_reasons_in_plain_words(shop: Cloud) -> None:
    text = Reader(shop.get("/coverage").text).text
    for shown in (
        "encrypted connections (TLS)",
        "14.0 MB",
        "The node as a whole",
        "requests or responses whose other half was not seen",
        "requests without a response",
    ):
        assert shown in text


def test_losses_are_warnings(cloud: Cloud) -> None:
    reported = coverage({}, {"ring_drops": 1}, workload=c.Workload(), node="")
    cloud.collector.Send(package(offsets(0, 1)))
    cloud.collector.Send(package(offsets(1_235, 1_236, follows=1), coverage=[reported]))
    for path in ("/overview", "/coverage"):
        text = cloud.get(path).text
        assert "1,234 captured pairs never arrived" in text
        assert "dropped 1 frame before it was read" in text
    assert "The way from the nodes to here" in text


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_a_json_twin(shop: Cloud, path: str) -> None:
    twin = shop.get(api(path))
    assert twin.headers["content-type"] == "application/json"
    assert twin.json()
    links = Reader(shop.get(path).text).all("a")
    assert api(path) in {a.get("href") for a in links}


def test_keys_of_the_json_documents_are_stable(shop: Cloud) -> None:
    overview = shop.get("/api/v1/overview").json()
    assert set(overview) == {
        *("endpoints", "workloads", "pairs", "inspected", "data_types", "clusters"),
        *("most_sensitive", "edges", "edges_total", "coverage", "losses"),
    }
    listed = shop.get("/api/v1/endpoints").json()
    assert set(listed) == {"paging", "endpoints", "data_types"}
    assert set(listed["endpoints"][0]) == {
        *("id", "server", "port", "method", "path", "sensitivity", "data_types"),
        *("clients", "clients_total", "pairs", "statuses", "last_seen", "protocols"),
        "names_unknown",
    }
    report = shop.get(api(first_endpoint(shop))).json()
    assert set(report["fields"][0]) == {
        *("direction", "location", "path", "data_type", "sensitivity"),
        *("likelihood", "count", "first_seen", "last_seen", "why", "errors"),
        *("id", "per_pair", "messages", "share", "clients", "clients_total", "trend"),
    }
    coverage_ = shop.get("/api/v1/coverage").json()
    assert set(coverage_) == {
        *("total", "counts", "losses", "over_time", "blind_spots", "states"),
        *("versions", "clusters", "nodes", "nodes_total", "paging", "parts"),
        *("choices", "reasons"),
    }
    assert set(coverage_["total"]) == {"bytes", "captured_share", "groups", "reasons"}


def test_json_twin_takes_the_same_parameters(shop: Cloud) -> None:
    found = shop.get("/api/v1/endpoints?q=entries&size=1").json()
    assert [row["path"] for row in found["endpoints"]] == ["/entries"]
    path = first_endpoint(shop)
    fields = shop.get(f"{api(path)}?uncertain=1").json()["fields"]
    assert "possible" in {field["likelihood"] for field in fields}


@pytest.mark.parametrize(
    "path", ["/nowhere", "/endpoints/xyz", "/endpoints/0000000000000001", "/static/x"]
)
def test_what_is_not_there_is_a_page_too(shop: Cloud, path: str) -> None:
    answer = shop.get(path)
    assert answer.status == 404
    assert "Not found" in Reader(answer.text).text


def test_missing_twin_answers_in_json(shop: Cloud) -> None:
    answer = shop.get("/api/v1/endpoints/xyz")
    assert (answer.status, answer.json()) == (
        404,
        {"error": "There is no such endpoint."},
    )


@pytest.mark.parametrize("query", ["size=0", "size=1000", "page=x", "sort=<b>"])
def test_wrong_parameters_are_explained(shop: Cloud, query: str) -> None:
    answer = shop.get(f"/endpoints?{query}")
    assert answer.status == 400
    assert "The address is not understood" in Reader(answer.text).text
    assert "<b>" not in answer.text


def test_pages_can_only_be_read(shop: Cloud) -> None:
    proof = form_proof(shop.cookie.partition("=")[2])
    headers = {"cookie": shop.cookie, "origin": shop.address}
    assert shop.ask("/endpoints", "POST", headers, "proof=0").status == 403
    answer = shop.ask("/endpoints", "POST", headers, f"proof={proof}")
    assert answer.status == 405
    assert "can only be read" in Reader(answer.text).text
    assert shop.get("/endpoints", method="HEAD").status == 200


@pytest.mark.parametrize(
    "path", [*PAGES, "/api/v1/overview", "/nowhere", "/static/style.css"]
)
def test_every_answer_carries_the_security_headers(shop: Cloud, path: str) -> None:
    headers = shop.get(path).headers
    for name, value in HEADERS.items():
        assert headers[name] == value
    assert "server" not in headers


def test_nothing_is_inline_or_from_elsewhere(shop: Cloud) -> None:
    for path in (*PAGES, first_endpoint(shop)):
        shown = Reader(shop.get(path).text)
        for tag, attributes in shown.tags:
            assert tag not in ("style", "iframe", "object")
            assert tag != "script" or attributes.keys() == {"src", "type"}
            assert not any(n == "style" or n.startswith("on") for n in attributes)
            for name in ("href", "src", "action"):
                assert (attributes.get(name) or "/").startswith(("/", "#"))
    assert not re.search(r"url\(|@import|//", (HERE / "static/style.css").read_text())


def test_every_table_header_has_a_scope_and_a_caption(shop: Cloud) -> None:
    for path in (*PAGES, first_endpoint(shop)):
        shown = Reader(shop.get(path).text)
        assert all(th.get("scope") in ("col", "row") for th in shown.all("th"))
        assert len(shown.all("caption")) == len(shown.all("table"))
        assert len(shown.all("h1")) == 1


def test_hostile_names_are_text_on_every_page(cloud: Cloud) -> None:
    workload = c.Workload(namespace=HOSTILE, kind=HOSTILE, name=HOSTILE)
    hostile = endpoint(
        f"/{HOSTILE}", [place(path=HOSTILE)], server=workload, client=workload
    )
    reported = coverage({"tls": 5}, node=HOSTILE, workload=workload)
    cloud.collector.Send(
        package(endpoints=[hostile], coverage=[reported], cluster=HOSTILE)
    )
    for path in (*PAGES, first_endpoint(cloud), f"/endpoints?q={'%3Cscript%3E'}"):
        page = cloud.get(path).text
        assert "<script>" not in page
        titles = [attributes.get("title") or "" for _, attributes in Reader(page).tags]
        assert any(HOSTILE in title for title in titles) or "?q=" in path


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("endpoints?page=no", "page is a whole number"),
        ("endpoints?page=0", "page is at least 1"),
        (f"endpoints?page={'9' * 30}", "page is at most 1,000,000"),
        (f"endpoints?q={'x' * 201}", "q has at most 200 characters"),
        ("changes?window=ever", "window is one of day, hour, month, week, year"),
        ("map?whole=perhaps", "whole is true or false"),
        ("changes?workload=x", "workload has another form"),
    ],
)
def test_wrong_address_is_explained_in_plain_words(
    shop: Cloud, query: str, words: str
) -> None:
    told = f"The address is not understood: {words}."
    assert shop.get(f"/api/v1/{query}").json() == {"error": told}
    page = shop.get(f"/{query}")
    assert page.status == 400
    assert told in Reader(page.text).text
    assert f'href="/{query.partition("?")[0]}"' in page.text


def test_probes_answer(shop: Cloud) -> None:
    assert shop.get("/healthz").text == "alive\n"
    assert shop.get("/readyz").text == "ready\n"


def test_store_that_went_away_is_not_ready_but_alive(postgres: Postgres) -> None:
    with Cloud(postgres.emptied()) as cloud:
        cloud.collector.Send(packages.shop())
        postgres.stop()
        try:
            assert cloud.get("/healthz").status == 200
            assert cloud.get("/readyz").status == 503
            assert "The database is away" in Reader(cloud.get("/").text).text
            assert "error" in cloud.get("/api/v1/overview").json()
        finally:
            postgres.start()
        assert eventually(lambda: cloud.get("/readyz").status == 200)
