"""Candidates become findings; combinations raise them."""

from detection.candidate import Candidate
from detection.catalog import Catalog
from detection.finding import Likelihood, Location, Sensitivity
from detection.judge import Judge
from detection.results import Levels, Results
from detection.verdict import Verdict
from detection.words import PhraseBook

BADGE, COLOUR = 0, 2
"""Numbers of rules."""


def candidate(catalog: Catalog, rule: int, likelihood: int) -> Candidate:
    judged = Judge(catalog, PhraseBook(catalog)).rules[rule]
    sums = (3, 0, 0, 0, 0)
    return Candidate(judged, 0, 1, Verdict.UNSURE, (), sums, likelihood, 0)


def test_same_type_and_path_are_counted_together(small: Catalog) -> None:
    results = Results()
    results.take([candidate(small, COLOUR, 4)], Location.BODY, "$.a", "")
    results.take([candidate(small, COLOUR, 5)], Location.BODY, "$.a", "")
    (finding,) = results.findings(Levels(small))
    assert (finding.count, finding.likelihood) == (2, Likelihood.VERY_LIKELY)
    assert finding.sensitivity is Sensitivity.LOW


def test_possible_findings_are_medium_at_most(small: Catalog) -> None:
    results = Results()
    results.take([candidate(small, BADGE, 3)], Location.BODY, "$.a", "")
    assert results.findings(Levels(small))[0].sensitivity is Sensitivity.MEDIUM


def test_a_combination_raises_its_members(small: Catalog) -> None:
    results = Results()
    results.take([candidate(small, BADGE, 4)], Location.BODY, "$.a", "")
    results.take([candidate(small, COLOUR, 4)], Location.QUERY, "b", "")
    findings = results.findings(Levels(small))
    assert {finding.sensitivity for finding in findings} == {Sensitivity.HIGH}
