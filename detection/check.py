"""Proves a catalog's rules by their examples and decoys.

An example is a JSON value: an object is a body, anything else the value of the key
`value`. `$target`, `$headers` (an object) and `$type` (the content type) make the other
parts of a message. The marks `<>` are taken out first: they keep made-up secrets from
looking like leaked ones. Mistakes are told by type and number, not by value.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from detection.catalog import Catalog, CatalogError, DataType, rules
from detection.finding import Likelihood, Message
from detection.rule import compile_form, compile_rule
from detection.scanner import Scanner
from detection.validators.countries import COUNTRIES
from detection.validators.named import is_known


class Row(NamedTuple):
    """A line of `vethscope catalog`."""

    data_type: str
    title: str
    sensitivity: str
    tags: str
    rules: int


def rows(catalog: Catalog) -> list[Row]:
    """All data types by name."""
    return [
        Row(name, kind.title, kind.sensitivity, ", ".join(kind.tags), len(kind.rules))
        for name, kind in sorted(catalog.types.items())
    ]


def message(example: Any) -> Message:
    """The message that an example stands for."""
    body = dict(example) if isinstance(example, dict) else {"value": example}
    target = str(body.pop("$target", ""))
    headers = body.pop("$headers", {})
    content_type = str(body.pop("$type", "application/json"))
    text = body.pop("$body", None)
    return Message(
        target=_unmarked(target.encode()),
        headers=[(k.encode(), _unmarked(str(v).encode())) for k, v in headers.items()],
        content_type=content_type,
        body=_unmarked(str(text).encode() if text else msgspec.json.encode(body)),
    )


def _unmarked(data: bytes) -> bytes:
    return data.replace(b"<>", b"")


def mistakes(catalog: Catalog, cache: Path | None = None) -> list[str]:
    """What a catalog's author has to mend, one line each; empty: proven."""
    wrong = list(_form(catalog))
    if wrong:
        return wrong
    try:
        scanner = Scanner(catalog, cache)
    except CatalogError as error:
        return [str(error)]
    for name, kind in catalog.types.items():
        wrong += _unproven(scanner, name, kind)
    return wrong


def _form(catalog: Catalog) -> Iterator[str]:
    """Mistakes that can be seen without scanning."""
    for name, kind, rule in rules(catalog):
        label = f"{name}: rule {rule.name or kind.rules.index(rule) + 1}"
        try:
            compile_rule(rule)
        except re.error as error:
            yield f"{label}: {error}"
        if rule.validator and not is_known(rule.validator):
            yield f"{label}: {rule.validator!r}: no such validator"
        if rule.when == "key" and not (kind.keys or rule.keys):
            yield f"{label}: needs a telling key, but the type has no keys"
    for name, kind in catalog.types.items():
        for country, form in kind.countries.items():
            try:
                compile_form(form)
            except re.error as error:
                yield f"{name}: country {country}: {error}"
            if country not in COUNTRIES:
                yield f"{name}: country {country!r}: no code of ISO 3166"
    yield from _unknown(catalog)


def _unknown(catalog: Catalog) -> Iterator[str]:
    """Types that are named and not there."""
    for one in catalog.corrections:
        if one.data_type not in catalog.types.keys() | catalog.off.keys():
            yield f"corrections: {one.data_type!r}: no such data type"
    for combination in catalog.combinations:
        for data_type in {part for group in combination.groups for part in group}:
            if data_type not in catalog.types:
                yield f"combination {combination.name}: {data_type!r}: no such type"


def _unproven(scanner: Scanner, name: str, kind: DataType) -> Iterator[str]:
    proven: set[str] = set()
    for number, example in enumerate(kind.examples, 1):
        findings = scanner.scan([message(example)])[0]
        if not any(
            found.data_type == name and found.likelihood >= Likelihood.LIKELY
            for found in findings
        ):
            yield f"{name}: example {number}: not found"
        proven |= {
            row.rule
            for row in scanner.explain(message(example))
            if row.data_type == name and row.likelihood >= Likelihood.LIKELY
        }
    for index, rule in enumerate(kind.rules, 1):
        if (rule.name or str(index)) not in proven:
            yield f"{name}: rule {rule.name or index}: no example proves it"
    for number, decoy in enumerate(kind.decoys, 1):
        for found in scanner.scan([message(decoy)])[0]:
            if found.data_type == name and found.likelihood >= Likelihood.LIKELY:
                yield f"{name}: decoy {number}: found, {found.likelihood.name.lower()}"
