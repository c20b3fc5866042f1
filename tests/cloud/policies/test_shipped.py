"""The sets of policies that come along, against the catalog's own tags."""

import pytest

from cloud.policies import shipped
from cloud.policies.matching import Flow, Judge, Side
from detection.catalog import load

INSIDE = Side("prod", "shop", "Deployment", "orders")
OTHER = Side("eu", "pay", "Deployment", "checkout")
OUTSIDE = Side("prod", "", "External", "somebody.example")
TAGS = {name: frozenset(kind.tags) for name, kind in load().types.items()}
CLEAN = Flow(INSIDE, INSIDE, "", 3, "POST /x", "body", "request", False, 10)
FLOWS = {
    "outside": {"receiver": OUTSIDE},
    "in-address": {"location": "query"},
    "returned": {"direction": "response"},
    "across-namespaces": {"receiver": OTHER},
    "across-clusters": {"receiver": OTHER},
    "in-errors": {"direction": "response", "is_in_errors": True},
    "new": {"first_seen_ns": 99},
}
EXAMPLES = {
    "pci": "financial.card_cvv",
    "gdpr": "health.diagnosis",
    "hipaa": "health.diagnosis",
    "secret": "credential.password",
}


@pytest.mark.parametrize("name", shipped.TITLES)
def test_each_policy_is_broken_by_the_flow_that_it_is_named_for(name: str) -> None:
    policies = shipped.policies(name)
    judge = Judge([(policy, 50) for policy in policies], TAGS)
    for policy in policies:
        prefix = policy.id.partition("-")[0]
        kind = next(kind for kind in FLOWS if policy.id.endswith(kind))
        clean = CLEAN._replace(data_type=EXAMPLES[prefix])
        assert clean.data_type in TAGS
        assert policy not in judge.broken(clean)
        broken = clean._replace(**FLOWS[kind])  # type: ignore[arg-type]
        assert policy in judge.broken(broken), policy.id
        assert policy not in judge.broken(broken._replace(data_type="contact.city"))


def test_each_policy_says_why_and_what_to_do() -> None:
    policies = [one for name in shipped.TITLES for one in shipped.policies(name)]
    assert all(policy.why and policy.advice for policy in policies)
    assert len({policy.id for policy in policies}) == len(policies)


def test_data_types_and_tags_are_the_catalog_s() -> None:
    known_tags = frozenset().union(*TAGS.values())
    for name in shipped.TITLES:
        for policy in shipped.policies(name):
            for matcher in policy.deny:
                assert matcher.data
                assert known_tags.issuperset(matcher.data.tags or ())
                for data_type in matcher.data.types or ():
                    assert "*" in data_type or data_type in TAGS
