"""axe-core in the browser: which rules of accessibility the open page breaks.

The rules are those of WCAG 2.0 to 2.2, levels A and AA, and axe's best practices.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome

PACKAGE = "axe_playwright_python"
"""Brings the script; the package itself is not imported."""
RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
  (found) => done(found.violations), (error) => done([{id: String(error), nodes: []}]));
"""


def findings(browser: Chrome) -> list[str]:
    """Rule and elements of each finding; [] is what one wants."""
    browser.execute_script(_script())
    browser.set_script_timeout(60)
    found: list[dict[str, Any]] = browser.execute_async_script(RUN)
    return [
        f"{rule['id']}: {', '.join(str(node['target']) for node in rule['nodes'][:5])}"
        for rule in found
    ]


@cache
def _script() -> str:
    spec = find_spec(PACKAGE)
    assert spec
    assert spec.origin
    return (Path(spec.origin).parent / "axe.min.js").read_text()
