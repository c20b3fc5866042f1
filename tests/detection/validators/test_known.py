"""Names of people and diseases, where keys tell little."""

import pytest

from detection.validators.known import known_disease, known_person
from detection.validators.verdict import Verdict


@pytest.mark.parametrize(
    "text",
    [
        "Ada Lovelace",
        "Lovelace, Ada",
        "Jean-Luc Picard",
        "Erika van der Berg",
        "Siobhan O'Neill",
        "Priya R. Raman",
    ],
)
def test_given_names_make_people(text: str) -> None:
    assert known_person(text) is Verdict.VALID


@pytest.mark.parametrize(
    "text",
    [
        "Ada",
        "ada lovelace",
        "Charlotte Office",
        "Payments Team",
        "Blue Widget",
        "Ada Lovelace 2",
        "Ada Lovelace writes a letter to Charles",
        "",
        ",",
    ],
)
def test_other_things_are_no_people(text: str) -> None:
    assert known_person(text) is Verdict.INVALID


@pytest.mark.parametrize(
    "text",
    ["asthma", "Type 2 diabetes", "chronic kidney disease", "Arthritis", "Migräne"],
)
def test_diseases_are_known(text: str) -> None:
    assert known_disease(text) is Verdict.VALID


@pytest.mark.parametrize(
    "text", ["Ready", "age > 18", "used, like new", "DiskPressure", "", "flu " * 40]
)
def test_other_conditions_are_no_diseases(text: str) -> None:
    assert known_disease(text) is Verdict.INVALID
