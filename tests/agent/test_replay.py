"""replay: pairs, report, summary, and captures that cannot be read to their end."""

import gzip
import hashlib
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from agent.demo.capture import Capture
from agent.demo.planted import PLANTED
from agent.replay.findings import Findings
from agent.replay.replay import replay
from rings.packets.pcap import read_blocks
from rings.streams.assembler import Assembler

BODY_BYTES = 1 << 20
COUNT = 40


@pytest.fixture(scope="module")
def recorded() -> tuple[bytes, int, int]:
    """A capture file, its exchanges and the JSON ones among them."""
    capture = Capture(7)
    data = capture.piece(0, COUNT, 1_700_000_000_000_000_000, 500.0)
    return data, COUNT, capture.counts.json_exchanges


def _lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_pairs_are_written_one_a_line(
    recorded: tuple[bytes, int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, _, json_count = recorded
    file = tmp_path / "a.pcap"
    file.write_bytes(data)
    assert replay([str(file)], "-", None, False, BODY_BYTES) == 0
    lines = _lines(capsys.readouterr().out)
    assert len(lines) == json_count
    assert all(line["status"] for line in lines)
    assert set(lines[0]) == {
        "file",
        "connection",
        "protocol",
        "client",
        "server",
        "method",
        "target",
        "status",
        "request_content_type",
        "response_content_type",
        "request_body_bytes",
        "request_body_sha256",
        "response_body_bytes",
        "response_body_sha256",
        "truncated",
        "gaps",
        "started_ns",
        "answered_ns",
    }


def test_other_content_types_are_written_when_asked_for(
    recorded: tuple[bytes, int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, count, _ = recorded
    file = tmp_path / "a.pcap.gz"
    file.write_bytes(gzip.compress(data))
    assert replay([str(file)], "-", None, True, BODY_BYTES) == 0
    lines = _lines(capsys.readouterr().out)
    assert len(lines) == count
    empty = hashlib.sha256(b"").hexdigest()
    assert all(
        (line["request_body_bytes"] == 0) == (line["request_body_sha256"] == empty)
        for line in lines
    )


def test_the_report_accounts_for_every_byte(
    recorded: tuple[bytes, int, int], tmp_path: Path
) -> None:
    data, _, json_count = recorded
    file, target = tmp_path / "a.pcap", tmp_path / "report.json"
    file.write_bytes(data)
    assert replay([str(file), str(file)], None, str(target), False, BODY_BYTES) == 0
    report = json.loads(target.read_text())
    assert report["counts"]["pairs"] == 2 * json_count
    assert report["counts"]["payload_bytes"] == sum(report["buckets"].values())
    assert report["buckets"]["in_flight"] == 0
    assert [part["error"] for part in report["files"]] == [None, None]


@pytest.mark.parametrize("share", [0.1, 0.33, 0.5, 0.9])
def test_a_cut_capture_gives_what_was_readable(
    recorded: tuple[bytes, int, int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    share: float,
) -> None:
    data, _, json_count = recorded
    file = tmp_path / "cut.pcap"
    file.write_bytes(data[: int(len(data) * share) | 1])
    status = replay([str(file)], "-", None, False, BODY_BYTES)
    told = capsys.readouterr()
    assert 0 < len(_lines(told.out)) < json_count
    assert status == len(told.err.splitlines())
    assert status == 0 or "ends within a frame" in told.err


def test_one_bad_file_does_not_stop_the_others(
    recorded: tuple[bytes, int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.pcap", tmp_path / "bad.pcap"
    good.write_bytes(recorded[0])
    bad.write_bytes(b"no capture at all")
    files = [str(tmp_path / "absent"), str(bad), str(tmp_path), str(good)]
    assert replay(files, "-", None, False, BODY_BYTES) == 1
    told = capsys.readouterr()
    assert len(_lines(told.out)) == recorded[2]
    assert len(told.err.splitlines()) == 3


def test_without_outputs_a_summary_is_printed(
    recorded: tuple[bytes, int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.pcap"
    file.write_bytes(recorded[0])
    assert replay([str(file)], None, None, False, BODY_BYTES) == 0
    assert str(recorded[2]) in capsys.readouterr().out


def test_findings_are_written_by_endpoint(
    recorded: tuple[bytes, int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.pcap"
    file.write_bytes(recorded[0])
    status = replay([str(file)], None, None, False, BODY_BYTES, findings="-")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert status == 0
    assert len(lines) > COUNT / 4
    wanted = {"file", "connection", "method", "path", "status", "findings"}
    assert all(wanted <= set(line) for line in lines)
    findings = [found for line in lines for found in line["findings"]]
    assert set(findings[0]) == {
        "data_type",
        "path",
        "sensitivity",
        "likelihood",
        "count",
        "direction",
        "location",
    }
    assert {found["direction"] for found in findings} == {"request", "response"}
    assert any(found["data_type"] == "financial.payment_card" for found in findings)


def test_findings_hold_no_planted_value(
    recorded: tuple[bytes, int, int], tmp_path: Path
) -> None:
    file, target = tmp_path / "a.pcap", tmp_path / "found.jsonl"
    file.write_bytes(recorded[0])
    replay([str(file)], None, None, False, BODY_BYTES, findings=str(target))
    told = target.read_text()
    assert told
    for planted in PLANTED:
        assert len(planted.value) < 6 or planted.value not in told


def test_the_table_sums_findings(
    recorded: tuple[bytes, int, int], tmp_path: Path
) -> None:
    file = tmp_path / "a.pcap"
    file.write_bytes(recorded[0])
    found = Findings("", BODY_BYTES)
    assembler = Assembler()
    for block in read_blocks(str(file)):
        for pair in assembler.feed(block):
            list(found.feed("a.pcap", pair))
    list(found.flush())
    console = Console(file=io.StringIO(), width=200, markup=False)
    found.print_table(console)
    assert isinstance(console.file, io.StringIO)
    assert "financial.payment_card" in console.file.getvalue()
