"""What names a secret, and what is one."""

import pytest

from detection.validators.addressed import addressed_name
from detection.validators.references import is_reference
from detection.validators.verdict import Verdict


@pytest.mark.parametrize(
    "text",
    [
        "db-credentials",
        "secretKeyRef",
        "users.password.write",
        "#/components/schemas/Password",
        "$password",
        "PBKDF2-SHA256",
        "$(cat /run/secret)",
        "getPassword()",
        "env:DB_PASSWORD",
        "!ref DbPassword",
        "min=8,max=64",
        "^(?=.*[A-Z]).{8,}$",
        "C:\\secrets\\pw.txt",
        "2024-05-06",
        "30d",
    ],
)
def test_names_expressions_and_rules_refer_to_secrets(text: str) -> None:
    assert is_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        "password",
        "letmein",
        "correct horse",
        "kQ7!vmet",
        "https://u:p@h/",
        "",
    ],
)
def test_secrets_refer_to_nothing(text: str) -> None:
    assert not is_reference(text)


@pytest.mark.parametrize(
    ("text", "is_name"),
    [
        ("Dear Ms Ada Lovelace, thank you", True),
        ("Dear Mr. Okonkwo", True),
        ("Hello Ada", False),
        ("Hello Big World", False),
        ("Geachte heer de Vries", True),
        ("Dear Hiring Manager", False),
        ("patient Ada Lovelace was", True),
        ("Patient Ada Lovelace", False),
        ("patient care services", False),
        ("田中由紀 様", True),
        ("to Ada 様", False),
    ],
)
def test_who_is_addressed_by_name(text: str, is_name: bool) -> None:
    assert addressed_name(text) is (Verdict.VALID if is_name else Verdict.INVALID)


@pytest.mark.parametrize(
    ("head", "part"),
    [
        ("pbkdf2", "_a"),
        ("^", "[a"),
        ("$(", "a("),
        ("a", "::a"),
        ("get['", "a["),
        ("min=1", ",a=1"),
        ("required", "|a:"),
        ("C:\\a", "\\a "),
    ],
)
def test_long_texts_take_little_time(head: str, part: str) -> None:
    """Where a form could be had in many ways, this would not end."""
    assert not is_reference(head + part * 20_000 + "\n")
