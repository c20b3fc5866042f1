"""Paths show schema names, and types instead of data."""

import pytest

from detection.fields import Place
from detection.paths import (
    NAME_LIMIT,
    PATH_LIMIT,
    field_path,
    member,
    place_path,
    shown,
)


@pytest.mark.parametrize(
    ("key", "step"),
    [
        (b"email", ".email"),
        (b"first name", '["first name"]'),
        ("имя".encode(), '["имя"]'),
        (b"x-1", '["x-1"]'),
        ("जन्म तिथि".encode(), '["जन्म तिथि"]'),
        (b"12345678", ".{number}"),
        (b"123e4567-e89b-12d3-a456-426614174000", ".{id}"),
        (b"a1b2c3d4e5f6a7b8c9", ".{id}"),
        (b"ada@example.com", ".{text}"),
        (b"x" * (NAME_LIMIT + 1), ".{text}"),
        (b'a\\"b', ".{text}"),
    ],
)
def test_members_are_shown_by_name_or_kind(key: bytes, step: str) -> None:
    assert member(key, {}) == step


def test_known_data_is_shown_by_type() -> None:
    assert shown(b"ada@example.com", {b"ada@example.com": "contact.email"}) == (
        "{contact.email}"
    )


def test_places_build_on_each_other() -> None:
    root = Place(None, None, False, "$")
    users = Place(root, b"users", True)
    user = Place(users, None, False)
    assert field_path(user, b"email", {}) == "$.users[*].email"
    assert field_path(users, b"users", {}) == "$.users[*]"
    assert field_path(user, None, {}) == "$.users[*]"
    assert user.path == "$.users[*]"


def test_what_one_document_knows_is_not_kept() -> None:
    root = Place(None, None, False, "$")
    inner = Place(root, b"ada", False)
    assert place_path(inner, {b"ada": "personal.name"}) == "$.{personal.name}"
    assert place_path(inner, {}) == "$.ada"
    assert place_path(inner, {b"ada": "personal.name"}) == "$.{personal.name}"


def test_long_paths_end_in_an_ellipsis() -> None:
    place = Place(None, None, False, "$")
    for _ in range(40):
        place = Place(place, b"xyz" * 13, False)
    path = place_path(place, {})
    assert len(path) <= PATH_LIMIT + 1
    assert path.endswith("…")
