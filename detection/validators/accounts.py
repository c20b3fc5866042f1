"""Bank accounts and banks: IBAN, BIC, CLABE.

Forms of IBANs are those of SWIFT's registry, as python-stdnum has it, and of countries
that use the format without being in it.
"""

import re
import string
from functools import cache

from stdnum import numdb
from stdnum.bic import is_valid as is_bic

from detection.validators.countries import COUNTRIES
from detection.validators.verdict import Verdict, verdict

_UNREGISTERED = {
    **dict.fromkeys(("AO", "CV", "GW", "MZ"), "21!c"),
    **dict.fromkeys(("DZ", "IR"), "22!c"),
    **dict.fromkeys(("CF", "CG", "CM", "GA", "GQ", "KM", "MG", "TD"), "23!c"),
    **dict.fromkeys(("BF", "BJ", "CI", "MA", "ML", "NE", "SN", "TG"), "24!c"),
}
"""Countries that use the IBAN's format without being in SWIFT's registry."""
_BASE36 = {c: str(int(c, 36)) for c in string.digits + string.ascii_uppercase}
_CLASSES = {"n": "[0-9]", "a": "[A-Z]", "c": "[A-Z0-9]"}


@cache
def _iban_forms() -> dict[str, tuple[int, re.Pattern[str]]]:
    """Length and form of each country's: the registry, as the library has it."""
    registry = numdb.get("iban")
    forms = {}
    for country in COUNTRIES:
        registered = registry.info(country)[0][1].get("bban", "")
        structure = registered or _UNREGISTERED.get(country, "")
        parts = re.findall("([0-9]+)!([nac])", structure)
        form = "".join(f"{_CLASSES[kind]}{{{size}}}" for size, kind in parts)
        size = 4 + sum(int(size) for size, _ in parts)
        if parts:
            forms[country] = size, re.compile(f"{country}[0-9][0-9]{form}")
    return forms


def iban(text: str) -> Verdict:
    """ISO 13616: country, length, form, check digits by ISO 7064 mod 97-10; words after
    it may be no part of it."""
    size, form = _iban_forms().get(text[:2].upper(), (0, None))
    number = ""
    for part in re.findall("[^ .-]+", text) if size else ():
        number += part.upper()
        if len(number) >= size:
            break
    if form is None or not form.fullmatch(number):
        return Verdict.INVALID
    turned = map(_BASE36.__getitem__, number[4:] + number[:4])
    return verdict(int("".join(turned)) % 97 == 1)


def bic(text: str) -> Verdict:
    """ISO 9362; the country is one of ISO 3166 or Kosovo."""
    return verdict(is_bic(text.upper()) and text[4:6].upper() in COUNTRIES)


def clabe(text: str) -> Verdict:
    """Mexican account number: weights 3, 7, 1."""
    total = sum(
        int(digit) * weight % 10
        for digit, weight in zip(text[:17], (3, 7, 1) * 6, strict=False)
    )
    return verdict((10 - total % 10) % 10 == int(text[17]))
