# cython: annotation_typing=False
"""Candidates: data types that may stand in a part of a text, and which of them stay.

In come the candidates of one text, those that are only possible or less too; out come
those to be reported. Where they overlap one stays: a likely one before a possible one,
then one that a format or validator proves without a key, then the type that more of the
key tells, then the likelier, the longer, the rule that comes first in the catalog.
Nested types stay beside what they stand in.
"""

from detection.finding import Likelihood
from detection.rule import Judged
from detection.validators.verdict import Verdict

_POSSIBLE = int(Likelihood.POSSIBLE)
_LIKELY = int(Likelihood.LIKELY)


class Candidate:
    """A data type in a part of a field's text, characters start to end."""

    def __init__(
        self,
        judged: Judged,
        start: int,
        end: int,
        verdict: Verdict,
        context: tuple[str, ...],
        sums: tuple[int, int, int, int, int],
        likelihood: int,
        letters: int,
        phrase: str = "",
    ) -> None:
        self.judged = judged
        self.start = start
        self.end = end
        self.verdict = verdict
        self.context = context
        self.sums = sums
        self.likelihood = likelihood
        self.letters = letters
        self.phrase = phrase
        """Of the catalog: what the key ends with."""

    def arithmetic(self) -> str:
        """How the likelihood came about."""
        form = "base {} validator {:+} context {:+} doubt {:+} cut {:+}"
        return form.format(*self.sums)

    def grounds(self) -> tuple[object, ...]:
        """All that its likelihood stands on."""
        return (self.judged.number, self.verdict, self.context, self.phrase, self.sums)

    def rank(self) -> tuple[int, ...]:
        """The lower wins where candidates overlap."""
        return (
            -min(self.likelihood, _LIKELY),
            -int(self.judged.proves(self.verdict)),
            -self.letters,
            -self.likelihood,
            self.start - self.end,
            self.judged.number,
        )


def best(candidates: list[Candidate]) -> list[Candidate]:
    """The candidates that stay where they overlap; nested types beside them."""
    ordered = [part for part in candidates if part.likelihood >= _POSSIBLE]
    if len(ordered) < 2:
        return ordered
    ordered.sort(key=Candidate.rank)
    kept: list[Candidate] = []
    for part in ordered:
        for other in kept:
            if _excludes(other, part):
                break
        else:
            kept.append(part)
    return kept


def _excludes(other: Candidate, part: Candidate) -> bool:
    if part.start >= other.end or other.start >= part.end:
        return False
    if other.judged.data_type == part.judged.data_type:
        return True
    return not (other.judged.is_nested or part.judged.is_nested)
