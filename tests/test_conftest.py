"""Skipped tests fail where CI=true, and only there; the run ends."""

from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")

SKIPS = """
import pytest

@pytest.fixture
def server():
    pytest.skip("no server")

def test_that_skips(): pytest.skip("no privilege")
def test_whose_fixture_skips(server): pass

@pytest.mark.skipif(True, reason="no tool")
def test_that_is_marked(): pass

@pytest.mark.xfail
def test_that_is_expected_to_fail(): raise AssertionError
"""

LEAVES_A_THREAD = """
import threading

def test_that_fails():
    threading.Thread(target=threading.Event().wait).start()
    raise AssertionError
"""

MODULE_SKIPS = "import pytest; pytest.skip('no module', allow_module_level=True)"


@pytest.fixture
def project(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    monkeypatch.setenv("PYTHONPATH", str(CONFTEST.parents[1]))
    pytester.makeconftest(CONFTEST.read_text())
    return pytester


@pytest.mark.parametrize("flags", [(), ("-n", "2")])
def test_skips_fail_in_ci(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CI", "true")
    project.makepyfile(SKIPS)
    result = project.runpytest_subprocess(*flags)
    assert result.parseoutcomes() == {"failed": 1, "errors": 2, "xfailed": 1}
    result.stdout.fnmatch_lines(["*must run where CI=true: Skipped: no privilege"])


def test_skipped_module_fails_in_ci(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    project.makepyfile(MODULE_SKIPS)
    assert project.runpytest_subprocess().parseoutcomes() == {"errors": 1}


def test_skips_stay_skips_elsewhere(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    project.makepyfile(SKIPS)
    outcomes = project.runpytest_subprocess().parseoutcomes()
    assert outcomes == {"skipped": 3, "xfailed": 1}


@pytest.mark.parametrize("flags", [(), ("-n", "1")])
def test_a_thread_that_a_failed_test_left_does_not_keep_the_run(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    monkeypatch.setenv("VETHSCOPE_TESTS_END_SECONDS", "0.5")
    project.makepyfile(LEAVES_A_THREAD)
    result = project.runpytest_subprocess(*flags, timeout=60)
    assert result.parseoutcomes() == {"failed": 1}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
