"""Policies from YAML and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.policies.rule import (
    MOST_BYTES,
    Data,
    Matcher,
    Party,
    Policy,
    PolicyError,
    read,
    write,
)

CARDS = """
policies:
  - id: cards-outside
    title: Card data leaves only to the card processor
    severity: high
    deny: {data: {tags: pci_dss}, from: {namespace: shop}, to: {outside: true}}
    allow: [{to: {name: api.cards.example}}, {to: {name: ["*.own.example"]}}]
"""
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
VALUES = st.lists(WORDS, min_size=1, max_size=3).map(tuple)
PARTIES = st.builds(
    Party, namespace=st.none() | VALUES, outside=st.none() | st.booleans()
)
MATCHERS = st.builds(
    Matcher,
    data=st.none() | st.builds(Data, types=st.none() | VALUES),
    sender=st.none() | PARTIES,
    to=st.none() | PARTIES,
    new=st.none() | st.booleans(),
)
POLICIES = st.builds(
    Policy,
    id=st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True),
    title=WORDS,
    severity=st.sampled_from(["low", "medium", "high"]),
    deny=st.lists(MATCHERS, min_size=1, max_size=3).map(tuple),
    allow=st.lists(MATCHERS, max_size=3).map(tuple),
    why=WORDS,
)


def test_one_value_and_one_matcher_stand_for_a_list() -> None:
    (policy,) = read(CARDS)
    assert policy.deny == (
        Matcher(
            data=Data(tags=("pci_dss",)),
            sender=Party(namespace=("shop",)),
            to=Party(outside=True),
        ),
    )
    assert [matcher.to for matcher in policy.allow] == [
        Party(name=("api.cards.example",)),
        Party(name=("*.own.example",)),
    ]


@given(st.lists(POLICIES, max_size=3, unique_by=lambda policy: policy.id))
def test_what_is_written_reads_back(policies: list[Policy]) -> None:
    assert read(write(policies)) == tuple(policies)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("policies: [", "line 1"),
        ("", "object"),
        ("policies: 3", "array"),
        (CARDS.replace("high", "grave"), "severity"),
        (CARDS.replace("cards-outside", "Cards!"), ".id"),
        (CARDS.replace("namespace:", "namespaces:"), "namespaces"),
        (CARDS.replace("pci_dss", "[]"), "tags"),
        (CARDS + CARDS.split("\n", 2)[2], "twice"),
        ("a: &a [x]\nb: [*a, *a]", "line 2: aliases"),
        ("policies: " + "[" * 5_000, "nested deeper"),
        ("#" * (MOST_BYTES + 1), "larger than 256 KiB"),
        ("policies: !!python/object/apply:os.getcwd []", "line 1"),
        ("policies: \x00", "not allowed"),
    ],
)
def test_mistake_is_told_in_one_line(text: str, words: str) -> None:
    with pytest.raises(PolicyError, match=words) as error:
        read(text)
    assert "\n" not in str(error.value)


@given(st.text(max_size=300))
def test_any_text_is_policies_or_an_error(text: str) -> None:
    refused = ""
    try:
        read(text)
    except PolicyError as error:
        refused = str(error)
    assert "\n" not in refused
