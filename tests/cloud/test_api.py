"""The API as its own description says: schemathesis asks, a real server answers."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)

from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.visits import Visits
from cloud.pages.page import API
from cloud.visitor import Role
from tests.cloud.inhabited import inhabited
from tests.cloud.running import Cloud
from tests.cloud.test_pages import Reader

Headers = dict[str, str]
EXAMPLES = 25
"""Of an operation and kind of request: some 15 ms each."""
FORM = "application/x-www-form-urlencoded"
FIELDS = frozenset(("input", "select", "textarea", "button"))
PLACES = (
    *("/", "/violations", "/policies", "/corrections", "/map"),
    *("/administration/users", "/administration/tokens", "/administration/visits"),
    *("/administration/audit", "/account"),
)
"""Pages with forms."""
TAKEN_OR_NOT: list[Any] = [positive_data_acceptance, negative_data_rejection]
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


@pytest.fixture(scope="module")
def key(shop: Cloud) -> Iterator[Headers]:
    """Of one who may do all."""
    with closing(Ledger(shop.database_url)) as ledger:
        visits = Visits(ledger, People(ledger), Attempts())
        made = visits.make_api_key("test", Role.ADMIN, 3_600, "test")
        yield {"authorization": f"Bearer {made}"}


@pytest.fixture
def inhabited_town(tmp_path: Path) -> Iterator[Cloud]:
    with inhabited(tmp_path) as cloud:
        yield cloud


def described(cloud: Cloud, key: Headers) -> dict[str, Any]:
    answer = cloud.ask(f"{API}/openapi.json", headers=key)
    assert answer.status == 200
    document: dict[str, Any] = answer.json()
    return document


def operations(cloud: Cloud, key: Headers) -> list[Any]:
    schema = schemathesis.openapi.from_dict(described(cloud, key))
    return [
        found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)
    ]


def named(cloud: Cloud, key: Headers, operation: Any) -> dict[str, str]:
    """What the address names, if it is there: random text would only be missing."""
    if "endpoints/{id}" not in operation.path:
        return {}
    rows = cloud.ask(f"{API}/endpoints", headers=key).json()["endpoints"]
    return {"id": rows[0]["id"]}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", MODES, ids=str)
def test_answers_are_as_described(
    shop: Cloud, key: Headers, mode: GenerationMode
) -> None:
    """Statuses, content types and shapes; nothing fails, nothing wrong is taken."""
    for operation in operations(shop, key):
        seen = Counter[int]()
        known = named(shop, key, operation)
        strategy = operation.as_strategy(
            generation_mode=mode, path_parameters=known or None
        )

        ask(shop, key, strategy, seen)
        assert seen
        is_any = "{" not in operation.path and not operation.path.endswith(
            "/coverage/node"
        )
        is_there = known or is_any
        if mode is GenerationMode.POSITIVE and is_there and operation.method == "get":
            assert seen[200], (operation.label, seen)


def ask(cloud: Cloud, key: Headers, cases: Any, seen: Counter[int]) -> None:
    """The same cases each time."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def conforms(case: Any) -> None:
        answer = case.call(base_url=cloud.address, headers=key, allow_redirects=False)
        seen[answer.status_code] += 1
        # A form's fields are named; which values are wrong is not described.
        excluded = [] if case.method == "GET" else TAKEN_OR_NOT
        case.validate_response(answer, headers=key, excluded_checks=excluded)

    conforms()


def test_every_page_is_described(shop: Cloud, key: Headers) -> None:
    document = described(shop, key)
    assert document["openapi"] == "3.1.0"
    names = [
        one["operationId"]
        for path in document["paths"].values()
        for one in path.values()
    ]
    assert len(names) == len(set(names))
    for path, methods in document["paths"].items():
        for one in methods.values():
            assert one["summary"], path
            assert one["x-role"] in {role.name.lower() for role in Role}


@pytest.mark.parametrize(
    ("method", "changed", "status"),
    [
        ("GET", {"authorization": "Bearer wrong"}, 401),
        ("GET", {"authorization": ""}, 401),
        ("GET", {"host": "evil.example"}, 421),
        ("PUT", {}, 405),
        ("DELETE", {}, 405),
    ],
)
def test_refusals_have_their_shape(
    shop: Cloud, key: Headers, method: str, changed: Headers, status: int
) -> None:
    for path in described(shop, key)["paths"]:
        if not path.startswith(API):
            continue
        answer = shop.ask(path.replace("{id}", "0" * 16), method, key | changed)
        assert (answer.status, set(answer.json())) == (status, {"error"}), path
        assert answer.headers["content-type"] == "application/json"


def test_fields_of_forms_are_described(inhabited_town: Cloud) -> None:
    """Those that the pages send; what stands in no form is not looked at."""
    cloud = inhabited_town
    paths = cloud.get(f"{API}/openapi.json").json()["paths"]
    forms = {
        re.compile(re.sub(r"{\w+}", "[^/?]+", path) + r"(\?.*)?"): set(
            methods["post"]["requestBody"]["content"][FORM]["schema"]["properties"]
        )
        for path, methods in paths.items()
        if "post" in methods
    }
    seen = set()
    for page in PLACES:
        answer = cloud.get(page)
        assert answer.status == 200, page
        known: set[str] | None = None
        for tag, told in Reader(answer.text).tags:
            if tag == "form":
                action = told.get("action") or page
                is_post = told.get("method") == "post" and action != "/logout"
                found = [names for at, names in forms.items() if at.fullmatch(action)]
                assert found or not is_post, (page, action)
                known = found[0] if is_post else None
                seen |= {action} if is_post else set()
            elif known is not None and "name" in told and tag in FIELDS:
                assert told["name"] in known, (page, action, told["name"])
    assert len(seen) >= 5, seen


def test_unknown_format_is_refused(shop: Cloud, key: Headers) -> None:
    answer = shop.ask(f"{API}/endpoints?format=xml", headers=key)
    assert (answer.status, answer.json()) == (
        400,
        {"error": "There is no such format, but json, csv."},
    )
