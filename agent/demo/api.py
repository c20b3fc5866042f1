"""The demo shop's interface: a request in, an answer out, without any socket.

A small shop as such services are: users, orders, payments, prescriptions, auth and
health, with created, missing, refused and failing requests. The same request has the
same answer, so a served and a synthesized run carry the same bytes.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from agent.demo.planted import DECOYS, REQUEST, RESPONSE, place, value_of

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


def requests(number: int) -> Request:
    """The request that a client sends as its number-th: all kinds, in turn."""
    make = _CYCLE[number % len(_CYCLE)]
    return make(number)


@lru_cache(maxsize=4096)
def answer(method: str, target: str) -> Answer:
    """What the shop answers; 404 for what it does not know."""
    path = target.partition("?")[0]
    segments = path.strip("/").split("/")
    template = "/".join("{id}" if s.isdigit() else s for s in segments)
    numbers = [int(s) for s in segments if s.isdigit()]
    make = _ANSWERS.get(f"{method} /{template}")
    return make(numbers[0] if numbers else 0) if make else _problem(404, "not found")


def _json(status: int, value: Any, **coding: bool) -> Answer:
    return Answer(status, msgspec.json.encode(value), JSON, **coding)


def _problem(status: int, title: str) -> Answer:
    body = {"type": "about:blank", "title": title, "status": status, "trace": DECOYS}
    return Answer(status, msgspec.json.encode(body), PROBLEM)


def _user(number: int) -> Answer:
    if number % 10 == 9:
        return _problem(404, "no such user")
    body = {"id": number, "request_id": DECOYS["request_id"], "orders": 3}
    return _json(200, place("GET /users/{id}", RESPONSE, body))


def _users(_: int) -> Answer:
    users = [{"id": n, "tier": "gold", "since": 1767225600 + n} for n in range(20)]
    return _json(200, {"users": users, "page": 2}, is_gzip=True)


def _order(number: int) -> Answer:
    lines = [{"sku": f"SKU-{n:05}", "quantity": n, "price": 9.99} for n in range(1, 9)]
    return _json(200, {"id": number, "lines": lines, **DECOYS}, is_chunked=True)


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
    "GET /reports/daily": lambda _: _problem(500, "report failed"),
    "GET /reports/weekly": lambda _: _problem(503, "try again later"),
}


def _get(target: str) -> Callable[[int], Request]:
    return lambda number: Request("GET", target.format(id=number % 5000 + 1))


def _delete(target: str) -> Callable[[int], Request]:
    return lambda number: Request("DELETE", target.format(id=number % 5000 + 1))


def _send(method: str, template: str, **body: Any) -> Callable[[int], Request]:
    whole = place(f"{method} {template}", REQUEST, body)

    def make(number: int) -> Request:
        encoded = msgspec.json.encode({"client_sequence": number, **whole})
        return Request(method, template.format(id=number % 5000 + 1), encoded)

    return make


_EMAIL = value_of("GET /users", "email").replace("@", "%40")
_USUAL = (
    _get("/health"),
    _get("/users/{id}"),
    _get("/orders/{id}"),
    _get("/payments/{id}"),
    _send("POST", "/orders", product=17, quantity=2, **DECOYS),
    _send("POST", "/payments", amount="24.50", currency="EUR", order=17),
)
_RARE = (
    _get(f"/users?email={_EMAIL}&page=2&limit=20"),
    _get("/orders?status=open&since=1767225600"),
    _get("/products?page=1"),
    _get("/products/{id}/image"),
    _get("/payments?format=ndjson"),
    _get("/settings/integrations"),
    _get("/reports/daily"),
    _get("/reports/weekly"),
    _send("POST", "/users", newsletter=False),
    _send("PUT", "/users/{id}/payout", currency="EUR"),
    _send("PATCH", "/users/{id}"),
    _delete("/users/{id}"),
    _delete("/orders/{id}"),
    _send("POST", "/prescriptions", order=17),
    _send("POST", "/auth/login", username="demo", remember=True),
    _send("POST", "/auth/refresh", grant_type="refresh"),
)
_CYCLE = tuple(make for rare in _RARE for make in (*_USUAL, rare))
"""112 requests: each rare kind once, between the usual ones."""
