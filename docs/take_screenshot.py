"""Takes an image of a report or live page: python docs/take_screenshot.py PAGE docs/report.png

PAGE is a file or the address of a live page. It needs Playwright (extra `dev`) and Chromium
(`apt-get install chromium`). The images in the repository show a small network that the tests train
on photos of solar cells.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1180, 640
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
QUIET += ("--disable-background-networking", "--disable-component-update", "--disable-sync")


def take(address: str, image: Path) -> None:
    """Writes the top of a page as a PNG of WIDTH x HEIGHT CSS pixels."""
    is_live = address.startswith("http")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(QUIET)
        )
        size = {"width": WIDTH, "height": HEIGHT}
        page = browser.new_page(viewport=size, device_scale_factor=1.5)
        url = address if is_live else Path(address).absolute().as_uri()
        page.goto(url, wait_until="domcontentloaded")
        if is_live:
            page.get_by_text("live", exact=True).wait_for()
        page.screenshot(path=image)
        browser.close()


if __name__ == "__main__":
    take(sys.argv[1], Path(sys.argv[2]))
