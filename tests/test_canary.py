"""No captured value leaves: planted ones are searched in all that is sent or written.

The demo's traffic, with its planted values, goes through the whole line; so do ten
thousand names where names of interfaces stand. Between digger
and cloud stands a relay that keeps each package; the store's file, all pages with
their JSON twins, alerts by each way and the digest, the log and standard output are
searched too. Extend it with each new
output.
"""

import json
import random
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from agent.demo.payroll import payroll_pb2
from agent.demo.planted import PLANTED, ROLLED_OUT
from agent.demo.recording import Recorded
from agent.health import serving
from agent.kafka.descriptors import DescriptorsTopic, decode
from agent.kafka.producer import RecordProducer
from agent.naming.vocabulary import Vocabulary
from agent.record import Record, encoder, server_key
from agent.settings import Settings
from agent.standalone import Standalone
from cloud.visitor import Role
from detection.protobuf.services import services
from proto.v1 import collector_pb2
from rings.records.operation import operation
from tests import canary
from tests.agent.digger.records import SERVER, batch, record
from tests.ports import free_port
from tests.receiving import await_sent, receiving, send_digest
from tests.topics import stored
from tests.waiting import eventually

PIECES_SECONDS = 4.0
RATE = 200.0


def _told_of_health(standalone: Standalone) -> dict[str, bytes]:
    """All that the health port says."""
    told = {}
    with serving("127.0.0.1:0", standalone) as port:
        for path in ("/livez", "/readyz", "/metrics"):
            address = f"http://127.0.0.1:{port}{path}"
            with urllib.request.urlopen(address, timeout=10) as answer:
                told[path] = answer.read()
    assert b'{bucket="paired"}' in told["/metrics"]
    return told


KINDS = 11
"""Places of names; the last two are messages of event streams and WebSockets."""
NAMED = 10_000
"""Names, tokens and code words in paths, operations, keys and query names."""
CODES = "hunter swordfish juniper falcon diabetes divorce acme welcomeback".split()
PEOPLE = "mueller schmidt garcia kowalski nguyen papadopoulos johansson".split()


def _words() -> list[str]:
    """Made-up words and tokens, names of persons, code words; none of interfaces."""
    chance = random.Random(9)
    known = Vocabulary.load()
    words = set[str]()
    while len(words) < NAMED:
        syllables = [
            "".join(map(chance.choice, ("bdgklmnrtvz", "aeiou"))) for _ in "12345"
        ]
        token = "".join(chance.choice("abcdefghjkmnpqrstuvwxyz") for _ in range(12))
        called = f"{chance.choice(PEOPLE + CODES)}{chance.choice(['', '-', '.'])}"
        made = "".join(syllables)
        words |= {made, token, called + made}
    return sorted(word for word in words if not known.marks(word))[:NAMED]


class Naming(canary.Source):
    """One exchange for each word, in a place of its own; and a service's types."""

    def __init__(self, words: list[str], settings: Settings) -> None:
        super().__init__(settings)
        self._words = words
        self.bootstrap = settings.kafka.bootstrap

    def send(self, producer: RecordProducer) -> None:
        topic = DescriptorsTopic(self.settings)
        for service in services([payroll_pb2.DESCRIPTOR.serialized_pb]):
            assert topic.tell(service)
        topic.close()
        made = [
            batch(_naming(number, word), server=_asked(number))
            for number, word in enumerate(self._words)
        ]
        for told in (*map(batch, _proving()), *made):
            key = server_key(told.server, told.server_port)
            producer.send(key, encoder.encode(told))
            producer.poll()


def _asked(number: int) -> bytes:
    """The server's address: one outside for what is sent there."""
    return bytes((8, 8, 8, number % 7)) if number % KINDS == KINDS - 3 else SERVER


def _naming(number: int, word: str) -> Record:
    """The word in a path, an operation, a key, a query name, or the name of a host
    outside, and of who asks; an address beside it."""
    email = "jane@example.org"
    target, body = [
        (f"/employee/{word}", f'{{"email":"{email}"}}'),
        (f"/{word}/orders", f'{{"email":"{email}"}}'),
        (f"/api/v1/projects/{word}/tasks", f'{{"email":"{email}"}}'),
        (f"/reports/{word}.pdf", f'{{"email":"{email}"}}'),
        ("/graphql", f'{{"query":"query {word} {{ a }}","email":"{email}"}}'),
        ("/rpc", f'{{"jsonrpc":"2.0","method":"{word}.get","email":"{email}"}}'),
        ("/users", f'{{"{word}":{{"email":"{email}"}}}}'),
        (f"/search?{word}={email}", "{}"),
        ("/outside", f'{{"email":"{email}"}}'),
        ("/events", "{}"),
        ("/chat", "{}"),
    ][number % KINDS]
    made = record(
        f"POST {target} HTTP/1.1",
        json.loads(body),
        {},
        at_ns=time.time_ns(),
        client=bytes([192, 0, 2, 1 + number % 5]),
    )
    asked = made.request
    asked.head = asked.head.replace(
        b"\r\n\r\n",
        f"\r\nHost: {word}.example.com\r\nUser-Agent: {word}\r\n\r\n".encode(),
    )
    if number % KINDS >= KINDS - 2:
        _flow(made, number % KINDS == KINDS - 1, word)
    made.fact.operation = operation(asked.head, target.encode(), asked.body)
    made.fact.shape = number
    return made


def _flow(made: Record, is_socket: bool, word: str) -> None:
    """Makes the answer messages that name the word: whole, and in tokens."""
    halves = word[: len(word) // 2], word[len(word) // 2 :]
    told: list[dict[str, object]] = [
        {word: {"email": "jane@example.org", "note": word}}
    ]
    tokens = [*halves, "@", "exam", "ple.org"]
    told += [{"choices": [{"delta": {"content": token}}]} for token in tokens]
    texts = [json.dumps(one).encode() for one in told]
    answer = made.response
    if is_socket:
        answer.body = b"".join(b"\x1e" + text + b"\n" for text in texts)
        made.fact.protocol = collector_pb2.WEBSOCKET
    else:
        answer.head = answer.head.replace(b"application/json", b"text/event-stream")
        answer.body = b"".join(b"data: " + text + b"\n\n" for text in texts)
        made.fact.protocol = collector_pb2.SSE


PROVING = "blargify"
"""Not known, and asked for often enough to prove."""


def _proving() -> Iterator[Record]:
    """Some clients ask for the same path, once a minute."""
    for number in range(40):
        made = record(
            f"POST /{PROVING} HTTP/1.1",
            {"email": "jane@example.org"},
            {},
            at_ns=time.time_ns() - (40 - number) * 60 * 10**9,
            client=bytes([192, 0, 2, 1 + number % 5]),
        )
        made.fact.shape = number
        yield made


def _learnt(bootstrap: str, kind: str) -> bytes:
    """All keys and values on the compacted topics of a kind; types inflated, too."""
    known = AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=10).topics
    messages = stored(bootstrap, *(name for name in known if name.endswith(kind)))
    told = [part or b"" for one in messages for part in (one.key(), one.value())]
    if kind == "descriptors":
        told += [decode(one.value()).files for one in messages]
    return b"".join(told)


def test_no_name_leaves(tmp_path: Path) -> None:
    words = _words()
    collector = free_port()
    sources: list[Naming] = []

    def source(settings: Settings) -> Naming:
        sources.append(Naming(words, settings))
        return sources[0]

    with (
        canary.relaying(f"127.0.0.1:{collector}") as (relay, port),
        Standalone(
            canary.settings(tmp_path, collector, port), threading.Event(), source
        ) as standalone,
    ):
        assert standalone.ready()
        assert eventually(lambda: _pairs(relay) >= NAMED, 60)
        bootstrap = sources[0].bootstrap
        assert eventually(lambda: _learnt(bootstrap, "names") != b"", 30)
        pages = b"".join(canary.pages(standalone).values()).lower()
        types = _learnt(bootstrap, "descriptors").lower()
        learnt = _learnt(bootstrap, "names").lower() + types
    packages = b"\0".join(relay.passed).lower()
    assert b"contact.email" in packages
    assert b"$.choices[*].delta.content" in packages
    spoken = {
        endpoint.protocol
        for passed in relay.passed
        for endpoint in collector_pb2.Package.FromString(passed).endpoints
    }
    assert spoken >= {collector_pb2.SSE, collector_pb2.WEBSOCKET}
    assert b"company.v1.payroll" in types
    assert b"{name}.example.com" in packages
    assert b"{name}.example.com" in pages
    for word in words:
        assert word.encode() not in packages, word
        assert word.encode() not in pages, word
        assert word.encode() not in learnt, word
    for disguise in canary.disguises(PROVING):
        assert disguise not in learnt
        assert disguise[:16] not in learnt


def _pairs(relay: canary.Relay) -> int:
    """Told in packages up to now."""
    return sum(
        traffic.pairs
        for passed in list(relay.passed)
        for endpoint in collector_pb2.Package.FromString(passed).endpoints
        for traffic in endpoint.traffic
    )


def test_no_planted_value_leaves(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setattr("cloud.alerts.deliveries.GATHERED_NS", 10**9)
    monkeypatch.setattr("cloud.alerts.deliveries.MOST_PER_HOUR", 1_000)
    monkeypatch.setattr("cloud.alerts.alerting.LOOK_SECONDS", 0.1)
    monkeypatch.setattr("cloud.policies.judging.LOOK_SECONDS", 0.5)
    url = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    collector = free_port()
    places: dict[str, bytes] = {}
    with (
        canary.relaying(f"127.0.0.1:{collector}") as (relay, port),
        Recorded(tmp_path) as traffic,
        Standalone(
            canary.settings(tmp_path, collector, port),
            threading.Event(),
            traffic.source,
        ) as standalone,
        ExitStack() as stack,
    ):
        assert standalone.ready()
        told = receiving(standalone.dashboard, standalone.key, url, tmp_path)
        received = stack.enter_context(told)
        traffic.begin(standalone, RATE)
        end = time.monotonic() + PIECES_SECONDS
        is_rolled_out = False
        while time.monotonic() < end:
            sent = traffic.counts(0.1)
            if time.monotonic() > end - PIECES_SECONDS / 2 and not is_rolled_out:
                is_rolled_out = traffic.roll_out(standalone)
        sent = traffic.finish()
        assert sent.json_exchanges > 0
        assert standalone.quiesce(30)
        assert eventually(lambda: b"Policy violated" in received.by_way()["webhook"])
        send_digest(url, standalone.dashboard)
        await_sent(url)
        places |= received.by_way()
        for way in ("webhook", "slack", "jira", "mail", "syslog", "file"):
            assert b"financial.payment_card" in places[way], way
        assert b"digest@example.com" in places["mail"]
        places |= _told_of_health(standalone)
        pages = canary.pages(standalone)
        assert any("/endpoints/" in path for path in pages)
        found = b"".join(pages.values())
        assert b"financial.payment_card" in found
        assert b"credential.password" in found
        assert b'<details class="why">' in found
        places |= pages
        log = "/administration/alerts"
        places |= canary.pages(standalone, log, standalone.key(Role.ADMIN), 1)
        assert b"it answers 204" in places[log]
    places["packages"] = b"\0".join(relay.passed)
    assert len(relay.passed) > 2
    assert b"$.payment.card_number" in places["packages"]
    places |= canary.written(tmp_path, caplog, capfd)
    canary.assert_absent(PLANTED + ROLLED_OUT, places)
