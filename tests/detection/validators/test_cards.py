"""Check digits of cards, with python-stdnum as the oracle."""

import random
from itertools import pairwise

from stdnum import luhn as stdnum_luhn

from detection.validators import cards
from detection.validators.verdict import Verdict


def test_luhn_agrees_with_the_library() -> None:
    numbers = random.Random(1)
    for _ in range(500):
        digits = str(numbers.randrange(10**18))
        assert cards.luhn(digits) == stdnum_luhn.is_valid(digits)


def test_luhn_takes_ascii_digits_only() -> None:
    assert not cards.luhn("\u0660" * 15)
    assert cards.luhn("0" * 15)


def test_issuers_stand_in_order_and_apart() -> None:
    for (_, last, _), (first, _, _) in pairwise(cards.ISSUERS):
        assert last < first


def test_each_issuer_is_known_by_its_ends() -> None:
    for first, last, lengths in cards.ISSUERS[1:]:
        for prefix in (first, last):
            for length in range(11, 21):
                body = f"{prefix}{'0' * (length - 7)}"
                ends = [body + digit for digit in "0123456789"]
                valid = [n for n in ends if cards.payment_card(n) is Verdict.VALID]
                assert len(valid) == (length in lengths), (prefix, length)
