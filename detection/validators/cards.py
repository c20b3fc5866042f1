"""Payment cards: number, issuer and length, expiry, security code, magnetic tracks.

Issuer ranges and lengths after ISO/IEC 7812 and the networks' published tables.
"""

import re
from bisect import bisect_right

from detection.validators.verdict import Verdict, verdict

ISSUERS: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (0, -1, ()),
    (100000, 199999, (15,)),
    (220000, 220499, (16,)),
    (222100, 272099, (16,)),
    (300000, 305999, (14, 16)),
    (309500, 309599, (14, 16)),
    (340000, 349999, (15,)),
    (352800, 358999, (16,)),
    (360000, 369999, (14, 16)),
    (370000, 379999, (15,)),
    (380000, 399999, (14, 16)),
    (400000, 499999, (13, 16, 19)),
    (500000, 509999, (16,)),
    (510000, 559999, (16,)),
    (560000, 589999, (12, 13, 14, 15, 16, 17, 18, 19)),
    (600000, 600999, (16,)),
    (601100, 601199, (16, 19)),
    (603000, 609999, (16,)),
    (610000, 619999, (16,)),
    (620000, 629999, (16, 17, 18, 19)),
    (630000, 639999, (16, 18, 19)),
    (644000, 659999, (16, 19)),
    (670000, 679999, (12, 13, 14, 15, 16, 17, 18, 19)),
    (810000, 817999, (16, 17, 18, 19)),
    (979200, 979289, (16,)),
)
"""First and last six digits of a range, and its lengths; in order, none in another."""

_FIRSTS = [first for first, _, _ in ISSUERS]
_VALUES = bytes((octet - 48) % 10 for octet in range(256))
"""Of digits, modulo ten."""
_DOUBLED = bytes((2 * (octet - 48) - 9 * (octet > 52)) % 10 for octet in range(256))
"""Twice that, the digits of the product added."""


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    if not digits.isascii():
        return False
    data = digits.encode()[::-1]
    plain, doubled = data[::2].translate(_VALUES), data[1::2].translate(_DOUBLED)
    return (sum(plain) + sum(doubled)) % 10 == 0


def compact(text: str) -> str:
    return text.replace(" ", "").replace("-", "")


def payment_card(text: str) -> Verdict:
    """Issuer range, length and check digit; not one digit repeated."""
    digits = compact(text)
    if not (12 <= len(digits) <= 19 and digits.isascii() and digits.isdigit()):
        return Verdict.INVALID
    prefix = int(digits[:6])
    _, last, lengths = ISSUERS[bisect_right(_FIRSTS, prefix) - 1]
    if prefix > last or len(digits) not in lengths:
        return Verdict.INVALID
    return verdict(luhn(digits) and digits.count(digits[0]) < len(digits))


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


_BRANDS = frozenset(
    "american bank business card cards classic club credit debit diners discover "
    "express gold jcb maestro mastercard platinum prepaid signature standard "
    "unionpay union visa world".split()
)
_LETTERS = re.compile(r"[^\W\d_]+")


def card_holder(text: str) -> Verdict:
    """Two words at least, as cards show it, none that names the card or its bank."""
    words = _LETTERS.findall(text.lower())
    is_name = len(words) > 1 and _BRANDS.isdisjoint(words)
    return Verdict.UNSURE if is_name else Verdict.INVALID


def imei(text: str) -> Verdict:
    """Fifteen digits with a check digit (3GPP TS 23.003)."""
    digits = re.sub(r"[ /-]", "", text)
    return verdict(len(digits) == 15 and luhn(digits) and len(set(digits)) > 2)
