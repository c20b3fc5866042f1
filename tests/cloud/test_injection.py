"""Hostile names through a real collector: stored or refused, and text where shown."""

import csv
import io
import logging
import unicodedata
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import grpc
import pytest

from agent.cli import main
from cloud.doors.clusters.tokens import Tokens
from cloud.doors.ledger import Ledger
from cloud.doors.visitors.people import Attempts, People
from cloud.doors.visitors.visits import Visits
from cloud.errors import DoorError
from cloud.pages.page import API
from cloud.pages.site import PAGES
from cloud.visitor import Role
from proto.v1 import collector_pb2 as c
from tests.cloud import hostile, packages
from tests.cloud.hostile import LONG, MARK, TEXTS
from tests.cloud.packages import offsets, package
from tests.cloud.postgres import Postgres
from tests.cloud.running import Answer, Cloud
from tests.cloud.test_pages import Reader

MOST_NODES = 8
MOST_BYTES = 400_000
"""Of a page, which has one row or box for each of the attacks."""
ELEMENTS = frozenset(
    "a b body br button caption circle code dd defs desc details div dl dt em fieldset "
    "footer form g h1 h2 h3 head header hr html img input label legend li line link "
    "main marker meta nav ol optgroup option p path polygon pre rect script section "
    "select small span strong summary svg table tbody td textarea text th thead time "
    "title tr tspan ul use wbr "
    "figure figcaption ol datalist".split()
)
"""That the templates have; a name makes none of its own."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def attacked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    """A cloud that all texts were sent to."""
    if request.param == "sqlite":
        folder: Path = tmp_path_factory.mktemp("attacked")
        url = f"sqlite:///{folder}/cloud.sqlite3"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.emptied()
    with Cloud(url) as running:
        for made in hostile.town():
            running.collector.Send(made, timeout=30)
        yield running


def refusal(cloud: Cloud, made: c.Package) -> str:
    """Empty if it is stored; only what is wrong with a package is a reason."""
    try:
        cloud.collector.Send(made, timeout=30)
    except grpc.RpcError as error:
        return f"{error.code().name}: {error.details()}"
    return ""


@pytest.mark.timeout(300)
def test_each_text_is_stored_or_refused_by_its_field_s_name(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Cloud(database_url) as cloud, caplog.at_level(logging.DEBUG):
        assert refusal(cloud, hostile.whole()) == ""
        for number, where in enumerate(hostile.places()):
            for name, text in (*TEXTS.items(), ("long", LONG)):
                attack = hostile.attacked(where, text, f"{name}{number}")
                told = refusal(cloud, attack)
                assert not told or told.startswith("INVALID_ARGUMENT: ")
                assert MARK not in told
                assert told or name != "long", where.name
        assert refusal(cloud, package(offsets(0, 1), cluster="after")) == ""
        assert cloud.get("/").status == 200
    assert not [r for r in caplog.records if MARK in r.getMessage()]
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


def test_surrogates_are_no_text(cloud: Cloud) -> None:
    """UTF-8 has none (RFC 3629, section 3): the message itself is refused."""
    made = packages.shop()
    made.cluster = "MARKMARK"
    broken = made.SerializeToString().replace(b"MARKMARK", b"\xed\xa0\x80MARK\xff")
    call: Any = cloud.channel.unary_unary("/vethscope.v1.Collector/Send")
    with pytest.raises(grpc.RpcError) as raised:
        call(broken, timeout=30)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def shown(cloud: Cloud) -> list[str]:
    """The address of each page, for each thing that it is about."""
    rows = cloud.get(f"{API}/endpoints?size=200").json()["endpoints"]
    assert len(rows) == len(TEXTS)
    found = []
    for page in PAGES:
        if page.path == "/endpoints/{id}":
            found += [f"/endpoints/{row['id']}" for row in rows]
        elif page.path == "/coverage/node":
            told = cloud.get(f"{API}/coverage").json()["nodes"]
            asked = [{name: row[name] for name in ("cluster", "node")} for row in told]
            found += [f"{page.path}?{urlencode(one)}" for one in asked[:MOST_NODES]]
        elif "{" not in page.path:
            found.append(page.path)
    return [*found, "/map?level=workloads", "/map?level=namespaces"]


def calm(text: str) -> bool:
    """No control and no change of direction."""
    return not any(
        unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\n\t\r"
        for c in text
    )


def test_pages_show_names_as_text(attacked: Cloud) -> None:
    seen = ""
    for path in shown(attacked):
        answer = attacked.get(path)
        assert answer.status == 200, path
        assert len(answer.text.encode()) <= MOST_BYTES, (path, len(answer.text))
        assert calm(answer.text), path
        assert "49" not in Reader(answer.text).text.split(MARK + "{{")[-1][:9]
        check(answer, path)
        seen += Reader(answer.text).text
    assert f'{MARK}"><script' in seen
    assert f"{MARK}'; DROP" in seen
    assert "{{7*7}}" in seen


def check(answer: Answer, path: str) -> None:
    for tag, attributes in Reader(answer.text).tags:
        assert tag in ELEMENTS, (path, tag)
        assert not any(name == "style" or name[:2] == "on" for name in attributes)
        for name in ("href", "src", "action", "xlink:href"):
            target = attributes.get(name) or "/"
            assert target.startswith(("/", "#", "?")), (path, target)
            assert not target.startswith("//"), (path, target)
        if tag == "script":
            assert (attributes["src"] or "").startswith("/static/")


def test_hostile_queries_come_back_as_text(attacked: Cloud) -> None:
    names = ("q", "type", "sort", "page", "open", "format")
    asked = [("q", text) for text in (*TEXTS.values(), LONG[:7_000])]
    asked += [(name, TEXTS["html"]) for name in names]
    asked += [(TEXTS["html"], TEXTS["nul"])]
    for page in ("/endpoints", "/map", "/violations", "/coverage", "/nowhere"):
        for name, text in asked:
            path = f"{page}?{quote(name)}={quote(text)}"
            answer = attacked.get(path)
            assert answer.status in (200, 400, 404), path
            assert len(answer.text.encode()) <= MOST_BYTES
            check(answer, path)


def test_answers_of_the_api_are_whole(attacked: Cloud) -> None:
    for path in shown(attacked):
        where = API + ("/today" if path == "/" else path)
        answer = attacked.get(where)
        assert answer.status == 200, where
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert isinstance(answer.json(), dict)
        assert calm(answer.text)


def test_no_cell_is_a_formula(attacked: Cloud) -> None:
    tables = 0
    for page in PAGES:
        if not page.rows or "{" in page.path:
            continue
        for path in shown(attacked):
            if path.partition("?")[0] != page.path:
                continue
            mark = "&" if "?" in path else "?"
            where = "/today" if path == "/" else path
            answer = attacked.get(f"{API}{where}{mark}format=csv&size=200")
            assert answer.status == 200
            assert answer.headers["content-type"].startswith("text/csv")
            assert answer.headers["content-disposition"].startswith("attachment")
            head, *rows = csv.reader(io.StringIO(answer.text))
            for row in rows:
                assert len(row) == len(head)
                for cell in row:
                    is_number = cell.lstrip("-").replace(".", "", 1).isdigit()
                    assert is_number or cell[:1] not in set("=+-@\t\r\n"), cell[:30]
                    assert calm(cell)
            tables += bool(rows)
    assert tables >= 2


def attack_doors(cloud: Cloud) -> None:
    """Puts every text where the doors keep one; what they refuse is left out."""
    with closing(Ledger(cloud.database_url)) as ledger:
        people = People(ledger)
        visits = Visits(ledger, people, Attempts())
        for text in TEXTS.values():
            visits.enter(text, text)
            with suppress(DoorError):
                Tokens(ledger).create(text, text)
            with suppress(DoorError):
                visits.make_api_key(text, Role.VIEWER, 60, text)
            with suppress(DoorError):
                people.add(text, Role.VIEWER, "correct horse battery", text)
            with ledger.writing() as connection:
                ledger.note(connection, text, "attack", text, text)


ROOMS = tuple(
    f"/administration/{room}"
    for room in ("users", "tokens", "visits", "audit", "settings")
)


def test_rooms_of_the_administration_show_names_as_text(cloud: Cloud) -> None:
    attack_doors(cloud)
    seen = ""
    for path in (*ROOMS, "/account"):
        answer = cloud.get(path)
        assert answer.status == 200, path
        assert calm(answer.text), path
        check(answer, path)
        seen += Reader(answer.text).text
        told = cloud.get(f"{API}{path}")
        assert told.headers["content-type"] == "application/json", path
        assert calm(told.text), path
        table = cloud.get(f"{API}{path}?format=csv")
        for row in csv.reader(io.StringIO(table.text)):
            assert not any(cell[:1] in set("=+@\t\r\n") for cell in row if cell), path
            assert all(map(calm, row)), path
    assert f'{MARK}"><script' in seen
    assert "{{7*7}}" in seen


def test_names_in_the_commands_tables_are_calm(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """A terminal does what it reads."""
    attack_doors(cloud)
    url = ["--cloud-database-url", cloud.database_url]
    for words in (["token", "list"], ["key", "list"], ["user", "list"], ["audit"]):
        assert main(["cloud", *words, *url]) == 0
        told = capsys.readouterr().out
        assert MARK in told
        assert calm(told)
        assert all(len(line) <= 1_200 for line in told.splitlines())
