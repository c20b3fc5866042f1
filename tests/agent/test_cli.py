"""The command line's contract: exit statuses, one line an error, help for all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli import main

COMMANDS = (
    "run",
    "demo",
    "interceptor",
    "digger",
    "detector",
    "cloud",
    "replay",
    "detect",
    "catalog",
    "check",
)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"vethscope {command}" in capsys.readouterr().out


def test_help_shows_examples_and_every_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert "examples:" in told
    assert all(command in told for command in COMMANDS)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("vethscope 0.")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["replay"],
        ["demo", "--duration", "soon"],
        ["demo", "--duration", "-1"],
        ["run", "--no-such-setting", "1"],
    ],
)
def test_bad_usage_ends_with_status_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


def test_bad_settings_are_told_at_once_with_status_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["check", "--kafka-partitions", "none", "--capture-workers", "x"]
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("vethscope: --") for line in lines)


@pytest.mark.parametrize("role", ["interceptor", "digger"])
def test_a_role_by_itself_needs_kafka(
    role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([role]) == 2
    assert "kafka.bootstrap" in capsys.readouterr().err


def test_check_prints_every_setting_and_no_secret(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "vethscope.toml"
    file.write_text("[kafka]\nsasl_password = 'canary'\npartitions = 9\n")
    assert main(["check", "--config", str(file)]) == 0
    told = capsys.readouterr().out
    assert "kafka.partitions = 9" in told
    assert "kafka.sasl_password = ***" in told
    assert "canary" not in told


def test_a_missing_file_is_one_line_with_status_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["detect", str(tmp_path / "absent")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "absent" in line


def test_detect_finds_and_never_prints_a_value(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "lines.jsonl"
    body = json.dumps({"user": {"email": "canary.person@example.org"}})
    file.write_text(json.dumps({"body": body}) + "\n")
    assert main(["detect", "--explain", str(file)]) == 0
    told = capsys.readouterr()
    (line,) = told.out.splitlines()
    findings = json.loads(line)["findings"]
    assert [(f["data_type"], f["path"]) for f in findings] == [
        ("contact.email", "$.user.email")
    ]
    assert "canary" not in told.out + told.err


def test_the_catalog_is_listed_and_proven(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog"]) == 0
    assert "contact.email" in capsys.readouterr().out
    assert main(["catalog", "--check"]) == 0


def test_a_reader_that_leaves_is_no_traceback(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text(json.dumps({"body": '{"email": "a@example.org"}'}) + "\n")
    program = f"{sys.executable} -m agent.cli check | true"
    done = subprocess.run(
        ["bash", "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert "Traceback" not in done.stderr


def test_check_reads_the_files_that_settings_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A digger that reads them first ends where nobody looks."""
    words = ["check"]
    for name, text in {
        "file": "[[workload]]\nname = 'a'\naddresses = ['x']\n",
        "filter_file": "permit shop\n",
        "ranges_file": "[[range]]\nname = 'office'\naddresses = ['192.0.2.0/33']\n",
        "geography_files": "no database",
    }.items():
        file = tmp_path / name
        file.write_text(text)
        words += [f"--addresses-{name}".replace("_", "-"), str(file)]
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    told = [line.removeprefix("vethscope: addresses.") for line in lines]
    assert told == [
        f"file: {tmp_path}/file: 'x': not an IP address",
        f"filter_file: {tmp_path}/filter_file: line 1: allow or deny, then "
        "namespace[/kind[/name]]",
        f"ranges_file: {tmp_path}/ranges_file: '192.0.2.0/33': not a range of "
        "addresses",
        f"geography_files: {tmp_path}/geography_files: is no MMDB file, or its end is "
        "missing",
    ]
