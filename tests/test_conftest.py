"""Skipped tests fail where CI=true, and only there."""

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

MODULE_SKIPS = "import pytest; pytest.skip('no module', allow_module_level=True)"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST.read_text())
    return pytester


def test_skips_fail_in_ci(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    project.makepyfile(SKIPS)
    result = project.runpytest_subprocess()
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
