"""Takes the README's image of a report: python docs/take_screenshot.py REPORT.html docs/report.png

It needs Playwright (extra `dev`) and Chromium (`apt-get install chromium`). The image in the
repository shows the report of a small network that the tests train on photos of solar cells.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1180, 640
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
QUIET += ("--disable-background-networking", "--disable-component-update", "--disable-sync")


def take(report: Path, image: Path) -> None:
    """Writes the top of the page `report` as a PNG of WIDTH x HEIGHT CSS pixels."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(QUIET)
        )
        size = {"width": WIDTH, "height": HEIGHT}
        page = browser.new_page(viewport=size, device_scale_factor=1.5)
        page.goto(report.absolute().as_uri(), wait_until="domcontentloaded")
        page.screenshot(path=image)
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]), Path(sys.argv[2]))
