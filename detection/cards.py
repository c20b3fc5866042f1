"""Payment cards: number, issuer and length, expiry, security code, magnetic tracks.

Issuer ranges and lengths after ISO/IEC 7812 and the networks' published tables.
"""

import re

from detection.verdict import Verdict, verdict

_SEPARATORS = re.compile(r"[ -]")

ISSUERS: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (100000, 199999, (15,)),
    (340000, 349999, (15,)),
    (370000, 379999, (15,)),
    (300000, 305999, (14, 16)),
    (309500, 309599, (14, 16)),
    (360000, 369999, (14, 16)),
    (380000, 399999, (14, 16)),
    (352800, 358999, (16,)),
    (400000, 499999, (13, 16, 19)),
    (500000, 509999, (16,)),
    (510000, 559999, (16,)),
    (560000, 589999, (12, 13, 14, 15, 16, 17, 18, 19)),
    (601100, 601199, (16, 19)),
    (222100, 272099, (16,)),
    (220000, 220499, (16,)),
    (600000, 600999, (16,)),
    (603000, 609999, (16,)),
    (610000, 619999, (16,)),
    (620000, 629999, (16, 17, 18, 19)),
    (630000, 639999, (16, 18, 19)),
    (644000, 659999, (16, 19)),
    (670000, 679999, (12, 13, 14, 15, 16, 17, 18, 19)),
    (810000, 817999, (16, 17, 18, 19)),
    (979200, 979289, (16,)),
)
"""First and last six digits of a range, and its lengths."""


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = ord(digit) - 48
        if index % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def compact(text: str) -> str:
    return _SEPARATORS.sub("", text)


def payment_card(text: str) -> Verdict:
    """Issuer range, length and check digit; not one digit repeated."""
    digits = compact(text)
    if not (12 <= len(digits) <= 19 and digits.isascii() and digits.isdigit()):
        return Verdict.INVALID
    prefix = int(digits[:6])
    for first, last, lengths in ISSUERS:
        if first <= prefix <= last and len(digits) in lengths:
            return verdict(luhn(digits) and len(set(digits)) > 1)
    return Verdict.INVALID


def card_expiry(text: str) -> Verdict:
    """A month 1 to 12 and a year 2000 to 2099, in either order."""
    parts = re.findall(r"\d+", text)
    if len(parts) == 1 and len(parts[0]) in (4, 6):
        whole = parts[0]
        parts = [whole[:2], whole[2:]]
        if len(whole) == 6 and whole.startswith("20"):
            parts = [whole[:4], whole[4:]]
    if len(parts) != 2:
        return Verdict.INVALID
    month, year = sorted(parts, key=lambda part: (len(part) > 2, int(part) > 12))
    return verdict(
        1 <= int(month) <= 12 and (len(year) == 2 or 2000 <= int(year) <= 2099)
    )


def track(text: str) -> Verdict:
    """Track 1 or 2 of ISO/IEC 7813: the account number in it decides."""
    match = re.search(r"\d{12,19}", text)
    return payment_card(match[0]) if match else Verdict.INVALID


def imei(text: str) -> Verdict:
    """Fifteen digits with a check digit (3GPP TS 23.003)."""
    digits = re.sub(r"[ /-]", "", text)
    return verdict(len(digits) == 15 and luhn(digits) and len(set(digits)) > 2)
