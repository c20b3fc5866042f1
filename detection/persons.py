"""Names, dates, phones, addresses and places: what people write about themselves."""

import calendar
import ipaddress
import re
from functools import lru_cache

import phonenumbers

from detection.verdict import Verdict, verdict

_DATE = re.compile(r"(\d{1,4})[-/. ](\d{1,2})[-/. ](\d{1,4})(?:[T ].*)?")
_NUMERIC_HOST = re.compile(r"\[.+\]|[\d.]+")
_NOT_NAMES = frozenset(
    """
    test admin administrator user guest system root default unknown anonymous
    none null true false name string value example sample public private main
    master production staging development
""".split()
)
_COUNTRY_CODES = frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
EARLIEST_BIRTH = 1890
LATEST_BIRTH = 2035


def email(text: str) -> Verdict:
    """RFC 5321 lengths, dot-atoms, and a top-level domain that is no file name's."""
    local, _, domain = text.rpartition("@")
    if _NUMERIC_HOST.fullmatch(domain):
        address = domain.strip("[]").removeprefix("IPv6:")
        is_host = ip_address(address) is not Verdict.INVALID
        return verdict(0 < len(local) <= 64 and is_host)
    labels = domain.split(".")
    holds = (
        0 < len(local) <= 64
        and len(domain) <= 253
        and not local.startswith(".")
        and not local.endswith(".")
        and ".." not in local
        and all(
            0 < len(label) <= 63 and label[0] != "-" and label[-1] != "-"
            for label in labels
        )
        and not labels[-1].isdigit()
        and labels[-1].lower() not in ("png", "jpg", "jpeg", "gif", "svg", "webp")
    )
    return verdict(holds)


def phone(text: str) -> Verdict:
    """With + or 00 the library decides; without, a plausible length is unsure."""
    digits = re.sub(r"\D", "", text)
    if not 6 <= len(digits) <= 15 or len(set(digits)) < 3:
        return Verdict.INVALID
    international = text.strip().removeprefix("(").startswith("+")
    if not international and not digits.startswith("00"):
        return Verdict.UNSURE
    return _assigned(digits if international else digits[2:])


@lru_cache(maxsize=2)
def _assigned(digits: str) -> Verdict:
    """Two rules ask about one number; phonenumbers takes its time."""
    number = _international(digits)
    if number is None:
        return Verdict.INVALID
    if phonenumbers.is_valid_number(number):
        return Verdict.VALID
    return (
        Verdict.UNSURE if phonenumbers.is_possible_number(number) else Verdict.INVALID
    )


def _international(digits: str) -> phonenumbers.PhoneNumber | None:
    """Parsing costs more than all else and is needed before a trunk prefix only."""
    for size in (1, 2, 3):
        code, national = digits[:size], digits[size:]
        if code in _COUNTRY_CODES:
            if national[:1] not in "01":
                return phonenumbers.PhoneNumber(int(code), int(national))
            break
    try:
        return phonenumbers.parse("+" + digits, None)
    except phonenumbers.NumberParseException:
        return None


def international_phone(text: str) -> Verdict:
    """As `phone`, but only what the library knows to be assigned."""
    answer = phone(text)
    return answer if answer is Verdict.VALID else Verdict.INVALID


def north_american_phone(text: str) -> Verdict:
    """Ten digits grouped as the North American plan groups them."""
    return international_phone("+1" + re.sub(r"\D", "", text)[-10:])


def birth_date(text: str) -> Verdict:
    """A calendar date of a person who may be alive, in any usual order."""
    digits = text.strip()
    if re.fullmatch(r"(?:19|20)\d{6}", digits):
        digits = f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
    match = _DATE.fullmatch(digits)
    if not match:
        return Verdict.UNSURE
    first, second, third = (int(part) for part in match.groups())
    if first > 31:
        return verdict(_is_date(first, second, third))
    year = third if third > 99 else 1900 + third
    return verdict(_is_date(year, second, first) or _is_date(year, first, second))


def _is_date(year: int, month: int, day: int) -> bool:
    return (
        EARLIEST_BIRTH <= year <= LATEST_BIRTH
        and 1 <= month <= 12
        and 1 <= day <= calendar.monthrange(year, month)[1]
    )


def person_name(text: str) -> Verdict:
    """Words that begin with a capital, or any words of a script without case."""
    words = text.replace(",", " ").split()
    if not words or text.lower().strip() in _NOT_NAMES or len(words) > 6:
        return Verdict.INVALID
    if any(word.lower() in _NOT_NAMES for word in words):
        return Verdict.INVALID
    looks = all(
        word[0].isupper() or not word[0].isalpha() or word[0] == word[0].upper()
        for word in words
        if len(word) > 3
    )
    return Verdict.VALID if looks and len(words) > 1 else Verdict.UNSURE


def ip_address(text: str) -> Verdict:
    """Unsure if it is no host's or may be names (`Add::Bed`); eight pairs are an
    extended MAC address instead."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return Verdict.INVALID
    has_digits = any(letter.isdigit() for letter in text)
    if ("::" in text and not has_digits) or str(address) == "::":
        return Verdict.UNSURE
    return verdict(not re.fullmatch("(?:[0-9A-Fa-f]{2}:){7}[0-9A-Fa-f]{2}", text))


def latitude(text: str) -> Verdict:
    return _degrees(text, 90)


def longitude(text: str) -> Verdict:
    return _degrees(text, 180)


def _degrees(text: str, limit: int) -> Verdict:
    """A decimal fraction proves a position better than a whole number."""
    try:
        value = float(text)
    except ValueError:
        return Verdict.INVALID
    if not abs(value) <= limit:
        return Verdict.INVALID
    return Verdict.VALID if "." in text else Verdict.UNSURE


def coordinates(text: str) -> Verdict:
    """Latitude and longitude, both with decimals."""
    parts = re.findall(r"[-+]?\d+(?:\.\d+)?", text)
    if len(parts) != 2:
        return Verdict.INVALID
    answers = {latitude(parts[0]), longitude(parts[1])}
    if Verdict.INVALID in answers:
        return Verdict.INVALID
    return Verdict.VALID if answers == {Verdict.VALID} else Verdict.UNSURE


def age(text: str) -> Verdict:
    return verdict(text.isdigit() and 0 < int(text) < 125)
