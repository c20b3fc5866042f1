"""Protobuf messages as JSON, against protobuf's own mapping."""

import json
import random
import time
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from detection.protobuf.types import MalformedFileError, Types
from detection.protobuf.wire import Transcoder
from tests.detection.protobuf.made import make, types

TEXT = st.text(max_size=40)
ADDRESS = st.fixed_dictionaries(
    {}, optional={"street": TEXT, "city": TEXT, "postal_code": TEXT}
)
PERSON: dict[str, st.SearchStrategy[Any]] = {
    "given_name": TEXT,
    "email": TEXT,
    "home_address": ADDRESS,
    "others": st.lists(ADDRESS, max_size=3),
    "tags": st.lists(TEXT, max_size=3),
    "account": st.integers(-(1 << 63), (1 << 63) - 1),
    "balance": st.integers(-(1 << 31), (1 << 31) - 1),
    "latitude": st.floats(allow_nan=False, allow_infinity=False),
    "is_active": st.booleans(),
    "level": st.integers(0, 1),
    "blob": st.binary(max_size=40),
    "visits": st.lists(st.integers(-(1 << 31), (1 << 31) - 1), max_size=4),
    "labels": st.dictionaries(TEXT, TEXT, max_size=3),
    "places": st.dictionaries(st.integers(0, 99), ADDRESS, max_size=2),
    "birth_date": st.fixed_dictionaries({"seconds": st.integers(-(1 << 31), 1 << 33)}),
    "iban": st.fixed_dictionaries({"value": st.text(min_size=1, max_size=40)}),
    "key": st.integers(0, (1 << 64) - 1),
    "signed_key": st.integers(-(1 << 31), (1 << 31) - 1),
    "points": st.lists(
        st.floats(allow_nan=False, allow_infinity=False, width=32), max_size=3
    ),
    "large": st.integers(0, (1 << 64) - 1),
}
JANE = {
    "given_name": "Jane",
    "email": "jane.roe@example.com",
    "home_address": {"street": "12 High Street", "city": "Leeds"},
    "others": [{"city": "York"}, {"city": "Hull"}],
    "account": 4111111111111111,
    "latitude": 53.8,
}


def read(data: bytes, name: str = "") -> Any:
    kind = types().type(f"shop.v1.{name}") if name else None
    text = Transcoder(types()).json(data, kind)
    return json.loads(text) if text else None


def plain(value: Any) -> Any:
    """Without what the two write in other ways: numbers as text, controls."""
    if isinstance(value, dict):
        return {plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, float) or (isinstance(value, int) and value is not True):
        return repr(float(value or 0)) if isinstance(value, float) else str(value)
    if isinstance(value, str):
        return "".join(" " if c < " " and c not in "\n\r\t" else c for c in value)
    return value


@given(st.fixed_dictionaries({}, optional=PERSON))
def test_with_names_it_is_the_mapping_that_protobuf_has(fields: Any) -> None:
    message = make("Person", **fields)
    wanted = json_format.MessageToDict(message, preserving_proto_field_name=True)
    told = read(message.SerializeToString(), "Person") or {}
    for name in ("latitude", "points"):
        if name in wanted:
            wanted[name] = plain(message.__getattribute__(name))
            told[name] = plain(told[name])
    if "points" in wanted:
        wanted["points"] = plain(list(message.points))
    assert plain(told) == plain(wanted)


def test_a_structure_is_what_it_holds() -> None:
    extra = {"email": "a@b.de", "n": {"x": [1, 2.5, "z", None, True]}}
    message = make("Person")
    message.extra.update(extra)
    assert read(message.SerializeToString(), "Person") == {"extra": extra}


def test_without_names_fields_have_their_numbers() -> None:
    told = read(make("Person", **JANE).SerializeToString())
    assert told == {
        "1": "Jane",
        "3": "jane.roe@example.com",
        "5": {"1": "12 High Street", "2": "Leeds"},
        "6": [{"2": "York"}, {"2": "Hull"}],
        "8": 4111111111111111,
        "10": 53.8,
    }


def test_a_message_that_looks_like_text_is_one_if_its_length_says_so() -> None:
    number = "550e8400-e29b-41d4-a716-446655440000"
    message = make("Page", people=[{"given_name": number}])
    assert read(message.SerializeToString()) == {"1": {"1": number}}


def test_bytes_that_are_neither_are_left_out() -> None:
    random_bytes = random.Random(1).randbytes(48)
    message = make("Person", blob=b"\x00" + random_bytes, email="a@example.com")
    assert read(message.SerializeToString()) == {"3": "a@example.com"}


def test_a_message_cut_anywhere_gives_what_is_before() -> None:
    data = make("Person", **JANE).SerializeToString()
    for end in range(len(data)):
        told = read(data[:end], "Person")
        if told:
            assert set(told) <= set(JANE)
    assert read(data[:20], "Person") == {"given_name": "Jane", "email": "jane.roe@exa"}


def test_fields_that_are_newer_than_the_names_stand_under_their_numbers() -> None:
    data = make("Person", **JANE).SerializeToString()
    kind = types().type("shop.v1.Address")
    transcoder = Transcoder(types())
    assert b'"street":"Jane"' in transcoder.json(data, kind)
    assert transcoder.is_unnamed


@pytest.mark.parametrize("is_named", [True, False])
def test_nothing_raises_and_all_is_json(is_named: bool) -> None:
    chance = random.Random(7)
    data = make("Page", people=[JANE] * 3, next="x").SerializeToString()
    for _ in range(20_000):
        changed = bytearray(data)
        for _ in range(chance.randrange(1, 8)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        del changed[chance.randrange(len(changed)) :]
        read(bytes(changed), "Page" if is_named else "")


@pytest.mark.parametrize("kind", ["nested", "groups", "fields", "text"])
def test_what_is_made_to_hurt_takes_bounded_work(kind: str) -> None:
    size = 1 << 20
    if kind == "nested":
        data = b"a"
        while len(data) < 200_000:
            length, prefix = len(data), bytearray(b"\n")
            while length > 127:
                prefix.append(length & 127 | 128)
                length >>= 7
            data = bytes(prefix) + bytes([length]) + data
    elif kind == "groups":
        data = b"\x0b" * size
    elif kind == "fields":
        data = b"\x08\x01" * (size // 2)
    else:
        data = b"\n\xff\xff\x3f" + b"\x0a\x20" * (size // 2)
    began = time.process_time()
    Transcoder().json(data)
    assert time.process_time() - began < 2.0


def test_a_methods_types_are_found_by_its_path() -> None:
    known = types()
    asked = known.of_method(b"/shop.v1.People/Get", True)
    answered = known.of_method(b"/prefix/shop.v1.People/List?a=b", False)
    assert asked is not None
    assert asked.name == "shop.v1.Wanted"
    assert answered is not None
    assert answered.name == "shop.v1.Page"
    assert known.of_method(b"/shop.v1.People/Other", True) is None
    assert known.of_method(b"", True) is None


def test_rubbish_is_no_descriptor() -> None:
    with pytest.raises(MalformedFileError):
        Types().add(b"\xff\xff\xff")
