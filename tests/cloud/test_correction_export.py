"""What people correct, taken along as a file: detectors go by it as the cloud does."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from agent.cluster.addresses import Workload
from agent.demo.capture import Capture
from agent.digger.corrections import Corrections
from agent.digger.detectors import DetectorClient, LocalDetector, Part
from agent.digger.package import RESPONSE, Edge
from agent.replay.replay import replay
from detection.catalog import load
from detection.lines import detect_lines
from detection.program import Detector
from detection.scanner import Scanner
from proto.v1 import collector_pb2 as c
from proto.v1 import detector_pb2_grpc
from tests.cloud.packages import endpoint, offsets, package, place
from tests.cloud.running import Cloud
from tests.cloud.test_correction_pages import sent

MAIL, BIC, BRANCH = "contact.email", "financial.bic", "own.branch"
MAIL_PATH = "$.products[*].supplier.email"
MAP_PATH = "$.{key}.mailbox"
"""Of a map by persons' names, as a digger tells it."""
SERVER = c.Workload(namespace="shop", kind="Deployment", name="catalogue")
REASON = 'it\'s: a "mailbox" # of\u2028companies\n- x: [y]'


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A field that is none, and a type that is another at an endpoint."""
    with Cloud(f"sqlite:///{tmp_path}/cloud.sqlite3") as cloud:
        rows = [
            endpoint("/products", [place(MAIL, MAIL_PATH)], server=SERVER),
            endpoint("/payments/{id}", [place(BIC, "$.bic")], server=SERVER),
            endpoint("/staff", [place(MAIL, MAP_PATH)], server=SERVER),
        ]
        cloud.collector.Send(package(offsets(0, 1), endpoints=rows), timeout=10)
        listed = cloud.get("/api/v1/endpoints").json()["endpoints"]
        keys = {row["path"]: row["id"] for row in listed}
        field = {"direction": "response", "location": "body"}
        for path, form in (
            ("/products", {"field": MAIL_PATH, "type": MAIL, "scope": "place"}),
            (
                "/payments/{id}",
                {"field": "$.bic", "type": BIC, "becomes": BRANCH, "scope": "endpoint"},
            ),
            ("/staff", {"field": MAP_PATH, "type": MAIL, "scope": "place"}),
            ("/products", {"field": "$.x", "type": "network.ip_address"}),
        ):
            address = f"/endpoints/{keys[path]}/correct"
            told = {"scope": "everywhere", "reason": REASON} | field | form
            assert sent(cloud, address, **told).status == 303
        (wide,) = cloud.get("/api/v1/corrections?scope=everywhere").json()[
            "corrections"
        ]
        sent(cloud, "/corrections/undo", id=wide["id"], reason="no")
        answer = cloud.get("/api/v1/corrections?format=yaml")
        assert answer.status == 200
        assert "corrections.yaml" in answer.headers["content-disposition"]
        assert "network.ip_address" not in answer.text, "it is undone"
        assert "test" not in answer.text, "nobody's name"
    file = tmp_path / "corrections.yaml"
    file.write_text(answer.text)
    return file


def told(findings: list[Any]) -> list[str]:
    return [f["data_type"] for f in findings if f["data_type"] in (MAIL, BIC, BRANCH)]


def test_a_catalog_takes_it_and_detect_goes_by_it(exported: Path) -> None:
    known = load(str(exported)).corrections
    assert [(one.data_type, one.becomes) for one in known] == [
        (MAIL, ""),
        (BIC, BRANCH),
        (MAIL, ""),
    ]
    assert known[0].workload == "catalogue"
    scanner = Scanner.load(str(exported))
    mail = {"products": [{"supplier": {"email": "sales@supplier.example"}}]}
    lines = [
        {"body": json.dumps(body)} | where
        for body in (mail, {"bic": "DEUTDEFF500"})
        for where in (
            {},
            {"method": "GET", "endpoint": "/products", "direction": "response"},
            {"method": "GET", "endpoint": "/payments/{id}"},
        )
    ]
    source, target = (
        io.BytesIO("\n".join(map(json.dumps, lines)).encode()),
        io.StringIO(),
    )
    assert detect_lines(source, target, scanner, explain=False) == 0
    answers = [json.loads(line)["findings"] for line in target.getvalue().splitlines()]
    assert [told(one) for one in answers] == [
        *([MAIL], [], [MAIL]),
        *([BIC], [BIC], [BRANCH]),
    ]


def test_a_key_that_is_not_told_is_any_key_of_the_map(exported: Path) -> None:
    scanner = Scanner.load(str(exported))
    people = {"mueller": {"mailbox": "a@firm.example"}, "ada": {"mail": "b@x.example"}}
    line = {"body": json.dumps(people), "method": "GET", "direction": "response"}
    source = "\n".join(json.dumps(line | {"endpoint": e}) for e in ("/staff", "/other"))
    target = io.StringIO()
    assert detect_lines(io.BytesIO(source.encode()), target, scanner, False) == 0
    found = [json.loads(one)["findings"] for one in target.getvalue().splitlines()]
    paths = [[one["path"] for one in answer] for answer in found]
    assert paths == [["$.ada.mail"], ["$.ada.mail", "$.mueller.mailbox"]]


def test_replayed_captures_are_read_by_it(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "demo.pcap"
    file.write_bytes(Capture(7).piece(0, 60, 1_700_000_000_000_000_000, 500.0))
    found = []
    for catalog in ("", str(exported)):
        assert replay([str(file)], None, None, False, 1 << 20, True, "-", catalog) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        found.append({(one["path"], t) for one in lines for t in told(one["findings"])})
    assert ("/products", MAIL) in found[0]
    assert ("/payments/{id}", BIC) in found[0]
    gone, come = found[0] - found[1], found[1] - found[0]
    assert gone == {("/products", MAIL), ("/payments/{id}", BIC)}
    assert come == {("/payments/{id}", BRANCH)}


@pytest.mark.parametrize("is_service", [False, True], ids=["within", "service"])
def test_a_digger_goes_by_it(exported: Path, is_service: bool) -> None:
    if is_service:
        server = grpc.server(ThreadPoolExecutor(2))
        service = Detector(Scanner.load(str(exported)), [0, 0])
        detector_pb2_grpc.add_DetectorServicer_to_server(service, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        assert_digger_goes_by_it(DetectorClient(f"127.0.0.1:{port}"))
        server.stop(0).wait(5)
    else:
        assert_digger_goes_by_it(LocalDetector(str(exported)))


def assert_digger_goes_by_it(detector: LocalDetector | DetectorClient) -> None:
    body = b'{"products": [{"supplier": {"email": "sales@supplier.example"}}]}'
    (found,) = detector.scan([Part(b"", body, False)]).findings
    assert [finding.data_type for finding in found] == [MAIL]
    corrections = Corrections("local")
    corrections.know(detector.known)
    server = Workload("shop", "Deployment", "catalogue")
    edge = Edge(server, server, 8000, "GET", "/products")
    assert corrections.apply(edge, RESPONSE, found) == []
    other = edge._replace(server=server._replace(name="gateway"))
    assert corrections.apply(other, RESPONSE, found) == found
    elsewhere = Corrections("other")
    elsewhere.know(detector.known)
    assert elsewhere.apply(edge, RESPONSE, found) == found
    detector.close()
