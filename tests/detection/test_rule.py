"""Rules of a catalog run as they are written, or are refused."""

import pytest

from detection.catalog import CatalogError, DataType, Rule
from detection.rule import Judged, compile_form, compile_rule
from detection.validators.verdict import Verdict


def judged(rule: Rule, **countries: str) -> Judged:
    kind = DataType("b", "", "low", [rule], [], [], countries=countries)
    return Judged(0, "a.b", kind, rule)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (Rule("("), "a.b: rule 1: "),
        (Rule("a", name="own", validator="no"), "a.b: rule own: 'no': no such"),
    ],
)
def test_what_cannot_run_is_refused(rule: Rule, told: str) -> None:
    with pytest.raises(CatalogError, match=told):
        judged(rule)


def test_forms_that_do_not_compile_are_refused() -> None:
    with pytest.raises(CatalogError, match=r"a\.b: rule 1: "):
        judged(Rule("a", when="key"), DE="(")


def test_expressions_stand_alone() -> None:
    rule = Rule("[0-9]{3}", caseless=True)
    assert compile_rule(rule).search("x123") is None
    assert compile_rule(rule).search("1234 (567)").span() == (6, 9)  # type: ignore[union-attr]
    assert compile_rule(Rule("[0-9]{3}", before="", after="")).search("x1234y")
    assert compile_form("ab|cd").fullmatch("CD")
    assert compile_form("ab|cd").search("xcd") is None


def test_values_that_a_validator_cannot_read_are_not_valid() -> None:
    told = judged(Rule(".+", when="key", validator="de_lanr"))
    assert told.validated("123456601") is Verdict.VALID
    assert told.validated("no digits") is Verdict.INVALID
    assert not told.is_local()


def test_values_are_of_the_form_of_the_country() -> None:
    local = judged(Rule(".+", when="key"), DE="[0-9]+")
    assert local.is_local()
    assert local.validated("12", "DE") is Verdict.UNSURE
    assert local.validated("ab", "DE") is Verdict.INVALID
    assert local.validated("ab", "FR") is local.validated("ab") is Verdict.UNSURE
    assert not judged(Rule(".+"), DE="[0-9]+").is_local()


@pytest.mark.parametrize(
    ("rule", "verdict", "is_proof"),
    [
        (Rule("a"), Verdict.UNSURE, False),
        (Rule("a"), Verdict.VALID, True),
        (Rule("a", base=4), Verdict.UNSURE, True),
        (Rule("a", doubt=True), Verdict.VALID, False),
        (Rule("a", when="key"), Verdict.VALID, False),
    ],
)
def test_formats_and_validators_prove_without_a_key(
    rule: Rule, verdict: Verdict, is_proof: bool
) -> None:
    assert judged(rule).proves(verdict) is is_proof
