"""Tax, VAT and identity numbers; of a country if keys name one, else of any.

Without a country the validators of all are tried, of python-stdnum only those whose
numbers have as many letters and digits. A random number passes a check of some country
easily, so an answer of valid says less then.
"""

import re

from detection.validators import of_country
from detection.validators.countries import COUNTRIES
from detection.validators.national import (
    ae_emirates_id,
    alphanumeric,
    cn_resident_id,
    document_number,
    hk_id_card,
    hu_personal_number,
    hu_tax_id,
    ir_national_code,
    is_any,
    kr_business_number,
    kr_rrn,
    library,
    lk_nic,
    lu_national_id,
    pl_id_card,
    sa_national_id,
    sg_nric,
    tw_national_id,
    uk_nino,
    unsure_digits,
    us_ssn,
    za_id_number,
)
from detection.validators.of_country import (
    IDENTITY_NUMBERS,
    TAX_NUMBERS,
    VAT_NUMBERS,
    is_one_of,
)
from detection.validators.verdict import Verdict, verdict

_LEAST_VARIETY = 3
"""Different letters and digits of a number."""


def _is_dull(text: str) -> bool:
    return len(set(alphanumeric(text))) < _LEAST_VARIETY


def eu_vat(text: str) -> Verdict:
    """With the country's prefix."""
    return verdict(library("eu.vat")(text))


_EU_PREFIXES = frozenset(
    "AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK "
    "XI".split()
)


def any_vat(text: str, country: str = "") -> Verdict:
    """Valid in some country, in that of its prefix if it has one."""
    if _is_dull(text):
        return Verdict.INVALID
    match = re.match("[A-Za-z]{2}(?=[ -]?[0-9A-Z])", text)
    prefix = match[0].upper() if match else ""
    if prefix in _EU_PREFIXES:
        return eu_vat(text)
    is_prefixed = prefix in COUNTRIES
    answer = of_country.vat(prefix if is_prefixed else country, text)
    if answer is not None:
        return answer
    if is_prefixed:
        return unsure_digits(text, 6)
    if kr_business_number(text) is Verdict.VALID:
        return Verdict.VALID
    return verdict(is_one_of(text, VAT_NUMBERS))


def _bare(text: str) -> str:
    """Without a country's two letters before the number."""
    return re.sub(r"^[A-Za-z]{2,3}[ -]?(?=\d)", "", text)


_US_FORM = re.compile(r"\d{3}-\d{2}-\d{4}")
_TAX_FORMS = {
    re.compile(r"\d{2}-\d{7}"): "us.ein",
    re.compile(r"\d{2,3}/\d{3}/\d{4,5}"): "de.stnr",
    re.compile(r"\d{1,3}(?:\.\d{3}){2}-\d"): "co.nit",
    re.compile(r"\d{5,10}-[\dKk]"): "gt.nit",
    re.compile(r"\d{9}-\d{3}"): "vn.mst",
}
"""Written so only as these numbers."""


def any_tax_id(text: str, country: str = "") -> Verdict:
    """Valid in some country, or of a form that some countries use without checksum."""
    if _is_dull(text):
        return Verdict.INVALID
    answer = of_country.tax_id(country, text)
    if answer is not None:
        return answer
    written = text.strip()
    if _US_FORM.fullmatch(written):
        return verdict(is_any(written, ("us.ssn", "us.itin")))
    if any(is_one_of(part, TAX_NUMBERS) for part in {text, _bare(text)}):
        return Verdict.VALID
    for form, name in _TAX_FORMS.items():
        if form.fullmatch(written) and library(name)(written):
            return Verdict.VALID
    ours = (hu_tax_id, lu_national_id, kr_business_number)
    if any(check(text) is Verdict.VALID for check in ours):
        return Verdict.VALID
    return unsure_digits(text, 8)


_IDENTITY_FORM = re.compile(
    r"[VEve]-\d{6,8}|\d{4}-\d{7}-\d|[1-7]\d{4}-\d{7}-[1-9]"
    r"|\d{12}[A-Za-z]|\d{9}[VXvx]|C[A-Za-z](?!0{5})\d{5}[A-Za-z]{2}"
    r"|\d{6}-\d{2}-\d{4}|\d{3}\.\d{4}\.\d{4}\.\d{2}"
)
"""Written so only as one country's number (VE, PH, PK, MZ, LK, IT, MY, CH)."""


def any_national_id(text: str, country: str = "") -> Verdict:
    """Valid in some country; unsure for forms that prove nothing."""
    if _is_dull(text):
        return Verdict.INVALID
    answer = of_country.national_id(country, text)
    if answer is not None:
        return answer
    if _US_FORM.fullmatch(text.strip()):
        return us_ssn(text)
    if _IDENTITY_FORM.fullmatch(text.strip()) or is_one_of(text, IDENTITY_NUMBERS):
        return Verdict.VALID
    if "-" in text and is_any(text, ("do.cedula",)):
        return Verdict.VALID
    ours = (
        cn_resident_id,
        hu_personal_number,
        hk_id_card,
        tw_national_id,
        sg_nric,
        uk_nino,
        ae_emirates_id,
        sa_national_id,
        pl_id_card,
        kr_rrn,
        lk_nic,
        ir_national_code,
        za_id_number,
    )
    if any(check(text) is Verdict.VALID for check in ours):
        return Verdict.VALID
    return document_number(text)
