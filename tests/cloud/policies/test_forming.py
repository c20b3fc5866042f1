"""Policies as forms, and back."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.pages.policies import forming
from cloud.policies import shipped
from cloud.policies.rule import Policy, PolicyError, read
from tests.cloud.policies.test_rule import POLICIES

ALL = [one for name in shipped.TITLES for one in shipped.policies(name)]
FORM = {
    "id": "a",
    "title": "T",
    "severity": "high",
    "types": "financial.payment_card, health.*",
    "to_side": "outside",
    "allowed": "one.example two.example",
    "location": "path query",
    "new": "yes",
    "endpoint": "GET /a/*",
}


@pytest.mark.parametrize("policy", ALL, ids=lambda policy: str(policy.id))
def test_shipped_policies_are_forms(policy: Policy) -> None:
    told = forming.fields(policy)
    assert told is not None
    assert forming.policy(told) == policy


def test_form_says_a_policy() -> None:
    (wanted,) = read(
        "policies: [{id: a, title: T, severity: high, deny: {data: {types: "
        "[financial.payment_card, 'health.*']}, to: {outside: true}, location: "
        "[path, query], endpoint: 'GET /a/*', new: true}, allow: {to: {name: "
        "[one.example, two.example]}}}]"
    )
    assert forming.policy(FORM) == wanted
    assert forming.policy(forming.fields(wanted) or {}) == wanted


@given(POLICIES)
def test_form_says_the_same_or_nothing(policy: Policy) -> None:
    told = forming.fields(policy)
    if told is not None:
        again = forming.policy(told)
        assert msgspec.structs.replace(again, why="", allow=()) == (
            msgspec.structs.replace(policy, why="", title=again.title, allow=())
        )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"types": "", "to_side": "", "location": "", "new": "", "endpoint": ""},
            "flows",
        ),
        ({"id": "A b"}, "hyphens"),
        ({"severity": "grave"}, "grave"),
        ({"title": ""}, "title"),
        ({"location": "moon"}, "moon"),
        ({"tags": "x" * 254}, "253"),
        ({"from_name": "x" * 254}, "253"),
        ({"to_owner": "x" * 254}, "253"),
        ({"allowed": "x" * 254}, "253"),
    ],
)
def test_mistake_is_told_with_its_field(changed: dict[str, str], words: str) -> None:
    with pytest.raises(PolicyError, match=words) as found:
        forming.policy(FORM | changed)
    assert found.value.field == next(iter(changed))


@given(st.dictionaries(st.sampled_from(forming.FIELDS), st.text(max_size=30)))
def test_any_form_is_a_policy_or_an_error(form: dict[str, str]) -> None:
    try:
        made = forming.policy(form)
    except PolicyError:
        return
    assert isinstance(made, Policy)
