"""Shapes: what counts as another kind of body, and what does not."""

import gzip
import json
import random
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from rings.pairs.message import Message
from rings.records.shape import Shapes
from tests.rings.wire import pairs_of, request, response

PERSON = {"name": "Ann", "email": "ann@example.com", "age": 7}
ITEMS = [PERSON, {"name": "Bob", "tags": ["a"]}]


def answered(body: bytes, fields: str = "") -> Message:
    (pair,) = pairs_of(request(), response(body, fields=fields))
    assert pair.response is not None
    return pair.response


def shape(body: bytes, fields: str = "") -> int:
    return Shapes().of_message(answered(body, fields))


def of(document: object, **style: object) -> int:
    return shape(json.dumps(document, **style).encode())  # type: ignore[arg-type]


def test_a_shape_is_the_same_in_every_process() -> None:
    """It stands on Kafka: a change here is a change of format."""
    assert of(PERSON) == 14057853853011123355


def test_values_order_repetition_and_space_do_not_matter() -> None:
    shuffled = dict(reversed(PERSON.items()))
    assert of(PERSON) == of(shuffled) == of(PERSON | {"name": "Zoë", "age": None})
    assert of(PERSON) == of(PERSON, indent=3) == of(PERSON, separators=(",", ":"))
    assert of([PERSON]) == of([PERSON] * 50)
    assert shape(b'{"a" \r\n\t : 1}') == shape(b'{"a":1}')


def test_other_names_and_other_beginnings_are_other_shapes() -> None:
    documents = [PERSON, [PERSON], ITEMS, {"name": "a"}, {"nama": "a"}, {}, [], 1, "a"]
    assert len({of(document) for document in documents}) == len(documents)
    assert of("a") == of("b: c")


@pytest.mark.parametrize(
    "name", ["a1", "0", "", "-a", ".a", "ä", "a b", "x" * 65, "Jane Doe"]
)
def test_names_that_look_like_data_are_left_out(name: str) -> None:
    assert of({name: 1}, ensure_ascii=False) == of({})


@pytest.mark.parametrize("name", ["a", "$ref", "@type", "_id", "a.b-c", "x" * 64])
def test_names_of_interfaces_count(name: str) -> None:
    assert of({name: 1}) != of({})


@given(st.sets(st.text("abcde", min_size=1, max_size=12), max_size=40))
def test_sets_of_names_are_told_apart(names: set[str]) -> None:
    listed = sorted(names)
    random.Random(1).shuffle(listed)
    assert of(dict.fromkeys(sorted(names))) == of(dict.fromkeys(listed))
    assert of(dict.fromkeys(listed)) != of(dict.fromkeys([*listed, "other"]))


def test_endless_names_are_one_shape() -> None:
    def word(number: int) -> str:
        return "".join(chr(97 + int(digit)) for digit in str(number))

    one, other = ({word(n): n for n in range(a, a + 400)} for a in (0, 5000))
    assert of(one) == of(other)
    assert of(one) != of({})
    few = {word(n): n for n in range(100)}
    assert of(few) != of(one)
    assert Shapes().of_message(answered(json.dumps(few).encode())) == of(few)


def test_only_the_beginning_is_looked_at() -> None:
    long = '{"a": "' + "x" * 17_000 + '"'
    assert shape((long + ', "b": 1}').encode()) == shape((long + "}").encode())


def test_the_media_type_counts_but_not_its_case_and_parameters() -> None:
    def typed(text: str) -> int:
        plain = response(b"{}").replace(b"application/json", text.encode())
        (pair,) = pairs_of(request(), plain)
        assert pair.response is not None
        return Shapes().of_message(pair.response)

    plain = typed("application/json")
    assert typed("Application/JSON; charset=utf-8") == plain
    assert typed("application/problem+json") != plain


@pytest.mark.parametrize(
    ("coding", "code"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("br", brotli.compress),
        ("zstd", zstandard.compress),
    ],
)
def test_coded_bodies_have_the_shape_of_what_they_say(
    coding: str, code: Callable[[bytes], bytes]
) -> None:
    body = json.dumps(ITEMS).encode()
    assert shape(code(body), f"Content-Encoding: {coding}\r\n") == shape(body)


def test_a_coding_that_is_unknown_or_broken_has_the_shape_of_nothing() -> None:
    for coding in ("snappy", "gzip"):
        assert shape(b"\xff\xff", f"Content-Encoding: {coding}\r\n") == shape(b"")


def test_both_directions_count() -> None:
    shapes = Shapes()
    asked = [(b"", b"{}"), (b'{"a": 1}', b"{}"), (b"", b'{"a": 1}')]
    numbers = set()
    for body, answer in asked:
        (pair,) = pairs_of(request("/", "POST", body), response(answer))
        assert pair.response is not None
        numbers.add(shapes.of_both(pair.request, pair.response))
    assert len(numbers) == 3


@given(st.binary(max_size=300))
def test_rubbish_has_a_shape(body: bytes) -> None:
    made = Message()
    made.body = body
    assert 0 < Shapes().of_message(made) < 1 << 64
    made.body = bytearray(body)
    assert Shapes().of_message(made) > 0
