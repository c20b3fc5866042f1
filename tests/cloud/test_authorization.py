"""Every route by every role by every scope. A new route without a line here fails.

A line says who may use a route at least, and what a visitor who is limited to clusters
or namespaces gets of it.
"""

from collections.abc import Iterator
from contextlib import closing
from enum import Enum
from typing import NamedTuple

import pytest
from starlette.routing import Mount, Route

from cloud.administration.doors import Doors
from cloud.administration.handed import Handed
from cloud.alerts import alerting as alerts
from cloud.doors.clusters.rates import Limits
from cloud.doors.clusters.tokens import Tokens
from cloud.doors.ledger import Ledger
from cloud.doors.site import Site
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.provider import Provider, Terms
from cloud.doors.visitors.visits import Visits
from cloud.doors.web.front import PROBES, STATIC, Front, is_open
from cloud.doors.web.sign_in import Door
from cloud.policies.policing import Policing
from cloud.program import dashboard
from cloud.store.store import Store
from cloud.visitor import EVERYTHING, Role, Scope, read_scope
from tests.cloud.company import CLUSTERS, NAMESPACES
from tests.cloud.running import Answer, Cloud


class Limited(Enum):
    """What of a route a visitor with a scope gets."""

    PART = "what is within the scope"
    ONE = "404 unless it is within the scope"
    SOME = "nothing of what is outside of the scope; here is nothing within"
    SAME = "the same as all others: it tells nothing of clusters"
    NONE = "403: it holds for all"
    OWN = "what is the visitor's own, as keys with their scopes"


class Line(NamedTuple):
    least: Role
    limited: Limited


V, E, A = Role
PART, ONE, SOME, SAME, NONE, OWN = Limited
POLICY_CHANGES = (
    *("", "/try", "/adopt"),
    *(f"/{{id}}/{word}" for word in ("switch", "remove", "restore")),
)
ALERT_CHANGES = (
    *("channels", "rules", "deliveries/again", "deliveries/drop"),
    *(f"channels/{word}" for word in ("change", "switch", "delete", "test")),
    *(f"rules/{word}" for word in ("switch", "delete")),
)
LINES = {
    ("GET", "/"): Line(V, PART),
    ("GET", "/api/v1/today"): Line(V, PART),
    ("POST", "/today/read"): Line(V, SAME),
    ("GET", "/overview"): Line(V, PART),
    ("GET", "/api/v1/overview"): Line(V, PART),
    ("GET", "/endpoints"): Line(V, PART),
    ("GET", "/api/v1/endpoints"): Line(V, PART),
    ("GET", "/endpoints/{id}"): Line(V, ONE),
    ("GET", "/api/v1/endpoints/{id}"): Line(V, ONE),
    **{
        ("GET", f"{api}/{page}"): Line(V, limited)
        for api in ("", "/api/v1")
        for page, limited in (
            ("catalog", PART),
            ("workloads", PART),
            ("workloads/{id}", ONE),
            ("search", SOME),
        )
    },
    ("GET", "/endpoints/{id}/correct"): Line(E, ONE),
    ("GET", "/api/v1/endpoints/{id}/correct"): Line(E, ONE),
    ("POST", "/endpoints/{id}/correct"): Line(E, SOME),
    ("GET", "/corrections"): Line(V, SOME),
    ("GET", "/api/v1/corrections"): Line(V, SOME),
    ("POST", "/corrections/undo"): Line(E, SOME),
    ("GET", "/coverage"): Line(V, PART),
    ("GET", "/api/v1/coverage"): Line(V, PART),
    ("GET", "/coverage/node"): Line(V, SOME),
    ("GET", "/api/v1/coverage/node"): Line(V, SOME),
    ("GET", "/coverage/parts/{id}"): Line(V, ONE),
    ("GET", "/api/v1/coverage/parts/{id}"): Line(V, ONE),
    ("GET", "/changes"): Line(V, SOME),
    ("GET", "/api/v1/changes"): Line(V, SOME),
    ("GET", "/outside"): Line(V, SOME),
    ("GET", "/api/v1/outside"): Line(V, SOME),
    ("GET", "/types"): Line(V, PART),
    ("GET", "/api/v1/types"): Line(V, PART),
    ("GET", "/types/{id}"): Line(V, ONE),
    ("GET", "/api/v1/types/{id}"): Line(V, ONE),
    ("GET", "/map"): Line(V, PART),
    ("GET", "/api/v1/map"): Line(V, PART),
    ("POST", "/map/hide"): Line(V, SOME),
    ("POST", "/map/show"): Line(V, SAME),
    ("GET", "/violations"): Line(V, PART),
    ("GET", "/api/v1/violations"): Line(V, PART),
    ("POST", "/violations"): Line(E, SOME),
    ("GET", "/policies"): Line(V, SOME),
    ("GET", "/api/v1/policies"): Line(V, SOME),
    ("GET", "/policies/{id}"): Line(V, SOME),
    ("GET", "/api/v1/policies/{id}"): Line(V, SOME),
    **{("POST", f"/policies{path}"): Line(E, NONE) for path in POLICY_CHANGES},
    ("GET", "/api/v1/openapi.json"): Line(V, SAME),
    ("GET", "/status"): Line(V, SOME),
    ("GET", "/api/v1/status"): Line(V, SOME),
    ("GET", "/status/banner"): Line(V, SOME),
    ("GET", "/administration/users"): Line(A, SAME),
    ("GET", "/api/v1/administration/users"): Line(A, SAME),
    ("GET", "/administration/tokens"): Line(A, SAME),
    ("GET", "/api/v1/administration/tokens"): Line(A, SAME),
    ("GET", "/administration/alerts"): Line(A, SAME),
    ("GET", "/api/v1/administration/alerts"): Line(A, SAME),
    **{
        ("POST", f"/administration/alerts/{path}"): Line(A, SAME)
        for path in ALERT_CHANGES
    },
    ("GET", "/administration/visits"): Line(A, SAME),
    ("GET", "/api/v1/administration/visits"): Line(A, SAME),
    ("GET", "/administration/audit"): Line(A, SAME),
    ("GET", "/api/v1/administration/audit"): Line(A, SAME),
    ("GET", "/administration/settings"): Line(A, SAME),
    ("GET", "/api/v1/administration/settings"): Line(A, SAME),
    ("POST", "/administration/users"): Line(A, SAME),
    ("POST", "/administration/users/change"): Line(A, SAME),
    ("POST", "/administration/users/reset"): Line(A, SAME),
    ("POST", "/administration/users/disable"): Line(A, SAME),
    ("POST", "/administration/users/remove"): Line(A, SAME),
    ("POST", "/administration/tokens"): Line(A, SAME),
    ("POST", "/administration/tokens/revoke"): Line(A, SAME),
    ("POST", "/administration/visits/end"): Line(A, SAME),
    ("GET", "/account"): Line(V, OWN),
    ("GET", "/api/v1/account"): Line(V, OWN),
    ("POST", "/account/password"): Line(V, SOME),
    ("POST", "/account/digest"): Line(V, SOME),
    ("POST", "/account/keys"): Line(V, SOME),
    ("POST", "/account/keys/revoke"): Line(V, SOME),
    ("GET", "/shown/{id}"): Line(V, SOME),
    ("GET", "/api/v1/shown/{id}"): Line(V, SOME),
}
"""Of the pages."""
OPEN = {
    *(("GET", path) for path in ("/healthz", "/readyz", "/static", "/enter", "/login")),
    *(("GET", path) for path in ("/logout", "/login/oidc", "/login/oidc/back")),
    ("GET", "/login/oidc/left"),
    *(("POST", path) for path in ("/login", "/logout", "/login/oidc/ended")),
}
"""For everybody: probes, the style of the login page, and the doors' own."""
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")
SCOPES = ("", "east", "east/alpha", "east/beta west", "west/beta", "north", "north/x")
SAMPLE = "0123456789abcdef"
"""The id of nothing."""


class Asking:
    """Asks as anybody, with one key for each role and scope."""

    def __init__(self, cloud: Cloud, visits: Visits) -> None:
        self._cloud = cloud
        self._visits = visits
        self._keys: dict[tuple[Role, Scope], str] = {}

    def ask(
        self,
        line: tuple[str, str],
        role: Role,
        scope: Scope = EVERYTHING,
        name: str = SAMPLE,
    ) -> Answer:
        if (role, scope) not in self._keys:
            key = self._visits.make_api_key("test", role, 3_600, "test", scope)
            self._keys[role, scope] = key
        method, path = line
        headers = {"authorization": f"Bearer {self._keys[role, scope]}"}
        return self._cloud.ask(path.replace("{id}", name), method, headers)


@pytest.fixture(scope="module")
def asking(company: Cloud) -> Iterator[Asking]:
    with closing(Ledger(company.database_url)) as ledger:
        yield Asking(company, Visits(ledger, People(ledger), Attempts()))


def test_every_route_has_a_line(company: Cloud) -> None:
    with (
        closing(Store(company.database_url)) as store,
        closing(Ledger(company.database_url)) as ledger,
    ):
        people = People(ledger)
        visits = Visits(ledger, people, Attempts())
        tokens, limits = Tokens(ledger), Limits()
        doors = Doors(ledger, people, visits, tokens, Handed(), "", limits)
        alerting = alerts.Alerting(store, alerts.Terms(), "")
        pages = dashboard(store, Policing(store), doors, alerting)
    found = set()
    for route in pages.routes:
        if isinstance(route, Mount):
            found.add(("GET", route.path))
            continue
        assert isinstance(route, Route)
        found |= {(how, route.path) for how in route.methods or () if how != "HEAD"}
    with closing(Ledger(company.database_url)) as ledger:
        visits = Visits(ledger, People(ledger), Attempts())
        provider = Provider(Terms("https://x", "y"), "https://z")
        away = (lambda: pages.is_away, pages.away)
        door = Door(provider, ())
        front = Front(pages, pages.role, visits, Site(), 1, away, door)
        found |= front._own.keys()
        front.close()
    assert found == LINES.keys() | OPEN, "say here who may use the new route"


def test_what_is_open_is_named(company: Cloud) -> None:
    assert {*PROBES, STATIC.rstrip("/")} <= {path for _, path in OPEN}
    shut = ("/healthz/x", "/healthzx", "/static", "/", "//static/x", "/x/static/y")
    assert not any(map(is_open, shut))
    assert not any(is_open(path) for _, path in LINES)


@pytest.mark.parametrize("path", sorted({path for _, path in LINES}))
def test_strangers_learn_nothing(company: Cloud, path: str) -> None:
    path = path.replace("{id}", SAMPLE)
    for method in METHODS:
        answer = company.ask(path, method, {"origin": company.address})
        assert answer.status == (401 if path.startswith("/api/") else 303), method
        wrong = {"authorization": "Bearer vsa_000000000000_" + "a" * 43}
        assert company.ask(path, method, wrong).status == 401
        if method not in ("GET", "HEAD"):
            assert company.ask(path, method).status == 403


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_each_role_gets_what_its_line_says(
    company: Cloud, asking: Asking, line: tuple[str, str], role: Role
) -> None:
    least = LINES[line].least
    answer = asking.ask(line, role)
    if role < least:
        assert answer.status == 403
    else:
        assert answer.status in (200, 303, 400, 404)
    changing = [how for how in METHODS if how not in ("GET", "HEAD", line[0])]
    for method in changing:
        if (method, line[1]) not in LINES:
            other = asking.ask((method, line[1]), role)
            assert other.status == (403 if role < Role.EDITOR else 405), method


def names() -> dict[str, tuple[str, ...]]:
    """Each namespace of each cluster, and in which forms an answer could name it."""
    return {
        f"{cluster}/{namespace}": tuple(
            f"{cluster}{between}{namespace}" for between in ("-", "_", "/")
        )
        for cluster in CLUSTERS
        for namespace in NAMESPACES
    }


def told(answer: Answer) -> set[str]:
    """The namespaces that an answer tells of."""
    return {
        place
        for place, forms in names().items()
        if any(form in answer.text for form in forms)
    }


def within(scope: Scope) -> set[str]:
    return {
        place
        for place in names()
        if scope.is_everything
        or place.partition("/")[0] in scope.clusters
        or tuple(place.split("/")) in scope.namespaces
    }


def ones(company: Cloud, path: str) -> list[tuple[str, str]]:
    """What the id of a path may name, and which namespace each is of."""
    if "/types/" in path:
        rows = company.get("/api/v1/types").json()["types"]
        names = [row["data_type"] for row in rows]
        return [(name, name.partition(".")[2].replace("_", "/")) for name in names]
    if "/parts/" in path:
        rows = company.get("/api/v1/coverage?size=200").json()["parts"]
        ends = [(row["id"], row["workload"]) for row in rows]
        return [(name, f"{end['cluster']}/{end['namespace']}") for name, end in ends]
    kind, end = ("endpoints", "server")
    if "/workloads/" in path:
        kind, end = ("workloads", "workload")
    rows = company.get(f"/api/v1/{kind}").json()[kind]
    return [(r["id"], f"{r[end]['cluster']}/{r[end]['namespace']}") for r in rows]


@pytest.mark.parametrize("text", SCOPES)
@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_each_scope_gets_what_its_line_says(
    company: Cloud, asking: Asking, line: tuple[str, str], text: str
) -> None:
    scope = read_scope(text)
    role, limited = LINES[line]
    if role is Role.ADMIN:
        return  # They have no scope: see below.
    if limited is ONE:
        for name, place in ones(company, line[1]):
            answer = asking.ask(line, role, scope, name)
            is_within = place in within(scope)
            assert answer.status == (200 if is_within else 404)
            assert told(answer) == ({place} if is_within else set())
        return
    answer = asking.ask(line, role, scope)
    if limited is NONE:
        assert (answer.status == 403) is (not scope.is_everything)
    elif limited is SAME:
        everything = asking.ask(line, role)
        assert (answer.status, answer.text) == (everything.status, everything.text)
        assert told(answer) == set()
    elif limited is OWN:
        assert answer.status == 200
    elif limited is SOME:
        assert answer.status in (200, 303, 400, 404)
        assert told(answer) <= within(scope)
    else:
        assert answer.status == 200
        assert told(answer) == within(scope)


def test_admins_are_not_limited(asking: Asking) -> None:
    """So the three roles and all scopes are above."""
    with pytest.raises(Exception, match="an admin sees everything"):
        asking.ask(("GET", "/"), Role.ADMIN, read_scope("east"))
