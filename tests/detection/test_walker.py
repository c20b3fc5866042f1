"""The walker gives the fields that hits stand in, whatever the text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.fields import (
    ESCAPE_HIT,
    FIRST_RULE,
    HIT_BITS,
    KEY,
    KEY_LIMIT,
    NUMBER,
    STRING,
    WORD,
)
from detection.walker import FIELD_LIMIT, Walker
from tests.detection.walks import RULE, hits_of, root, seen, walked, walker


def test_hit_in_string_gives_its_field() -> None:
    assert seen(b'{"a": 1, "b": "xHITx"}') == [(STRING, b"b", b"xHITx")]


def test_hit_in_number_gives_its_field() -> None:
    assert seen(b'{"a":-1777,"b":2}') == [(NUMBER, b"a", b"-1777")]


def test_hit_in_bare_word_gives_a_word() -> None:
    assert seen(b"see HITs [x HIT] {HIT}")[0] == (WORD, None, b"HITs")


def test_hit_in_key_gives_the_key() -> None:
    assert seen(b'{"aHIT": "HIT"}') == [
        (KEY, None, b"aHIT"),
        (STRING, b"aHIT", b"HIT"),
    ]


def test_two_hits_in_a_key_give_one_field() -> None:
    (field,) = walked(b'{"HIT HIT": 1}')
    assert field.rules == [RULE, RULE]


def test_two_hits_in_a_value_give_one_field() -> None:
    (field,) = walked(b'["HIT HIT"]')
    assert field.rules == [RULE]
    assert "HIT" not in repr(field)


def test_telling_key_gives_its_value() -> None:
    assert seen(b'{"told": "x", "b": 1, "told" : 2}') == [
        (STRING, b"told", b"x"),
        (NUMBER, b"told", b"2"),
    ]


def test_telling_key_of_array_gives_its_elements() -> None:
    data = b'{"told": ["x", [1], {"a": 2}], "b": [3]}'
    assert [value for _, _, value in seen(data)] == [b"x", b"1", b"2"]


def test_telling_key_of_object_gives_its_members() -> None:
    data = b'{"told": {"a": 1, "b": {"c": 2}}, "d": 3}'
    assert seen(data) == [(NUMBER, b"a", b"1")]


def test_text_that_looks_like_a_telling_key_tells_nothing() -> None:
    assert seen(b'{"a": "told", "b": 1}') == []


def test_keys_that_say_nothing_give_no_field_without_a_hit() -> None:
    asked: list[bytes] = []

    def says(key: bytes) -> bool:
        asked.append(key)
        return False

    long = b"l" * KEY_LIMIT + b"told"
    data = b'{"told": "x", "told": "HIT", "told": 3, "%b": 4}' % long
    hits = hits_of(data)
    (field,) = Walker(says, says).walk(data, 0, len(data), hits, 0, len(hits), root())
    assert data[field.start : field.end] == b"HIT"
    assert not field.is_told
    assert asked == [b"told"]


def test_hits_that_speak_of_values_are_dropped_in_keys() -> None:
    data = b'{"abc": 1}'
    for number, count in ((ESCAPE_HIT, 1), (ESCAPE_HIT + 1, 0), (FIRST_RULE, 1)):
        hits = [4 << HIT_BITS | number]
        assert len(walker().walk(data, 0, len(data), hits, 0, 1, root())) == count


def test_escaped_quotes_do_not_end_a_string() -> None:
    assert seen(rb'{"a": "x\"HIT\\", "b": "\\"}') == [(STRING, b"a", rb"x\"HIT\\")]


@given(st.text('\\"a').map(lambda text: json.dumps(text)[1:-1]), st.integers(0, 9))
def test_strings_end_where_their_escapes_let_them(inner: str, cut: int) -> None:
    body = f'["HIT{inner}'.encode()
    assert seen(body + b'", "a"]') == [(STRING, None, body[2:])]
    part = body[: max(5, len(body) - cut)]
    (field,) = walked(part)
    assert (field.end, field.is_cut) == (len(part), True)


@pytest.mark.parametrize(
    ("before", "is_seen"),
    [("", True), (" ", True), ("€", True), (r"\n", True), (r"\"", True)]
    + [(joint, False) for joint in ("-", ".", "a", "_", r"\/", "x7", "n")],
)
def test_lone_digits_are_seen_unless_joined(before: str, is_seen: bool) -> None:
    data = f'{{"a": "{before}777"}}'.encode()
    lone = Walker(lambda _: True, lambda _: True, [RULE])
    hits = hits_of(data)
    assert bool(lone.walk(data, 0, len(data), hits, 0, 1, root())) is is_seen


def test_cut_string_is_marked() -> None:
    (field,) = walked(b'{"a": "HIT')
    assert field.is_cut
    (field,) = walked(b'{"a": "HIT\\')
    assert field.is_cut


def test_cut_number_is_marked() -> None:
    (field,) = walked(b'{"a": 777')
    assert field.is_cut


def test_fields_end_at_the_limit() -> None:
    data = b'["HIT"' + b',"HIT"' * (FIELD_LIMIT + 10) + b"]"
    assert len(walked(data)) == FIELD_LIMIT


def test_walk_of_a_part_stays_in_it() -> None:
    data = b'{"a": "HIT"}\x00\x00{"b": "HIT"}'
    hits = hits_of(data)
    (field,) = walker().walk(data, 14, len(data), hits, 1, 2, root())
    assert field.key == b"b"


def test_hits_between_fields_are_dropped() -> None:
    for data, end in ((b'{"a": 1 , "b": 2}', 9), (b"[1 , 2]", 4)):
        hits = [end << HIT_BITS | RULE]
        assert walker().walk(data, 0, len(data), hits, 0, 1, root()) == []


def test_a_hit_takes_the_sign_behind_a_number_along() -> None:
    for data, end in ((b'{"a": 1 , "b": 2}', 8), (b"[1,2]", 3)):
        hits = [end << HIT_BITS | RULE]
        (field,) = walker().walk(data, 0, len(data), hits, 0, 1, root())
        assert data[field.start : field.end] == b"1"


def test_hit_on_the_colon_belongs_to_no_key() -> None:
    data = b'{"ab"  :1}'
    assert walker().walk(data, 0, len(data), [7 << HIT_BITS | RULE], 0, 1, root()) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON, st.booleans())
def test_every_planted_string_is_found(value: object, is_ascii: bool) -> None:
    document = {"left": value, "planted": ["HIT"], "right": value}
    data = json.dumps(document, ensure_ascii=is_ascii).encode("utf-8", "replace")
    found = [f for f in walked(data) if f.key == b"planted"]
    assert [data[f.start : f.end] for f in found] == [b"HIT"]


@given(st.binary(max_size=80), st.lists(st.integers(0, 90), max_size=6))
def test_no_text_and_no_hits_break_the_walk(data: bytes, ends: list[int]) -> None:
    hits = sorted(end << HIT_BITS | (end % 2 * RULE) for end in ends)
    for field in walker().walk(data, 0, len(data), hits, 0, len(hits), root()):
        assert 0 <= field.start <= field.end <= len(data)
