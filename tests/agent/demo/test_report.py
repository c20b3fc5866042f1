"""The demo's summary and tables."""

import io

import msgspec
from rich.console import Console

from agent.demo.client import Counts
from agent.demo.findings import Finding
from agent.demo.report import Summary, print_tables, summary
from agent.interceptor.coverage import Counts as CoverageCounts

FINDINGS = [
    Finding(
        "GET /users/{id}",
        "contact.email",
        "$.email",
        "response",
        "body",
        7,
        "medium",
        "client",
        "shop",
        "http/1",
    ),
    Finding(
        "POST /company.v1.Payroll/Pay",
        "financial.payment_card",
        "$.card.number",
        "request",
        "body",
        5,
        "high",
        "client",
        "shop",
        "grpc",
    ),
]
CAPTURED = CoverageCounts(
    {"paired": 4096}, {"pairs": 9, "unpaired_no_response": 2, "ring_drops": 0}
)


def made() -> Summary:
    return summary(Counts(10, 9, 4), CAPTURED, FINDINGS, 3, "http://127.0.0.1:1", False)


def test_summary_has_the_keys_of_the_contract() -> None:
    told = msgspec.to_builtins(made())
    assert {name: told[name] for name in list(told)[:6]} == {
        "exchanges_sent": 10,
        "json_exchanges_sent": 9,
        "grpc_exchanges_sent": 4,
        "pairs_captured": 9,
        "unpaired": {"no_response": 2},
        "ring_drops": 0,
    }
    assert told["packages_accepted"] == 3
    assert {
        "endpoint",
        "data_type",
        "path",
        "direction",
        "count",
        "sensitivity",
    } <= set(told["findings"][0])


def test_tables_name_endpoints_types_sensitivities_and_the_dashboard() -> None:
    text = io.StringIO()
    print_tables(made(), CAPTURED, Console(file=text, width=120))
    shown = text.getvalue()
    for expected in (
        "POST /company.v1.Payroll/Pay",
        "HTTP/1",
        "gRPC",
        "over gRPC",
        "financial.payment_card",
        "high",
        "client → shop",
        "unpaired: no response",
        "bytes: paired",
        "Dashboard: http://127.0.0.1:1",
        "http://127.0.0.1:1/violations?policy=pci-card-outside",
        "http://127.0.0.1:1/map?type=financial.payment_card",
    ):
        assert expected in shown


def test_no_name_of_a_data_type_is_broken_in_a_usual_terminal() -> None:
    endpoint = "POST /v1/accounts/{id}/documents/{document}/versions/{version}"
    names = ["personal.social_security_number", "financial.payment_card_verification"]
    found = [
        msgspec.structs.replace(FINDINGS[1], endpoint=endpoint, data_type=name)
        for name in names
    ]
    text = io.StringIO()
    told = msgspec.structs.replace(made(), findings=found)
    print_tables(told, CAPTURED, Console(file=text, width=80))
    lines = text.getvalue().splitlines()
    assert all(any(name in line for line in lines) for name in names)
    cells = [line.split("│")[1].strip() for line in lines if line.startswith("│")]
    assert cells[:2] == ["POST /v1/accounts/{id}", "/documents/{document}"]
    assert max(map(len, lines[:12])) <= 80
