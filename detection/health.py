"""Numbers of health care and of vehicles: what their publishers say of them."""

import re

from detection.cards import luhn
from detection.national import alphanumeric
from detection.verdict import Verdict, verdict


def npi(text: str) -> Verdict:
    """45 CFR 162.406: Luhn over the number with the prefix 80840."""
    digits = alphanumeric(text)
    holds = len(digits) == 10 and len(set(digits)) > 2
    return verdict(holds and luhn("80840" + digits))


def dea(text: str) -> Verdict:
    """Two letters, six digits, and the last digit of a weighted sum."""
    digits = [int(digit) for digit in re.findall(r"\d", text)[-7:]]
    total = digits[0] + digits[2] + digits[4] + 2 * (digits[1] + digits[3] + digits[5])
    return verdict(total % 10 == digits[6])


def au_medicare(text: str) -> Verdict:
    """Weighted sum of the first eight digits, mod 10."""
    digits = alphanumeric(text)
    total = sum(
        int(d) * w for d, w in zip(digits, (1, 3, 7, 9, 1, 3, 7, 9), strict=False)
    )
    return verdict(total % 10 == int(digits[8]))


_VIN = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789", strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def vin(text: str) -> Verdict:
    """ISO 3779; the check digit is required in North America only, so unsure else."""
    number = text.upper()
    total = sum(
        int(_VIN.get(letter, letter)) * weight
        for letter, weight in zip(number, _VIN_WEIGHTS, strict=True)
    )
    if "0123456789X"[total % 11] == number[8]:
        return Verdict.VALID
    return (
        Verdict.UNSURE
        if sum(letter.isdigit() for letter in number) > 3
        else (Verdict.INVALID)
    )


def licence_plate(text: str) -> Verdict:
    """Four to ten letters and digits, with a digit among them."""
    plain = re.sub(r"[\W_]", "", text)
    holds = 4 <= len(plain) <= 10 and any(letter.isdigit() for letter in plain)
    return Verdict.UNSURE if holds else Verdict.INVALID


def mac_address(text: str) -> Verdict:
    """Dotted groups are proven by a letter; digits alone may be a version."""
    return verdict(any(letter.isalpha() for letter in text))
