"""The built-in catalog is proven; mistakes in others are told."""

from pathlib import Path

import pytest

from detection.catalog import Catalog, load, read
from detection.check import message, mistakes, rows
from detection.database import default_cache
from detection.scanner import Scanner


def test_the_built_in_catalog_is_proven() -> None:
    assert mistakes(load(), default_cache()) == []


def test_the_small_catalog_is_proven(small: Catalog) -> None:
    assert mistakes(small) == []


def test_rows_list_the_types_by_name(small: Catalog) -> None:
    first, second = rows(small)
    assert first.data_type == "sample.badge"
    assert (first.title, first.sensitivity, first.rules) == ("Badge number", "high", 2)
    assert second.tags == ""


def test_examples_stand_for_messages() -> None:
    example = {"$target": "/a", "$headers": {"b": "c<>d"}, "$body": "text"}
    made = message(example)
    assert (made.target, made.headers, made.body) == (b"/a", [(b"b", b"cd")], b"text")
    assert message("x").body == b'{"value":"x"}'


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("B-[0-9]{6}", "B-(", "sample.badge: rule format:"),
        ("doubt: true", "validator: no", "'no': no such validator"),
        ("keys: [colour]", "keys: [colour]\n    countries: {DE: '('}", "country DE:"),
        (
            "keys: [colour]",
            "keys: [colour]\n    countries: {XX: a}",
            "'XX': no code",
        ),
        ("keys: [colour]", "keys: []", "sample.colour: rule word: needs a telling key"),
        ("[sample.colour]]", "[sample.x]]", "combination both: 'sample.x'"),
        ("examples: [{colour: red}]", "examples: [{a: red}]", "example 1: not found"),
        ("decoys: [{colour: 7}]", "decoys: [{colour: a}]", "decoy 1: found, likely"),
        ("{badge: 12345}, ", "", "rule told: no example proves it"),
        ("B-[0-9]{6}", "B-[0-9]{6}(?=x)", "Hyperscan"),
        ("- {name: told, when", "- {when", ""),
    ],
)
def test_mistakes_are_told(small_file: Path, old: str, new: str, told: str) -> None:
    text = small_file.read_text()
    assert old in text
    small_file.write_text(text.replace(old, new))
    lines = mistakes(read([small_file]))
    assert any(told in line for line in lines) if told else lines == []


def test_own_rules_find_beside_the_built_in_ones(small: Catalog) -> None:
    scanner = Scanner(small)
    body = b'{"user": {"code": 12345}, "tag": 1234, "colour": "red"}'
    (findings,) = scanner.scan([message({"$body": body.decode()})])
    assert [(f.data_type, f.path) for f in findings] == [
        ("sample.badge", "$.tag"),
        ("sample.badge", "$.user.code"),
        ("sample.colour", "$.colour"),
    ]
    (findings,) = scanner.scan([message({"tag": 1234, "code": 12345})])
    assert findings == []
