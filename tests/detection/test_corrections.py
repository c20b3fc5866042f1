"""Findings are none, or of another type, where a catalog says so."""

import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from detection import check
from detection.catalog import CatalogError, load
from detection.corrections import (
    MOST_CORRECTIONS,
    Correction,
    Corrections,
    Place,
    of_endpoints,
)
from detection.finding import Finding, Likelihood, Location, Sensitivity
from detection.lines import detect_lines
from detection.scanner import Scanner

CARD = Finding(
    *("financial.payment_card", Location.BODY, "$.number"),
    *(Sensitivity.HIGH, Likelihood.LIKELY, 3),
)
HERE = Place("eu", "shop", "Deployment", "orders", 80, "GET", "/o/{id}", "response")
NAMED: dict[str, Any] = HERE._asdict() | {"location": "body", "path": "$.number"}


def correction(*names: str, **more: Any) -> Correction:
    return Correction(data_type=CARD.data_type, **{n: NAMED[n] for n in names}, **more)


@pytest.mark.parametrize("left_out", [None, *NAMED])
def test_all_that_is_named_has_to_match(left_out: str | None) -> None:
    names = [name for name in NAMED if name != left_out]
    known = Corrections([correction(*names)])
    assert known.apply(HERE, [CARD]) == []
    for name in Place._fields:
        changed: dict[str, Any] = {name: 1 if name == "port" else "other"}
        expected = [] if name == left_out else [CARD]
        assert known.apply(HERE._replace(**changed), [CARD]) == expected, name
    for other in (
        structs.replace(CARD, path="$.other"),
        structs.replace(CARD, location=Location.HEADER),
    ):
        told = known.apply(HERE, [other])
        is_left_out = left_out == ("path" if other.path != CARD.path else "location")
        assert told == ([] if is_left_out else [other])
    iban = structs.replace(CARD, data_type="financial.iban")
    assert known.apply(HERE, [iban]) == [iban]


def test_what_names_most_holds_and_of_two_the_later_one() -> None:
    none, iban = correction("workload"), correction("method", becomes="financial.iban")
    assert Corrections([none, iban]).speaking(HERE, CARD) == iban
    assert Corrections([iban, none]).speaking(HERE, CARD) == none
    wide = correction()
    assert Corrections([none, wide]).speaking(HERE, CARD) == none
    other = correction("workload", becomes="own.order")
    assert Corrections([none, other]).speaking(HERE, CARD) == other
    in_cluster = correction("cluster")
    assert Corrections([in_cluster, wide]).speaking(HERE, CARD) == wide


def test_another_type_is_as_grave_as_is_said_and_joins_what_was_there() -> None:
    known = Corrections([correction(becomes="own.order", sensitivity="low")])
    there = structs.replace(CARD, data_type="own.order", count=2)
    (found,) = known.apply(HERE, [CARD, there])
    assert (found.data_type, found.count) == ("own.order", 5)
    assert (found.sensitivity, found.likelihood) == (Sensitivity.HIGH, 5)
    (found,) = known.apply(HERE, [CARD])
    assert found.sensitivity == Sensitivity.LOW


def test_without_names_of_servers_endpoints_speak() -> None:
    wide = correction(becomes="own.order")
    told = of_endpoints(
        [wide, correction("cluster"), correction("namespace", "workload")]
    )
    assert told.speaking(Place(), CARD) == wide
    known = of_endpoints([correction(*NAMED)])
    seen = Place(method="GET", endpoint="/o/{id}", direction="response")
    assert known.apply(seen, [CARD]) == []
    assert known.apply(Place(), [CARD]) == [CARD]


@pytest.mark.parametrize(
    ("told", "seen", "does_match"),
    [
        ("$.{key}.iban", "$.mueller.iban", True),
        ("$.{key}.iban", '$["Jane Doe"].iban', True),
        ("$.{key}[*].iban", "$.mueller[*].iban", True),
        ("$.{key}.{key}", "$.a.b", True),
        ("$.{key}.iban", "$.{key}.iban", True),
        ("cookie:{key}", "cookie:jane", True),
        ("{key}", "end", True),
        ("$.{key}.iban", "$.mueller.bic", False),
        ("$.{key}.iban", "$.mueller[*].iban", False),
        ("$.{key}.iban", "$.a.b.iban", False),
        ("$.{key}", "$.{id}", False),
        ("$.{key}", "$", False),
        ("$.mueller.iban", "$.{key}.iban", False),
        ("cookie:{key}", "set-cookie:jane", False),
    ],
)
def test_a_key_that_was_not_told_is_any_where_all_are_told(
    told: str, seen: str, does_match: bool
) -> None:
    one = structs.replace(correction(), path=told)
    found = structs.replace(CARD, path=seen)
    kept = of_endpoints([one]).apply(Place(), [found])
    assert kept == ([] if does_match else [found])
    kept = Corrections([one]).apply(Place(), [found])
    assert kept == ([] if told == seen else [found]), "of a digger"


def test_a_key_that_is_named_is_a_closer_look_than_any() -> None:
    named = structs.replace(correction(), path="$.a.b", becomes="own.order")
    some = structs.replace(correction(), path="$.{key}.b")
    found = structs.replace(CARD, path="$.a.b")
    for told in ([named, some], [some, named]):
        assert of_endpoints(told).speaking(Place(), found) == named


def test_lines_are_corrected(scanner: Scanner) -> None:
    told = (
        Correction("contact.email", endpoint="/users", path="$.email"),
        Correction("contact.phone", becomes="own.number", path="$.phone"),
    )
    scanner.catalog, before = (
        structs.replace(scanner.catalog, corrections=told),
        (scanner.catalog),
    )
    try:
        body = '{"email": "ada@example.com", "phone": "+44 20 7946 0958"}'
        lines = [{"body": body}, {"body": body, "endpoint": "/users"}]
        source = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
        target = io.StringIO()
        assert detect_lines(source, target, scanner, False) == 0
    finally:
        scanner.catalog = before
    found = [
        [one["data_type"] for one in json.loads(line)["findings"]]
        for line in target.getvalue().splitlines()
    ]
    assert found == [["contact.email", "own.number"], ["own.number"]]


def test_a_file_says_what_is_wrong_with_them(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    for text, words in (
        ("[{type: Jane Doe}]", "matching regex"),
        ("[{type: a.b, place: x}]", "unknown field"),
        ("[{type: a.b, direction: up}]", "Invalid enum"),
    ):
        file.write_text(f"corrections: {text}\n")
        with pytest.raises(CatalogError, match=words):
            load(str(file))
    file.write_text("corrections: [{type: a.b}]\n")
    assert check.mistakes(load(str(file))) == ["corrections: 'a.b': no such data type"]
    many = msgspec.json.encode([{"type": "a.b"}] * (MOST_CORRECTIONS + 1)).decode()
    file.write_text(f"corrections: {many}\n")
    with pytest.raises(CatalogError, match="at most"):
        load(str(file))


def test_many_cost_what_few_do() -> None:
    """A step for each way of naming places."""
    names = ("namespace", "workload", "method", "path")
    known = Corrections(
        correction(*names[: 1 + number % 2], endpoint=f"/{number}")
        for number in range(MOST_CORRECTIONS)
    )
    assert len(known._ways) == 2
    assert known.apply(HERE, [CARD]) == [CARD]
    assert known.apply(HERE._replace(endpoint="/4711"), [CARD]) == []
