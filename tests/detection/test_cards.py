"""Check digits of cards, with python-stdnum as the oracle."""

import random

from stdnum import luhn as stdnum_luhn

from detection import cards


def test_luhn_agrees_with_the_library() -> None:
    numbers = random.Random(1)
    for _ in range(500):
        digits = str(numbers.randrange(10**18))
        assert cards.luhn(digits) == stdnum_luhn.is_valid(digits)
