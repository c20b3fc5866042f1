"""Tokens of clusters, and the collector that asks for them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from cloud.doors.clusters.collector import collecting
from cloud.doors.clusters.intake import Intake
from cloud.doors.clusters.rates import Limits, Rates
from cloud.doors.clusters.tokens import Gate, Tokens, is_loopback
from cloud.doors.keys import Kind
from cloud.doors.ledger import Ledger
from cloud.errors import DoorError, UnknownError
from cloud.store.store import Store
from proto.v1 import collector_pb2 as c
from proto.v1.collector_pb2_grpc import CollectorStub
from tests.cloud.packages import TOPIC, endpoint, offsets, package

OPERATOR = "operator"
TIMEOUT = 10
SEND = "/vethscope.v1.Collector/Send"


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with closing(Ledger(database_url)) as opened:
        yield opened


@pytest.fixture
def tokens(ledger: Ledger) -> Tokens:
    return Tokens(ledger)


@contextmanager
def closed_collector(
    tokens: Tokens, folder: Path, limits: Limits | None = None
) -> Iterator[int]:
    """As on an address that others reach; gives the port."""
    with closing(Store(f"sqlite:///{folder}/store.sqlite3")) as store:
        intake = Intake(store, Rates(limits or Limits()))
        gate = Gate(tokens, is_open=False)
        with collecting(intake, gate, "127.0.0.1:0") as port:
            yield port


@contextmanager
def closed_channel(
    tokens: Tokens, folder: Path, limits: Limits | None = None
) -> Iterator[grpc.Channel]:
    with (
        closed_collector(tokens, folder, limits) as port,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield channel


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


def code(call: Any) -> grpc.StatusCode:
    outcome: grpc.StatusCode = call.code()
    return outcome


def test_token_names_its_cluster_until_it_is_revoked(tokens: Tokens) -> None:
    token = tokens.create("shop", OPERATOR)
    assert tokens.owner(token) == "shop"
    [known] = tokens.all()
    tokens.revoke(known.id, OPERATOR)
    with pytest.raises(UnknownError):
        tokens.owner(token)


def test_two_tokens_hold_at_a_time(tokens: Tokens) -> None:
    old, new = (tokens.create("shop", OPERATOR) for _ in range(2))
    assert tokens.owner(old) == tokens.owner(new) == "shop"
    with pytest.raises(DoorError, match="2 tokens"):
        tokens.create("shop", OPERATOR)
    assert tokens.create("other", OPERATOR)


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 300])
def test_a_name_that_no_cluster_has_gets_no_token(tokens: Tokens, name: str) -> None:
    with pytest.raises(DoorError):
        tokens.create(name, OPERATOR)


def test_what_is_nearly_a_token_is_none(tokens: Tokens) -> None:
    token = tokens.create("shop", OPERATOR)
    prefix, name, secret = token.split("_", 2)
    for wrong in (
        "",
        token[:-1],
        f"{token}x",
        f"{prefix}_{name}_{'A' * len(secret)}",
        f"{prefix}_{'0' * 12}_{secret}",
        f"{Kind.VISIT.value}_{name}_{secret}",
        token.replace("_", "\0"),
    ):
        with pytest.raises(UnknownError):
            tokens.owner(wrong)


def test_database_holds_no_token(tmp_path: Path) -> None:
    with closing(Ledger(f"sqlite:///{tmp_path}/doors.sqlite3")) as ledger:
        token = Tokens(ledger).create("shop", OPERATOR)
    secret = token.split("_", 2)[2].encode()
    for file in tmp_path.iterdir():
        assert secret not in file.read_bytes()


def test_changes_are_in_the_audit_log(ledger: Ledger, tokens: Tokens) -> None:
    tokens.create("shop", OPERATOR)
    tokens.revoke(tokens.all()[0].id, OPERATOR)
    told = [(line.who, line.action) for line in ledger.audited(10)]
    assert told == [(OPERATOR, "token created"), (OPERATOR, "token revoked")]


def test_collector_knows_clusters_by_their_tokens(
    tokens: Tokens, tmp_path: Path
) -> None:
    token = tokens.create("shop", OPERATOR)
    with closed_channel(tokens, tmp_path) as channel:
        stub: Any = CollectorStub(channel)
        own, foreign = package(cluster="shop"), package(cluster="other")
        asked = c.ResumeRequest(cluster="other", topic=TOPIC, partitions=[0])

        def sent(sent: c.Package, metadata: Any = ()) -> grpc.StatusCode:
            return code(stub.Send.future(sent, timeout=TIMEOUT, metadata=metadata))

        unknown, denied = (
            grpc.StatusCode.UNAUTHENTICATED,
            grpc.StatusCode.PERMISSION_DENIED,
        )
        assert sent(own) is unknown
        assert sent(own, bearer("vsc_000000000000_" + "a" * 43)) is unknown
        assert sent(own, (("authorization", f"Basic {token}"),)) is unknown
        assert sent(own, bearer(token) * 2) is unknown
        assert sent(foreign, bearer(token)) is denied
        resume = stub.Resume.future(asked, timeout=TIMEOUT, metadata=bearer(token))
        assert code(resume) is denied
        assert sent(own, bearer(token)) is grpc.StatusCode.OK
        tokens.revoke(tokens.all()[0].id, OPERATOR)
        assert sent(own, bearer(token)) is unknown


def test_stranger_is_refused_before_the_message_comes(
    tokens: Tokens, tmp_path: Path
) -> None:
    def never() -> Iterator[bytes]:
        yield from ()

    with closed_channel(tokens, tmp_path) as channel:
        send: Any = channel.stream_unary(SEND)
        assert code(send.future(never(), timeout=2)) is grpc.StatusCode.UNAUTHENTICATED


def test_calls_of_one_cluster_are_bounded(tokens: Tokens, tmp_path: Path) -> None:
    bad, good = (tokens.create(name, OPERATOR) for name in ("bad", "good"))
    with closed_channel(tokens, tmp_path) as channel:
        send: Any = channel.unary_unary(SEND)
        message = package(
            endpoints=[endpoint(f"/{n}") for n in range(2_000)], cluster="bad"
        ).SerializeToString()
        many = [
            send.future(message, timeout=TIMEOUT, metadata=bearer(bad))
            for _ in range(40)
        ]
        stub = CollectorStub(channel)
        own = package(cluster="good")
        assert not stub.Send(own, timeout=5, metadata=bearer(good)).duplicate
        outcomes = {code(call) for call in many}
    assert outcomes == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}


def test_packages_of_one_cluster_are_bounded_a_minute(
    tokens: Tokens, tmp_path: Path
) -> None:
    bad, good = (tokens.create(name, OPERATOR) for name in ("bad", "good"))
    with closed_channel(tokens, tmp_path, Limits(packages=3)) as channel:
        stub: Any = CollectorStub(channel)

        def sent(cluster: str, number: int, token: str) -> grpc.StatusCode:
            one = package(offsets(number, number + 1), cluster=cluster)
            metadata = bearer(token)
            return code(stub.Send.future(one, timeout=TIMEOUT, metadata=metadata))

        outcomes = [sent("bad", number, bad) for number in range(4)]
        assert outcomes[:3] == [grpc.StatusCode.OK] * 3
        assert outcomes[3] is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert sent("good", 0, good) is grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("127.0.0.1:7083", True),
        ("[::1]:7083", True),
        ("localhost:7083", True),
        ("0.0.0.0:7083", False),
        ("[::]:7083", False),
        ("localhost.example:7083", False),
    ],
)
def test_only_loopback_is_open(listen: str, expected: bool) -> None:
    assert is_loopback(listen) is expected
