"""Endpoint templates per server."""

import random

import pytest

from agent.digger import endpoints
from agent.digger.endpoints import Endpoints


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
        (b"/v1/orders/2024-05-01", "/v1/orders/{date}"),
        (b"http://shop.example:8080/users/42?x=1", "/users/{id}"),
        (b"https://shop.example", "/"),
        (b"*", "*"),
        (b"users/42", "/users/{id}"),
        (b"/" + b"a/" * 20, "/a" * 16 + "/{rest}"),
    ],
)
def test_each_target_form_gives_its_path(target: bytes, expected: str) -> None:
    assert template(target) == expected


def test_the_authority_form_names_no_host() -> None:
    assert template(b"db.internal:5432", "CONNECT") == "{authority}"


@pytest.mark.parametrize("target", [b"/users/jane", b"/customers/by-email/jane"])
def test_words_behind_a_name_of_data_are_data(target: bytes) -> None:
    assert template(target).endswith("/{name}")


@pytest.mark.parametrize("target", ["/users/me", "/users/by-email", "/password/reset"])
def test_operations_behind_a_name_of_data_stay(target: str) -> None:
    assert template(target.encode()) == target


def words(count: int) -> list[str]:
    consonants, vowels = "bdfgklmnprst", "aeiou"
    syllables = [c + v for c in consonants for v in vowels]
    return [a + b for a in syllables for b in syllables][:count]


def test_a_position_with_too_many_words_holds_names() -> None:
    server = Endpoints()
    most = endpoints.MOST_WORDS
    templates = [
        server.template("s", "GET", f"/shop/{word}/stock".encode())
        for word in words(most + 5)
    ]
    assert templates[0] == f"/shop/{words(1)[0]}/stock"
    assert templates[most:] == ["/shop/{name}/stock"] * 5


def test_names_beside_ids_are_found_sooner() -> None:
    server = Endpoints()
    server.template("s", "GET", b"/shops/42")
    templates = [
        server.template("s", "GET", f"/shops/{word}".encode()) for word in words(20)
    ]
    assert templates.count("/shops/{name}") == 20 - endpoints.MOST_WORDS_BESIDE_IDS


def test_frequent_words_stay_when_a_position_fills_up() -> None:
    server = Endpoints()
    for _ in range(endpoints.FREQUENT):
        server.template("s", "GET", b"/shop/stock")
    for word in words(endpoints.MOST_WORDS + 1):
        server.template("s", "GET", f"/shop/{word}".encode())
    assert server.template("s", "GET", b"/shop/stock") == "/shop/stock"
    assert server.template("s", "GET", b"/shop/unseen") == "/shop/{name}"


def test_servers_learn_apart() -> None:
    server = Endpoints()
    for word in words(endpoints.MOST_WORDS + 1):
        server.template("one", "GET", f"/shop/{word}".encode())
    assert server.template("one", "GET", b"/shop/unseen") == "/shop/{name}"
    assert server.template("two", "GET", b"/shop/unseen") == "/shop/unseen"


def test_a_server_has_a_bounded_number_of_templates() -> None:
    server = Endpoints()
    known = words(endpoints.MOST_WORDS)
    seen = {
        server.template("s", "GET", f"/{a}/{b}".encode()) for a in known for b in known
    }
    assert len(seen) <= endpoints.MOST_TEMPLATES + 1
    assert endpoints.OVERFLOW in seen


def test_servers_beyond_the_bound_share_their_learning() -> None:
    server = Endpoints()
    for number in range(endpoints.MOST_SERVERS):
        server.template(number, "GET", b"/")
    for word in words(endpoints.MOST_WORDS + 1):
        server.template("late", "GET", f"/shop/{word}".encode())
    assert server.template("later", "GET", b"/shop/unseen") == "/shop/{name}"


def test_positions_are_bounded() -> None:
    server = Endpoints()
    for number in range(endpoints.MOST_PARENTS):
        a, b = divmod(number, endpoints.MOST_WORDS)
        path = f"/{words(endpoints.MOST_WORDS)[a % 60]}/{words(64)[b]}/x/y"
        server.template("s", "GET", path.encode())
    learned = server.template("s", "GET", b"/api/unseen/deep/deeper")
    assert learned in ("/api/{name}/{name}/{name}", endpoints.OVERFLOW)


def test_the_same_targets_give_the_same_templates() -> None:
    draw = random.Random(7)
    targets = [f"/shop/{draw.choice(words(200))}".encode() for _ in range(1000)]
    runs = []
    for _ in range(2):
        server = Endpoints()
        runs.append([server.template("s", "GET", target) for target in targets])
    assert runs[0] == runs[1]
