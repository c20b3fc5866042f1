"""Labelled values, without labels that someone else contradicts.

The publishers' labels are made for their own options: a value may be marked invalid for
one card network or one country and valid for another. A label is dropped if the value
is labelled otherwise without options, or both ways under different ones; if an
independent validator (python-stdnum, phonenumbers, the standard library) says the
opposite; if it names no secret (a domain, an account's name); or if it is a number that
holds no digit. Values with words around them are dropped if they should be valid and no
part of them is.
"""

import ipaddress
import json
import pkgutil
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from email.errors import HeaderParseError
from email.headerregistry import Address
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import phonenumbers
import stdnum

NO_SECRET = re.compile(
    r"Domain|\bHost\b|Bucket|Resource Name|(Client|App|Application|Account|Product) ID"
    r"|Username\b(?! and)|Account Name|Email$|JFrog URL"
)
"""Rules of secret scanners that find names of places and accounts."""

MODULES = {
    "aba_routing": "us.rtn",
    "bic": "bic",
    "bitcoin_address": "bitcoin",
    "iban": "iban",
    "imei": "imei",
    "payment_card": "luhn",
    "presidio:aba_routing": "us.rtn",
    "presidio:au_abn": "au.abn",
    "presidio:au_acn": "au.acn",
    "presidio:au_tfn": "au.tfn",
    "presidio:ca_sin": "ca.sin",
    "presidio:credit_card": "luhn",
    "presidio:crypto": "bitcoin",
    "presidio:de_tax_id": "de.idnr",
    "presidio:de_vat_id": "de.vat",
    "presidio:es_nie": "es.nie",
    "presidio:es_nif": "es.nif",
    "presidio:fi_personal_identity_code": "fi.hetu",
    "presidio:iban": "iban",
    "presidio:in_aadhaar": "in_.aadhaar",
    "presidio:in_gstin": "in_.gstin",
    "presidio:in_voter": "in_.epic",
    "presidio:in_pan": "in_.pan",
    "presidio:it_fiscal_code": "it.codicefiscale",
    "presidio:it_vat_code": "it.iva",
    "presidio:kr_brn": "kr.brn",
    "presidio:kr_rrn": "kr.rrn",
    "presidio:pl_pesel": "pl.pesel",
    "presidio:se_organisationsnummer": "se.orgnr",
    "presidio:se_personnummer": "se.personnummer",
    "presidio:sg_uen": "sg.uen",
    "presidio:th_tnin": "th.pin",
    "presidio:tr_national_id": "tr.tckimlik",
    "presidio:uk_nhs": "gb.nhs",
    "presidio:us_itin": "us.itin",
    "presidio:us_ssn": "us.ssn",
    "presidio:za_id_number": "za.idnr",
}
"""Label → module of python-stdnum."""
COUNTRIES = {
    "IN": "in_",
    "IS": "is_",
    "JP": "jp",
    "HE": "il",
}
BY_COUNTRY = ("identity_card", "tax_id", "vat")
"""Labels that hold for the country in `args`."""
SAME = {"EL": "GR", "UK": "GB"}
NUMBER_WORDS = 7
DIGITS_ONLY = ("payment_card", "presidio:credit_card")


class Labelled(NamedTuple):
    kind: str
    value: str
    is_valid: bool
    countries: tuple[str, ...]
    """Codes of those that the label holds for."""


def read(file: Path, kinds: set[str]) -> tuple[list[Labelled], Counter[str]]:
    """Values of these kinds, each once, and why others are dropped."""
    parsed = [json.loads(line) for line in file.read_text().splitlines()]
    ways: dict[tuple[str, str, bool], set[bool]] = defaultdict(set)
    for row in parsed:
        for has_options in {row.get("args", "[]") != "[]", True}:
            ways[row["type"], row["value"], has_options].add(row["valid"])
    kept: dict[tuple[str, str, bool], set[str]] = defaultdict(set)
    dropped: Counter[str] = Counter()
    for row in parsed:
        plain = ways[row["type"], row["value"], False]
        reason = _objection(row, plain or ways[row["type"], row["value"], True])
        if row["type"] not in kinds:
            dropped["not of a kind that has a rule"] += 1
        elif reason:
            dropped[reason] += 1
        else:
            countries = kept[row["type"], row["value"], row["valid"]]
            countries.update(_countries(str(row.get("args"))))
    rows = [Labelled(*label, tuple(sorted(of))) for label, of in kept.items()]
    return rows, dropped


def _countries(args: str) -> list[str]:
    """Of a label's options; a list of several is a filter, no place."""
    found = re.findall(r'"(?:[a-z]{2}-)?([A-Z]{2})"', args)
    return [SAME.get(country, country) for country in found]


def _objection(row: dict[str, object], ways: set[bool]) -> str:
    if len(ways) > 1 or row["valid"] not in ways:
        return "labelled otherwise too"
    if row["type"] == "secret" and NO_SECRET.search(str(row["rule"])):
        return "no secret by its name"
    is_number = row["valid"] and row["type"] in BY_COUNTRY
    if is_number and not re.search(r"\d", str(row["value"])):
        return "a number without a digit"
    answer = independent(str(row["type"]), str(row["value"]), str(row.get("args")))
    if answer is not None and answer is not row["valid"]:
        return "contradicted by a validator"
    return ""


def independent(kind: str, value: str, args: str) -> bool | None:
    """Whether someone else calls the value valid; none if nobody can say."""
    if kind in CHECKS:
        return CHECKS[kind](value, args)
    is_text = len(re.findall(r"[a-z]{3,}", value)) > 1
    if is_text and " " not in value:
        return None
    if kind in MODULES:
        is_valid = import_module(f"stdnum.{MODULES[kind]}").is_valid
        if is_text:
            return None if any(map(is_valid, _parts(value))) else False
        number = re.sub(r"[ -]", "", value) if kind in DIGITS_ONLY else value
        return bool(is_valid(number))
    countries = _countries(args)
    if kind in BY_COUNTRY and countries and not is_text:
        return _some_module(countries[0], value)
    return None


def _parts(text: str) -> Iterator[str]:
    """What may be the number: words in a row, without what stands around them."""
    words = [word.strip(".,:;()\"'") for word in text.split()]
    for start in range(len(words)):
        for end in range(start + 1, min(start + NUMBER_WORDS, len(words)) + 1):
            yield "".join(words[start:end])


def _some_module(country: str, value: str) -> bool | None:
    """Whether any of the country's modules takes it; none if there is no module."""
    found = _of_country(COUNTRIES.get(country, country.lower()))
    bare = re.sub(rf"^{country}[ -]?", "", value)
    return any(f(value) or f(bare) for f in found) if found else None


def is_of_no_country(value: str) -> bool:
    """Whether python-stdnum knows no country whose number it may be."""
    packages = (part for part in pkgutil.iter_modules(stdnum.__path__) if part.ispkg)
    countries = (part.name for part in packages if len(part.name.rstrip("_")) == 2)
    return not any(f(value) for country in countries for f in _of_country(country))


@cache
def _of_country(country: str) -> list[Callable[[str], bool]]:
    try:
        package = import_module(f"stdnum.{country}")
    except ModuleNotFoundError:
        return []
    modules = (
        import_module(f"stdnum.{country}.{part.name}")
        for part in pkgutil.iter_modules(package.__path__)
    )
    return [module.is_valid for module in modules if hasattr(module, "is_valid")]


def _phone(value: str, args: str) -> bool | None:
    region = re.search(r'"[a-z]{2}-([A-Z]{2})"', args)
    try:
        number = phonenumbers.parse(value, region[1] if region else None)
    except phonenumbers.NumberParseException:
        return None if region is None else False
    if phonenumbers.is_valid_number(number):
        return True
    return None if phonenumbers.is_possible_number(number) else False


def _email(value: str, _: str) -> bool | None:
    try:
        domain = Address(addr_spec=value.strip()).domain
    except (HeaderParseError, ValueError, IndexError):
        return False
    return True if re.fullmatch(r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}", domain) else None


def _ip(value: str, _: str) -> bool | None:
    if " " in value:
        return None
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _coordinates(value: str, _: str) -> bool | None:
    numbers = re.findall(r"[-+]?\d+(?:\.\d+)?", value)
    if len(numbers) != 2:
        return None
    return abs(float(numbers[0])) <= 90 and abs(float(numbers[1])) <= 180


CHECKS: dict[str, Callable[[str, str], bool | None]] = {
    "email": _email,
    "lat_long": _coordinates,
    "phone": _phone,
    "presidio:ip": _ip,
}
