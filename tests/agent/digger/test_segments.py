"""Path segments: words of an interface stay, data does not."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.digger.segments import is_placeholder, template_of

WORDS = (
    "users orders v1 v2beta1 v1.2 api getUserById HTTPServer listAll forgot-password "
    "create_order oauth2 report.pdf index.html .well-known USD en-US robots.txt "
    "com.acme.OrderService _search Accounts i18n"
)


@pytest.mark.parametrize("word", WORDS.split(" "))
def test_words_of_an_interface_stay(word: str) -> None:
    assert template_of(word.encode()) == word


DATA = {
    "0": "{id}",
    "4111111111111111": "{id}",
    "4111-1111-1111-1111": "{id}",
    "550e8400-e29b-41d4-a716-446655440000": "{id}",
    "550E8400-E29B-41D4-A716-446655440000": "{id}",
    "deadbeefcafe": "{id}",
    "dQwWgXcQ": "{id}",
    "xkqzjvwpqrt": "{id}",
    "DE89370400440532013000": "{id}",
    "ord_3f9a": "{id}",
    "hunter2": "{id}",
    "1.1": "{id}",
    "MTIzNDU2Nzg5MA==": "{id}",
    "1,2,3": "{id}",
    "jane.doe@example.com": "{email}",
    "jane.doe%40example.com": "{email}",
    "2024-05-01": "{date}",
    "2024-05-01T10:00:00Z": "{date}",
    "01.05.2024": "{date}",
    "+491701234567": "{phone}",
    "10.0.0.1": "{ip}",
    "fd00::1": "{ip}",
    "jane.doe": "{value}",
    "Jane%20Doe": "{value}",
    "J%C3%BCrgen": "{value}",
    "a%2Fb": "{value}",
    "a%00b": "{value}",
    "%7Bid%7D": "{value}",
    "{id}": "{value}",
    "x" * 300: "{value}",
    "a-tale-of-six-or-seven-words": "{slug}",
}


@pytest.mark.parametrize(("segment", "template"), DATA.items())
def test_data_becomes_a_placeholder(segment: str, template: str) -> None:
    assert template_of(segment.encode()) == template


COMPOSED = {
    "42.json": "{id}.json",
    "42:cancel": "{id}:cancel",
    "Users('abc')": "Users({id})",
    "cart;jsessionid=0AF3": "cart",
    "jane.doe@example.com.json": "{email}",
}


@pytest.mark.parametrize(("segment", "template"), COMPOSED.items())
def test_the_word_beside_the_data_stays(segment: str, template: str) -> None:
    assert template_of(segment.encode()) == template


@given(st.binary(max_size=400))
def test_any_bytes_give_short_printable_ascii(segment: bytes) -> None:
    template = template_of(segment)
    assert template.isascii()
    assert template.isprintable()
    assert len(template) <= 200


@given(st.from_regex(r"[a-z]{0,8}[0-9]{2,}[a-z0-9]{0,8}", fullmatch=True))
@example("v00")
@example("sha256")
def test_a_word_with_digits_does_not_stay(segment: str) -> None:
    known = {"h264", "sha256", "x509", "base64", "k8s", "i18n", "l10n"}
    is_version = re.fullmatch(
        r"v[0-9]{1,3}((alpha|beta|rc|preview)[0-9]{0,2})?", segment
    )
    stays = segment in known or is_version is not None
    assert is_placeholder(template_of(segment.encode())) is not stays


def test_many_extensions_end_in_bounded_time() -> None:
    assert len(template_of(b"1" + b".json" * 39)) <= 200
