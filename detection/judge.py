# cython: annotation_typing=False
"""Judges fields: which data types stand in them, and how likely.

In comes a field's text with the rules that hit it and what its keys say; out come
candidates. The arithmetic of the ladder (docs/detection.md):

    rule's base (3, or 2 for rules that need a telling key)
    + 1 if the validator proves the value; an invalid value is dropped
    + 2 if the field's key tells the type, or words that stand right before the match
    + 1 if not, but a key above or beside, or words before the match, support it
    - 2 if the rule doubts, nothing above applies and the key speaks against it, or if
      it needs a telling key, and neither key nor words before the match tell the type
    - 1 if it is no number of the country that its own key or a field beside it names
    - 1 if the value is cut by the end of the message

clamped to 1 to 5; 0 is dropped. Which stay where they overlap `candidate.py` tells.
"""

import re
from collections.abc import Mapping
from itertools import islice

from detection.candidate import Candidate
from detection.catalog import Catalog, rules
from detection.database import anchors, lone_hits
from detection.rule import Judged
from detection.validators.tokens import is_placeholder
from detection.validators.verdict import Verdict
from detection.words import PhraseBook, split

_MATCH_LIMIT = 256
_WORK_LIMIT = 25_000
_WEIGHING = 4
_ASKING_ALL = 24
_WORDS_BEFORE = 48

MATCH_LIMIT = _MATCH_LIMIT
"""Matches of one rule in one field that are judged."""
WORK_LIMIT = _WORK_LIMIT
"""Work done for a document, about microseconds: a rule on a field counts 1 and 1 for
every 64 characters, a document in it likewise, a part of a text 1, a match WEIGHING,
three times that after words, five times that without the key that its rule needs,
asking the validators of all countries 24, the words of a text 1 for 4 characters. What
comes after is not judged."""
WEIGHING = _WEIGHING
SPOKEN_LIMIT = 4096
"""Characters of a text whose words name types."""
BLOB_CHARACTERS = 256
"""From which base64 is a file: what stands in its midst is chance."""
_BLOB = re.compile(
    r"(?:data:[^,]{1,80},)?(?:[A-Za-z0-9+/_-]{40,}+\s++)*+[A-Za-z0-9+/_-]*+={0,3}\s*"
)
"""In one piece, or in lines as MIME and PEM have them."""
WORDS_BEFORE = _WORDS_BEFORE
"""Characters before a match, and after it, whose words count as context."""

_VALID = Verdict.VALID
_UNSURE = Verdict.UNSURE
_INVALID = Verdict.INVALID
BY_KEY = ("key",)
BY_NAME = ("name above or beside",)
_ELSEWHERE = ("another country's",)
_BY_WORDS = ("words tell it",)
_DOUBTED = ("doubtful key",)


_DIGIT = re.compile(r"[0-9]")
_NAMED = re.compile(
    r"([A-Za-z][\w.]*)[ '\"]{0,2}[=:_/-][ '\"]{0,2}$"
    r"|(?i:\b(?:upgrade|version|release|build|firmware|kernel|driver)d?(?: to| from)?"
    r"|\b(?:(?:up|down)grad|updat|bump)(?:e|ed|es|s|ing)?(?: [\w@./-]{1,40}){1,3}"
    r" (?:to|from)) v?$"
)
"""Ends with a name that a text gives to what follows."""
_PART = re.compile(
    r"(?<!\w)(?=[^\s\d]{0,20}\d)\w(?:[\w&./+*()-]{2,40}[\w)])(?:(?<=\d) (?=\d)\d+){0,6}"
)
"""What may be a number in a text, groups of digits together."""


class Surroundings:
    """What the keys around a field say."""

    def __init__(
        self,
        told: Mapping[str, int],
        judged: list[Judged],
        above: frozenset[str],
        beside: frozenset[str],
        own: frozenset[str],
        is_doubtful: bool,
        country: str,
        context: tuple[str, ...] = BY_KEY,
        phrases: Mapping[str, str] | None = None,
    ) -> None:
        self.told = dict(told)
        """Types that its own key tells, and how many letters of it do."""
        self.phrases = dict(phrases or {})
        """The catalog's phrases by which it tells them."""
        self.judged = judged
        """The rules of those types."""
        self.unsearched = [rule for rule in judged if rule.is_unsearched]
        """Those of them that a scan does not find, or not always."""
        self.above = above
        self.beside = beside
        self.own = own
        """Types that its own key supports without telling them."""
        self.is_doubtful = is_doubtful
        self.context = context
        """Where the type is told."""
        self.country = country
        """The country that its own key names; empty: none."""
        self.seeks_country = not country and any(rule.is_local() for rule in judged)
        """Whether a country beside it would matter."""
        self.hit = -1
        self.is_plain = False
        self.judged_by_hit = judged
        """The rules if that hit alone is in the field, the last that was: values at a
        place are of a kind."""


NOWHERE = Surroundings({}, [], frozenset(), frozenset(), frozenset(), False, "")


class Judge:
    """Runs the rules of a catalog on fields."""

    def __init__(self, catalog: Catalog, book: PhraseBook) -> None:
        self._book = book
        self.rules = [
            Judged(number, *parts) for number, parts in enumerate(rules(catalog))
        ]
        self._sharing = {numbers[0]: numbers for numbers in anchors(catalog).values()}
        self.lone_hits = lone_hits(catalog)
        self._by_type: dict[str, list[int]] = {}
        self.work = 0
        """Done since the document began."""
        self.labels = 0
        """Values seen so far that only name their types."""
        self.is_ended = False
        """Whether a bound ended the reading of the document, of any kind."""
        self._beside = ""
        self._is_blob = False
        self._asked: object = None
        self._value = ""
        self._answer = _UNSURE
        for judged in self.rules:
            self._by_type.setdefault(judged.told_as, []).append(judged.number)

    def rules_of(self, data_types: Mapping[str, int]) -> list[Judged]:
        """The rules of these types, in the catalog's order."""
        numbers = (number for name in data_types for number in self._by_type[name])
        return [self.rules[number] for number in sorted(numbers)]

    def candidates(
        self,
        text: str,
        hits: set[int],
        around: Surroundings,
        is_cut: bool = False,
        is_spoken: bool = False,
        beside: str = "",
        is_plain: bool = False,
    ) -> list[Candidate]:
        """All candidates, the rejected ones too; a spoken text names types itself,
        `beside` is the country that the field's object names. A plain text is as the
        scan saw it: rules that are searched everywhere match it only if they hit."""
        judged = around.unsearched if is_plain else around.judged
        self._beside = beside
        if self._is_worked_out():
            return []
        self._is_blob = len(text) >= BLOB_CHARACTERS and bool(_BLOB.fullmatch(text))
        is_spoken = is_spoken and not self._is_blob
        if is_spoken or len(hits) > 1:
            judged = self._all(text, hits, judged, is_spoken)
        elif hits:
            judged = self._with_one(text, hits, around, is_plain)
        found: list[Candidate] = []
        for rule in judged:
            self._run(rule, text, around, is_cut, found)
        self._asked = None
        self._value = ""
        return found

    def _with_one(
        self, text: str, hits: set[int], around: Surroundings, is_plain: bool
    ) -> list[Judged]:
        judged = around.unsearched if is_plain else around.judged
        for hit in hits:
            if hit != around.hit or is_plain != around.is_plain:
                around.judged_by_hit = self._all(text, hits, judged, False)
                around.hit = hit
                around.is_plain = is_plain
        return around.judged_by_hit

    def _all(
        self, text: str, hits: set[int], judged: list[Judged], is_spoken: bool
    ) -> list[Judged]:
        numbers = {rule.number for rule in judged}
        for hit in hits:
            numbers.update(self._sharing[hit])
        if is_spoken:
            self.work += len(text) >> 2
            for data_type in self._book.near_in(text[:SPOKEN_LIMIT]):
                numbers.update(self._by_type[data_type])
        return [self.rules[number] for number in sorted(numbers)]

    def _is_worked_out(self) -> bool:
        if self.work <= _WORK_LIMIT:
            return False
        self.is_ended = True
        return True

    def _run(
        self,
        rule: Judged,
        text: str,
        around: Surroundings,
        is_cut: bool,
        found: list[Candidate],
    ) -> None:
        """A rule that needs a key takes the whole text, or numbers in a longer one."""
        self.work += 1 + (len(text) >> 6)
        if self._is_worked_out():
            return
        is_told = rule.told_as in around.told
        if rule.needs_key and is_told:
            bare = text.strip()
            match = rule.fullmatch(bare)
            if match is not None:
                is_label = self._book.is_label(bare, rule.data_type, rule.is_secret)
                self.labels += is_label
                if not is_label and not is_placeholder(bare):
                    self._weigh(rule, match, bare, around, is_cut, found)
                return
            if " " not in text or (rule.is_secret and self._is_said(bare, rule)):
                return
        if rule.needs_key:
            self._run_inside(rule, text, around, is_told, is_cut, found)
            return
        match = rule.match(text) if self._is_blob else rule.search(text)
        if match is None:
            return
        self._weigh(rule, match, text, around, is_cut, found)
        if self._is_blob:
            return
        end = match.end()
        if end < len(text):
            matches = 1
            for match in rule.finditer(text, end):
                if matches == _MATCH_LIMIT:
                    self.is_ended = True
                    return
                matches += 1
                self._weigh(rule, match, text, around, is_cut, found)

    def _is_said(self, text: str, rule: Judged) -> bool:
        """Whether a text speaks of a secret, and holds none."""
        return self._book.is_label(text, rule.data_type, True) or is_placeholder(text)

    def _run_inside(
        self,
        rule: Judged,
        text: str,
        around: Surroundings,
        is_told: bool,
        is_cut: bool,
        found: list[Candidate],
    ) -> None:
        """Parts of the text that look like numbers, what has the form of the country
        that the key names, and if a validator can tell right from wrong, what the
        rule's own expression finds; without a key a word must be proven."""
        spans: dict[tuple[int, int], re.Match[str]] = {}
        for part in islice(_PART.finditer(text), _MATCH_LIMIT):
            self.work += 1
            match = rule.fullmatch(text, part.start(), part.end())
            if match is not None:
                spans[match.span()] = match
        form = rule.forms.get(around.country) if is_told else None
        if form is not None:
            for match in islice(form.finditer(text), _MATCH_LIMIT):
                spans.setdefault(match.span(), match)
        if rule.validate is not None:
            for match in islice(rule.finditer(text), _MATCH_LIMIT):
                value = match.group()
                is_prose = value.isalpha()
                if not is_told and not is_prose:
                    is_prose = _DIGIT.search(value) is None
                self.work += _WEIGHING if is_prose else 1
                if not is_prose or self._verdict(rule, value) is _VALID:
                    spans.setdefault(match.span(), match)
        for match in spans.values():
            self._weigh(rule, match, text, around, is_cut, found)

    def _weigh(
        self,
        rule: Judged,
        match: "re.Match[str]",
        text: str,
        around: Surroundings,
        is_cut: bool,
        found: list[Candidate],
    ) -> None:
        value = match.group()
        start = match.start()
        end = start + len(value)
        letters = around.told.get(rule.told_as, 0)
        self.work += _WEIGHING
        if not letters and (rule.needs_key or start > 0):
            self.work += 4 * _WEIGHING if rule.needs_key else 2 * _WEIGHING
        verdict = self._verdict(rule, value)
        context = around.context
        support = 2
        doubt = 0
        country = around.country or ("" if rule.is_abroad else self._beside)
        if letters and country:
            local = rule.validated(value, country)
            if local is not _INVALID:
                verdict = local
            elif verdict is not _INVALID:
                context = around.context + _ELSEWHERE
                doubt = -1
        if not letters:
            context = self._context(rule, text, start, end, around)
            if context is not _BY_WORDS:
                support = int(len(context) > 0 and context is not _DOUBTED)
            is_alone = (
                rule.needs_key and context is not _BY_WORDS and "words" not in context
            )
            if is_alone:
                support = 0
                context = ()
            if is_alone or context is _DOUBTED:
                doubt = -2
        proof = 1 if verdict is _VALID else 0
        cut = -1 if is_cut and end == len(text) else 0
        total = rule.start + proof + support + doubt + cut
        likelihood = min(5, max(1, total))
        is_named = letters > 0 or context is _BY_WORDS
        is_nothing = verdict is _UNSURE and rule.needs_key and not is_named
        if verdict is _INVALID or is_nothing:
            likelihood = 0
        sums = (rule.start, proof, support, doubt, cut)
        phrase = around.phrases.get(rule.told_as, "") if letters else ""
        found.append(
            Candidate(
                *(rule, start, end, verdict, context, sums, likelihood, letters, phrase)
            )
        )

    def _verdict(self, rule: Judged, value: str) -> Verdict:
        """The validator's; rules of a type, one after the other, ask it the same."""
        if rule.validate is None:
            return _UNSURE
        if rule.validate is not self._asked or value != self._value:
            self.work += _ASKING_ALL if rule.asks_all else 0
            self._asked = rule.validate
            self._value = value
            self._answer = rule.validated(value)
        return self._answer

    def _context(
        self, rule: Judged, text: str, start: int, end: int, around: Surroundings
    ) -> tuple[str, ...]:
        """What supports a match whose type the key does not tell, or doubts it."""
        name = rule.data_type
        before = text[max(0, start - _WORDS_BEFORE) : start]
        words = split(before, len(before)) if start > 0 else []
        if start > 0 and name in self._book.told_before(before, words):
            return _BY_WORDS
        if end < len(text) and (rule.needs_key or rule.doubts):
            after = text[end : end + _WORDS_BEFORE]
            if name in self._book.told_after(after):
                return _BY_WORDS
        support: list[str] = []
        if name in around.own:
            support.append("key word")
        if name in around.above:
            support.append("above")
        if name in around.beside:
            support.append("beside")
        if start > 0 and name in self._book.near_words(words):
            support.append("words")
        if support:
            return tuple(support)
        if not rule.doubts:
            return ()
        is_doubted = around.is_doubtful
        if not is_doubted and start > 0:
            named = _NAMED.search(before)
            is_doubted = named is not None and (
                not named[1] or self._book.is_doubtful(named[1])
            )
        return _DOUBTED if is_doubted else ()
