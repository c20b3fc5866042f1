"""Hits, and members of one object."""

from detection.fields import HIT_BITS, HIT_LIMIT, MEMBERS_LIMIT, collect, strings

RULE = 20


def test_collect_appends_and_ends_at_the_limit() -> None:
    hits: list[int] = []
    assert not collect(RULE, 0, 5, 0, hits)
    assert hits == [5 << HIT_BITS | RULE]
    hits = [0] * (HIT_LIMIT - 1)
    assert collect(RULE, 0, 5, 0, hits)


def test_strings_are_those_of_one_object() -> None:
    data = b'{"a": {"x": "1"}, "b": "2", "c": 3, "d": ["4"], "e\\"": "5"}, {"f": "6"}'
    assert list(strings(data, 1, len(data))) == [(b"b", b"2"), (b'e\\"', b"5")]


def test_strings_end_at_the_limit() -> None:
    data = b'{"a": "1"' + b" " * MEMBERS_LIMIT + b', "b": "2"}'
    assert list(strings(data, 1, len(data))) == [(b"a", b"1")]


def test_strings_are_those_of_keys_long_enough() -> None:
    data = b'{"a": "1", "bb" : "2", "cc": {"dd": "3"}, "ee": ["4"], "ff": "5'
    assert list(strings(data, 1, len(data), 2)) == [(b"bb", b"2")]
