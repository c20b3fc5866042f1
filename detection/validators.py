"""The validators that rules can name.

Each takes the matched text and answers VALID, INVALID or UNSURE; none raises, none
keeps the text. `stdnum.xx.name` is that module of python-stdnum, whose sources document
each number's structure and checksum; it is loaded when first needed.
"""

import importlib
import importlib.util
from collections.abc import Callable
from functools import cache
from types import ModuleType

from detection import cards, crypto, health, national, persons, tokens
from detection.verdict import Verdict, verdict

Validator = Callable[[str], Verdict]

_HOMES: tuple[ModuleType, ...] = (cards, crypto, health, national, persons, tokens)
_NAMES = frozenset(
    """
    ae_emirates_id age any_national_id any_tax_id any_vat assigned_password
    assigned_secret au_medicare authorization_token base58_address
    basic_authorization bic birth_date bitcoin_address ca_health_number
    card_expiry clabe cn_resident_id coordinates de_document de_social_security
    de_tax_number dea document_number ec_cedula eg_national_id email es_nif
    ethereum_address eu_vat fi_hetu format_token hk_id_card hu_tax_id iban imei
    international_phone ip_address jwt kr_rrn latitude licence_plate lk_nic
    longitude lu_national_id luhn11 lv_personal_code mac_address
    north_american_phone npi nz_nhi password payment_card pe_identity
    person_name phone pl_id_card random_token ripple_address ru_snils
    sa_national_id se_personnummer sg_nric track tw_national_id uk_nino us_ssn vin
    vn_citizen_id
""".split()
)


def is_known(name: str) -> bool:
    """Whether a rule may name it."""
    if not name.startswith("stdnum."):
        return name in _NAMES
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@cache
def find(name: str) -> Validator:
    """The validator of a known name."""
    if not name.startswith("stdnum."):
        return _ours(name)
    return _from_library(importlib.import_module(name).is_valid)


def _ours(name: str) -> Validator:
    home = next(home for home in _HOMES if hasattr(home, name))
    validator: Validator = getattr(home, name)
    return validator


def _from_library(is_valid: Callable[[str], bool]) -> Validator:
    return lambda text: verdict(is_valid(text))
