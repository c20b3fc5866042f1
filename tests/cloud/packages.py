"""Packages as a digger would send them, from short descriptions."""

import time
from collections.abc import Iterable

from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d

SECOND = 1_000_000_000
INTERVAL = 300 * SECOND
START = (int(time.time()) // 300 - 2) * INTERVAL
"""Lately: the store takes no time of next year."""
TOPIC = "vethscope.records"

GATEWAY = c.Workload(namespace="web", kind="Deployment", name="gateway")
SHOP = c.Workload(namespace="shop", kind="Deployment", name="shop-api")
LEDGER = c.Workload(namespace="shop", kind="StatefulSet", name="ledger")
WORKER = c.Workload(namespace="shop", kind="CronJob", name="nightly-report")
OUTSIDE = c.Workload(kind="External")


def place(
    data_type: str = "contact.email",
    path: str = "$.email",
    sensitivity: int = d.MEDIUM,
    likelihood: int = d.VERY_LIKELY,
    count: int = 1,
    direction: int = c.RESPONSE,
    location: int = d.BODY,
    why: int = 0,
    errors: int = 0,
    messages: int = 0,
) -> c.Place:
    return c.Place(
        direction=c.Direction.ValueType(direction),
        location=d.Location.ValueType(location),
        path=path,
        data_type=data_type,
        sensitivity=d.Sensitivity.ValueType(sensitivity),
        likelihood=d.Likelihood.ValueType(likelihood),
        count=count,
        why=why,
        errors=errors,
        messages=messages,
    )


def why(rule: str = "pan", phrase: str = "card number") -> d.Why:
    return d.Why(
        rule=rule,
        validator="luhn",
        verdict="valid",
        context=["key"],
        phrase=phrase,
        points=[3, 1, 2, 0, 0],
        usual=d.HIGH,
        combination="card & holder",
    )


def endpoint(
    path: str = "/users/{id}",
    places: Iterable[c.Place] = (),
    method: str = "GET",
    pairs: int = 1,
    server: c.Workload = SHOP,
    client: c.Workload = GATEWAY,
    statuses: dict[int, int] | None = None,
    at: int = START,
    protocol: int = c.HTTP_1,
) -> c.Endpoint:
    return c.Endpoint(
        server=server,
        client=client,
        server_port=8000,
        method=method,
        path=path,
        interval_start_ns=at - at % INTERVAL,
        traffic=[
            c.Traffic(
                status_class=status_class,
                pairs=count,
                request_bytes=100 * count,
                response_bytes=1_000 * count,
                latency=c.Latency(sum_us=500 * count, buckets=[63], counts=[count]),
            )
            for status_class, count in (statuses or {2: pairs}).items()
        ],
        protocol=c.Protocol.ValueType(protocol),
        inspected=pairs,
        first_seen_ns=at,
        last_seen_ns=at + SECOND,
        places=places,
    )


def coverage(
    buckets: dict[str, int],
    counts: dict[str, int] | None = None,
    workload: c.Workload = SHOP,
    node: str = "node-1",
    at: int = START,
) -> c.Coverage:
    return c.Coverage(
        node=node,
        workload=workload,
        interval_start_ns=at - at % INTERVAL,
        window_start_ns=at,
        window_end_ns=at + 10 * SECOND,
        bytes=buckets,
        counts=counts,
    )


def offsets(
    first: int,
    following: int,
    partition: int = 0,
    topic: str = TOPIC,
    follows: int | None = None,
) -> c.Offsets:
    return c.Offsets(
        topic=topic, partition=partition, first=first, next=following, follows=follows
    )


def package(
    *covered: c.Offsets,
    endpoints: Iterable[c.Endpoint] = (),
    coverage: Iterable[c.Coverage] = (),
    cluster: str = "local",
    at: int = START,
    whys: Iterable[d.Why] = (),
    agent_version: str = "",
) -> c.Package:
    return c.Package(
        cluster=cluster,
        window_start_ns=at,
        window_end_ns=at + 2 * SECOND,
        offsets=covered or (offsets(0, 1),),
        endpoints=endpoints,
        coverage=coverage,
        catalog_digest="sha256:0f3a",
        whys=whys,
        agent_version=agent_version,
    )


def shop() -> c.Package:
    """A small shop's traffic: all that the pages can show."""
    card = place("financial.credit_card", "$.card.number", d.HIGH, count=40)
    request = {"direction": c.REQUEST}
    return package(
        offsets(0, 900),
        endpoints=[
            endpoint(
                "/users/{id}",
                [
                    place(count=310),
                    place("person.full_name", "$.name", d.MEDIUM, d.LIKELY, 300),
                    place("contact.phone", "$.phones[*].number", d.MEDIUM, count=200),
                    place("person.birth_date", "$.born", d.HIGH, d.LIKELY, 80),
                    place("id.us_ssn", "$.note", d.HIGH, d.POSSIBLE, 2),
                    place("network.ip", "x-forwarded-for", d.LOW, location=d.HEADER),
                ],
                pairs=310,
                statuses={2: 300, 4: 9, 5: 1},
            ),
            endpoint("/users/{id}", [place(count=5)], pairs=5, client=WORKER),
            endpoint(
                "/payments",
                [
                    place(
                        "financial.credit_card",
                        "$.card.number",
                        d.HIGH,
                        count=40,
                        **request,
                    ),
                    place("financial.card_cvv", "$.card.cvv", d.HIGH, **request),
                    place("financial.iban", "$.refund_to", d.HIGH, count=7, **request),
                    place("secret.bearer_token", "authorization", d.HIGH, **request),
                    place("contact.email", "$.receipt_to", d.MEDIUM, **request),
                    place("person.full_name", "$.card.holder", d.MEDIUM, **request),
                    place("address.postal_code", "$.billing.zip", d.LOW, **request),
                    place("address.city", "$.billing.city", d.LOW, **request),
                ],
                method="POST",
                pairs=41,
                statuses={2: 40, 4: 1},
            ),
            endpoint("/entries", [card], "POST", 40, server=LEDGER, client=SHOP),
            endpoint("/orders", [], pairs=500, at=START + 60 * SECOND),
            endpoint("/health", [], pairs=12, client=OUTSIDE),
        ],
        coverage=[
            coverage(
                {
                    "paired": 52_000_000,
                    "not_json": 9_100_000,
                    "tls": 14_000_000,
                    "unpaired": 310_000,
                    "gap": 42_000,
                    "duplicate": 88_000,
                },
                {"connections": 4_211, "unpaired_no_response": 3, "pairs": 903},
            ),
            coverage(
                {"not_http": 30_500_000, "paired": 220_000, "ring_drop": 5_000},
                workload=LEDGER,
                node="node-2",
            ),
            coverage(
                {"untracked": 1_200, "shed": 90_000},
                {"ring_drops": 4, "frames": 99_000},
                workload=c.Workload(),
                node="node-2",
            ),
        ],
    )
