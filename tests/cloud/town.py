"""A company's traffic of the last days, as packages: what pages look like in use.

Two clusters, six namespaces, some forty services, partners outside. The same days give
the same packages. It is made up: no name in it is anybody's.
"""

from collections.abc import Iterator

from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.cloud.packages import INTERVAL, SECOND, START, coverage, package, place, why
from tests.cloud.packages import endpoint as row
from tests.cloud.packages import offsets as covered

HOUR = 3_600 * SECOND
DAYS = 3

TYPES = {
    "email": ("contact.email", d.MEDIUM),
    "phone": ("contact.phone", d.MEDIUM),
    "name": ("personal.name", d.MEDIUM),
    "born": ("personal.birth_date", d.HIGH),
    "card": ("financial.payment_card", d.HIGH),
    "cvv": ("financial.card_cvv", d.HIGH),
    "iban": ("financial.iban", d.HIGH),
    "token": ("credential.bearer_token", d.HIGH),
    "password": ("credential.password", d.HIGH),
    "diagnosis": ("health.icd10_code", d.HIGH),
    "zip": ("contact.postal_code", d.LOW),
    "city": ("contact.city", d.LOW),
    "ip": ("network.ip_address", d.LOW),
}
PATHS = {
    "email": "$.email",
    "phone": "$.phones[*].number",
    "name": "$.customer.name",
    "born": "$.customer.born",
    "card": "$.card.number",
    "cvv": "$.card.cvv",
    "iban": "$.refund_to",
    "token": "authorization",
    "password": "$.password",
    "diagnosis": "$.claims[*].code",
    "zip": "$.billing.zip",
    "city": "$.billing.city",
    "ip": "x-forwarded-for",
}
HEADERS = ("token", "ip")
CALLS = """
prod outside/shop.example web/gateway GET / 900
prod outside/internet web/gateway POST /login 80 > password email
prod web/gateway identity/accounts POST /v1/sessions 80 > password email < token
prod web/gateway identity/accounts GET /v1/users/{id} 610 > token < email name born
prod web/gateway shop/catalog GET /v1/products 1900
prod web/gateway shop/catalog GET /v1/products/{id} 2300
prod web/gateway shop/basket GET /v1/baskets/{id} 700 > token
prod web/gateway shop/basket POST /v1/baskets/{id}/lines 410 > token
prod web/gateway shop/orders POST /v1/orders 120 > token email name zip city < email
prod web/gateway shop/orders GET /v1/orders/{id} 340 > token < email name zip city
prod web/gateway shop/search GET /v1/search 1400 > ip
prod web/gateway shop/reviews POST /v1/products/{id}/reviews 33 > name email
prod web/admin-console identity/accounts GET /v1/users 25 > token < email name born
prod web/admin-console shop/orders GET /v1/orders 60 > token < email name
prod shop/orders payments/checkout POST /v1/payments 118 > card cvv email name zip
prod shop/orders shop/stock POST /v1/reservations 118
prod shop/orders shop/shipping POST /v1/shipments 110 > name phone zip city
prod shop/orders messaging/mailer POST /v1/mails 240 > email name
prod shop/basket shop/catalog GET /v1/products/{id} 800
prod shop/basket shop/pricing POST /v1/quotes 800
prod shop/search shop/catalog GET /v1/products 1300
prod shop/reviews identity/accounts GET /v1/users/{id} 33 > token < email name born
prod payments/checkout payments/ledger POST /v1/entries 118 > iban card
prod payments/checkout payments/fraud POST /v1/scores 118 > card email ip < email
prod payments/checkout outside/api.cards.example POST /v1/charges 116 > card cvv name
prod payments/refunds payments/ledger POST /v1/entries 9 > iban
prod payments/refunds outside/api.bank.example POST /transfers 9 > iban name
prod payments/fraud outside/scores.risk.example POST /v2/check 118 > email ip
prod messaging/mailer outside/mail.sender.example POST /v3/send 240 > email name
prod messaging/push outside/push.sender.example POST /send 400
prod shop/shipping outside/parcels.example POST /labels 110 > name phone zip city
prod analytics/collector analytics/warehouse POST /v1/batches 50 > email ip
prod web/gateway analytics/collector POST /v1/clicks 2600 > ip
prod analytics/reports analytics/warehouse GET /v1/tables/{id}/rows 12 < email name zip
prod outside/prometheus messaging/mailer GET /metrics 90
eu outside/internet claims/portal POST /claims 40 > name born diagnosis token
eu claims/portal claims/intake POST /v1/claims 40 > name born diagnosis
eu claims/intake claims/rules POST /v1/decisions 40 > diagnosis
eu claims/intake claims/archive PUT /v1/claims/{id} 40 > name born diagnosis iban
eu claims/portal claims/archive GET /v1/claims/{id} 70 > token < name born diagnosis
eu claims/intake outside/lab.partner.example POST /orders 7 > name born diagnosis
eu claims/letters outside/print.partner.example POST /jobs 20 > name zip city
"""
"""cluster client server method path calls-an-hour > sent < returned."""
LATE = """
prod payments/checkout outside/metrics.vendor.example POST /e 60 > card email
prod web/admin-console claims/archive GET /v1/claims/{id} 3 > token < name diagnosis
prod shop/orders payments/checkout POST /v1/payments 118 > card cvv born
"""
"""What came in the last hours: it is new."""
LATE_HOURS = 5
POLICIES = """
policies:
  - id: cards-outside
    title: Card data leaves only to the card processor
    severity: high
    why: PCI DSS 4.0 asks to know each party that receives account data (12.8.1).
    advice: Send a token instead of the number.
    deny: {data: {types: financial.*}, to: {outside: true}}
    allow: [{to: {name: api.cards.example}}, {to: {name: api.bank.example}}]
  - id: health-stays
    title: Health data stays in its namespace
    severity: high
    deny:
      - {data: {types: health.*}, across: namespace}
      - {data: {types: health.*}, to: {outside: true}}
  - id: passwords-once
    title: Passwords go to accounts only
    severity: medium
    deny: {data: {types: credential.password}}
    allow: [{to: {namespace: [identity, web]}}]
"""
TEAMS = {
    "prod": {
        "web/gateway": ("web", "edge"),
        "shop/orders": ("shop", "backend"),
        "payments/checkout": ("payments", "backend"),
        "payments/ledger": ("payments", "data"),
    },
    "eu": {"claims/archive": ("claims", "data")},
}
"""Cluster → workload → owner, and the part that it plays."""


def packages() -> Iterator[c.Package]:
    """Each hour of the last days, a package a cluster, the oldest first."""
    begins = START - DAYS * 24 * HOUR
    for hour in range(DAYS * 24):
        at = begins + hour * HOUR
        calls = CALLS + (LATE if hour >= DAYS * 24 - LATE_HOURS else "")
        share = 0.35 + 0.65 * abs((hour + 12) % 24 - 12) / 12
        for cluster in ("prod", "eu"):
            lines = [call for call in calls.split("\n") if call.startswith(cluster)]
            sent = package(
                covered(hour, hour + 1),
                endpoints=[_endpoint(line, at, share, hour) for line in lines],
                coverage=list(_coverage(lines, at, share, hour)),
                cluster=cluster,
                at=at - at % INTERVAL,
                whys=[why()],
            )
            if hour == DAYS * 24 - 1:
                sent.agents.extend(_agents(cluster, at))
                sent.workloads.extend(_facts(cluster, at - LATE_HOURS * HOUR))
            yield sent


def _agents(cluster: str, at: int) -> Iterator[c.Agent]:
    for number in range(1, 5):
        is_away = (cluster, number) == ("prod", 4)
        yield c.Agent(
            node=f"node-{number}",
            version="0.1.0",
            started_ns=at - 40 * HOUR,
            workers=2,
            kernel="6.1.0-32-amd64",
            state="kafka_away" if is_away else "ready",
            reported_ns=at,
        )


def _facts(cluster: str, since: int) -> Iterator[c.WorkloadFacts]:
    """What manifests tell, and the roll-outs that brought what is new."""
    for name, (team, tier) in TEAMS[cluster].items():
        revisions = []
        if name == "payments/checkout":
            image = "registry.example/checkout:2.8.0"
            revisions = [c.Revision(name="7d4b9", image=image, since_ns=since)]
        yield c.WorkloadFacts(
            workload=_workload(name),
            owner=team,
            part_of=name.partition("/")[0],
            labels={"team": team, "tier": tier},
            revisions=revisions,
        )


def _workload(name: str) -> c.Workload:
    namespace, _, name = name.partition("/")
    if namespace == "outside":
        return c.Workload(kind="External", name=name)
    kind = "StatefulSet" if name in ("ledger", "warehouse", "archive") else "Deployment"
    return c.Workload(namespace=namespace, kind=kind, name=name)


def _endpoint(line: str, at: int, share: float, hour: int) -> c.Endpoint:
    call, _, returned = line.partition("<")
    call, _, sent = call.partition(">")
    _, client, server, method, path, rate = call.split()
    pairs = max(1, int(int(rate) * share))
    failed = pairs // 60 if hour % 7 else pairs // 9
    statuses = {2: pairs - failed} | ({5: failed} if failed else {})
    places = [_place(name, c.REQUEST, pairs) for name in sent.split()]
    places += [_place(name, c.RESPONSE, pairs) for name in returned.split()]
    is_called = server.startswith(("payments/fraud", "claims/rules"))
    return row(
        path,
        places,
        method,
        pairs,
        _workload(server),
        _workload(client),
        statuses,
        at,
        c.GRPC if is_called else c.HTTP_1,
    )


def _place(name: str, direction: int, pairs: int) -> c.Place:
    data_type, sensitivity = TYPES[name]
    return place(
        data_type,
        PATHS[name],
        sensitivity,
        d.LIKELY if name in ("name", "born") else d.VERY_LIKELY,
        pairs,
        direction,
        d.HEADER if name in HEADERS else d.BODY,
        why=1,
        messages=max(1, pairs - pairs // 20) if name == "email" else pairs,
    )


def _coverage(
    lines: list[str], at: int, share: float, hour: int
) -> Iterator[c.Coverage]:
    servers = sorted({line.split()[2] for line in lines})
    for number, name in enumerate(servers):
        if name.startswith("outside"):
            continue
        paired = int(4_000_000 * share) * (1 + number % 3)
        yield coverage(
            {
                "paired": paired,
                "not_json": paired // 5,
                "tls": paired * 2 if number % 9 == 4 else paired // 40,
                "gap": paired // 900,
                "ring_drop": paired // 3 if number % 11 == 3 and hour > 66 else 0,
            },
            {"pairs": paired // 2_000, "connections": paired // 30_000},
            workload=_workload(name),
            node=f"node-{1 + number % 4}",
            at=at,
        )
