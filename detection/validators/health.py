"""Numbers of health care and of vehicles: what their publishers say of them."""

import re

from detection.validators.cards import luhn
from detection.validators.national import alphanumeric
from detection.validators.verdict import Verdict, verdict


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


_LANR_WEIGHTS = (4, 9, 4, 9, 4, 9)
_PRACTICE_REGIONS = frozenset(
    """
    01 02 03 06 07 08 09 17 20 21 24 25 26 27 28 31 35 36 37 38 39 40 41 42 43 44 45
    46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 69 70 71 72
    73 74 78 79 80 81 83 85 86 87 88 89 91 93 94 95 96 98 99
""".split()
)


def de_lanr(text: str) -> Verdict:
    """KBV's rule: weights 4 and 9, the seventh digit fills up to ten."""
    digits = [int(digit) for digit in text]
    total = sum(d * w for d, w in zip(digits, _LANR_WEIGHTS, strict=False))
    return verdict(len(set(digits)) > 2 and -total % 10 == digits[6])


def de_bsnr(text: str) -> Verdict:
    """KBV's rule: the first two digits name the regional association."""
    return verdict(text[:2] in _PRACTICE_REGIONS and len(set(text)) > 2)


def de_kvnr(text: str) -> Verdict:
    """GKV's rule: the letter's place, digits by 1 and 2 in turn, cross sums mod 10."""
    digits = f"{ord(text[0].upper()) - 64:02d}{text[1:9]}"
    products = (int(d) * (1 + i % 2) for i, d in enumerate(digits))
    return verdict(sum(p // 10 + p % 10 for p in products) % 10 == int(text[9]))


def mac_pairs(text: str) -> Verdict:
    """Unsure unless all zeros, which stand for none."""
    is_none = not text.strip("0:. -")
    return Verdict.INVALID if is_none else Verdict.UNSURE


def mac_address(text: str) -> Verdict:
    """Groups are proven by a letter; digits alone may be a version or a phone."""
    return verdict(any(letter.isalpha() for letter in text))
