"""`make screenshots`: every page at two widths, light and dark, as PNG files.

In: a folder. Out: `<page>-<width>[-dark].png`, each as high as its page. The pages are
those of a real cloud with the days of `tests.cloud.town` in it.
"""

import base64
import sys
import tempfile
from pathlib import Path

from selenium.webdriver import Chrome

from tests.browser.chromium import chromium
from tests.browser.pages import PAGES
from tests.browser.view import emulate, resize
from tests.cloud.inhabited import inhabited

WIDTHS = (1280, 480)
MOST_HIGH = 12_000
"""Pixels of a picture."""


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as own,
        inhabited(Path(own)) as cloud,
        chromium(Path(own) / "profile") as browser,
    ):
        browser.get(cloud.new_link())
        for name, path in PAGES.items():
            address = cloud.address + path(cloud)
            for width in WIDTHS:
                for scheme in ("light", "dark"):
                    suffix = "-dark" if scheme == "dark" else ""
                    file = folder / f"{name}-{width}{suffix}.png"
                    _look(browser, address, width, scheme, file)
                    print(file)


def _look(browser: Chrome, address: str, width: int, scheme: str, file: Path) -> None:
    emulate(browser, scheme)
    resize(browser, width, 900)
    browser.get(address)
    high = browser.execute_script("return document.documentElement.scrollHeight")
    resize(browser, width, max(900, min(high, MOST_HIGH)))
    picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    file.write_bytes(base64.b64decode(picture["data"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
