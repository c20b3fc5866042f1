"""No link of a page leads nowhere, also for who may see little: all are followed."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.visits import Visits
from cloud.pages.page import Page
from cloud.pages.site import PAGES
from cloud.visitor import Role, read_scope
from tests.cloud.inhabited import inhabited
from tests.cloud.running import Answer, Cloud

MOST_ALIKE = 3
"""Links followed to pages of one kind."""
_LINK = re.compile(r'<a\b[^>]* href="(/[^"#]*)')
_ID = re.compile(r"[0-9a-f]{16}|(?<=^/types/)[^/?]+|(?<=^/policies/)[^/?]+")
_NUMBER = re.compile(r'<(?:dd|td)[^>]*><a href="(/[^"]+)">([\d,]+)</a>')
_CHOSEN = {"type": "contact.email", "protocol": "http/1", "open": "prod/shop"}
_PAGING = frozenset(("page", "size", "after"))
_NO_FORM = {
    *(("/", "window"), ("/catalog", "cluster"), ("/status", "cluster")),
    *(("/coverage/node", name) for name in ("cluster", "node", "window")),
    *(("/coverage", "window"), ("/map", "hops"), ("/map", "whole")),
}
"""Chosen by links alone, or of another kind."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder: Path = tmp_path_factory.mktemp("town")
    with inhabited(folder) as running:
        yield running


def alike(path: str) -> str:
    """What pages of one kind have in common."""
    names = re.sub("=[^&]*", "=", path)
    return _ID.sub("ID", names)


def test_every_link_of_a_limited_reader_leads_somewhere(town: Cloud) -> None:
    with closing(Ledger(town.database_url)) as ledger:
        visits = Visits(ledger, People(ledger), Attempts())
        key = visits.make_api_key(
            "t", Role.EDITOR, 60, "test", read_scope("prod/payments")
        )
    headers = {"authorization": f"Bearer {key}"}
    waiting = [
        (page.path, "the navigation")
        for page in PAGES
        if "{" not in page.path and page.path != "/coverage/node"
    ]
    waiting.append(("/changes?window=year", "the navigation"))
    met = {path for path, _ in waiting}
    with_tables = {page.path for page in PAGES if page.rows}
    kinds: Counter[str] = Counter()
    nowhere = []
    while waiting:
        path, origin = waiting.pop(0)
        answer = town.ask(path, headers=headers)
        if answer.status != 200:
            nowhere.append((answer.status, path, origin))
            continue
        assert "format=csv" in answer.text or path not in with_tables, path
        for found in _LINK.findall(answer.text):
            link = unescape(found)
            kind = alike(link)
            if link.startswith(("/static", "/logout", "/api")) or link in met:
                continue
            met.add(link)
            kinds[kind] += 1
            if kinds[kind] <= MOST_ALIKE:
                waiting.append((link, path))
    assert nowhere == []
    assert sum(kinds.values()) > 60
    assert {"/workloads/ID", "/endpoints/ID"} <= kinds.keys()


def reading(town: Cloud, scope: str) -> Callable[[str], Answer]:
    """Asks as somebody who sees this."""
    with closing(Ledger(town.database_url)) as ledger:
        visits = Visits(ledger, People(ledger), Attempts())
        key = visits.make_api_key("t", Role.EDITOR, 600, "test", read_scope(scope))
    headers = {"authorization": f"Bearer {key}", "accept": "text/html"}
    return lambda path: town.ask(path, headers=headers)


@pytest.mark.parametrize("scope", ["", "prod/shop", "eu"])
def test_a_number_that_is_a_link_is_what_stands_there(town: Cloud, scope: str) -> None:
    ask = reading(town, scope)
    report = ask("/api/v1/types?size=200").json()
    paths = ["/overview", "/types", "/violations", "/policies", "/catalog"]
    paths += [f"/types/{one['data_type']}" for one in report["types"]]
    workloads = ask("/api/v1/workloads?size=6").json()["workloads"]
    paths += [f"/workloads/{one['id']}" for one in workloads]
    rows = {page.path: page.rows for page in PAGES}
    looked, wrong = 0, []
    for path in paths:
        page = ask(path)
        for link, shown in _NUMBER.findall(page.text):
            target = unescape(link).partition("#")[0]
            report = ask(f"/api/v1{target}").json()
            name = target.partition("?")[0]
            if name.startswith("/types/"):
                counted = report["type"]["endpoints"]
            else:
                counted = report.get("paging", {}).get("total")
                counted = len(report[rows[name]]) if counted is None else counted
            looked += 1
            if counted != int(shown.replace(",", "")):
                wrong.append((path, target, shown, counted))
    assert looked > 8
    assert wrong == []


def chosen(town: Cloud, page: Page, field: Any) -> str:
    """Something to ask for that is not the default."""
    name, about = field.encode_name, msgspec.inspect.type_info(field.type)
    parts = [about, *getattr(about, "types", ())]
    values = [value for part in parts for value in getattr(part, "values", ())]
    if others := [value for value in values if value not in ("", field.default)]:
        return str(others[-1])
    if name == "workload":
        found = town.get("/api/v1/workloads?q=checkout").json()["workloads"]
        return str(found[0]["id"])
    return _CHOSEN.get(name, "shop")


def kept_in(form: str, name: str) -> set[str]:
    """What a form sends for a field if nothing is touched."""
    inputs = re.findall(f'<input[^>]* name="{name}"[^>]*>', form)
    found = {told for one in inputs for told in re.findall('value="([^"]*)"', one)}
    for choice in re.findall(f'<select name="{name}">.*?</select>', form, re.S):
        found |= set(re.findall('<option value="([^"]*)" selected', choice))
    return {unescape(one) for one in found}


def test_no_filter_is_lost_where_others_are_chosen(town: Cloud) -> None:
    """What the address asks for stands in the form that changes it."""
    lost, looked = [], 0
    for page in PAGES:
        for field in msgspec.structs.fields(page.query):
            name = field.encode_name
            if "{" in page.path or (page.path, name) in _NO_FORM or name in _PAGING:
                continue
            value = chosen(town, page, field)
            shown = town.get(f"{page.path}?{urlencode({name: value})}")
            assert shown.status == 200, (page.path, name, value)
            forms = re.findall('<form[^>]*method="get".*?</form>', shown.text, re.S)
            own = [form for form in forms if f'action="{page.path}"' in form]
            kept = kept_in(own[0], name) if own else set()
            looked += 1
            if value not in kept:
                lost.append((page.path, name, value))
    assert looked > 40
    assert lost == []
