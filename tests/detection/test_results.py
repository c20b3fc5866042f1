"""Candidates become findings; combinations raise them."""

from detection.candidate import Candidate
from detection.catalog import Catalog
from detection.check import message
from detection.finding import Likelihood, Location, Sensitivity
from detection.judge import Judge
from detection.results import MOST_WHYS, Levels, Results
from detection.scanner import Scanner
from detection.validators.verdict import Verdict
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


def test_counts_of_a_part_that_a_bound_ended_are_the_least(small: Catalog) -> None:
    results = Results()
    results.take([candidate(small, BADGE, 4)], Location.BODY, "$.a", "")
    results.take([candidate(small, COLOUR, 4)], Location.QUERY, "b", "")
    results.end(Location.BODY)
    findings = results.findings(Levels(small))
    assert [finding.is_least for finding in findings] == [True, False]


def test_a_finding_says_why(small: Catalog) -> None:
    results = Results()
    results.take([candidate(small, BADGE, 3)], Location.BODY, "$.a", "")
    results.take([candidate(small, COLOUR, 4)], Location.BODY, "$.b", "")
    badge, colour = results.findings(Levels(small))
    assert badge.why is not None
    assert colour.why is not None
    assert (badge.why.rule, badge.why.verdict) == ("told", "unsure")
    assert badge.why.points == (3, 0, 0, 0, 0)
    assert (badge.why.usual, badge.sensitivity) == (
        Sensitivity.HIGH,
        Sensitivity.MEDIUM,
    )
    assert colour.why.combination == ""


def test_explanations_kept_are_bounded(small: Catalog) -> None:
    judged, levels = candidate(small, BADGE, 3).judged, Levels(small)
    for points in range(MOST_WHYS + 2):
        sums = (points, 0, 0, 0, 0)
        found = Candidate(judged, 0, 1, Verdict.UNSURE, (), sums, 3, 0)
        assert levels.why(found, "").points == sums


def test_it_says_which_combination_raised_it(small: Catalog) -> None:
    results = Results()
    results.take([candidate(small, BADGE, 4)], Location.BODY, "$.a", "")
    results.take([candidate(small, COLOUR, 4)], Location.BODY, "$.b", "")
    badge, colour = results.findings(Levels(small))
    assert badge.why is not None
    assert colour.why is not None
    assert (badge.why.combination, colour.why.combination) == ("", "both")
    assert colour.why.usual is Sensitivity.LOW


def test_the_likeliest_value_explains_its_place(small: Catalog) -> None:
    results = Results()
    for rule, likelihood in ((0, 3), (1, 5), (0, 4)):
        found = candidate(small, rule, likelihood)
        results.take([found], Location.BODY, "$.a", "")
    (badge,) = results.findings(Levels(small))
    assert badge.why is not None
    assert (badge.count, badge.why.rule) == (3, "format")


def test_the_phrase_is_the_catalogs_and_not_the_keys(small: Catalog) -> None:
    scanner = Scanner(small)
    body = {"jane_badge_number": "12345", "note": "B-123456"}
    findings = scanner.scan([message(body)])[0]
    whys = {finding.path: finding.why for finding in findings}
    told, other = whys["$.jane_badge_number"], whys["$.note"]
    assert told is not None
    assert other is not None
    assert (told.phrase, told.context) == ("badge number", ("key",))
    assert (other.phrase, other.rule) == ("", "format")
