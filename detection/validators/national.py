"""National numbers that python-stdnum does not have, or has too strictly or loosely.

Each function names the public description that it follows. Where a number has no
checksum its dates and ranges are checked, and the answer is unsure at best.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date
from functools import cache
from importlib import import_module

from detection.validators.cards import luhn
from detection.validators.verdict import Verdict, verdict


@cache
def library(name: str) -> Callable[[str], bool]:
    """A python-stdnum module's `is_valid`."""
    is_valid: Callable[[str], bool] = import_module(f"stdnum.{name}").is_valid
    return is_valid


def is_any(text: str, names: Iterable[str]) -> bool:
    return any(library(name)(text) for name in names)


def alphanumeric(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", text).upper()


def _weighted(digits: str, weights: Iterable[int]) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False))


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def unsure_digits(text: str, least: int) -> Verdict:
    digits = re.sub(r"\D", "", text)
    enough = len(digits) >= least and len(set(digits)) > 2
    return Verdict.UNSURE if enough else Verdict.INVALID


def document_number(text: str) -> Verdict:
    """Unsure if it has digits enough for a number."""
    digits = sum(letter.isdigit() for letter in text)
    return Verdict.UNSURE if digits >= 3 else Verdict.INVALID


def us_ssn(text: str) -> Verdict:
    """Social Security Administration: areas, groups and serials never issued."""
    digits = alphanumeric(text)
    return verdict(library("us.ssn")(f"{digits[:3]}-{digits[3:5]}-{digits[5:]}"))


def us_itin(text: str) -> Verdict:
    """Internal Revenue Manual 3.21.263: groups 50-65, 70-88, 90-92 and 94-99."""
    group = int(alphanumeric(text)[3:5])
    return verdict(50 <= group <= 65 or (70 <= group <= 99 and group not in (89, 93)))


def uk_nino(text: str) -> Verdict:
    """HMRC NIM39110: letters that are never used, and prefixes never issued."""
    number = alphanumeric(text)
    holds = re.fullmatch(
        r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]?",
        number,
    )
    return verdict(holds is not None)


def de_social_security(text: str) -> Verdict:
    """VKVV section 2: area, birth day, letter, serial, check digit."""
    number = alphanumeric(text)
    match = re.fullmatch(r"(\d{2})(\d{2})(\d{2})(\d{2})([A-Z])(\d{2})(\d)", number)
    if not match or not 1 <= int(match[3]) <= 12 or not 1 <= int(match[2]) <= 81:
        return Verdict.INVALID
    spread = number[:8] + f"{ord(match[5]) - 64:02d}" + match[6]
    products = (
        int(d) * w
        for d, w in zip(spread, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True)
    )
    return verdict(sum(p // 10 + p % 10 for p in products) % 10 == int(match[7]))


def de_document(text: str) -> Verdict:
    """ICAO 9303 check digit if the tenth place is there; else the form, unsure."""
    number = alphanumeric(text).removesuffix("D")
    if len(number) == 10 and number[9].isdigit():
        return verdict(_icao(number[:9]) == int(number[9]))
    return Verdict.UNSURE if len(number) == 9 else Verdict.INVALID


def _icao(text: str) -> int:
    values = (int(letter, 36) for letter in text)
    return sum(v * w for v, w in zip(values, (7, 3, 1) * 3, strict=False)) % 10


def es_nif(text: str) -> Verdict:
    """Identity numbers written without leading zeros too."""
    number = alphanumeric(text)
    if re.fullmatch(r"\d{6,8}[A-Z]", number):
        number = number.zfill(9)
    return verdict(library("es.nif")(number))


def lu_national_id(text: str) -> Verdict:
    """Thirteen digits, spaces between at most: birth day, serial, Luhn and Verhoeff
    check digits."""
    number = text.replace(" ", "")
    if len(number) != 13 or not number.isdigit():
        return Verdict.INVALID
    verhoeff = library("verhoeff")
    return verdict(luhn(number[:12]) and verhoeff(number[:11] + number[12]))


def se_personnummer(text: str) -> Verdict:
    """Personal and coordination numbers (day + 60)."""
    number = alphanumeric(text)
    if len(number) not in (10, 12) or not number.isdigit():
        return Verdict.INVALID
    short = number[-10:]
    month, day = int(short[2:4]), int(short[4:6]) % 60
    return verdict(1 <= month <= 12 and 1 <= day <= 31 and luhn(short))


def fi_hetu(text: str) -> Verdict:
    """Also with the separators added in 2023."""
    number = text.upper()
    if number[6:7] in "YXWVU":
        number = number[:6] + "-" + number[7:]
    elif number[6:7] in "BCDEF":
        number = number[:6] + "A" + number[7:]
    is_valid = import_module("stdnum.fi.hetu").is_valid
    return verdict(bool(is_valid(number, allow_temporary=True)))


def lv_personal_code(text: str) -> Verdict:
    """Checksum of codes with a birth day; codes from 2017 begin with 32."""
    number = alphanumeric(text)
    if number.startswith("32") and len(number) == 11:
        return Verdict.UNSURE
    if len(number) != 11 or not number.isdigit():
        return Verdict.INVALID
    check = (1101 - _weighted(number, (1, 6, 3, 7, 9, 10, 5, 8, 4, 2))) % 11 % 10
    return verdict(int(number[2:4]) <= 12 and check == int(number[10]))


def pl_id_card(text: str) -> Verdict:
    number = alphanumeric(text)
    if not re.fullmatch(r"[A-Z]{3}\d{6}", number):
        return Verdict.INVALID
    values = [int(letter, 36) for letter in number]
    weights = (7, 3, 1, 9, 7, 3, 1, 7, 3)
    return verdict(sum(v * w for v, w in zip(values, weights, strict=True)) % 10 == 0)


def hu_tax_id(text: str) -> Verdict:
    """Adóazonosító jel: begins with 8, weighted sum mod 11."""
    number = alphanumeric(text)
    if not re.fullmatch(r"8\d{9}", number):
        return Verdict.INVALID
    return verdict(_weighted(number, range(1, 10)) % 11 == int(number[9]))


def hu_personal_number(text: str) -> Verdict:
    """Személyi azonosító: sex and century, birth day, weighted sum mod 11, the weights
    the other way round for those born from 1997 on (Act XX of 1996)."""
    number = alphanumeric(text)
    if not re.fullmatch(r"[1-8]\d{10}", number):
        return Verdict.INVALID
    year, kind = int(number[1:3]), int(number[0])
    year += 1900 if kind in (1, 2, 5, 6) else 2000 if year < 50 else 1800
    if not _is_date(year, int(number[3:5]), int(number[5:7])):
        return Verdict.INVALID
    weights = range(1, 11) if year < 1997 else range(10, 0, -1)
    return verdict(_weighted(number, weights) % 11 == int(number[10]))


def es_social_security(text: str) -> Verdict:
    """Province and number, and both mod 97; where numbers below ten million are written
    with seven digits, those count."""
    number = alphanumeric(text)
    if not re.fullmatch(r"(?!00)\d{12}", number):
        return Verdict.INVALID
    whole, check = number[:10], int(number[10:])
    short = whole[:2] + whole[3:] if whole[2] == "0" else whole
    return verdict(check in (int(whole) % 97, int(short) % 97))


def ru_snils(text: str) -> Verdict:
    number = alphanumeric(text)
    if not re.fullmatch(r"\d{11}", number):
        return Verdict.INVALID
    return verdict(_weighted(number, range(9, 0, -1)) % 101 % 100 == int(number[9:]))


def eg_national_id(text: str) -> Verdict:
    """Century, birth day, governorate; the check digit's rule is not published."""
    number = alphanumeric(text)
    if not re.fullmatch(r"[23]\d{13}", number):
        return Verdict.INVALID
    century = 1900 if number[0] == "2" else 2000
    holds = _is_date(century + int(number[1:3]), int(number[3:5]), int(number[5:7]))
    return Verdict.UNSURE if holds else Verdict.INVALID


def ae_emirates_id(text: str) -> Verdict:
    number = alphanumeric(text)
    return verdict(bool(re.fullmatch(r"784\d{12}", number)) and luhn(number))


def sa_national_id(text: str) -> Verdict:
    number = alphanumeric(text)
    return verdict(bool(re.fullmatch(r"[12]\d{9}", number)) and luhn(number))


def ir_national_code(text: str) -> Verdict:
    """Weights 10 to 2, the rest of 11 or what is missing to it."""
    number = alphanumeric(text)
    if not re.fullmatch(r"\d{10}", number) or len(set(number)) < 3:
        return Verdict.INVALID
    rest = _weighted(number, range(10, 1, -1)) % 11
    return verdict(int(number[9]) == (rest if rest < 2 else 11 - rest))


def za_id_number(text: str) -> Verdict:
    """Birth day, citizenship (2: refugee), check digit."""
    number = alphanumeric(text)
    if not re.fullmatch(r"\d{10}[012]\d{2}", number):
        return Verdict.INVALID
    is_day = _is_date(2000, int(number[2:4]), int(number[4:6]))
    return verdict(is_day and luhn(number))


def lk_nic(text: str) -> Verdict:
    """Birth day of the year, 500 more for women; old and new form."""
    number = alphanumeric(text)
    if not re.fullmatch(r"\d{9}[VX]|(?:19|20)\d{10}", number):
        return Verdict.INVALID
    day = int(number[2:5]) if len(number) == 10 else int(number[4:7])
    return Verdict.UNSURE if 1 <= day % 500 <= 366 else Verdict.INVALID


_CHINESE_PROVINCES = frozenset(
    """
    11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62
    63 64 65 71 81 82 83 91
""".split()
)


def cn_resident_id(text: str) -> Verdict:
    """GB 11643: province (GB/T 2260), birth day and ISO 7064 mod 11-2; fifteen digits
    without check."""
    number = alphanumeric(text)
    if number[:2] not in _CHINESE_PROVINCES:
        return Verdict.INVALID
    if re.fullmatch(r"\d{15}", number):
        day = int(number[6:8]), int(number[8:10]), int(number[10:12])
        return verdict(_is_date(1900 + day[0], day[1], day[2]))
    if not re.fullmatch(r"[1-9]\d{16}[\dX]", number):
        return Verdict.INVALID
    holds = _is_date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    return verdict(holds and library("iso7064.mod_11_2")(number))


def hk_id_card(text: str) -> Verdict:
    number = alphanumeric(text).rjust(9)
    if not re.fullmatch(r"[ A-Z][A-Z]\d{6}[\dA]", number):
        return Verdict.INVALID
    values = [36 if letter == " " else int(letter, 36) for letter in number]
    return verdict(_weighted_values(values, range(9, 0, -1)) % 11 == 0)


def _weighted_values(values: Iterable[int], weights: Iterable[int]) -> int:
    return sum(v * w for v, w in zip(values, weights, strict=True))


_TAIWAN = "ABCDEFGHJKLMNPQRSTUVXYWZIO"


def tw_national_id(text: str) -> Verdict:
    number = alphanumeric(text)
    if not re.fullmatch(r"[A-Z][1289]\d{8}", number):
        return Verdict.INVALID
    area = _TAIWAN.index(number[0]) + 10
    total = area // 10 + area % 10 * 9
    total += _weighted(number[1:], (8, 7, 6, 5, 4, 3, 2, 1, 1))
    return verdict(total % 10 == 0)


_RANDOM_FROM = 2020


def kr_rrn(text: str) -> Verdict:
    """Birth day and check digit; from October 2020 on the last digits are drawn, for
    foreigners of any age."""
    number = alphanumeric(text)
    if not re.fullmatch(r"\d{13}", number):
        return Verdict.INVALID
    year, kind = int(number[:2]), int(number[6])
    year += {9: 1800, 0: 1800}.get(kind, 1900 if kind in (1, 2, 5, 6) else 2000)
    if not _is_date(year, int(number[2:4]), int(number[4:6])):
        return Verdict.INVALID
    check = (11 - _weighted(number, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    is_foreign = kind in (5, 6, 7, 8)
    if int(number[12]) == (check + 2 * is_foreign) % 10:
        return Verdict.VALID
    is_drawn = is_foreign or year >= _RANDOM_FROM
    return Verdict.UNSURE if is_drawn else Verdict.INVALID


def kr_business_number(text: str) -> Verdict:
    """National Tax Service: the library's ranges, and the check digit: the last
    product counts with its tens too."""
    number = alphanumeric(text)
    if not library("kr.brn")(number):
        return Verdict.INVALID
    total = _weighted(number, (1, 3, 7, 1, 3, 7, 1, 3, 5)) + int(number[8]) // 2
    return verdict((total + int(number[9])) % 10 == 0)


def sg_nric(text: str) -> Verdict:
    """Immigration & Checkpoints Authority: series S, T, F, G and M."""
    number = alphanumeric(text)
    if not re.fullmatch(r"[STFGM]\d{7}[A-Z]", number):
        return Verdict.INVALID
    total = _weighted(number[1:8], (2, 7, 6, 5, 4, 3, 2))
    total += {"S": 0, "F": 0, "T": 4, "G": 4, "M": 3}[number[0]]
    if number[0] == "M":
        return verdict("KLJNPQRTUWX"[10 - total % 11] == number[8])
    letters = "JZIHGFEDCBA" if number[0] in "ST" else "XWUTRQPNMLK"
    return verdict(letters[total % 11] == number[8])


def vn_citizen_id(text: str) -> Verdict:
    """Province, century and sex, year; the nine-digit form proves nothing."""
    number = alphanumeric(text)
    if len(number) == 9:
        return Verdict.UNSURE
    return Verdict.UNSURE if 1 <= int(number[:3]) <= 96 else Verdict.INVALID


def nz_nhi(text: str) -> Verdict:
    """HISO 10046, the form with a numeric check digit; the new form is unsure."""
    number = alphanumeric(text)
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    if not re.fullmatch(r"[A-HJ-NP-Z]{3}\d{4}", number):
        return Verdict.UNSURE
    values = [letters.index(letter) + 1 for letter in number[:3]]
    values += [int(digit) for digit in number[3:6]]
    rest = _weighted_values(values, (7, 6, 5, 4, 3, 2)) % 11
    return verdict(rest != 0 and (11 - rest) % 10 == int(number[6]))


def ca_health_number(text: str) -> Verdict:
    """British Columbia's and Ontario's check digits."""
    number = re.sub(r"\D", "", text)
    return verdict(library("ca.bc_phn")(number) or luhn(number))


def luhn11(text: str) -> Verdict:
    return verdict(len(text) == 11 and luhn(text))


def pe_identity(text: str) -> Verdict:
    number = alphanumeric(text)
    if len(number) == 8:
        return Verdict.UNSURE
    return verdict(is_any(number, ("pe.cui", "pe.ruc")))


def ec_cedula(text: str) -> Verdict:
    return verdict(is_any(alphanumeric(text), ("ec.ci", "ec.ruc")))
