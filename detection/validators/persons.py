"""Names, dates, phones, addresses and places: what people write about themselves."""

import calendar
import ipaddress
import re

import phonenumbers

from detection.validators.numbering import CALLING_CODES, plan
from detection.validators.verdict import Verdict, verdict

_DATE = re.compile(r"(\d{1,4})[-/. ](\d{1,2})[-/. ](\d{1,4})(?:[T ].*)?")
_NUMERIC_HOST = re.compile(r"\[.+\]|[\d.]+")
_NOT_NAMES = frozenset(
    """
    test admin administrator user guest system root default unknown anonymous
    none null true false name string value example sample public private main
    master production staging development
""".split()
)
_SLUG = re.compile("[a-z]+(?:[-_.][a-z]+)+")
"""A name of something in lower case: `ops-alerts`."""
_NO_DIGITS = re.compile(r"\D+")
_EXTENSION = re.compile(r"(?i)\s*(?:x|ext\.?|#)\s*\d{1,6}$")
_LABEL = "[^.-](?:[^.]{0,61}[^.-])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_EIGHT_PAIRS = re.compile("(?:[0-9A-Fa-f]{2}:){7}[0-9A-Fa-f]{2}")
_USER_OF_URL = re.compile("//[^/?&=]*")
_REMOTES = frozenset("git hg svn".split())
"""Logins of everybody at a host of code."""
_LAST_HOST = int(ipaddress.IPv4Address("239.255.255.255"))
"""Beyond are masks and what is reserved (RFC 1112 section 4)."""
_IMAGES = frozenset("png jpg jpeg gif svg webp".split())
EARLIEST_BIRTH = 1890
LATEST_BIRTH = 2035
_BUDDHIST = 543
"""Years that the Thai calendar is ahead."""


def email(text: str) -> Verdict:
    """RFC 5321 lengths, dot-atoms, and a top-level domain that is no file name's."""
    local, _, domain = text.rpartition("@")
    if not 0 < len(local) <= 64:
        return Verdict.INVALID
    if not domain[-1:].isalpha() and _NUMERIC_HOST.fullmatch(domain):
        address = domain.strip("[]").removeprefix("IPv6:")
        return verdict(ip_address(address) is not Verdict.INVALID)
    top = domain.rpartition(".")[2]
    holds = (
        len(domain) <= 253
        and local[0] != "."
        and local[-1] != "."
        and not _USER_OF_URL.fullmatch(local)
        and local not in _REMOTES
        and ".." not in local
        and _HOST.fullmatch(domain) is not None
        and not top.isdigit()
        and top.lower() not in _IMAGES
    )
    return verdict(holds)


def phone(text: str, country: str = "") -> Verdict:
    """With + or 00 the library decides; without, too if the country is known, else a
    plausible length is unsure."""
    text = _EXTENSION.sub("", text)
    digits = _NO_DIGITS.sub("", text)
    if not 6 <= len(digits) <= 15 or len(set(digits)) < 3:
        return Verdict.INVALID
    if text.strip().removeprefix("(").startswith("+"):
        return _assigned(digits)
    if digits.startswith("00"):
        return _assigned(digits[2:])
    return _assigned_in(country, digits) if country else Verdict.UNSURE


def _assigned_in(country: str, digits: str) -> Verdict:
    """With or without the country's national prefix, or its calling code."""
    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return Verdict.INVALID
    if phonenumbers.is_valid_number(number):
        return Verdict.VALID
    is_possible = phonenumbers.is_possible_number(number)
    return Verdict.UNSURE if is_possible else Verdict.INVALID


def _assigned(digits: str) -> Verdict:
    """After a calling code; what may be a national prefix is left to the library."""
    for size in (1, 2, 3):
        code, number = digits[:size], digits[size:]
        if code in CALLING_CODES:
            break
    else:
        return Verdict.INVALID
    if number[:1] in "01":
        try:
            parsed = phonenumbers.parse("+" + digits, None)
        except phonenumbers.NumberParseException:
            return Verdict.INVALID
        number = phonenumbers.national_significant_number(parsed)
    numbers = plan(code)
    if numbers.is_assigned(number):
        return Verdict.VALID
    return Verdict.UNSURE if numbers.is_possible(number) else Verdict.INVALID


def international_phone(text: str) -> Verdict:
    """As `phone`, but only what the library knows to be assigned."""
    answer = phone(text)
    return answer if answer is Verdict.VALID else Verdict.INVALID


def north_american_phone(text: str) -> Verdict:
    """Ten digits grouped as the North American plan groups them."""
    return international_phone("+1" + _NO_DIGITS.sub("", text)[-10:])


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


_LATEST_SECOND = 2_051_222_400
_EARLIEST_SECOND = -2_524_521_600
"""1890 to 2035."""
_LEAST_MILLISECONDS = 100_000_000_000


def birth_epoch(text: str) -> Verdict:
    """Seconds or milliseconds since 1970 of a day on which a person may be born."""
    number = int(text)
    if abs(number) >= _LEAST_MILLISECONDS:
        number //= 1000
    return verdict(_EARLIEST_SECOND <= number <= _LATEST_SECOND)


def _is_date(year: int, month: int, day: int) -> bool:
    if _BUDDHIST < year - EARLIEST_BIRTH < _BUDDHIST + LATEST_BIRTH - EARLIEST_BIRTH:
        year -= _BUDDHIST
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
    if any(word.lower() in _NOT_NAMES or _SLUG.fullmatch(word) for word in words):
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
        if ":" not in text:
            number = int(ipaddress.IPv4Address(text.partition("%")[0]))
            return verdict(0 < number <= _LAST_HOST)
        address = ipaddress.IPv6Address(text.partition("%")[0])
    except ValueError:
        return Verdict.INVALID
    has_digits = any(letter.isdigit() for letter in text)
    if ("::" in text and not has_digits) or not int(address):
        return Verdict.UNSURE
    return verdict(not _EIGHT_PAIRS.fullmatch(text))


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
