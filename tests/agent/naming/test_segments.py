"""Path segments: names of an interface stay where such stand, data does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.naming.segments import (
    BEHIND,
    BELOW,
    FAR,
    OPEN,
    PERSONAL,
    PLACE,
    PLACES,
    ROOT,
    START,
    Segments,
    is_service,
)
from agent.naming.shapes import is_placeholder
from agent.naming.vocabulary import Vocabulary

SEGMENTS = Segments(Vocabulary.load())

WORDS = (
    "users orders v1 v2beta1 v1.2 api getUserById listAll forgot-password "
    "create_order oauth2 index.html .well-known en-US robots.txt _search Accounts "
    "admin.users.list favicon.ico k8s saml2 ip2location healthz SMS"
)


@pytest.mark.parametrize("word", WORDS.split())
def test_names_of_interfaces_stay_at_the_start(word: str) -> None:
    assert SEGMENTS.template(word.encode(), START) == word


DATA = {
    "0": "{id}",
    "4111111111111111": "{id}",
    "4111-1111-1111-1111": "{id}",
    "550e8400-e29b-41d4-a716-446655440000": "{id}",
    "deadbeefcafe": "{id}",
    "dQwWgXcQ": "{id}",
    "xkqzjvwpqrt": "{id}",
    "DE89370400440532013000": "{id}",
    "ord_3f9a": "{id}",
    "hunter2": "{id}",
    "hunter": "{id}",
    "mueller": "{id}",
    "WELCOMEBACK": "{id}",
    "INPUT2": "{id}",
    "MTIzNDU2Nzg5MA==": "{id}",
    "1,2,3": "{id}",
    "jane.doe@example.com": "{email}",
    "jane.doe%40example.com": "{email}",
    "2024-05-01T10:00:00Z": "{date}",
    "01.05.2024": "{date}",
    "+491701234567": "{phone}",
    "10.0.0.1": "{ip}",
    "fd00::1": "{ip}",
    "jane.doe": "{id}",
    "medical-record-john-smith.pdf": "{id}.pdf",
    "payroll.xlsx": "{id}.xlsx",
    "main.3f2a9c1b.js": "{id}.js",
    "Jane%20Doe": "{value}",
    "J%C3%BCrgen": "{value}",
    "a%2Fb": "{value}",
    "a%00b": "{value}",
    "%7Bid%7D": "{value}",
    "{id}": "{value}",
    "search%3Fq=jane": "{value}",
    "search&q=jane": "{value}",
    "jane:pw@shop.example": "{value}",
    "x" * 300: "{value}",
    "": "{value}",
    "a-tale-of-six-or-seven-words": "{id}",
}


@pytest.mark.parametrize(("segment", "template"), DATA.items())
@pytest.mark.parametrize("place", [START, OPEN, BELOW, BEHIND, FAR, PERSONAL])
def test_data_becomes_a_placeholder(segment: str, template: str, place: int) -> None:
    assert SEGMENTS.template(segment.encode(), place) == template


COMPOSED = {
    "42.json": "{id}.json",
    "42:cancel": "{id}:cancel",
    "users:batchGet": "users:batchGet",
    "jane:doe": "{id}",
    "Users('abc')": "Users({id})",
    "Jane('abc')": "{id}",
    "cart;jsessionid=0AF3": "cart",
    "jane.doe@example.com.json": "{email}.json",
}


@pytest.mark.parametrize(("segment", "template"), COMPOSED.items())
def test_the_word_beside_the_data_stays(segment: str, template: str) -> None:
    assert SEGMENTS.template(segment.encode(), OPEN) == template


@pytest.mark.parametrize("word", ["me", "search", "bulk", "export"])
def test_operations_stay_after_names_of_persons(word: str) -> None:
    assert SEGMENTS.template(word.encode(), PERSONAL) == word


@pytest.mark.parametrize("word", ["payments", "premium", "breaking-news", "production"])
def test_other_words_do_not(word: str) -> None:
    assert SEGMENTS.template(word.encode(), PERSONAL) == "{id}"


@pytest.mark.parametrize("name", ["balanceSheet", "grantOffer", "suggestedReview"])
@pytest.mark.parametrize("place", [BELOW, BEHIND])
def test_names_with_humps_stay_behind_nouns_and_data(name: str, place: int) -> None:
    assert SEGMENTS.template(name.encode(), place) == name


@pytest.mark.parametrize("name", ["Banks", "Price", "Field"])
@pytest.mark.parametrize("place", [OPEN | 8, BELOW | 8, BEHIND | 8, FAR | 8])
def test_a_capital_among_small_letters_is_a_name(name: str, place: int) -> None:
    assert SEGMENTS.template(name.encode(), place) == "{id}"


@pytest.mark.parametrize("slug", ["vip-customers", "my-app", "hello-world", "Mark"])
@pytest.mark.parametrize("place", [OPEN | 8, BELOW, BEHIND, FAR, PERSONAL])
def test_what_people_call_things_by_is_data(slug: str, place: int) -> None:
    assert SEGMENTS.template(slug.encode(), place) == "{id}"


PARENTS = {
    "users": PERSONAL,
    "reset": PERSONAL,
    "coupon": PERSONAL,
    "orders": BELOW,
    "frobnicators": BELOW,
    "_settings": BELOW,
    "billing": OPEN,
    "v1": ROOT,
    "api": ROOT,
}


@pytest.mark.parametrize(("name", "place"), PARENTS.items())
def test_each_name_says_what_may_follow(name: str, place: int) -> None:
    assert SEGMENTS.after(name, START) & PLACE == place


def test_a_second_parameter_may_follow_the_first() -> None:
    behind_name = SEGMENTS.after("repos", START)
    behind_owner = SEGMENTS.after("{id}", behind_name)
    assert behind_owner & PLACE == FAR
    assert SEGMENTS.after("{id}", SEGMENTS.after("orders", START)) & PLACE == BEHIND


def test_services_are_told_by_package_and_name() -> None:
    assert is_service("com.acme.shop.v1.OrderService", SEGMENTS)
    assert not is_service("com.acme.Customer.jane", SEGMENTS)
    assert not is_service("mueller.OrderService", SEGMENTS)


@given(st.binary(max_size=400), st.integers(0, PLACES - 1))
def test_any_bytes_give_short_printable_ascii(segment: bytes, place: int) -> None:
    template = SEGMENTS.template(segment, place)
    assert template.isascii()
    assert template.isprintable()
    assert 0 < len(template) <= 200
    assert 0 <= SEGMENTS.after(template, place) < PLACES


CONSONANTS = "bcdfghjklmnpqrstvwxz"


@given(
    st.lists(
        st.tuples(st.sampled_from(CONSONANTS), st.sampled_from("aeiou")),
        min_size=5,
        max_size=9,
    ),
    st.integers(0, PLACES - 1),
)
def test_no_random_word_stays(syllables: list[tuple[str, str]], place: int) -> None:
    word = "".join(map("".join, syllables))
    assert is_placeholder(SEGMENTS.template(word.encode(), place))


def test_many_extensions_end_in_bounded_time() -> None:
    assert len(SEGMENTS.template(b"1" + b".json" * 39, START)) <= 200
