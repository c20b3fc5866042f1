"""For all tests: where CI=true nothing may be skipped; examples have no deadline; what
tests left goes after each file, and does not keep the run from ending."""

import gc
import os
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

pytest_plugins = ["pytester", "tests.spread"]

hypothesis.settings.register_profile("shared-machine", deadline=None)
hypothesis.settings.load_profile("shared-machine")

MUST_RUN = os.environ.get("CI") == "true"
END_SECONDS = float(os.environ.get("VETHSCOPE_TESTS_END_SECONDS", "60"))
"""For threads to end after the last test."""
MOST_THREADS = 100


@pytest.fixture(scope="module", autouse=True)
def without_left_threads() -> Iterator[None]:
    """A client of Kafka in a circle of objects has its threads until it is collected:
    never, once a program of ours that runs in a test has frozen what there is."""
    yield
    if len(list(Path("/proc/self/task").iterdir())) > MOST_THREADS:
        gc.unfreeze()
        gc.collect()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[
    None, pytest.TestReport, pytest.TestReport
]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[
    None, pytest.CollectReport, pytest.CollectReport
]:
    report = yield
    if report.skipped:
        _forbid_skip(report)
    return report


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if MUST_RUN:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        report.outcome = "failed"
        report.longrepr = f"must run where CI=true: {reason}"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A thread that is no daemon and waits for ever would do so, too."""
    ending = threading.Timer(END_SECONDS, os._exit, (int(exitstatus),))
    ending.daemon = True
    session.config.add_cleanup(ending.start)
