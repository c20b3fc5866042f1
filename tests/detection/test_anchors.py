"""The scan's anchors: one is never narrower than the expression that it stands for.

Texts are made from each rule's own expression. Where the exact expression matches one,
the rule must have been tried, which its anchor alone brings about.
"""

import json
import re
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from detection.catalog import Rule, load, rules
from detection.finding import Message
from detection.judge import BLOB_CHARACTERS
from detection.rule import compile_rule
from detection.scanner import Scanner
from detection.scripts import fold

EXAMPLES = 5
"""Of each rule and run."""
NESTED = re.compile(r'[{\[]\s?"')
"""What reads as JSON in a string, and is."""
ASCII = st.characters(min_codepoint=32, max_codepoint=126)

SEARCHED = [
    pytest.param(name, kind.rules.index(rule), rule, id=f"{name}-{rule.name or number}")
    for number, (name, kind, rule) in enumerate(rules(load()))
    if rule.when == "value" and rule.anchor and not rule.partial
]


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner.load()


def is_tried(scanner: Scanner, data_type: str, label: str, text: str) -> bool:
    body = json.dumps({"value": text}, ensure_ascii=False).encode("utf-8", "replace")
    rows = scanner.explain(Message(body=body))
    return any((row.data_type, row.rule) == (data_type, label) for row in rows)


@pytest.mark.parametrize(("data_type", "place", "rule"), SEARCHED)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_an_anchor_hits_wherever_its_expression_does(
    scanner: Scanner, data_type: str, place: int, rule: Rule, data: DataObject
) -> None:
    written = re.compile(rule.pattern, re.IGNORECASE if rule.caseless else re.NOFLAG)
    alphabet = ASCII if rule.pattern.isascii() else None
    text = data.draw(st.from_regex(written, fullmatch=True, alphabet=alphabet))
    exact = compile_rule(rule)
    read = fold(unquote(unquote(text)))
    is_long = len(text) >= BLOB_CHARACTERS
    if is_long or NESTED.search(text) or not exact.search(text):
        return
    if exact.search(read):
        assert is_tried(scanner, data_type, rule.name or str(place + 1), text)
