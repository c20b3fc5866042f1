"""Log set-up: our lines go to standard error once, at the level asked for."""

import logging

import pytest

from agent.logs import set_up


def test_lines_go_to_standard_error_once(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("vethscope")
    handlers, propagate, level = log.handlers[:], log.propagate, log.level
    try:
        set_up("WARNING")
        set_up("WARNING")
        log.info("not shown")
        log.warning("shown %d", 1)
    finally:
        log.handlers[:], log.propagate = handlers, propagate
        log.setLevel(level)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("WARNING shown 1")
