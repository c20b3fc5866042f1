# cython: annotation_typing=False
"""Rules of a catalog, ready to run.

In comes a rule with its data type; out comes what judging it takes: its exact
expression, the forms of its type's countries, its validator. Raises CatalogError where
an expression does not compile or there is no such validator.
"""

import re

from detection.catalog import CatalogError, DataType, Rule
from detection.finding import Likelihood
from detection.scripts import fold_marks
from detection.validators.named import TAKING_COUNTRY, find, is_known
from detection.validators.verdict import Verdict

_POSSIBLE = int(Likelihood.POSSIBLE)
_VALID = Verdict.VALID
_UNSURE = Verdict.UNSURE
_INVALID = Verdict.INVALID


class Judged:
    """A rule ready to run."""

    def __init__(self, number: int, data_type: str, kind: DataType, rule: Rule) -> None:
        self.number = number
        self.data_type = data_type
        self.told_as = rule.told_as(data_type)
        """What keys have to tell for it to be tried below them."""
        self.label = rule.name or str(kind.rules.index(rule) + 1)
        """The rule's name within its type."""
        try:
            search = compile_rule(rule)
            self.forms = {
                country: compile_form(form)
                for country, form in kind.countries.items()
                if rule.when == "key"
            }
        except re.error as error:
            text = f"{data_type}: rule {self.label}: {error}"
            raise CatalogError(text) from error
        if rule.validator and not is_known(rule.validator):
            text = f"{data_type}: rule {self.label}: {rule.validator!r}"
            raise CatalogError(f"{text}: no such validator")
        self.fullmatch = search.fullmatch
        self.match = search.match
        self.search = search.search
        self.finditer = search.finditer
        self.validate = find(rule.validator) if rule.validator else None
        self.validator = rule.validator
        self.takes_country = rule.validator in TAKING_COUNTRY
        self.asks_all = rule.validator.startswith("any_")
        """Its validator tries those of all countries."""
        self.is_secret = "secret" in kind.tags
        self.is_abroad = kind.abroad
        self.start = rule.start
        self.needs_key = rule.when == "key"
        self.is_unsearched = self.needs_key or rule.partial
        self.above = "".join(rule.above.split())
        self.doubts = rule.doubt
        self.is_nested = kind.nested

    def validated(self, value: str, country: str = "") -> Verdict:
        """What the validator, or the country, says. A value of another form than the
        validator expects is not valid."""
        form = self.forms.get(country) if country else None
        if form is not None and form.fullmatch(value) is None:
            return _INVALID
        if self.validate is None:
            return _UNSURE
        try:
            if self.takes_country:
                return self.validate(value, country)
            return self.validate(value)
        except (ValueError, LookupError, TypeError):
            return _INVALID

    def is_local(self) -> bool:
        """Whether a country beside it tells its numbers from others."""
        return not self.is_abroad and (bool(self.forms) or self.takes_country)

    def proves(self, verdict: Verdict) -> bool:
        """Whether a match needs no key to be believed."""
        is_proof = self.start > _POSSIBLE or verdict is _VALID
        return is_proof and not self.needs_key and not self.doubts


def compile_rule(rule: Rule) -> "re.Pattern[str]":
    """The rule's exact expression, with what must not stand around it, for texts whose
    marks are folded."""
    flags = re.IGNORECASE if rule.caseless else re.NOFLAG
    before = f"(?<!{rule.before})" if rule.before else ""
    after = f"(?!{rule.after})" if rule.after else ""
    return re.compile(f"{before}(?:{fold_marks(rule.pattern)}){after}", flags)


def compile_form(form: str) -> "re.Pattern[str]":
    """A country's form, with no letters or digits around it."""
    return re.compile(rf"(?<![^\W_])(?:{form})(?![^\W_])", re.IGNORECASE)
