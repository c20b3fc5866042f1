"""Telephone numbering plans: which national numbers a calling code has.

Made of the metadata of phonenumbers (ITU-T E.164), one expression a region: the
library's `is_valid_number` and `is_possible_number` answer the same, several times
slower. Digits only, without a national prefix.
"""

import re
from functools import cache
from typing import Any, NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers.phonemetadata import PhoneMetadata

CALLING_CODES = frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))
_TYPES = """
    fixed_line mobile toll_free premium_rate shared_cost voip personal_number pager uan
    voicemail
""".split()


class Plan(NamedTuple):
    """The numbers of one calling code."""

    lengths: frozenset[int]
    regions: tuple[tuple[re.Pattern[str] | None, re.Pattern[str]], ...]
    """What a region's numbers begin with, if that tells it, and those assigned."""

    def is_possible(self, number: str) -> bool:
        """By its length."""
        return len(number) in self.lengths

    def is_assigned(self, number: str) -> bool:
        """In the first region that it may belong to."""
        for beginning, assigned in self.regions:
            if beginning is None or beginning.match(number):
                if assigned.fullmatch(number):
                    return True
                if beginning is not None:
                    return False
        return False


@cache
def plan(calling_code: str) -> Plan:
    """That of a known calling code."""
    code = int(calling_code)
    names = COUNTRY_CODE_TO_REGION_CODE[code]
    found = (PhoneMetadata.metadata_for_region_or_calling_code(code, n) for n in names)
    regions = [region for region in found if region is not None]
    general: Any = regions[0].general_desc
    is_shared = len(names) > 1
    return Plan(
        frozenset(general.possible_length + general.possible_length_local_only),
        tuple(
            (_beginning(region) if is_shared else None, _assigned(region))
            for region in regions
        ),
    )


def _beginning(region: Any) -> re.Pattern[str] | None:
    return re.compile(region.leading_digits) if region.leading_digits else None


def _assigned(region: Any) -> re.Pattern[str]:
    types = (_form(getattr(region, name)) for name in _TYPES)
    every = "|".join(form for form in types if form)
    return re.compile(rf"(?={_form(region.general_desc)}\Z)(?:{every})")


def _form(kind: Any) -> str:
    """Of numbers of that kind; nothing if there are none."""
    if kind is None or not kind.national_number_pattern:
        return ""
    lengths = "|".join(f"[0-9]{{{n}}}" for n in kind.possible_length)
    length = rf"(?=(?:{lengths})\Z)" if lengths else ""
    return f"{length}(?:{kind.national_number_pattern})"
