"""Judges fields: which data types stand in them, and how likely.

In comes a field with the rules that hit it and what its keys say; out come candidates.
The arithmetic of the ladder (docs/detection.md):

    rule's base (3, or 2 for rules that need a telling key)
    + 1 if the validator proves the value; an invalid value is dropped
    + 2 if the field's key tells the type
    + 1 if not, but a key above or beside, or words before the match, support it
    - 2 if the rule doubts, nothing above applies and the key speaks against it, or if
      it needs a telling key, and neither key nor words before the match tell the type
    - 1 if the value is cut by the end of the message

clamped to 1 to 5. Where matches overlap one stays: a likely one before a possible one,
then one that a format or validator proves without a key, then the type that more of the
key tells, then the likelier, the longer, the rule that comes first in the catalog.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from detection.catalog import Catalog, CatalogError, DataType, Rule, rules
from detection.database import anchors
from detection.finding import Likelihood
from detection.tokens import is_placeholder
from detection.validators import Validator, find, is_known
from detection.verdict import Verdict
from detection.words import PhraseBook

MATCH_LIMIT = 256
"""Matches of one rule in one field that are judged."""
SPOKEN_LIMIT = 4096
"""Characters of a text whose words name types."""
WORDS_BEFORE = 48
"""Characters before a match whose words count as context."""


class Candidate(NamedTuple):
    """A data type in a part of a field's text."""

    likelihood: int
    start: int
    end: int
    number: int
    """Of the rule."""
    verdict: Verdict
    context: tuple[str, ...]
    arithmetic: str
    rank: tuple[int, ...]
    """Lower wins where candidates overlap."""


class Surroundings(NamedTuple):
    """What the keys around a field say."""

    told: Mapping[str, int]
    """Types that its own key tells, and how many letters of it do."""
    above: frozenset[str]
    beside: frozenset[str]
    own: frozenset[str]
    """Types that its own key supports without telling them."""
    is_doubtful: bool


NOWHERE = Surroundings({}, frozenset(), frozenset(), frozenset(), False)


class Judged(NamedTuple):
    """A rule ready to run."""

    data_type: str
    kind: DataType
    rule: Rule
    search: "re.Pattern[str]"
    validate: Validator | None
    label: str
    """The rule's name within its type."""

    def validated(self, value: str) -> Verdict:
        """A value of another form than the validator expects is not valid."""
        try:
            return self.validate(value) if self.validate else Verdict.UNSURE
        except (ValueError, LookupError, TypeError):
            return Verdict.INVALID

    def proves(self, verdict: Verdict) -> bool:
        """Whether a match needs no key to be believed."""
        rule = self.rule
        is_known = rule.start > Likelihood.POSSIBLE or verdict is Verdict.VALID
        return rule.when == "value" and not rule.doubt and is_known


class Judge:
    """Runs the rules of a catalog on fields."""

    def __init__(self, catalog: Catalog, book: PhraseBook) -> None:
        self._book = book
        self.rules = [_prepare(*parts) for parts in rules(catalog)]
        self._sharing = {numbers[0]: numbers for numbers in anchors(catalog).values()}
        self._by_type: dict[str, list[int]] = {}
        for number, judged in enumerate(self.rules):
            self._by_type.setdefault(judged.data_type, []).append(number)

    def candidates(
        self,
        text: str,
        hits: set[int],
        around: Surroundings,
        is_cut: bool = False,
        is_spoken: bool = False,
    ) -> list[Candidate]:
        """All candidates, the rejected ones too; a spoken text names types itself."""
        numbers = {number for hit in hits for number in self._sharing[hit]}
        if is_spoken:
            for data_type in self._book.near_in(text[:SPOKEN_LIMIT]):
                numbers.update(self._by_type[data_type])
        for data_type in around.told:
            numbers.update(self._by_type[data_type])
        found: list[Candidate] = []
        for number in sorted(numbers):
            found += self._run(number, text, around, is_cut)
        return found

    def _run(
        self, number: int, text: str, around: Surroundings, is_cut: bool
    ) -> Iterator[Candidate]:
        judged = self.rules[number]
        for match in _matches(judged, text, judged.data_type in around.told):
            value = match[0]
            verdict = judged.validated(value)
            ends_in_cut = is_cut and match.end() == len(text)
            context, points = self._context(judged, match, around)
            sums = [judged.rule.start, int(verdict is Verdict.VALID), *points]
            sums.append(-int(ends_in_cut))
            likelihood = min(5, max(1, sum(sums)))
            is_part = judged.rule.when == "key" and match[0] != text.strip()
            if verdict is Verdict.INVALID or (is_part and verdict is Verdict.UNSURE):
                likelihood = 0
            yield Candidate(
                likelihood,
                match.start(),
                match.end(),
                number,
                verdict,
                context,
                "base {} validator {:+} context {:+} doubt {:+} cut {:+}".format(*sums),
                (
                    -min(likelihood, Likelihood.LIKELY),
                    -int(judged.proves(verdict)),
                    -around.told.get(judged.data_type, 0),
                    -likelihood,
                    match.start() - match.end(),
                    number,
                ),
            )

    def _context(
        self, judged: Judged, match: "re.Match[str]", around: Surroundings
    ) -> tuple[tuple[str, ...], tuple[int, int]]:
        """What supports the match, and the points for it and against it."""
        data_type = judged.data_type
        if data_type in around.told:
            return ("key",), (2, 0)
        support = [
            name
            for name, types in (
                ("key word", around.own),
                ("above", around.above),
                ("beside", around.beside),
            )
            if data_type in types
        ]
        if match.start() and data_type in self._book.near_in(
            match.string[max(0, match.start() - WORDS_BEFORE) : match.start()]
        ):
            support.append("words")
        elif judged.rule.when == "key":
            return (), (0, -2)
        if support:
            return tuple(support), (1, 0)
        if judged.rule.doubt and around.is_doubtful:
            return ("doubtful key",), (0, -2)
        return (), (0, 0)


def _prepare(name: str, kind: DataType, rule: Rule) -> Judged:
    label = rule.name or str(kind.rules.index(rule) + 1)
    try:
        search = compile_rule(rule)
    except re.error as error:
        raise CatalogError(f"{name}: rule {label}: {error}") from error
    if rule.validator and not is_known(rule.validator):
        text = f"{name}: rule {label}: {rule.validator!r}: no such validator"
        raise CatalogError(text)
    validate = find(rule.validator) if rule.validator else None
    return Judged(name, kind, rule, search, validate, label)


def compile_rule(rule: Rule) -> "re.Pattern[str]":
    """The rule's exact expression, with what must not stand around it."""
    flags = re.IGNORECASE if rule.caseless else re.NOFLAG
    before = f"(?<!{rule.before})" if rule.before else ""
    after = f"(?!{rule.after})" if rule.after else ""
    return re.compile(f"{before}(?:{rule.pattern}){after}", flags)


def _matches(judged: Judged, text: str, is_told: bool) -> Iterator["re.Match[str]"]:
    """All matches; of a rule that needs a key, the whole text or nothing."""
    if judged.rule.when == "key" and is_told:
        whole = judged.search.fullmatch(text.strip())
        if whole and not is_placeholder(whole[0]):
            yield whole
            return
        if judged.validate is None or " " not in text:
            return
    for count, match in enumerate(judged.search.finditer(text)):
        if count >= MATCH_LIMIT:
            return
        yield match


def best(candidates: list[Candidate], judged: list[Judged]) -> list[Candidate]:
    """The candidates that stay where they overlap; nested types beside them."""
    kept: list[Candidate] = []
    ordered = sorted(
        (part for part in candidates if part.likelihood >= Likelihood.POSSIBLE),
        key=lambda part: part.rank,
    )
    for part in ordered:
        kind = judged[part.number]
        rivals = (
            other
            for other in kept
            if part.start < other.end
            and other.start < part.end
            and (
                judged[other.number].data_type == kind.data_type
                or not (kind.kind.nested or judged[other.number].kind.nested)
            )
        )
        if next(rivals, None) is None:
            kept.append(part)
    return kept
