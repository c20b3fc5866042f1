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

from detection.validators import (
    accounts,
    addressed,
    anywhere,
    assigned,
    cards,
    crypto,
    health,
    known,
    national,
    persons,
    tokens,
)
from detection.validators.verdict import Verdict, verdict

Validator = Callable[..., Verdict]
TAKING_COUNTRY = frozenset({"any_national_id", "any_tax_id", "any_vat", "phone"})
"""Those that take the code of a country after the text."""

HOMES: tuple[ModuleType, ...] = (
    accounts,
    addressed,
    anywhere,
    assigned,
    cards,
    crypto,
    health,
    known,
    national,
    persons,
    tokens,
)
"""Their functions that answer a verdict are validators."""
_OURS: dict[str, Validator] = {
    name: value
    for home in HOMES
    for name, value in vars(home).items()
    if not name.startswith("_")
    and getattr(value, "__module__", "") == home.__name__
    and getattr(value, "__annotations__", {}).get("return") is Verdict
}


def is_known(name: str) -> bool:
    """Whether a rule may name it."""
    if not name.startswith("stdnum."):
        return name in _OURS
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@cache
def find(name: str) -> Validator:
    """The validator of a known name."""
    if not name.startswith("stdnum."):
        return _OURS[name]
    return _from_library(importlib.import_module(name).is_valid)


def _from_library(is_valid: Callable[[str], bool]) -> Validator:
    """As written, or without what stands between letters and digits."""

    def validate(text: str) -> Verdict:
        return verdict(is_valid(text) or is_valid(national.alphanumeric(text)))

    return validate
