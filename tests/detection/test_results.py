"""Candidates become findings; combinations raise them."""

from detection.catalog import Catalog
from detection.finding import Likelihood, Location, Sensitivity
from detection.results import Levels, Results

BADGE, COLOUR = "sample.badge", "sample.colour"


def test_same_type_and_path_are_counted_together(small: Catalog) -> None:
    results = Results()
    results.add(COLOUR, Location.BODY, "$.a", 4)
    results.add(COLOUR, Location.BODY, "$.a", 5)
    (finding,) = results.findings(Levels(small))
    assert (finding.count, finding.likelihood) == (2, Likelihood.VERY_LIKELY)
    assert finding.sensitivity is Sensitivity.LOW


def test_possible_findings_are_medium_at_most(small: Catalog) -> None:
    results = Results()
    results.add(BADGE, Location.BODY, "$.a", 3)
    assert results.findings(Levels(small))[0].sensitivity is Sensitivity.MEDIUM


def test_a_combination_raises_its_members(small: Catalog) -> None:
    results = Results()
    results.add(BADGE, Location.BODY, "$.a", 4)
    results.add(COLOUR, Location.QUERY, "b", 4)
    findings = results.findings(Levels(small))
    assert {finding.sensitivity for finding in findings} == {Sensitivity.HIGH}
