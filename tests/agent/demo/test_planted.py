"""The table of planted values against the messages that carry them."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from stdnum import luhn

from agent.demo.api import Request, answer
from agent.demo.calls import NEXT_ROUND, call
from agent.demo.planted import (
    DECOYS,
    OVER_GRPC,
    PLANTED,
    REQUEST,
    ROLLED_OUT,
    Planted,
    place,
    value_of,
)

NUMBERS = range(NEXT_ROUND)


def requests(number: int) -> Request:
    return call(number, is_rolled_out=True).request


def template(method: str, target: str) -> str:
    path = re.sub(r"/\d+", "/{id}", target.partition("?")[0])
    return f"{method} {path}"


def bodies(planted: Planted) -> Iterator[Any]:
    """The JSON bodies of the planted value's endpoint and direction."""
    for number in NUMBERS:
        request = requests(number)
        if template(request.method, request.target) != planted.endpoint:
            continue
        if planted.direction == REQUEST:
            yield msgspec.json.decode(request.body)
        else:
            is_new = planted in ROLLED_OUT
            answered = answer(request.method, request.target, is_new)
            if answered.status != 404:
                yield msgspec.json.decode(answered.body)


def values(body: Any, path: str) -> list[Any]:
    """What stands at a JSON path of keys and [*]."""
    found = [body]
    for key, star in re.findall(r"\.([^.\[]+)(\[\*\])?", path):
        found = [value[key] for value in found if key in value]
        if star:
            found = [inner for value in found for inner in value]
    return found


IN_BODIES = [p for p in PLANTED + ROLLED_OUT if p.is_in_body]


@pytest.mark.parametrize("planted", IN_BODIES, ids=str)
def test_planted_value_stands_at_its_path(planted: Planted) -> None:
    carried = list(bodies(planted))
    assert carried
    assert all(planted.value in values(body, planted.path) for body in carried)


@pytest.mark.parametrize(
    "planted", [p for p in PLANTED + ROLLED_OUT if not p.is_in_body], ids=str
)
def test_planted_query_parameter_is_sent(planted: Planted) -> None:
    targets = [requests(number).target for number in NUMBERS]
    value = planted.value.replace("@", "%40")
    assert any(f"{planted.path}={value}" in target for target in targets)


def test_there_are_many_types_and_no_place_twice() -> None:
    assert len({p.data_type for p in PLANTED}) >= 20
    all_planted = PLANTED + ROLLED_OUT + OVER_GRPC
    places = [(p.endpoint, p.direction, p.path) for p in all_planted]
    assert len(set(places)) == len(places)


def test_decoys_are_sent_in_both_directions() -> None:
    orders = [n for n in NUMBERS if requests(n).target == "/orders"]
    assert orders
    sent = msgspec.json.decode(requests(orders[0]).body)
    told = msgspec.json.decode(answer("GET", "/orders/7").body)
    assert DECOYS.items() <= sent.items()
    assert DECOYS.items() <= told.items()


def test_decoys_hold_numbers_that_fail_and_that_pass_the_card_checksum() -> None:
    numbers = [v for v in DECOYS.values() if isinstance(v, str) and len(v) == 16]
    assert {luhn.is_valid(number) for number in numbers} == {True, False}


def test_place_keeps_what_the_body_holds() -> None:
    body = place("GET /products", "response", {"products": [{"name": "a"}, {}]})
    emails = values(body, "$.products[*].supplier.email")
    assert emails == ["sales@supplier.example"] * 2
    assert body["products"][0]["name"] == "a"


def test_value_of_finds_the_query_parameter() -> None:
    assert value_of("GET /users", "email") == "carol@example.net"
