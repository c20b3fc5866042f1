"""The company's answers, without a socket."""

import msgspec
import pytest

from agent.demo.api import (
    CATALOGUE_BYTES,
    NDJSON,
    PNG,
    PROBLEM,
    answer,
    is_json,
)
from agent.demo.calls import ROUND, call

CYCLE = [call(number).request for number in range(ROUND)]


def test_all_methods_are_used() -> None:
    methods = {request.method for request in CYCLE}
    assert methods == {"GET", "POST", "PUT", "PATCH", "DELETE"}


def test_every_request_is_known_but_for_some_that_miss() -> None:
    unknown = {
        request.target
        for request in CYCLE
        if answer(request.method, request.target).status == 404
    }
    assert all(target.startswith(("/users/", "/robots")) for target in unknown)


def test_new_version_adds_a_field_and_leaves_the_rest() -> None:
    before, after = (
        msgspec.json.decode(answer("GET", "/orders/7", is_new).body)
        for is_new in (False, True)
    )
    assert after.items() > before.items()
    assert answer("GET", "/orders", True) == answer("GET", "/orders")


def test_answers_succeed_refuse_and_fail() -> None:
    statuses = {answer(r.method, r.target).status for r in CYCLE}
    assert statuses >= {200, 201, 204, 401, 404, 409, 422, 500, 503}


def test_answers_come_in_all_codings_and_types() -> None:
    answers = [answer(r.method, r.target) for r in CYCLE]
    codings = {(a.is_gzip, a.is_chunked) for a in answers}
    assert len(codings) == 4
    assert {PROBLEM, NDJSON, PNG} <= {a.content_type for a in answers}


def test_one_body_is_large() -> None:
    assert max(len(answer(r.method, r.target).body) for r in CYCLE) >= CATALOGUE_BYTES


def test_what_is_not_known_is_not_found() -> None:
    assert answer("GET", "/nothing").status == 404


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", "application/PROBLEM+json", NDJSON],
)
def test_json_types_are_json(content_type: str) -> None:
    assert is_json(content_type)


@pytest.mark.parametrize("content_type", ["", "image/png", "text/json", "a+json"])
def test_other_types_are_not_json(content_type: str) -> None:
    assert not is_json(content_type)
