"""Text of any script is folded so that letters and digits are told."""

import json

import pytest

from detection.finding import Likelihood, Message
from detection.scanner import Scanner
from detection.scripts import FOLDED_CHARACTERS, fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Ada 12", "Ada 12"),
        ("Müller", "Müller"),
        ("۰۹۱۲ ০১৮ ٣", "0912 018 3"),
    ],
)
def test_digits_become_ascii_and_letters_stay(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize("text", ["कृष्\u200dण", "นภนต์", "عبد الرّحمن", "e\u0301"])
def test_marks_become_letters_one_by_one(text: str) -> None:
    folded = fold(text)
    assert len(folded) == len(text)
    assert folded.replace(" ", "").isalpha()


def test_long_texts_stay() -> None:
    text = "१" * (FOLDED_CHARACTERS + 1)
    assert fold(text) is text


@pytest.mark.parametrize(
    ("key", "value", "data_type"),
    [
        ("firstName", "तृष्णा", "personal.first_name"),
        ("city", "நாமக்கல்", "contact.city"),
        ("lastName", "ศรีสุข", "personal.last_name"),
        ("mobile", "۰۹۱۲۳۴۵۶۷۸۹", "contact.phone"),
        ("postalCode", "২২৬১", "contact.postal_code"),
    ],
)
def test_values_of_any_script_are_found(
    scanner: Scanner, key: str, value: str, data_type: str
) -> None:
    for is_ascii in (False, True):
        body = json.dumps({key: value}, ensure_ascii=is_ascii).encode()
        (findings,) = scanner.scan([Message(body=body)])
        likely = {f.data_type for f in findings if f.likelihood >= Likelihood.LIKELY}
        assert likely == {data_type}
