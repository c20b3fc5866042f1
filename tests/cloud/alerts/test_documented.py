"""The example of docs/alerts.md holds."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloud.alerts.ways.webhook import signature

DOCUMENT = Path(__file__).parents[3] / "docs" / "alerts.md"
BODY = b'{"total": 1}'


def documented() -> Callable[[str, dict[str, str], bytes], bool]:
    """The function by which a receiver checks a signature."""
    code = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert code
    defined: dict[str, Any] = {}
    exec(code[1], defined)
    is_right: Callable[[str, dict[str, str], bytes], bool] = defined["is_right"]
    return is_right


@pytest.mark.parametrize("key", ["plain key of some length", "whsec_AAECAwQFBgc="])
def test_signature_is_right_as_documented(key: str) -> None:
    is_right = documented()
    for age, is_fresh in ((0, True), (301, False), (-301, False)):
        moment = str(int(time.time()) - age)
        headers = {
            "webhook-id": "abc",
            "webhook-timestamp": moment,
            "webhook-signature": signature(key, "abc", moment, BODY),
        }
        assert is_right(key, headers, BODY) is is_fresh
        assert not is_right(key, headers, BODY + b" ")
        assert not is_right("another key of some length", headers, BODY)
