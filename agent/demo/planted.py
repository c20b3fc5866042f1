"""The values that the demo's traffic carries on purpose, and where each stands.

All are published for tests and documentation: card networks' and banks' test numbers,
RFC 2606 names, RFC 5737 and RFC 7042 addresses, Ofcom's drama telephone numbers, ICAO's
specimen passport, examples of standards and of python-stdnum. The company's bodies are
made from this table, so what the demo claims to send is what it sends.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

REQUEST = "request"
RESPONSE = "response"


class Planted(NamedTuple):
    """A value at a place of an endpoint's messages."""

    endpoint: str
    """As the report names it: method and path template."""
    direction: str
    path: str
    """JSON path; name of a header or query parameter where it stands in no body."""
    data_type: str
    value: str

    @property
    def is_in_body(self) -> bool:
        return self.path.startswith("$")


_ALICE = "alice.smith@example.com"
_GET_USER = "GET /users/{id}", RESPONSE
_POST_USER = "POST /users", REQUEST
_PAY = "POST /payments", REQUEST
_PRESCRIBE = "POST /prescriptions", REQUEST
_PAYOUT = "PUT /users/{id}/payout", REQUEST
_LOGIN = "POST /auth/login"
_CHARGE = "POST /charges", REQUEST
_EMPLOYEE = "GET /employees/{id}", RESPONSE
PAY = "POST /company.v1.Payroll/Pay"
_JWT = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    ".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ"
    ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
)
"""The example of jwt.io."""

PLANTED = (
    Planted(*_GET_USER, "$.email", "contact.email", _ALICE),
    Planted(*_GET_USER, "$.phone", "contact.phone", "+44 20 7946 0958"),
    Planted(*_GET_USER, "$.full_name", "personal.name", "Alice Smith"),
    Planted(*_GET_USER, "$.birth_date", "personal.birth_date", "1985-07-04"),
    Planted(*_GET_USER, "$.address.postal_code", "contact.postal_code", "SW1A 2AA"),
    Planted(*_GET_USER, "$.last_login.ip", "network.ip_address", "203.0.113.77"),
    Planted(*_GET_USER, "$.device.mac", "network.mac_address", "00:00:5E:00:53:AF"),
    Planted(*_GET_USER, "$.device.imei", "device.imei", "490154203237518"),
    Planted(*_POST_USER, "$.email", "contact.email", "bob.jones@example.org"),
    Planted(
        *_POST_USER, "$.password", "credential.password", "correct-horse-7-battery"
    ),
    Planted(*_POST_USER, "$.ssn", "identity.us_ssn", "536-90-4399"),
    Planted(*_POST_USER, "$.passport_number", "identity.passport", "L898902C3"),
    Planted("GET /users", REQUEST, "email", "contact.email", "carol@example.net"),
    Planted(
        "PATCH /users/{id}", REQUEST, "$.contact.phone", "contact.phone", "+12025550123"
    ),
    Planted(*_PAY, "$.card.number", "financial.payment_card", "4111 1111 1111 1111"),
    Planted(*_PAY, "$.card.cvv", "financial.card_cvv", "737"),
    Planted(*_PAY, "$.card.expiry", "financial.card_expiry", "03/30"),
    Planted(*_PAY, "$.card.cardholder_name", "financial.card_holder", "Bob Jones"),
    Planted(
        "GET /payments/{id}",
        RESPONSE,
        "$.iban",
        "financial.iban",
        "GB82WEST12345698765432",
    ),
    Planted("GET /payments/{id}", RESPONSE, "$.bic", "financial.bic", "DEUTDEFF500"),
    Planted(*_PAYOUT, "$.iban", "financial.iban", "DE89 3704 0044 0532 0130 00"),
    Planted(*_PAYOUT, "$.routing_number", "financial.us_routing_number", "011401533"),
    Planted(*_PAYOUT, "$.vat_number", "financial.vat_id", "DE136695976"),
    Planted(
        *_PAYOUT,
        "$.wallets[*].bitcoin_address",
        "financial.bitcoin_address",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    ),
    Planted(*_PRESCRIBE, "$.patient.nhs_number", "health.nhs_number", "943 476 5919"),
    Planted(*_PRESCRIBE, "$.diagnosis.icd10", "health.icd10_code", "E11.9"),
    Planted(*_PRESCRIBE, "$.prescriber.npi", "health.us_npi", "1234567893"),
    Planted(
        _LOGIN, REQUEST, "$.password", "credential.password", "Tr0ub4dor&3-example"
    ),
    Planted(_LOGIN, RESPONSE, "$.access_token", "credential.jwt", _JWT),
    Planted("GET /reports/daily", REQUEST, "access_token", "credential.jwt", _JWT),
    Planted(
        *("GET /reports/summary", RESPONSE),
        *("$.recipient.email", "contact.email", "board@company.example"),
    ),
    Planted(
        *("POST /refunds", RESPONSE),
        *("$.card.number", "financial.payment_card", "5105 1051 0510 5100"),
    ),
    Planted(*_CHARGE, "$.card.number", "financial.payment_card", "5555 5555 5555 4444"),
    Planted(*_CHARGE, "$.card.cvv", "financial.card_cvv", "737"),
    Planted(*_CHARGE, "$.card.expiry", "financial.card_expiry", "03/30"),
    Planted(*_CHARGE, "$.card.cardholder_name", "financial.card_holder", "Ann Grey"),
    Planted(
        "POST /entries",
        REQUEST,
        "$.iban",
        "financial.iban",
        "FR1420041010050500013M02606",
    ),
    Planted(*_EMPLOYEE, "$.full_name", "personal.name", "Erika Mustermann"),
    Planted(*_EMPLOYEE, "$.birth_date", "personal.birth_date", "1964-08-12"),
    Planted(*_EMPLOYEE, "$.social_security_number", "identity.us_ssn", "536-90-4398"),
    Planted(*_EMPLOYEE, "$.religion", "special.religion", "buddhist"),
    Planted(
        *("POST /payouts", REQUEST),
        *("$.iban", "financial.iban", "NL91ABNA0417164300"),
    ),
    Planted(
        "GET /settings/integrations",
        RESPONSE,
        "$.storage.key_id",
        "credential.aws_access_key",
        "AKIAIOSFODNN7EXAMPLE",
    ),
    Planted(
        "GET /products",
        RESPONSE,
        "$.products[*].supplier.email",
        "contact.email",
        "sales@supplier.example",
    ),
)

ROLLED_OUT = (
    Planted(
        *("GET /orders/{id}", RESPONSE),
        *("$.payment.card_number", "financial.payment_card", "4000 0566 5566 5556"),
    ),
    Planted(
        *("POST /messages", REQUEST, "$.to.email", "contact.email"),
        "dave@example.org",
    ),
    Planted(
        *("POST /messages", REQUEST, "key_id", "credential.aws_access_key"),
        "AKIAIOSFODNN7EXAMPLE",
    ),
)
"""What the new version of a service adds, while the demo runs."""

OVER_GRPC = (
    Planted(PAY, REQUEST, "$.employee.full_name", "personal.name", "Max Mustermann"),
    Planted(PAY, REQUEST, "$.employee.birth_date", "personal.birth_date", "1971-03-09"),
    Planted(
        *(PAY, REQUEST),
        *("$.employee.social_security_number", "identity.us_ssn", "536-90-4397"),
    ),
    Planted(PAY, REQUEST, "$.iban", "financial.iban", "BE68 5390 0754 7034"),
    Planted(
        *(PAY, RESPONSE),
        *("$.confirmed_by.email", "contact.email", "payroll@company.example"),
    ),
)
"""What stands in protobuf messages, whose names only the payroll's program knows."""

DECOYS = {
    "order_number": "4929102938475611",
    "reference": "9000000000000001",
    "batch": "8714596021130007",
    "created_at": 1767225600,
    "updated_at_ms": 1767225600123,
    "request_id": "f47ac10b-58cc-4372-a567-0e02b2c3d479",
    "build": "10.4.17-2026.01.01",
    "etag": "d41d8cd98f00b204e9800998ecf8427e",
    "sequence": 123456789,
}
"""Harmless values that look like data: order numbers of 16 digits (the first fails
Luhn, the other two pass it outside all card ranges), epoch times, a UUID, a version."""


def place(
    endpoint: str,
    direction: str,
    body: dict[str, Any],
    table: tuple[Planted, ...] = PLANTED,
) -> dict[str, Any]:
    """The body with the values that belong into it."""
    for planted in table:
        stands_here = (planted.endpoint, planted.direction) == (endpoint, direction)
        if stands_here and planted.is_in_body:
            _set(body, planted.path.removeprefix("$.").split("."), planted.value)
    return body


def value_of(endpoint: str, path: str) -> str:
    """The value of an endpoint's header or query parameter. Raises StopIteration."""
    known = PLANTED + ROLLED_OUT
    return next(p.value for p in known if (p.endpoint, p.path) == (endpoint, path))


def _set(body: dict[str, Any], keys: list[str], value: str) -> None:
    *outer, last = keys
    for inner in _walk(body, outer):
        inner[last] = value


def _walk(body: dict[str, Any], keys: list[str]) -> Iterator[dict[str, Any]]:
    if not keys:
        yield body
    elif keys[0].endswith("[*]"):
        for inner in body.setdefault(keys[0].removesuffix("[*]"), [{}]):
            yield from _walk(inner, keys[1:])
    else:
        yield from _walk(body.setdefault(keys[0], {}), keys[1:])
