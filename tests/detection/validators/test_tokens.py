"""What a token tells beside its verdict, and base64 of either alphabet."""

import base64
import json

from detection.validators import tokens


def test_details_of_tokens_are_names_and_no_values() -> None:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"sub": "ada", "exp": 1, "ada@example.com": 2, "4111111111111111": 3}
    token = f"{part({'alg': 'HS256'})}.{part(claims)}.x"
    assert tokens.jwt_details(token) == (
        "algorithm HS256, claims sub exp {text} {id}, expires"
    )
    token = f"{part({'alg': 'ada', 'enc': 'x'})}.a.b.c.d"
    assert tokens.jwt_details(token) == (
        "algorithm unknown, claims none seen, no expiry"
    )


def test_base64_of_either_alphabet_is_decoded() -> None:
    assert tokens.decode_base64("_-8") == tokens.decode_base64("/+8=") == b"\xff\xef"
    assert tokens.decode_base64("é") is None
