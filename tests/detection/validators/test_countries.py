"""Countries in keys and fields."""

import pytest

from detection.validators.countries import ends_key, of_key, of_value
from detection.words import split


@pytest.mark.parametrize(
    ("key", "country"),
    [
        ("germanTaxId", "DE"),
        ("de_tax_id", "DE"),
        ("taxIdDE", "DE"),
        ("passport_uk", "GB"),
        ("south-african-id", "ZA"),
        ("tax id (United States of America)", "US"),
        ("españaNif", "ES"),
    ],
)
def test_keys_name_countries(key: str, country: str) -> None:
    assert of_key(split(key)) == country


@pytest.mark.parametrize(
    "key",
    ["my_passport", "passport_no", "taxId", "de", "sign_in_id", "passport_xx", ""],
)
def test_other_words_are_no_countries(key: str) -> None:
    assert of_key(split(key)) == ""


def test_values_are_codes_or_names() -> None:
    assert [of_value(text) for text in ("de", "deu", "germany", "xx")] == [
        "DE",
        "DE",
        "DE",
        "",
    ]


def test_codes_that_are_other_words_end_no_key() -> None:
    assert ends_key("de")
    assert ends_key("germany")
    assert not ends_key("id")
    assert not ends_key("deu")
