"""What nobody should send: each page, each parameter, each form, each API route.

A real cloud with pages apart. Nothing is 500, each refusal says why and leads back, no
text gets into a header, and the process of the pages lives on.
"""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from cloud.doors.web.headers import HEADERS
from cloud.pages.site import PAGES
from tests.cloud import packages
from tests.cloud.inhabited import post
from tests.cloud.running import Answer, Cloud

ODD = (
    *("-1", "0", "9" * 23, "1e3", "NaN", "true", "null", "week", "ever"),
    *("\0", "a\0b", "\u202eabc", "\ufffe", "é" * 200, "x" * 201, "x" * 5_000),
    *("' OR 1=1 --", "%", "%00", "\\", "<script>", "=1+1", "../../etc/passwd"),
    *("\r\nx-evil: 1", "7fffffffffffffff", "8000000000000000", "0" * 16),
    *("9" * 19 + "." + "9" * 19 + ".1", "//evil.example", "javascript:alert(1)"),
)
QUERIES = (
    *("?page=1&page=x", "?%ff=%fe", "?q=%ed%a0%80", "?&&&==&", "?format=CSV"),
    "?" + "a=1&" * 2_000,
)
EACH = 5
"""Of ODD for a parameter; the next one gets the next ones."""
BOMB = 'a: &a ["x","x","x","x","x","x","x","x","x"]\n' + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
DOCUMENTS = (
    *(f"{BOMB}policies: *i\n", "policies: &a [*a]", "<<: *x", "&a: *a"),
    *("policies: [" + "[" * 3_000 + "]" * 3_000 + "]", "{" * 10_000, "- " * 5_000),
    *('!!python/object/apply:os.system ["id"]', "policies: 1e999", "2001-99-99"),
    *("%YAML 9.9\n---\n", "\ufeff", "\x85\u2028", "\0", "policies: " + "9" * 20_000),
    "policies: [" + "{id: a, title: b, severity: high, deny: [{}]}," * 3_000 + "]",
)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder: Path = tmp_path_factory.mktemp("odd")
    with Cloud(f"sqlite:///{folder}/cloud.sqlite3", is_apart=True) as running:
        running.collector.Send(packages.shop(), timeout=10)
        yield running
        assert running.get("/overview").status == 200
        assert running.measure("page_process_starts_total") == 1


def wrong(answer: Answer, asked: str) -> list[str]:
    """What may not be in an answer to anything."""
    found = []
    kind = answer.headers.get("content-type") or ""
    if answer.status >= 500:
        found.append(f"{answer.status}")
    if "evil" in " ".join(answer.headers.keys()).lower():
        found.append("a header of the sender's")
    if any(answer.headers.get(name) != value for name, value in HEADERS.items()):
        found.append("headers are missing")
    if answer.status >= 400:
        if kind.startswith("text/html"):
            if not re.search('href="/[a-z]*"', answer.text):
                found.append("no way back")
            if not re.search(
                r"<p[^>]*>[^<]*\w+ \w+[^<]*[.:]|class=.wrong", answer.text
            ):
                found.append("no words")
        elif not kind.startswith("application/json") or not answer.json()["error"]:
            found.append(f"{kind} without words")
    return [f"{asked[:120]!a}: {one}" for one in found]


def test_every_parameter_of_every_page(cloud: Cloud) -> None:
    endpoint = cloud.get("/api/v1/endpoints").json()["endpoints"][0]
    workload = cloud.get("/api/v1/workloads").json()["workloads"][0]["id"]
    names = {"endpoints": endpoint["id"], "workloads": workload}
    turn, found = count(), []
    for page in PAGES:
        name = names.get(page.path.split("/")[1], "contact.email")
        fields = [*page.query.__struct_encode_fields__, "format", "unknown"]
        for path in (page.path, page.api):
            asked = path.replace("{id}", name)
            queries = [
                "?" + urlencode({field: ODD[next(turn) % len(ODD)]})
                for field in fields
                for _ in range(EACH)
            ]
            odd = [asked + query for query in [*queries, *QUERIES]]
            if "{id}" in path:
                odd += [path.replace("{id}", quote(one, safe="")) for one in ODD]
            for one in odd:
                found += wrong(cloud.get(one), one)
    assert found == []
    assert next(turn) > 1_000


def test_every_field_of_every_form(cloud: Cloud) -> None:
    described: dict[str, Any] = cloud.get("/api/v1/openapi.json").json()
    turn, found = count(), []
    for path, ways in described["paths"].items():
        form = ways.get("post", {}).get("requestBody", {}).get("content", {})
        for told in form.values():
            fields = [*told["schema"]["properties"]]
            fields.remove("proof")
            usual = dict.fromkeys(fields, "1")
            if "document" in fields:
                del usual["document"]
            for field in fields:
                odd = [ODD[next(turn) % len(ODD)] for _ in range(EACH)]
                for value in [*odd, *(DOCUMENTS if field == "document" else ())]:
                    sent = {**usual, field: value}
                    answer = post(cloud, path.replace("{id}", "7" * 16), **sent)
                    found += wrong(answer, f"{path} {field}={value}")
    assert found == []
    assert next(turn) > 300


def test_a_formula_stays_a_text_in_a_table(cloud: Cloud) -> None:
    for value in ("=1+1", "@SUM(A1)", "+1", "-1", "\t=1"):
        cloud.get(f"/api/v1/search?{urlencode({'q': value})}&format=csv")
        post(cloud, "/administration/users", name=value, role="viewer", scope="")
    table = cloud.get("/api/v1/administration/users?format=csv").text
    assert not re.search(r'(^|,)"?[=+@\t-]', table, re.M)
