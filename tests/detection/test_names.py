"""Members whose key only says that it is a value have the name above or beside it."""

import re

import pytest

from detection.fields import HIT_BITS, KEY_HIT, KEY_LIMIT
from detection.names import BEARERS, NAMING_KEYS
from detection.walker import Walker
from tests.detection.walks import hits_of, root


def names(data: bytes) -> list[tuple[bytes, bytes | None]]:
    """Values of the walk's fields and their names; what begins with `t` tells."""
    hits = hits_of(data)
    walker = Walker(lambda _: True, lambda name: name.startswith(b"t"))
    found = walker.walk(data, 0, len(data), hits, 0, len(hits), root())
    return [(data[field.start : field.end], field.name) for field in found]


@pytest.mark.parametrize(
    "data",
    [
        b'{"name": "told", "value": "x"}',
        b'{"value": "x", "Label": "told"}',
        b'{"told": {"value": "x"}}',
        b'{"told": [{"value": "x"}]}',
        b'{"a": {}, "name": "told", "b": {"c": 1}, "value": "x"}',
    ],
)
def test_values_without_a_hit_are_fields_if_named(data: bytes) -> None:
    assert names(data) == [(b"x", b"told")]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'{"name": "told", "value": "HIT"}', b"told"),
        (b'{"value": "HIT", "name": "told"}', b"told"),
        (b'{"name": "told", "type": "t-told", "value": "HIT"}', b"t-told"),
        (b'{"value": "HIT", "name": "untold"}', None),
        (b'{"value": "HIT", "total": "told"}', None),
        (b'{"value": "HIT", "name": ["told"]}', None),
    ],
)
def test_values_with_a_hit_have_their_name(data: bytes, name: bytes | None) -> None:
    assert names(data) == [(b"HIT", name)]


@pytest.mark.parametrize(
    "data",
    [
        b'{"name": "told"} {"value": "x"}',
        b'{"name": "told", "a": {"value": "x"}}',
        b'{"a": {"name": "told"}, "value": "x"}',
        b'{"name": "told", "sum": "x", "": "x", "vulue": "x"}',
        b'{"untold": {"value": "x"}}',
        b'{"name": "t%btold", "value": "x"}' % (b"t" * KEY_LIMIT),
    ],
)
def test_names_of_others_name_nothing(data: bytes) -> None:
    assert [name for _, name in names(data) if name] == []


def test_a_name_is_forgotten_with_its_walk() -> None:
    walker = Walker(lambda _: True, lambda _: True)
    for data, count in ((b'{"name": "told", "value": "x"', 1), (b'"value": "x"', 0)):
        ends = [match.end() for match in re.finditer(b'told"', data)]
        hits = [end << HIT_BITS | KEY_HIT for end in ends]
        found = walker.walk(data, 0, len(data), hits, 0, len(hits), root())
        assert len(found) == count


def test_of_keys_that_name_only_texts_bear_a_name() -> None:
    assert {key.lower() for key in BEARERS} & NAMING_KEYS == {b"text"}


def test_a_text_names_what_is_beside_it_and_not_itself() -> None:
    assert names(b'{"text": "told", "answer": "x"}') == [(b"x", b"told")]
    assert names(b'{"text": "told"}') == []


def test_names_and_values_may_take_turns() -> None:
    data = b'["a", "b", "told", "x1", "told", "y"]'
    assert names(data) == [(b"x1", b"told")]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'{"system": "told", "code": "x"}', b"told"),
        (b'{"@code": "x", "@codeSystem": "told"}', b"told"),
        (b'{"field": "told", "code": "HIT"}', None),
        (b'{"system": "told", "count": "HIT"}', None),
    ],
)
def test_a_system_names_its_codes(data: bytes, name: bytes | None) -> None:
    assert [found for _, found in names(data)] == [name]
