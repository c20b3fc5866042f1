"""Which flows break which policies."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.policies.matching import Flow, Judge, Side
from cloud.policies.rule import read

SHOP = Side("prod", "shop", "Deployment", "orders", group="checkout", owner="team-a")
PAY = Side("prod", "payments", "Deployment", "checkout")
EU = Side("eu", "shop", "Deployment", "orders")
OUTSIDE = Side("prod", "", "External", "api.cards.example")
TAGS = {"financial.payment_card": frozenset(["pci_dss"])}
CARD = Flow(
    SHOP,
    PAY,
    "financial.payment_card",
    3,
    "POST /payments",
    "body",
    "request",
    is_in_errors=False,
    first_seen_ns=10,
)


def breaks(deny: str, flow: Flow, allow: str = "[]") -> bool:
    document = (
        f"policies: [{{id: a, title: t, severity: high, deny: {deny}, allow: {allow}}}]"
    )
    return bool(Judge([(policy, 50) for policy in read(document)], TAGS).broken(flow))


@pytest.mark.parametrize(
    ("deny", "changed"),
    [
        ("{data: {types: financial.payment_card}}", {"data_type": "contact.email"}),
        ("{data: {types: financial.*}}", {"data_type": "contact.email"}),
        ("{data: {tags: pci_dss}}", {"data_type": "contact.email"}),
        ("{data: {sensitivity: high}}", {"sensitivity": 2}),
        ("{from: {namespace: [web, shop]}}", {"sender": PAY}),
        ("{from: {cluster: prod}}", {"sender": EU}),
        ("{from: {kind: Deployment}}", {"sender": OUTSIDE}),
        ("{from: {name: ord*}}", {"sender": PAY}),
        ("{from: {group: checkout}}", {"sender": PAY}),
        ("{from: {owner: team-a}}", {"sender": PAY}),
        ("{to: {outside: false}}", {"receiver": OUTSIDE}),
        ("{across: namespace}", {"receiver": SHOP}),
        ("{across: namespace}", {"receiver": OUTSIDE}),
        ("{endpoint: 'POST /pay*'}", {"endpoint": "GET /payments"}),
        ("{location: [body, header]}", {"location": "query"}),
        ("{direction: request}", {"direction": "response"}),
        ("{in_errors: false}", {"is_in_errors": True}),
        ("{new: false}", {"first_seen_ns": 99}),
    ],
)
def test_each_condition_tells_flows_apart(
    deny: str, changed: dict[str, object]
) -> None:
    assert breaks(deny, CARD)
    assert not breaks(deny, CARD._replace(**changed))  # type: ignore[arg-type]


def test_across_clusters_is_across_namespaces_of_the_same_name_too() -> None:
    assert breaks("{across: namespace}", CARD._replace(receiver=EU))
    assert breaks("{across: cluster}", CARD._replace(receiver=EU))
    assert not breaks("{across: cluster}", CARD)


def test_all_conditions_of_a_matcher_and_one_matcher_of_several() -> None:
    both = "{data: {tags: pci_dss}, to: {outside: true}}"
    assert not breaks(both, CARD)
    assert breaks(both, CARD._replace(receiver=OUTSIDE))
    assert breaks(f"[{both}, {{location: body}}]", CARD)


def test_what_is_allowed_breaks_nothing() -> None:
    outward = CARD._replace(receiver=OUTSIDE)
    assert breaks("{to: {outside: true}}", outward)
    assert not breaks(
        "{to: {outside: true}}", outward, "[{to: {name: '*.cards.example'}}]"
    )


@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_stars_stand_for_anything_as_in_fnmatch(pattern: str, name: str) -> None:
    if pattern:
        flow = CARD._replace(endpoint=name)
        quoted = f"{{endpoint: '{pattern}'}}"
        assert breaks(quoted, flow) == fnmatchcase(name, pattern)


def test_many_stars_take_no_longer() -> None:
    pattern = "*a" * 100 + "b"
    assert not breaks(f"{{endpoint: '{pattern}'}}", CARD._replace(endpoint="a" * 5_000))
