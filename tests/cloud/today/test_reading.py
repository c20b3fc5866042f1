"""What Today tells: grouped, gravest first, within a scope, on both databases."""

from collections.abc import Iterator

import pytest

from cloud.digest.letter import write
from cloud.pages.reports import Paging
from cloud.pages.today.reading import MOST_READ, Span, told
from cloud.pages.today.reports import Line, TodayReport
from cloud.policies.book import Book
from cloud.policies.decisions import Decision, Decisions
from cloud.policies.judging import Judging
from cloud.policies.rule import read
from cloud.policies.tables import State
from cloud.store.news import BASELINE_NS
from cloud.store.store import Store
from cloud.visitor import EVERYTHING, Role, Scope, Visitor, read_scope
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2 as d
from tests.cloud.packages import (
    GATEWAY,
    LEDGER,
    SECOND,
    SHOP,
    START,
    coverage,
    endpoint,
    offsets,
    package,
    place,
)

NOW = START // SECOND
FIRST = START - 2 * BASELINE_NS
VENDOR = c.Workload(kind="External", name="api.vendor.example")
POLICY = """
policies:
  - id: outside
    title: No mail addresses outside
    severity: high
    why: The contract forbids it.
    advice: Send a number instead.
    deny: {data: {types: contact.*}, to: {outside: true}}
"""


class Clock:
    seconds = NOW - 3_600

    def __call__(self) -> int:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database_url: str, clock: Clock) -> Iterator[Store]:
    """Knows one endpoint with one data type since its baseline."""
    opened = Store(database_url, clock=clock)
    known = endpoint(places=[place()], at=FIRST)
    opened.add(package(offsets(0, 1), endpoints=[known], at=FIRST))
    clock.seconds = NOW
    yield opened
    opened.close()


def send(store: Store, *endpoints: c.Endpoint, first: int = 1) -> None:
    assert store.add(package(offsets(first, first + 1), endpoints=endpoints))


def today(
    store: Store,
    scope: Scope = EVERYTHING,
    after: int = NOW - 60,
    role: Role = Role.EDITOR,
    size: int = 30,
) -> TodayReport:
    span = Span("window", after * SECOND, (store.watch.clock() + 1) * SECOND)
    who = Visitor("ann", role, scope)
    with store.reading() as connection:
        return told(connection, store.watch, who, span, Paging(1, size, 0))


def only(report: TodayReport) -> Line:
    (line,) = report.lines
    return line


def test_nothing_new_is_an_answer(store: Store) -> None:
    report = today(store)
    assert report.lines == []
    assert report.is_whole
    assert report.trust.captured_share is None
    assert not report.trust.is_complete


def test_roll_out_of_forty_fields_is_one_line(store: Store) -> None:
    rows = [
        endpoint(
            f"/{name}",
            [place("financial.iban", f"$.{name}{n}", d.HIGH) for n in range(20)],
            at=START,
        )
        for name in ("users/{id}", "orders")
    ]
    send(store, *rows)
    line = only(today(store))
    assert (line.kind, line.sensitivity, line.gravity) == ("data", "high", 3)
    assert line.title == "1 new endpoint of shop/shop-api, with sensitive data"
    assert line.why.startswith("40 fields on 2 endpoints: IBAN (high) is returned.")
    assert line.fields == 40
    assert line.endpoints == 2
    assert [one.data_type for one in line.data_types] == ["financial.iban"]
    assert "web/gateway" in line.why


def test_further_fields_of_a_known_type_are_counted(store: Store) -> None:
    fields = [place("contact.email", f"$.mails[{n}].to") for n in range(40)]
    send(store, endpoint("/users/{id}", fields))
    line = only(today(store))
    assert (line.fields, line.endpoints, line.changes) == (40, 1, 40)
    assert line.why.startswith("40 fields on 1 endpoint: Email (medium) is returned")
    assert line.title == "New data at shop/shop-api"
    assert line.evidence.startswith("/endpoints/")


def test_new_type_says_where_it_stands_and_who_asks(store: Store) -> None:
    born = place("personal.birth_date", "$.born", d.HIGH, direction=c.REQUEST)
    send(store, endpoint("/users/{id}", [born]))
    line = only(today(store))
    assert line.title == "New data at shop/shop-api"
    assert "Birth date (high) is sent in $.born of GET /users/{id}" in line.why
    assert "asked by web/gateway" in line.why
    assert line.action == line.evidence
    assert line.advice


def test_party_outside_is_one_line_with_what_it_gets(store: Store) -> None:
    mail = place(direction=c.REQUEST)
    send(store, endpoint("/send", [mail], "POST", server=VENDOR, client=SHOP))
    line = only(today(store))
    assert (line.kind, line.gravity) == ("party", 3)
    assert line.title == "New party outside: api.vendor.example"
    assert "shop/shop-api asks it" in line.why
    assert "Email (medium) is sent" in line.why
    assert line.evidence == "/outside?q=api.vendor.example"
    assert line.action == "/policies#write"
    viewer = only(today(store, role=Role.VIEWER))
    assert viewer.action.startswith("/map?workload=")


def test_password_in_an_address_comes_first(store: Store) -> None:
    secret = place("credential.password", "pw", d.HIGH, location=d.QUERY)
    send(
        store,
        endpoint("/users/{id}", [place("financial.iban", "$.i", d.HIGH), secret]),
    )
    lines = today(store).lines
    assert [line.kind for line in lines] == ["url", "data"]
    assert lines[0].title == "Password in addresses of shop/shop-api"
    assert "pw of GET /users/{id}" in lines[0].why
    assert "replace it" in lines[0].advice


def test_client_that_gets_known_data_for_the_first_time(store: Store) -> None:
    send(store, endpoint(places=[place()], client=LEDGER))
    line = only(today(store))
    assert line.title == "New client of shop/shop-api: shop/ledger"
    assert "Email (medium) is returned" in line.why
    assert line.client
    assert line.client.name == "ledger"


def test_what_carries_no_data_is_one_calm_line(store: Store) -> None:
    rows = [endpoint(f"/calm/{n}", client=LEDGER) for n in range(7)]
    send(store, *rows, endpoint("/users/{id}", [place("financial.iban", "$.i", 3)]))
    first, last = today(store).lines
    assert first.kind == "data"
    assert last.kind == "quiet"
    assert last.title == "7 endpoints and 1 connection new in local"
    assert last.gravity == 0


def test_violations_are_first_and_one_a_flow_and_return(
    store: Store, clock: Clock
) -> None:
    judging = Judging(store, lambda _: {}, lambda: clock.seconds * SECOND)
    store.tell_new_places(judging.note)
    book = Book(store, clock_ns=lambda: clock.seconds * SECOND)
    for policy in read(POLICY):
        book.save([policy], "anna")
        book.switch(policy.id, True, "anna")
    mails = [place(path=f"$.to[{n}]", direction=c.REQUEST) for n in range(3)]
    send(store, endpoint("/send", mails, "POST", server=VENDOR, client=SHOP))
    judging.judge_fresh()
    report = today(store)
    assert [line.kind for line in report.lines] == ["violation", "party"]
    line = report.lines[0]
    assert line.title == "Violation: No mail addresses outside"
    assert line.why == (
        "shop/shop-api sends email in 3 fields to api.vendor.example. "
        "The contract forbids it."
    )
    assert line.advice == "Send a number instead."
    assert line.action == "/violations?policy=outside&q=api.vendor.example"
    decisions = Decisions(store, lambda: clock.seconds * SECOND)
    with store.reading() as connection:
        keys = list(connection.exec_driver_sql("SELECT id FROM violations").scalars())
    until = Decision(State.ACCEPTED, "known", (NOW + 60) * SECOND)
    decisions.decide(keys, until, "anna")
    assert [line.kind for line in today(store).lines] == ["party"]
    clock.seconds = NOW + 600
    again = endpoint(
        "/send", mails, "POST", server=VENDOR, client=SHOP, at=START + 120 * SECOND
    )
    send(store, again, first=2)
    judging.judge_returned()
    line = only(today(store, after=NOW + 300))
    assert line.title == "Violation returned: No mail addresses outside"
    assert "accepted or called fixed before" in line.why


def test_scope_sees_its_part(store: Store) -> None:
    born = place("personal.birth_date", "$.born", d.HIGH)
    send(
        store,
        endpoint("/a", [born], server=LEDGER, client=SHOP),
        endpoint("/b", [born], server=GATEWAY, client=VENDOR),
    )
    shop, web, none = (
        today(store, read_scope(text)) for text in ("local/shop", "local/web", "east")
    )
    assert only(shop).title == "New endpoint of shop/ledger: GET /a"
    assert {line.kind for line in web.lines} == {"data", "party"}
    assert "ledger" not in str(web)
    assert none.lines == []
    assert none.paging.total == 0
    assert none.trust.clusters == 0


def test_page_has_a_bound_and_names_for_it_only(store: Store) -> None:
    servers = [
        c.Workload(namespace="n", kind="Deployment", name=f"s-{n:02}") for n in range(9)
    ]
    send(store, *(endpoint("/x", [place()], server=one) for one in servers))
    report = today(store, size=4)
    assert len(report.lines) == 4
    assert report.paging.total == 9
    assert report.kinds == {"data": 9}


def test_more_than_is_read_is_said(store: Store) -> None:
    fields = [place("contact.email", f"$.f{n}") for n in range(MOST_READ + 1)]
    send(store, endpoint("/users/{id}", fields))
    assert not today(store).is_whole


def test_trust_tells_the_worst_cluster_and_its_age(store: Store, clock: Clock) -> None:
    told_of = coverage({"paired": 9_000, "tls": 1_000})
    store.add(package(offsets(1, 2), coverage=[told_of]))
    store.add(package(coverage=[coverage({"paired": 500})], cluster="other"))
    clock.seconds = NOW + 40
    store.watch.look()
    trust = today(store).trust
    assert trust.captured_share == pytest.approx(0.9)
    assert (trust.clusters, trust.silent, trust.age_seconds) == (2, 0, 40)
    assert not trust.is_complete
    clock.seconds = NOW + 400
    assert today(store).trust.silent == 2


def rolled(
    store: Store, found: c.Endpoint, *told: tuple[c.Workload, str, int], first: int = 1
) -> None:
    """Sends an endpoint with roll-outs: whose, revision, seconds before NOW."""
    made = package(offsets(first, first + 1), endpoints=[found])
    for workload, name, ago in told:
        since_ns = START - ago * SECOND
        image = f"registry.example/{workload.name}@sha256:{name}"
        revision = c.Revision(name=name, image=image, since_ns=since_ns)
        made.workloads.append(c.WorkloadFacts(workload=workload, revisions=[revision]))
    assert store.add(made)


def test_roll_out_that_brought_it_is_named(store: Store) -> None:
    """Of server or client, the last one before; for new types and new edges."""
    born = place("personal.birth_date", "$.born", d.HIGH, direction=c.REQUEST)
    found = endpoint("/users/{id}", [born], at=START)
    rolled(store, found, (SHOP, "a1", 7_000), (GATEWAY, "b2", 600))
    (line,) = (one for one in today(store).lines if one.kind == "data")
    assert line.rollout
    assert (line.rollout.workload.name, line.rollout.revision) == ("gateway", "b2")
    assert line.rollout.image == "registry.example/gateway@sha256:b2"
    told = today(store, read_scope("local/shop"))
    (line,) = (one for one in told.lines if one.kind == "data")
    assert line.rollout
    assert line.rollout.revision == "a1"
    reader = c.Workload(namespace="web", kind="Deployment", name="reader")
    edge = endpoint("/pay", [place()], server=LEDGER, client=reader, at=START)
    rolled(store, edge, (reader, "c3", 60), first=2)
    named = {line.rollout.revision for line in today(store).lines if line.rollout}
    assert named == {"b2", "c3"}
    assert "c3" in write(today(store), "", "", "").text


def test_roll_out_long_before_or_after_is_not_named(store: Store) -> None:
    born = place("personal.birth_date", "$.born", d.HIGH)
    found = endpoint("/users/{id}", [born], at=START)
    rolled(store, found, (SHOP, "a1", 8 * 3_600), (GATEWAY, "b2", -3_000))
    assert [one.rollout for one in today(store).lines] == [None]


def test_party_outside_names_the_roll_out_of_who_asks_it(store: Store) -> None:
    mail = place(direction=c.REQUEST)
    found = endpoint("/send", [mail], "POST", server=VENDOR, client=SHOP, at=START)
    rolled(store, found, (SHOP, "a1", 60))
    line = only(today(store))
    assert line.kind == "party"
    assert line.rollout
    assert line.rollout.workload.name == "shop-api"
