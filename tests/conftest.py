"""Prepares the processes of the tests; `plugins` has the fixtures that most of them use."""

import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

pytest_plugins = ("command_fixtures", "data_fixtures")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
# Each of the thousand processes of the tests would compile Quince's code anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
if "PYTEST_XDIST_WORKER" in os.environ:
    # More threads than cores would wait for each other: a training took 8.9 instead of 7.7 s of
    # processor time, and under load 26 instead of 19 s.
    cores = os.cpu_count() or 1
    share = max(1, cores // int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, str(share))
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # `make test &` in a script: what the tests start would ignore Ctrl-C as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Elements(HTMLParser):
    """The tags and the text of a page, in which no element has a handler of events."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="session")
def elements() -> type[Elements]:
    return Elements


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="the package playwright is not here"
    )
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not chromium:
        pytest.skip("the browser chromium is not here")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts files of few tests first where pytest-xdist hands out files.

    Theirs are whole commands; at the end of `make test`, none may keep one process waiting.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        counts = Counter(item.path for item in items)
        items.sort(key=lambda item: counts[item.path])
