"""Which candidates stay where they overlap."""

import pytest

from detection.candidate import Candidate, best
from detection.catalog import DataType, Rule
from detection.rule import Judged
from detection.validators.verdict import Verdict


def candidate(
    name: str = "a",
    span: tuple[int, int] = (0, 4),
    likelihood: int = 4,
    letters: int = 0,
    verdict: Verdict = Verdict.UNSURE,
    number: int = 0,
    is_nested: bool = False,
) -> Candidate:
    rule = Rule("x")
    kind = DataType(name, "", "low", [rule], [], [], nested=is_nested)
    judged = Judged(number, name, kind, rule)
    sums = (3, 1, -2, 0, 0)
    return Candidate(judged, *span, verdict, (), sums, likelihood, letters)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (candidate("a"), candidate("b", likelihood=3, letters=9)),
        (candidate("a", verdict=Verdict.VALID), candidate("b", letters=9)),
        (candidate("a", letters=5), candidate("b", likelihood=5, letters=4)),
        (candidate("a", likelihood=5), candidate("b", (0, 9))),
        (candidate("a", (2, 5), number=1), candidate("b", (3, 5))),
        (candidate("a"), candidate("b", number=1)),
        (candidate("a"), candidate("a", (3, 5), is_nested=True)),
    ],
)
def test_the_better_of_two_that_overlap_stays(
    better: Candidate, worse: Candidate
) -> None:
    assert best([better, worse]) == best([worse, better]) == [better]


def test_candidates_apart_and_nested_ones_stay() -> None:
    first, second = candidate(span=(0, 4)), candidate(span=(4, 8))
    nested = candidate("b", (1, 3), is_nested=True)
    assert best([first, second, nested]) == [first, second, nested]
    assert best([nested, candidate(likelihood=2)]) == [nested]


def test_what_is_less_than_possible_does_not_stay() -> None:
    assert best([candidate(likelihood=2), candidate(likelihood=0)]) == []


def test_the_arithmetic_is_told() -> None:
    text = "base 3 validator +1 context -2 doubt +0 cut +0"
    assert candidate().arithmetic() == text
