"""What the demo company's services answer: a request in, an answer out, no socket.

A small company as such are: users, orders, payments, prescriptions, employees, auth and
health, with created, missing, refused and failing requests, some of which tell in their
errors what they should not. The same request has the same answer, so a served and a
synthesized run carry the same bytes.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from agent.demo.planted import DECOYS, RESPONSE, ROLLED_OUT, place

JSON = "application/json"
PROBLEM = "application/problem+json"
NDJSON = "application/x-ndjson"
PNG = "image/png"
CATALOGUE_BYTES = 300_000
"""The longest body: a page of products."""


class Request(NamedTuple):
    method: str
    target: str
    body: bytes = b""
    content_type: str = JSON
    """Of the body, if there is one."""
    host: str = "shop.example"
    """What the client calls the server."""
    agent: str = "vethscope-demo"
    """What it says of itself."""


class Answer(NamedTuple):
    status: int
    body: bytes = b""
    content_type: str = JSON
    """Sent if there is a body."""
    is_gzip: bool = False
    is_chunked: bool = False


def is_json(content_type: str) -> bool:
    """application/json, application/*+json or application/x-ndjson."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind in (JSON, NDJSON) or (
        kind.startswith("application/") and kind.endswith("+json")
    )


@lru_cache(maxsize=4096)
def answer(method: str, target: str, is_rolled_out: bool = False) -> Answer:
    """What the company answers; 404 for what it does not know. `is_rolled_out`: by the
    new version of a service."""
    path = target.partition("?")[0]
    segments = path.strip("/").split("/")
    template = "/".join("{id}" if s.isdigit() else s for s in segments)
    numbers = [int(s) for s in segments if s.isdigit()]
    endpoint = f"{method} /{template}"
    make = _ROLLED_OUT.get(endpoint) if is_rolled_out else None
    make = make or _ANSWERS.get(endpoint)
    return make(numbers[0] if numbers else 0) if make else _problem(404, "not found")


def _json(status: int, value: Any, **coding: bool) -> Answer:
    return Answer(status, msgspec.json.encode(value), JSON, **coding)


def _problem(status: int, title: str, endpoint: str = "") -> Answer:
    """With what is planted in the errors of an endpoint."""
    body = {"type": "about:blank", "title": title, "status": status, "trace": DECOYS}
    placed = place(endpoint, RESPONSE, body)
    return Answer(status, msgspec.json.encode(placed), PROBLEM)


def _user(number: int) -> Answer:
    if number % 10 == 9:
        return _problem(404, "no such user")
    body = {"id": number, "request_id": DECOYS["request_id"], "orders": 3}
    return _json(200, place("GET /users/{id}", RESPONSE, body))


def _users(_: int) -> Answer:
    users = [{"id": n, "tier": "gold", "since": 1767225600 + n} for n in range(20)]
    return _json(200, {"users": users, "page": 2}, is_gzip=True)


def _order(number: int) -> Answer:
    return _json(200, _order_body(number), is_chunked=True)


def _rolled_out_order(number: int) -> Answer:
    body = place("GET /orders/{id}", RESPONSE, _order_body(number), ROLLED_OUT)
    return _json(200, body, is_chunked=True)


def _order_body(number: int) -> dict[str, Any]:
    lines = [{"sku": f"SKU-{n:05}", "quantity": n, "price": 9.99} for n in range(1, 9)]
    return {"id": number, "lines": lines, **DECOYS}


def _orders(_: int) -> Answer:
    orders = [{"id": n, "status": "open", **DECOYS} for n in range(40)]
    return _json(200, {"orders": orders}, is_gzip=True, is_chunked=True)


def _products(_: int) -> Answer:
    product = {"name": "Garden chair", "ean": "4006381333931", "price": 24.5, **DECOYS}
    first: dict[str, Any] = {"products": [{"name": "Parasol", "stock": 12}]}
    body = place("GET /products", RESPONSE, first)
    one = len(msgspec.json.encode(product)) + 1
    body["products"] += [product] * (CATALOGUE_BYTES // one + 1)
    return _json(200, body)


def _payment(number: int) -> Answer:
    body = {"id": number, "state": "settled", "amount": "24.50", **DECOYS}
    return _json(200, place("GET /payments/{id}", RESPONSE, body))


def _payments(_: int) -> Answer:
    lines = (
        msgspec.json.encode({"id": n, "amount": n / 100, "currency": "EUR"})
        for n in range(60)
    )
    return Answer(200, b"\n".join(lines) + b"\n", NDJSON, is_chunked=True)


def _created(number: int) -> Answer:
    return _json(201, {"id": 1000 + number, "request_id": DECOYS["request_id"]})


def _login(_: int) -> Answer:
    body = {"token_type": "Bearer", "expires_in": 3600}
    return _json(200, place("POST /auth/login", RESPONSE, body))


def _employee(number: int) -> Answer:
    body = {"id": number, "room": "4.17", "department": "logistics"}
    return _json(200, place("GET /employees/{id}", RESPONSE, body))


def _integrations(_: int) -> Answer:
    body = {"storage": {"region": "eu-central-1", "bucket": "invoices"}}
    return _json(200, place("GET /settings/integrations", RESPONSE, body))


_ANSWERS: dict[str, Callable[[int], Answer]] = {
    "GET /health": lambda _: _json(200, {"status": "ok", "build": DECOYS["build"]}),
    "GET /users": _users,
    "POST /users": _created,
    "GET /users/{id}": _user,
    "PUT /users/{id}/payout": lambda n: _json(200, {"id": n, "accepted": True}),
    "PATCH /users/{id}": lambda n: _json(200, {"id": n, "updated": 1}),
    "DELETE /users/{id}": lambda _: Answer(204),
    "GET /orders": _orders,
    "POST /orders": _created,
    "GET /orders/{id}": _order,
    "DELETE /orders/{id}": lambda _: _problem(409, "already shipped"),
    "GET /products": _products,
    "GET /products/{id}/image": lambda _: Answer(200, bytes(range(256)) * 8, PNG),
    "POST /payments": lambda n: _json(201, {"id": 77, "state": "authorised"}),
    "GET /payments": _payments,
    "GET /payments/{id}": _payment,
    "POST /prescriptions": _created,
    "POST /auth/login": _login,
    "POST /auth/refresh": lambda _: _problem(401, "token expired"),
    "GET /settings/integrations": _integrations,
    "POST /refunds": lambda _: _problem(422, "card refused", "POST /refunds"),
    "POST /charges": lambda n: _json(201, {"id": 4711, "state": "captured"}),
    "POST /messages": lambda _: _json(202, {"state": "queued"}),
    "POST /entries": lambda _: _json(201, {"booked": True}),
    "GET /employees/{id}": _employee,
    "POST /payouts": lambda _: _json(202, {"state": "queued"}),
    "GET /reports/daily": lambda _: _problem(500, "report failed"),
    "GET /reports/summary": lambda _: _problem(503, "late", "GET /reports/summary"),
}
_ROLLED_OUT: dict[str, Callable[[int], Answer]] = {
    "GET /orders/{id}": _rolled_out_order
}
