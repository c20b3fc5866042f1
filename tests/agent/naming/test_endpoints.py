"""Endpoint templates per server: known, learnt, bounded."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.naming import endpoints, proof, routes
from agent.naming.endpoints import AUTHORITY, OVERFLOW, Endpoints
from agent.naming.shapes import is_placeholder

NOW_NS = 1_700_000_000_000_000_000
MINUTE_NS = 60 * 10**9


def template(target: bytes, method: str = "GET") -> str:
    return Endpoints().template("server", method, target)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/", "/"),
        (b"", "/"),
        (b"//", "/"),
        (b"/users/42", "/users/{id}"),
        (b"/users/42/", "/users/{id}"),
        (b"/users/42?email=jane@example.com", "/users/{id}"),
        (b"/users/42#top", "/users/{id}"),
        (b"/users/jane.doe%40example.com", "/users/{email}"),
        (b"/v1/orders/2024-05-01", "/v1/orders/{date}"),
        (b"/2015-03-31/functions/list", "/2015-03-31/functions/list"),
        (b"/api/0/projects/123", "/api/0/projects/{id}"),
        (b"/rest/api/3/issue", "/rest/api/3/issue"),
        (b"/v1.56/containers/json", "/v1.56/containers/json"),
        (b"http://shop.example:8080/users/42?x=1", "/users/{id}"),
        (b"http://jane:pw@shop.example/users/42", "/users/{id}"),
        (b"//jane:pw@shop.example/users/42", "/{value}/users/{id}"),
        (b"https://shop.example", "/"),
        (b"*", "*"),
        (b"users/42", "/users/{id}"),
        (b"/orders/./7/../9", "/orders/{id}"),
        (b"/users;jsessionid=1/42;v=2", "/users/{id}"),
        (b"/odata/Users(Name='Jane')", "/odata/Users({id})"),
        (b"/users/42:disable", "/users/{id}:disable"),
        (b"/api/admin.users.setOwner", "/api/admin.users.setOwner"),
        (
            b"/api/v1/namespaces/web/pods/web-7d4b9c6f5-x2x9z/log",
            "/api/v1/namespaces/{id}/pods/{id}/log",
        ),
        (b"/shop.v1.OrderService/GetOrder", "/shop.v1.OrderService/GetOrder"),
        (b"/mueller.OrderService/GetOrder", "/{id}/GetOrder"),
        (b"/juniper/_search", "/{id}/_search"),
        (b"/payments/_search", "/{id}/_search"),
        (b"/" + b"a/" * 20, "/a" * 16 + "/{rest}"),
    ],
)
def test_each_target_form_gives_its_path(target: bytes, expected: str) -> None:
    assert template(target) == expected


def test_the_authority_form_names_no_host() -> None:
    assert template(b"db.internal:5432", "CONNECT") == AUTHORITY
    assert template(b"db.internal:5432") == AUTHORITY


LEAKED_BEFORE = [
    b"/employee/mueller",
    b"/reset/hunter",
    b"/coupon/WELCOMEBACK",
    b"/reports/medical-record-john-smith.pdf",
    b"/login/swordfish",
    b"/users/bulk-jane",
    b"/blog/breaking-news",
    b"/diagnosis/diabetes",
    b"/user/rose",
    b"/tags/divorce",
    b"/tags/wedding",
    b"/files/lebenslauf-anna-schmidt.pdf",
    b"/reports/divorce-smith.xlsx",
    b"/api/mueller",
    b"/api/v2/will",
    b"/v2/grace",
    b"/projects/holiday-sale",
    b"/customers/cloudmigration",
    b"/reset/enableservice",
    b"/coupon/freeshipping",
    b"/invite/eyJhbGciOiJIUzI1NiJ9",
]


@pytest.mark.parametrize("target", LEAKED_BEFORE)
def test_no_name_stays_however_often_it_is_asked_for(target: bytes) -> None:
    server = Endpoints(proof_seconds=0)
    for number in range(200):
        shown = server.template("s", "GET", target, number % 5, 200, NOW_NS + number)
        assert is_placeholder(shown.split("/")[-1])


@pytest.mark.parametrize("target", ["/users/me", "/users/search", "/password/reset"])
def test_operations_behind_a_name_of_data_stay(target: str) -> None:
    assert template(target.encode()) == target


def ask(
    server: Endpoints, target: bytes, times: int, status: int = 200, clients: int = 3
) -> str:
    """Once a minute; the template of the last."""
    shown = ""
    for number in range(times):
        at_ns = NOW_NS + number * MINUTE_NS
        shown = server.template("s", "GET", target, number % clients, status, at_ns)
    return shown


def test_a_word_proves_by_frequent_success_from_several_clients() -> None:
    server = Endpoints()
    assert ask(server, b"/frobnicate/42", 1) == "/{id}/{id}"
    assert ask(server, b"/frobnicate/42", 50) == "/frobnicate/{id}"


def test_words_prove_one_behind_the_other() -> None:
    assert ask(Endpoints(), b"/frobnic/blargify/42", 50) == "/frobnic/blargify/{id}"


@pytest.mark.parametrize(
    ("times", "status", "clients"), [(11, 200, 3), (50, 404, 3), (50, 200, 2)]
)
def test_less_proves_nothing(times: int, status: int, clients: int) -> None:
    shown = ask(Endpoints(), b"/frobnicate/42", times, status, clients)
    assert shown == "/{id}/{id}"


def test_a_surname_proves_only_alone_and_before_a_version() -> None:
    assert ask(Endpoints(), b"/lem/accounts", 50) == "/{id}/accounts"
    server = Endpoints()
    assert ask(server, b"/lem/v3/accounts", 50) == "/lem/v3/accounts"
    shared = Endpoints()
    ask(shared, b"/nowak/v3/accounts", 1)
    assert ask(shared, b"/lem/v3/accounts", 50) == "/{id}/v3/accounts"


def test_a_noun_behind_which_ids_stood_is_one_that_data_follows() -> None:
    server = Endpoints()
    assert server.template("s", "GET", b"/rum/warehouse") == "/rum/warehouse"
    ask(server, b"/rum/4f1c9a7e22", 1)
    assert server.template("s", "GET", b"/rum/warehouse") == "/rum/{id}"
    assert ask(server, b"/rum/blargify", 50) == "/rum/{id}"


def test_ids_that_come_before_the_proof_prevent_it() -> None:
    server = Endpoints()
    ask(server, b"/rum/blargify", 10)
    ask(server, b"/rum/4f1c9a7e22", 1)
    assert ask(server, b"/rum/blargify", 50) == "/rum/{id}"


def test_a_burst_proves_nothing() -> None:
    server = Endpoints()
    for number in range(100):
        shown = server.template("s", "GET", b"/frobnicate", number % 3, 200, NOW_NS)
        assert shown == "/{id}"


def words(count: int) -> list[str]:
    consonants, vowels = "bdfgklmnprst", "aeiou"
    syllables = [c + v for c in consonants for v in vowels]
    return [a + b + "na" for a in syllables for b in syllables][:count]


def test_a_position_with_many_alternatives_proves_none() -> None:
    server = Endpoints(proof_seconds=0)
    for number in range(2_000):
        word = words(proof.MOST_ALTERNATIVES + 5)[number % 21]
        target = f"/{word}/stock".encode()
        shown = server.template("s", "GET", target, number % 3, 200, NOW_NS)
        assert shown == "/{id}/stock" or number < 21 * proof.FREQUENT
    assert shown == "/{id}/stock"


def test_what_was_learnt_is_told_as_digests_only() -> None:
    server = Endpoints(b"key", proof_seconds=0)
    ask(server, b"/frobnicate/42", 50)
    told = list(server.learnt(NOW_NS))
    assert [(len(key), len(value)) for key, value in told] == [(16, 4)]
    assert list(server.learnt(NOW_NS)) == []
    other = Endpoints(b"key")
    for key, value in told:
        other.take(key, value)
    assert other.template("s", "GET", b"/frobnicate/7") == "/frobnicate/{id}"
    assert other.template("another", "GET", b"/frobnicate/7") == "/{id}/{id}"
    stranger = Endpoints(b"another key")
    for key, value in told:
        stranger.take(key, value)
    assert stranger.template("s", "GET", b"/frobnicate/7") == "/{id}/{id}"


def test_what_nobody_asks_for_is_forgotten_and_taken_back() -> None:
    server = Endpoints(proof_seconds=0)
    ask(server, b"/frobnicate/42", 50)
    [(key, _)] = server.learnt(NOW_NS)
    later_ns = NOW_NS + (proof.KEPT_DAYS + 2) * proof.DAY_NS
    assert list(server.learnt(later_ns)) == [(key, b"")]


def test_rubbish_from_the_topic_is_ignored() -> None:
    server = Endpoints()
    for key, value in [(b"", b""), (b"k" * 16, b"x"), (b"k" * 3, b"1234")]:
        server.take(key, value)
    assert list(server.learnt(NOW_NS)) == []


def test_a_scan_changes_no_template_and_blinds_no_server() -> None:
    server = Endpoints(proof_seconds=0)
    real = [f"/shop/orders/{kind}".encode() for kind in ("search", "count", "export")]
    real += [b"/frobnicate/42", b"/users/7", b"/billing/invoices"]
    before = [ask(server, target, 50) for target in real]
    scanned = [
        server.template("s", "GET", f"/{a}/{b}".encode(), "scanner", 404, NOW_NS)
        for a in ["admin", "config", "backup", *words(40)]
        for b in ["login", "status", "search", *words(40)]
    ]
    assert len(set(scanned)) <= routes.MOST_FAILED_TEMPLATES + 1
    assert [ask(server, target, 1) for target in real] == before
    assert ask(server, b"/billing/settings", 1) == "/billing/settings"


def test_a_server_that_answers_all_is_bounded_for_an_hour() -> None:
    server = Endpoints(most_templates=10)
    paths = [f"/billing/v{number}/search".encode() for number in range(20)]
    shown = {server.template("s", "GET", p, "c", 200, NOW_NS) for p in paths}
    assert len(shown) == 11
    assert OVERFLOW in shown
    later_ns = NOW_NS + routes.HOUR_NS
    assert server.template("s", "GET", paths[-1], "c", 200, later_ns) != OVERFLOW


def test_servers_learn_apart() -> None:
    server = Endpoints(proof_seconds=0)
    ask(server, b"/frobnicate/42", 50)
    assert server.template("s", "GET", b"/frobnicate/1") == "/frobnicate/{id}"
    assert server.template("two", "GET", b"/frobnicate/1") == "/{id}/{id}"


def test_tables_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Endpoints()
    for number in range(3 * routes.MOST_ROUTES):
        server.template("s", "GET", b"/users/u" + str(number).encode(), "c", 200)
    for number in range(2 * endpoints.MOST_SERVERS + 2):
        server.template(number, "GET", b"/users/7")
    assert server.template("s", "GET", b"/users/7") == "/users/{id}"


def test_the_same_targets_give_the_same_templates() -> None:
    draw = random.Random(7)
    targets = [f"/shop/{draw.choice(words(200))}".encode() for _ in range(1000)]
    runs = []
    for _ in range(2):
        server = Endpoints()
        runs.append([server.template("s", "GET", target) for target in targets])
    assert runs[0] == runs[1]


@given(st.binary(max_size=2_000), st.integers(0, 999))
def test_any_target_gives_a_short_printable_template(
    target: bytes, status: int
) -> None:
    shown = Endpoints_SHARED.template("s", "GET", target, "c", status, NOW_NS)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) < 16 * 210


Endpoints_SHARED = Endpoints(most_templates=1 << 30)


OPERATIONS = {
    b"query GetUserById": "query GetUserById",
    b"mutation CreateOrder": "mutation CreateOrder",
    b"orders.create": "orders.create",
    b"orders.create,orders.list": "orders.create,orders.list",
    b"GetOrder": "GetOrder",
    b"DynamoDB_20120810.GetItem": "DynamoDB_20120810.GetItem",
    b"": "",
    b"JaneDoe": "{id}",
    b"query JaneDoe": "query {id}",
    b"orders.mueller": "orders.{id}",
    b"\xff\x00": "{id}",
}


@pytest.mark.parametrize(("raw", "told"), OPERATIONS.items())
def test_operations_are_told_by_the_same_rule(raw: bytes, told: str) -> None:
    assert Endpoints().operation("s", raw) == told


def test_operations_prove() -> None:
    server = Endpoints(proof_seconds=0)
    for number in range(40):
        client = number % 3
        told = server.operation("s", b"query Frobnicate", client, 200, NOW_NS)
        person = server.operation("s", b"query MuellerHans", client, 200, NOW_NS)
    assert told == "query Frobnicate"
    assert person == "query {id}"
