"""`make pictures`: what the README shows, small.

In: a folder. Out: `<page>.webp`, the top of four pages of the town as a window of a
usual size shows them.
"""

import base64
import sys
import tempfile
from pathlib import Path

from tests.browser.chromium import chromium
from tests.browser.pages import PAGES
from tests.browser.view import emulate, resize
from tests.cloud.inhabited import inhabited

SHOWN = ("today", "map", "changes", "violations")
WIDTH, HEIGHT = 1280, 820
FORMAT = {"format": "webp", "quality": 50}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as own,
        inhabited(Path(own)) as cloud,
        chromium(Path(own) / "profile") as browser,
    ):
        browser.get(cloud.new_link())
        emulate(browser, "light")
        resize(browser, WIDTH, HEIGHT)
        hidden = {"hidden": True}
        browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", hidden)
        for name in SHOWN:
            browser.get(cloud.address + PAGES[name](cloud))
            picture = browser.execute_cdp_cmd("Page.captureScreenshot", FORMAT)
            file = folder / f"{name}.webp"
            file.write_bytes(base64.b64decode(picture["data"]))
            print(f"{file}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
