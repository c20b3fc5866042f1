"""Numbers of the country that is named, and of no other."""

from collections.abc import Callable

import pytest

from detection.validators import anywhere, of_country, persons
from detection.validators.verdict import Verdict

Check = Callable[[str, str], Verdict | None]


@pytest.mark.parametrize(
    ("check", "country", "text"),
    [
        (of_country.tax_id, "DE", "36574261809"),
        (of_country.tax_id, "BR", "390.533.447-05"),
        (of_country.tax_id, "PH", "123-456-789-000"),
        (of_country.vat, "DE", "DE136695976"),
        (of_country.vat, "DE", "136695976"),
        (of_country.national_id, "TN", "09958092"),
        (of_country.national_id, "IN", "2341 2341 2346"),
        (of_country.national_id, "LK", "722222222v"),
        (of_country.national_id, "IT", "CR43675TM"),
    ],
)
def test_its_own_numbers_are_valid(check: Check, country: str, text: str) -> None:
    assert check(country, text) is Verdict.VALID


@pytest.mark.parametrize(
    ("check", "country", "text"),
    [
        (of_country.tax_id, "BR", "36574261809"),
        (of_country.tax_id, "DE", "36574261890"),
        (of_country.vat, "DE", "36574261809"),
        (of_country.vat, "NG", "NG 1234567890"),
        (of_country.national_id, "PL", "09958092"),
        (of_country.national_id, "IT", "CA00000AA"),
    ],
)
def test_others_are_invalid(check: Check, country: str, text: str) -> None:
    assert check(country, text) is Verdict.INVALID


def test_nothing_is_known_of_others() -> None:
    assert of_country.tax_id("AQ", "123456789") is None
    assert of_country.national_id("", "123456789") is None


def test_where_a_country_is_named_it_decides() -> None:
    assert anywhere.any_national_id("09958092", "TN") is Verdict.VALID
    assert anywhere.any_national_id("390.533.447-05", "TN") is Verdict.INVALID
    assert anywhere.any_national_id("390.533.447-05", "AQ") is Verdict.VALID
    assert persons.phone("020 7946 0958", "GB") is Verdict.VALID
    assert persons.phone("020 7946 0958", "FR") is Verdict.INVALID
    assert persons.phone("011 210 1234567", "US") is Verdict.INVALID
