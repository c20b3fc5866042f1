"""What groups may do."""

import pytest

from cloud.doors.visitors.grants import Grant, granted, read_grants
from cloud.visitor import EVERYTHING, Role, Scope, read_scope


def test_grants_are_read() -> None:
    text = "admins=admin; cn=ops,ou=x=editor@prod ;a b=viewer@prod/shop test;"
    assert read_grants(text) == (
        Grant("admins", Role.ADMIN),
        Grant("cn=ops,ou=x", Role.EDITOR, read_scope("prod")),
        Grant("a b", Role.VIEWER, read_scope("prod/shop test")),
    )
    assert read_grants(" ; ") == ()


@pytest.mark.parametrize(
    "text",
    [
        *("admins", "=admin", "x=owner", "x=Admin", "x=viewer@", "x=viewer@/shop"),
        *("x=viewer@prod/", "x=admin@prod", ";".join(["x=viewer"] * 501)),
    ],
)
def test_grants_that_are_not_clear_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write|admin|after|most"):
        read_grants(text)


@pytest.mark.parametrize(
    ("text", "groups", "expected"),
    [
        ("a=viewer", "b", None),
        ("a=viewer", "", None),
        ("a=viewer", "a b", (Role.VIEWER, EVERYTHING)),
        ("a=viewer;b=admin", "a b", (Role.ADMIN, EVERYTHING)),
        ("*=viewer", "", (Role.VIEWER, EVERYTHING)),
        ("a=viewer@p/x;b=viewer@p/y q", "a b", (Role.VIEWER, read_scope("q p/x p/y"))),
        ("a=viewer@p/x;b=viewer", "a b", (Role.VIEWER, EVERYTHING)),
        ("a=editor@p/x;b=viewer", "a b", (Role.EDITOR, read_scope("p/x"))),
    ],
)
def test_the_highest_role_counts_in_its_own_places(
    text: str, groups: str, expected: tuple[Role, Scope] | None
) -> None:
    assert granted(read_grants(text), frozenset(groups.split())) == expected
