"""`vethscope demo` as its users run it: a command, its summary, and how it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.demo.network import DemoNetwork
from agent.demo.planted import DECOYS, OVER_GRPC, PAY, PLANTED, ROLLED_OUT, Planted
from tests.netns.pods import ip
from tests.waiting import busyness, eventually

VETHSCOPE = Path(sys.executable).parent / "vethscope"
END_SECONDS = 3.0
"""The promise: all ends within this after Ctrl-C."""
RUN_SECONDS = 110.0
"""The first start of all compiles the rules."""
NO_NAMESPACES = ["setpriv", "--bounding-set=-net_admin,-sys_admin"]


class Demo:
    """A running demo; its standard error is heard line by line."""

    def __init__(
        self, *arguments: str, prefix: tuple[str, ...], temporary: Path | None
    ) -> None:
        folder = {"TMPDIR": str(temporary)} if temporary else {}
        self.process = subprocess.Popen(
            [*prefix, str(VETHSCOPE), "demo", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | folder,
        )
        self._lines: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def errors(self) -> str:
        return "".join(self._lines)

    def await_line(self, part: str) -> None:
        def has_come() -> bool:
            return any(part in line for line in self._lines)

        with self._more:
            assert self._more.wait_for(has_come, RUN_SECONDS), self.errors

    def end(self) -> str:
        """What it wrote to standard output, when it has ended."""
        assert self.process.stdout
        with self.process.stdout as output:
            told = output.read()
        self.process.wait(RUN_SECONDS)
        self._reader.join()
        return told

    def close(self) -> None:
        self.process.wait(RUN_SECONDS)
        self._reader.join()
        assert self.process.stdout
        self.process.stdout.close()

    def interrupt(self, number: signal.Signals) -> float:
        """Seconds from the signal to the end."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(RUN_SECONDS)
        return time.monotonic() - began

    def _read(self) -> None:
        assert self.process.stderr
        with self.process.stderr as errors:
            for line in errors:
                with self._more:
                    self._lines.append(line)
                    self._more.notify_all()


@contextmanager
def demo(
    *arguments: str, prefix: tuple[str, ...] = (), temporary: Path | None = None
) -> Iterator[Demo]:
    running = Demo(*arguments, prefix=prefix, temporary=temporary)
    try:
        yield running
    finally:
        running.process.kill()
        running.close()


def traces(pid: int) -> list[str]:
    """What is left of the demo: interfaces, processes."""
    interfaces = [
        f"interface {name}"
        for _, name in socket.if_nameindex()
        if re.fullmatch(f"vs{pid}p[0-9]+", name)
    ]
    return [*interfaces, *_processes(pid)]


def _processes(pid: int) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if any(w.startswith("agent.demo.") for w in words) and str(pid) in words:
            found.append(" ".join(words))
    return found


def await_none(traces_of: Callable[[], list[str]]) -> None:
    """The kernel takes a namespace's interfaces away a moment after its end."""
    assert eventually(lambda: not traces_of(), 10.0), traces_of()


def run(*arguments: str, prefix: tuple[str, ...] = ()) -> tuple[dict[str, Any], Demo]:
    with demo("--duration", "5", "--json", *arguments, prefix=prefix) as running:
        output = running.end()
        assert running.process.returncode == 0, running.errors
        await_none(lambda: traces(running.process.pid))
        return json.loads(output), running


@pytest.fixture(scope="module")
def finished(privileged: None) -> tuple[dict[str, Any], Demo]:
    """The summary of one run, long enough for the payroll's names to be found."""
    return run("--duration", "10")


def assert_complete(summary: dict[str, Any]) -> None:
    assert summary["json_exchanges_sent"] > 1000
    assert summary["exchanges_sent"] > summary["json_exchanges_sent"]
    sent = summary["json_exchanges_sent"] + summary["grpc_exchanges_sent"]
    assert summary["pairs_captured"] == sent
    assert not any(summary["unpaired"].values())
    assert summary["ring_drops"] == 0
    assert summary["packages_accepted"] > 0


def assert_planted_found(
    summary: dict[str, Any], planted: tuple[Planted, ...] = PLANTED
) -> None:
    found = {
        (f["endpoint"], f["direction"], f["path"], f["data_type"])
        for f in summary["findings"]
    }
    missing = [
        p
        for p in planted
        if (p.endpoint, p.direction, p.path, p.data_type) not in found
    ]
    assert not missing


def test_every_json_exchange_is_captured(finished: tuple[dict[str, Any], Demo]) -> None:
    assert_complete(finished[0])


def test_every_planted_value_is_found(finished: tuple[dict[str, Any], Demo]) -> None:
    assert_planted_found(finished[0])


def test_calls_over_grpc_are_found_with_the_names_of_their_fields(
    finished: tuple[dict[str, Any], Demo],
) -> None:
    summary, _ = finished
    assert summary["grpc_exchanges_sent"] > 0
    assert_planted_found(summary, OVER_GRPC)
    paid = [f for f in summary["findings"] if f["endpoint"] == PAY]
    assert len(paid) == len(OVER_GRPC)
    assert {f["protocol"] for f in paid} == {"grpc"}


def test_new_version_is_rolled_out_and_nothing_is_lost(
    finished: tuple[dict[str, Any], Demo],
) -> None:
    summary, running = finished
    assert "a roll-out of orders" in running.errors
    assert_planted_found(summary, ROLLED_OUT)


def test_what_to_click_first_is_told(finished: tuple[dict[str, Any], Demo]) -> None:
    summary, running = finished
    for page in ("/", "/violations?policy=pci-card-outside", "/map?type="):
        assert summary["dashboard"] + page in running.errors


def test_no_decoy_is_highly_sensitive(finished: tuple[dict[str, Any], Demo]) -> None:
    high = [f for f in finished[0]["findings"] if f["sensitivity"] == "high"]
    assert high
    assert not [f for f in high if f["path"].rpartition(".")[2] in DECOYS]


def test_client_and_server_have_names(finished: tuple[dict[str, Any], Demo]) -> None:
    edges = {(f["client"], f["server"]) for f in finished[0]["findings"]}
    assert edges >= {
        ("internet", "gateway"),
        ("storefront", "orders"),
        ("nightly-report", "orders"),
        ("office", "hr"),
        ("hr", "payroll"),
        ("payments-api", "payments.example"),
    }
    assert not [edge for edge in edges if "Unresolved" in edge]


def test_no_planted_value_is_told(finished: tuple[dict[str, Any], Demo]) -> None:
    summary, running = finished
    told = json.dumps(summary, ensure_ascii=False) + running.errors
    long = [p.value for p in PLANTED + ROLLED_OUT + OVER_GRPC if len(p.value) > 5]
    assert not [value for value in long if value in told]


def test_without_privileges_a_recording_is_replayed(privileged: None) -> None:
    summary, running = run(prefix=tuple(NO_NAMESPACES))
    assert "CAP_NET_ADMIN" in running.errors
    assert summary["is_replayed"]
    assert summary["grpc_exchanges_sent"] == 0
    assert_complete(summary)
    assert_planted_found(summary)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("line", "after_seconds"),
    [
        ("no kafka.bootstrap", 0.0),
        ("digger: started", 0.0),
        ("monitoring", 0.2),
        ("demo: dashboard", 0.0),
        ("demo: dashboard", 1.5),
    ],
)
def test_a_signal_ends_it_in_time_and_without_traces(
    privileged: None, number: signal.Signals, line: str, after_seconds: float
) -> None:
    with demo("--json") as running:
        running.await_line(line)
        threading.Event().wait(after_seconds)
        assert running.interrupt(number) < END_SECONDS * busyness()
        assert running.process.returncode == 0, running.errors
        assert "Traceback" not in running.errors
        await_none(lambda: traces(running.process.pid))


def test_its_store_does_not_stay(privileged: None, tmp_path: Path) -> None:
    with demo("--duration", "1", "--json", temporary=tmp_path) as running:
        running.await_line("demo: dashboard")
        assert list(tmp_path.glob("vethscope-demo-*/demo.sqlite3"))
        running.end()
    assert not list(tmp_path.iterdir())


def test_killed_it_leaves_no_process_and_no_interface(privileged: None) -> None:
    with demo("--json") as running:
        running.await_line("demo: dashboard")
        assert traces(running.process.pid)
        running.process.kill()
        running.process.wait(RUN_SECONDS)
        await_none(lambda: traces(running.process.pid))


def test_what_a_killed_demo_left_is_removed_by_the_next(privileged: None) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = f"vs{ended.pid}p0"
    ip(f"link add {left} type veth peer name vs{ended.pid}peer")
    with DemoNetwork(["one"], ["other"]):
        assert left not in {name for _, name in socket.if_nameindex()}
