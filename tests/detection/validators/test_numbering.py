"""Numbering plans answer as phonenumbers does, for every region of the world."""

import random

import phonenumbers
import pytest
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumber, PhoneNumberType

from detection.validators.numbering import plan

VARIANTS = 20
"""Of each example number."""


def examples(code: int) -> set[str]:
    """National numbers of each type in each of the code's regions."""
    found = [phonenumbers.example_number_for_non_geo_entity(code)]
    found += [
        phonenumbers.example_number_for_type(region, kind)
        for region in COUNTRY_CODE_TO_REGION_CODE[code]
        for kind in PhoneNumberType.values()
    ]
    return {phonenumbers.national_significant_number(n) for n in found if n}


def changed(number: str, numbers: random.Random) -> str:
    """With up to three digits replaced, added or taken away."""
    letters = list(number)
    for _ in range(numbers.randrange(4)):
        place = numbers.randrange(len(letters))
        letters[place : place + numbers.randrange(2)] = numbers.choices(
            "0123456789", k=numbers.randrange(2)
        )
        letters = letters or ["2"]
    return "".join(letters).lstrip("0") or "2"


@pytest.mark.parametrize("code", COUNTRY_CODE_TO_REGION_CODE)
def test_plans_answer_as_the_library_does(code: int) -> None:
    numbers = random.Random(code)
    ours = plan(str(code))
    for example in sorted(examples(code)):
        assert ours.is_assigned(example)
        for _ in range(VARIANTS):
            number = changed(example, numbers)
            theirs = PhoneNumber(code, int(number))
            assert ours.is_assigned(number) == phonenumbers.is_valid_number(theirs)
            assert ours.is_possible(number) == phonenumbers.is_possible_number(theirs)
