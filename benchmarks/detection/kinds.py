"""Kinds of bodies that unseen data showed, made up by a generator for each.

    python -m benchmarks.detection.kinds [--seed N]

Each generator makes bodies that hold a type, or only seem to; what is found of the
first and of the second is printed for each kind. The seed is held back: the rules were
made with others.
"""

import argparse
import json
import random
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from stdnum import luhn

from detection.finding import Likelihood, Message
from detection.scanner import Scanner

SEED = 291_104
BODIES = 200
"""Of a kind."""

FIRST = "Ada Grace Alan Mary Kurt Emmy Leon Ines Omar Noor".split()
LAST = "Lovelace Hopper Turing Jackson Noether Euler Prieto Haddad Okafor Lindt".split()
WORDS = "river lamp copper window silent harbour maple tunnel pencil orbit".split()


class Made(NamedTuple):
    """A body, the beginning of the type that it holds or seems to hold."""

    body: Any
    data_type: str
    is_held: bool = True


def _secret(numbers: random.Random) -> str:
    letters = "ABCDEFGHJKMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789"
    return "".join(numbers.choices(letters, k=numbers.randrange(14, 30))) + "7q"


def _ssn(numbers: random.Random) -> str:
    area = numbers.choice((118, 219, 401, 536, 612))
    return f"{area}-{numbers.randrange(1, 99):02}-{numbers.randrange(1, 9999):04}"


def _card(numbers: random.Random) -> str:
    body = f"4539{numbers.randrange(10**11):011}"
    return body + luhn.calc_check_digit(body)


def _person(numbers: random.Random) -> str:
    return f"{numbers.choice(FIRST)} {numbers.choice(LAST)}"


def _named(numbers: random.Random) -> tuple[str, Any, str]:
    """A name, a value, and its type."""
    return numbers.choice(
        [
            ("ssn", _ssn(numbers), "identity.us_ssn"),
            ("password", _secret(numbers), "credential.password"),
            ("card_number", _card(numbers), "financial.payment_card"),
            ("date_of_birth", f"19{numbers.randrange(50, 99)}-03-17", "personal.birth"),
            ("clientSecret", _secret(numbers), "credential.secret"),
        ]
    )


def clinical(numbers: random.Random) -> Made:
    kind, member, data_type = numbers.choice(
        [
            ("Condition", "code", "health."),
            ("MedicationRequest", "medicationCodeableConcept", "health."),
            ("Procedure", "code", "health."),
            ("Immunization", "vaccineCode", "health."),
        ]
    )
    coding = {"system": "urn:x", "code": str(numbers.randrange(10**6, 10**8))}
    words = " ".join(numbers.sample(WORDS, 2))
    concept = {"coding": [coding], "text": words}
    return Made({"resourceType": kind, "id": "1", member: concept}, data_type)


def flat(numbers: random.Random) -> Made:
    """OMOP's columns and openEHR's flat paths."""
    index = numbers.randrange(4)
    path = f"report/{numbers.choice(WORDS)}:{index}/any_event:{index}/"
    body = numbers.choice(
        [
            {"condition_concept_id": numbers.randrange(10**5, 10**7)},
            {"measurement_concept_id": 3004249, "value_as_number": 120 + index},
            {"drug_source_value": " ".join(numbers.sample(WORDS, 2))},
            {path + "systolic|magnitude": 110 + index},
            {path + "problem_diagnosis_name|value": numbers.choice(WORDS)},
        ]
    )
    return Made(body, "health.")


def beside(numbers: random.Random) -> Made:
    """Values that name themselves beside, in the forms of several protocols."""
    name, value, data_type = _named(numbers)
    form: Callable[[], Any] = numbers.choice(
        [
            lambda: {"attributes": [{"key": name, "value": {"stringValue": value}}]},
            lambda: {"fieldName": name, "fieldValue": value},
            lambda: {"op": "replace", "path": f"/user/{name}", "value": value},
            lambda: {name: {"_text": value}},
            lambda: {name: {"#text": value, "@type": "x"}},
        ]
    )
    return Made(form(), data_type)


def table(numbers: random.Random) -> Made:
    """Columns and rows."""
    name, value, data_type = _named(numbers)
    position = numbers.randrange(4)
    columns: list[Any] = [f"c{number}" for number in range(4)]
    row: list[Any] = list(range(4))
    columns[position], row[position] = name, value
    described = [{"name": column, "type": "text"} for column in columns]
    body = numbers.choice(
        [
            {"columns": columns, "rows": [row, row]},
            {"fields": described, "values": [row]},
            {"header": columns, "data": [row]},
            {"columns": described, "rows": [row]},
            {"rows": [row, row], "columns": columns},
            {"values": [row], "schema": {"fields": described}},
            {"schema": {"fields": described}, "rows": [row]},
        ]
    )
    return Made(body, data_type)


def text(numbers: random.Random) -> Made:
    """Numbers in texts that give them a name or address."""
    card = _card(numbers)
    form = numbers.choice(
        ["paid card={} ok", "https://pay.example/cards/{}", "pan: {}", "note cc {} ok"]
    )
    return Made({"message": form.format(card)}, "financial.payment_card")


def placeholder(numbers: random.Random) -> Made:
    """What stands under keys of secrets and is none."""
    word = numbers.choice(WORDS)
    value = numbers.choice(
        [
            f"{{{word}-password.value}}",
            f"${word.upper()}_PASSWORD",
            f"/etc/{word}/secret.pem",
            f"{word}.error.password",
            f"Your {word} must not be empty.",
            f"{word.upper()}_RESET_REQUIRED",
            "********",
            f"^{numbers.randrange(9)}.{numbers.randrange(20)}.0",
        ]
    )
    key = numbers.choice(["password", "clientSecret", "dbPassword"])
    return Made({key: value}, "credential.", False)


def file(numbers: random.Random) -> Made:
    """Base64 by chance."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return Made(
        {"content": "".join(numbers.choices(letters, k=20_000))}, "credential.", False
    )


def session(numbers: random.Random) -> Made:
    """Ids of sessions, which are no cookies."""
    key = numbers.choice(["session_id", "link_session_id", "checkoutSession"])
    value = str(uuid.UUID(int=numbers.getrandbits(128), version=4))
    return Made({key: value}, "credential.session_cookie", False)


def other(numbers: random.Random) -> Made:
    """Remotes, versions and addresses that are none."""
    version = f"{numbers.randrange(20)}.0.{numbers.randrange(9)}.{numbers.randrange(9)}"
    body, data_type = numbers.choice(
        [
            ({"url": f"git@code.example:{WORDS[0]}/app.git"}, "contact.email"),
            ({"sdkVersion": version}, "network.ip_address"),
            ({"cards": [{"name": numbers.choice(WORDS)}]}, "financial.card_holder"),
            ({"orderNumber": _card(numbers)}, "financial.payment_card"),
        ]
    )
    return Made(body, data_type, False)


def names(numbers: random.Random) -> Made:
    """Names where a person is evident."""
    name = _person(numbers)
    body = numbers.choice(
        [
            {"displayName": name, "givenName": name.split()[0]},
            {"displayName": name, "userName": name.split()[1].lower()},
            {"assignee": {"displayName": name}},
            {"real_name": name},
            {"receiver_name": name},
        ]
    )
    return Made(body, "personal.name")


def birth(numbers: random.Random) -> Made:
    """Dates of birth that are no text."""
    year, month, day = numbers.randrange(1945, 2005), numbers.randrange(1, 13), 17
    body = numbers.choice(
        [
            {"dateOfBirth": numbers.randrange(10**8, 10**9)},
            {"dateOfBirth": [year, month, day]},
            {"dob": {"year": year, "month": month, "day": day}},
        ]
    )
    return Made(body, "personal.birth_date")


KINDS = (clinical, flat, beside, table, text, names, birth)
SEEMING = (placeholder, file, session, other)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    numbers = random.Random(parser.parse_args().seed)
    scanner = Scanner.load()
    for kind in (*KINDS, *SEEMING):
        made = [kind(numbers) for _ in range(BODIES)]
        found = sum(_is_found(scanner, one) for one in made)
        word = "found" if made[0].is_held else "taken for one"
        print(f"{kind.__name__:12} {found}/{BODIES} {word}")


def _is_found(scanner: Scanner, made: Made) -> bool:
    (findings,) = scanner.scan([Message(body=json.dumps(made.body).encode())])
    return any(
        finding.data_type.startswith(made.data_type)
        for finding in findings
        if finding.likelihood >= Likelihood.LIKELY
    )


if __name__ == "__main__":
    main()
