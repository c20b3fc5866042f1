"""Paths of findings: keys that are data become placeholders."""

import pytest

from agent.naming import keys
from agent.naming.endpoints import Endpoints
from agent.naming.workloads import told_name

SHARED = Endpoints()

PATHS = {
    "$": "$",
    "$.customer.email": "$.customer.email",
    "$.items[*].billingAddress.postal_code": "$.items[*].billingAddress.postal_code",
    '$["user name"]': '$["user name"]',
    "$.vorname": "$.vorname",
    "$.{contact.email}.iban": "$.{contact.email}.iban",
    "$.mueller.email": "$.{key}.email",
    '$.users["jane.doe"].iban': "$.users.{key}.iban",
    "$.orders.a8f3kq92x.total": "$.orders.{key}.total",
    "$.juniper[*].x": "$.{key}[*].x",
    "authorization": "authorization",
    "x-user-id": "x-user-id",
    "cookie:session": "cookie:session",
    "cookie:hunter": "cookie:{key}",
    "user_name": "user_name",
    "mueller": "{key}",
    "2": "2",
}


@pytest.mark.parametrize(("path", "told"), PATHS.items())
def test_keys_are_told_by_the_vocabulary(path: str, told: str) -> None:
    assert SHARED.key("s", "/x request body", path) == told


def ask(endpoints: Endpoints, path: str, times: int) -> str:
    told = ""
    for number in range(times):
        told = endpoints.key("s", "/x", path, number % 2, number)
    return told


def test_a_key_proves_where_few_stand() -> None:
    endpoints = Endpoints(proof_seconds=0)
    assert ask(endpoints, "$.frobnicate", 1) == "$.{key}"
    assert ask(endpoints, "$.frobnicate", 40) == "$.frobnicate"


def test_names_of_persons_never_prove() -> None:
    endpoints = Endpoints(proof_seconds=0)
    assert ask(endpoints, "$.mueller.email", 100) == "$.{key}.email"


def test_keys_of_a_map_never_prove() -> None:
    endpoints = Endpoints(proof_seconds=0)
    made = [
        a + b + "na" for a in ("fro", "bli", "dwo") for b in map(chr, range(97, 123))
    ]
    assert len(made) > keys.MOST_KEYS
    told = {ask(endpoints, f"$.map.{key}", 2) for key in made * 20}
    assert told == {"$.map.{key}"}


PODS = {
    "redis": "redis",
    "jupyter-jane": "jupyter-{name}",
    "mueller-debug": "{name}-debug",
    "debug-7f9c4": "debug-{id}",
}


@pytest.mark.parametrize(("name", "told"), PODS.items())
def test_names_of_lone_pods_hold_no_data(name: str, told: str) -> None:
    assert told_name(name, SHARED.segments) == told
