"""Who asks whom for what: the company's requests, in turn.

In: a number. Out: client, server and request of the call with that number; the same for
each run. Usual calls stand between rare ones, and each rare one comes once a round.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from agent.demo.api import Request
from agent.demo.company import HOST, MAILER, PODS, PROCESSOR
from agent.demo.planted import (
    DECOYS,
    PLANTED,
    REQUEST,
    ROLLED_OUT,
    place,
    value_of,
)

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
CRAWLER = "testcrawler/1.0 (+https://crawler.example/)"
AGENTS = {"shopper": BROWSER, "office": BROWSER, "crawler": CRAWLER}

Make = Callable[[int], Request]


class Edge(NamedTuple):
    """Who asks whom."""

    client: str
    server: str


class Call(NamedTuple):
    """One exchange to come."""

    edge: Edge
    request: Request


def call(number: int, is_rolled_out: bool = False) -> Call:
    """The call that is made as the number-th; `is_rolled_out`: by new versions, too."""
    turn = _NEXT_ROUND if is_rolled_out else _ROUND
    client, server, make = turn[number % len(turn)]
    request = make(number)._replace(
        host=_host(client, server), agent=AGENTS.get(client, Request("", "").agent)
    )
    return Call(Edge(client, server), request)


def _host(client: str, server: str) -> str:
    """What the client calls the server."""
    if client in AGENTS and server == "gateway":
        return HOST
    return f"{server}.{PODS[server].namespace}" if server in PODS else server


def _get(target: str) -> Make:
    return lambda number: Request("GET", target.format(id=number % 5000 + 1))


def _delete(target: str) -> Make:
    return lambda number: Request("DELETE", target.format(id=number % 5000 + 1))


def _send(method: str, template: str, **body: Any) -> Make:
    endpoint = f"{method} {template.partition('?')[0]}"
    whole = place(endpoint, REQUEST, body, PLANTED + ROLLED_OUT)

    def make(number: int) -> Request:
        encoded = msgspec.json.encode({"client_sequence": number, **whole})
        return Request(method, template.format(id=number % 5000 + 1), encoded)

    return make


_EMAIL = value_of("GET /users", "email").replace("@", "%40")
_TOKEN = value_of("GET /reports/daily", "access_token")
_USUAL: tuple[tuple[str, str, Make], ...] = (
    ("shopper", "gateway", _get("/health")),
    ("storefront", "customers", _get("/users/{id}")),
    ("storefront", "orders", _get("/orders/{id}")),
    ("orders", "payments-api", _get("/payments/{id}")),
    (
        *("storefront", "orders"),
        _send("POST", "/orders", product=17, quantity=2, **DECOYS),
    ),
    (
        *("orders", "payments-api"),
        _send("POST", "/payments", amount="24.50", currency="EUR", order=17),
    ),
)
_RARE: tuple[tuple[str, str, Make], ...] = (
    ("shopper", "gateway", _get("/products?page=1")),
    (
        *("shopper", "gateway"),
        _send("POST", "/auth/login", username="demo", remember=True),
    ),
    ("crawler", "gateway", _get("/products?page=1")),
    ("crawler", "gateway", _get("/robots")),
    ("gateway", "auth", _send("POST", "/auth/login", username="demo", remember=True)),
    ("gateway", "auth", _send("POST", "/auth/refresh", grant_type="refresh")),
    ("gateway", "storefront", _get("/settings/integrations")),
    ("gateway", "storefront", _get("/health")),
    ("storefront", "customers", _get(f"/users?email={_EMAIL}&page=2&limit=20")),
    ("storefront", "customers", _send("POST", "/users", newsletter=False)),
    ("storefront", "customers", _send("PATCH", "/users/{id}")),
    ("storefront", "customers", _delete("/users/{id}")),
    (
        *("storefront", "customers"),
        _send("PUT", "/users/{id}/payout", currency="EUR"),
    ),
    ("storefront", "catalogue", _get("/products?page=1")),
    ("storefront", "catalogue", _get("/products/{id}/image")),
    ("storefront", "orders", _get("/orders?status=open&since=1767225600")),
    ("storefront", "orders", _delete("/orders/{id}")),
    ("storefront", "clinic", _send("POST", "/prescriptions", order=17)),
    ("orders", "payments-api", _get("/payments?format=ndjson")),
    ("orders", "payments-api", _send("POST", "/refunds", amount="24.50", order=17)),
    (
        *("payments-api", PROCESSOR),
        _send("POST", "/charges", amount="24.50", currency="EUR"),
    ),
    ("payments-api", "ledger", _send("POST", "/entries", amount="24.50")),
    ("office", "hr", _get("/employees/{id}")),
    ("hr", "payments-api", _send("POST", "/payouts", month="2026-01")),
    (
        *("nightly-report", "orders"),
        _get(f"/reports/daily?access_token={_TOKEN}&day=1"),
    ),
    ("nightly-report", "orders", _get("/reports/summary")),
)
_KEY = value_of("POST /messages", "key_id")
_BROUGHT: tuple[tuple[str, str, Make], ...] = (
    ("orders", MAILER, _send("POST", f"/messages?key_id={_KEY}", order=17)),
)
"""Of new versions."""
_ROUND = tuple(made for rare in _RARE for made in (*_USUAL, rare))
_NEXT_ROUND = _ROUND + tuple(made for rare in _BROUGHT for made in (*_USUAL, rare))
ROUND, NEXT_ROUND = len(_ROUND), len(_NEXT_ROUND)
"""Calls until each kind came once."""
EDGES = tuple(dict.fromkeys(Edge(*made[:2]) for made in _NEXT_ROUND))
PAYROLL = Edge("hr", "payroll")
"""Asked over gRPC, see `payroll/`; all others over HTTP/1.1."""
SERVERS = tuple(dict.fromkeys(edge.server for edge in EDGES))
