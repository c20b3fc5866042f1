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
    ),
    Finding(
        "POST /payments",
        "financial.payment_card",
        "$.card.number",
        "request",
        "body",
        5,
        "high",
        "client",
        "shop",
    ),
]
CAPTURED = CoverageCounts(
    {"paired": 4096}, {"pairs": 9, "unpaired_no_response": 2, "ring_drops": 0}
)


def made() -> Summary:
    return summary(Counts(10, 9), CAPTURED, FINDINGS, 3, "http://127.0.0.1:1", False)


def test_summary_has_the_keys_of_the_contract() -> None:
    told = msgspec.to_builtins(made())
    assert {name: told[name] for name in list(told)[:5]} == {
        "exchanges_sent": 10,
        "json_exchanges_sent": 9,
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
        "POST /payments",
        "financial.payment_card",
        "high",
        "client → shop",
        "unpaired: no response",
        "bytes: paired",
        "Dashboard: http://127.0.0.1:1",
    ):
        assert expected in shown
