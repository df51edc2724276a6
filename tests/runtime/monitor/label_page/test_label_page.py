"""The page for labels in a browser: choosing, keys, undo, two people, hostile texts."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from runtime.inbox.folder import LABELLED, NEW, UNUSABLE, Inbox
from runtime.inbox.names import folder_name, kept_name
from runtime.inbox.note import Note, encode_with_note
from runtime.monitor.live_page.live_page import LivePage

TOKEN = "a-token-of-this-test"
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(2)</script>',
    "{{7*7}} &lt;b&gt; \u202eevil",
    "line\nbreak\x1b[31m",
    "n" * 900,
    "javascript:alert(3)",
    "__proto__",
)
BURSTS = ("20261129T185411Z-00000a", "20261129T185500Z-00000b")

KEEP_NOTES = """() => {
    const note = document.getElementById("note");
    window.notes = [];
    new MutationObserver(() => notes.push(note.textContent)).observe(note, {childList: true});
}"""
"""The page clears its note at the next refresh, which may come before the test looks."""


ALL_LOADED = """() => [...document.images].every(image => {
    image.loading = "eager";
    return image.complete;
})"""


def write(inbox: Path, name: str, label: str = "", level: int = 0) -> None:
    note = Note("unsure", label or "camera:0", "", "2026-11-29T18:54:11+01:00", "", "", label, 0.5)
    content = encode_with_note(Image.new("RGB", (64, 48), (level, 90, 90)), note)
    (inbox / NEW).mkdir(exist_ok=True)
    (inbox / NEW / name).write_bytes(content)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    for burst in BURSTS:
        for number in range(1, 7):
            write(tmp_path, kept_name(burst, number, "unsure"), "apple", 20 * number)
    return tmp_path


@pytest.fixture
def labels(inbox: Path) -> Iterator[LivePage]:
    with LivePage("127.0.0.1", 0, TOKEN, (), Inbox(inbox)) as live:
        yield live


def names(inbox: Path, pile: str) -> list[str]:
    folder = inbox / pile
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def image(burst: int, number: int) -> str:
    return kept_name(BURSTS[burst], number, "unsure")


def texts(page, selector: str) -> list[str]:
    return page.locator(selector).evaluate_all("nodes => nodes.map(node => node.textContent)")


def tiles(page) -> list[str]:
    return page.locator(".tile img").evaluate_all("nodes => nodes.map(node => node.alt)")


@pytest.fixture
def opened(labels: LivePage, visit) -> Callable[[], object]:
    def open_page(**options: object):
        page = visit(labels, **options)
        page.locator(".tile").first.wait_for()
        return page

    return open_page


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_click_and_shift_click_choose_and_a_key_labels(
    inbox: Path, opened, eventually, width: int, scheme: str
) -> None:
    page = opened(viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert tiles(page) == [image(burst, number) for burst in (0, 1) for number in range(1, 7)]
    assert page.locator(".tile.first").count() == 2, "each burst begins with a mark"
    page.locator(".tile").nth(1).click()
    page.locator(".tile").nth(3).click(modifiers=["Shift"])
    assert page.locator("#chosen").inner_text() == "3 images chosen"
    page.keyboard.press("1")
    eventually(lambda: names(inbox, "labelled/apple"), [image(0, n) for n in (2, 3, 4)])
    page.get_by_role("button", name="apple 3").wait_for()
    assert page.locator(".tile").count() == 9
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.complaints == []


def test_keys_go_choose_a_burst_name_a_class_undo_and_set_aside(
    inbox: Path, opened, eventually
) -> None:
    page = opened(viewport={"width": 1280, "height": 800})
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("b")
    page.keyboard.press("n")
    page.keyboard.type("new kind é")
    page.keyboard.press("Enter")
    first = [image(0, number) for number in range(1, 7)]
    eventually(lambda: names(inbox, "labelled/new kind é"), first)
    page.locator(".tile").nth(5).wait_for()
    eventually(lambda: page.locator(".tile").count(), 6)
    page.keyboard.press("z")
    eventually(lambda: names(inbox, LABELLED), [])
    eventually(lambda: page.locator(".tile").count(), 12)
    page.locator(".tile").nth(2).focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("x")
    eventually(lambda: names(inbox, UNUSABLE), [image(0, 3), image(0, 4)])
    eventually(lambda: page.locator(".tile").count(), 10)
    page.locator("#pile").select_option(UNUSABLE)
    eventually(lambda: tiles(page), [image(0, 3), image(0, 4)])
    page.locator(".tile").first.focus()
    page.keyboard.press("Enter")
    eventually(lambda: page.locator("#image").evaluate("node => node.naturalWidth"), 64)
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.keyboard.press("1")
    eventually(lambda: names(inbox, "labelled/apple"), [image(0, 3), image(0, 4)])
    assert page.complaints == []


def test_two_people_see_each_other_and_the_second_is_told(inbox: Path, opened, eventually) -> None:
    first, second = opened(), opened()
    second.evaluate(KEEP_NOTES)
    second.locator(".tile").nth(0).click()
    second.locator(".tile").nth(1).click()
    first.locator(".tile").nth(0).click()
    first.keyboard.press("1")
    eventually(lambda: names(inbox, "labelled/apple"), [image(0, 1)])
    second.locator("#name").fill("pear")
    second.get_by_role("button", name="Label", exact=True).click()
    eventually(lambda: len(names(inbox, NEW)), 10)
    assert names(inbox, "labelled/apple") == [image(0, 1)]
    told = "others had already moved 1 image"
    eventually(lambda: told in second.evaluate("notes"), True)
    assert sorted(names(inbox, "labelled/pear")) == [image(0, 2)]
    eventually(lambda: len(tiles(first)), 10)
    first.keyboard.press("z")
    eventually(lambda: names(inbox, "labelled/apple"), [])
    assert names(inbox, "labelled/pear") == [image(0, 2)], "each undoes only what is their own"


def test_hostile_names_answers_and_classes_are_text(
    inbox: Path, labels: LivePage, visit, eventually
) -> None:
    for number, text in enumerate(HOSTILE):
        write(inbox, kept_name(BURSTS[0], 10 + number, "unknown"), text)
        (inbox / LABELLED / folder_name(text)).mkdir(parents=True)
        write(inbox, "x.jpg")
        target = inbox / LABELLED / folder_name(text) / f"{number}.jpg"
        (inbox / NEW / "x.jpg").rename(target)
    write(inbox, "<img src=x onerror=alert(4)>.jpg")
    page = visit(labels, viewport={"width": 360, "height": 800})
    page.locator(".tile").first.wait_for()
    assert set(texts(page, "#classes bdi")) == {"apple", *map(folder_name, HOSTILE)}
    assert {f"? 0.50 {text}" for text in HOSTILE} <= set(texts(page, ".tile bdi"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator(".tile").last.click()
    for text in HOSTILE:
        page.wait_for_function(ALL_LOADED)  # an image that moves while it loads is a 404
        page.locator("#name").fill(text)
        page.keyboard.press("Enter")
        page.locator("#pile").select_option(NEW)
    page.locator(".tile").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("script").count() == 1
    assert page.complaints == []


def test_page_asks_for_a_missing_token(labels: LivePage, visit) -> None:
    page = visit(labels, f"http://127.0.0.1:{labels.port}/label")
    page.get_by_label("token").fill(TOKEN)
    page.get_by_role("button", name="Open").click()
    page.locator(".tile").first.wait_for()
    assert page.url == f"http://127.0.0.1:{labels.port}/label"
    assert [line for line in page.complaints if "401" not in line] == []


def test_a_server_that_is_gone_is_told_and_nothing_is_lost(inbox: Path, visit, eventually) -> None:
    with LivePage("127.0.0.1", 0, TOKEN, (), Inbox(inbox)) as live:
        page = visit(live)
        page.locator(".tile").first.click()
    page.keyboard.press("1")
    eventually(lambda: page.locator("#note").inner_text(), "no connection; trying again")
    assert len(names(inbox, NEW)) == 12
    with LivePage("127.0.0.1", live.port, TOKEN, (), Inbox(inbox)):
        eventually(lambda: "without a label" in page.locator("#note").inner_text(), True)
        page.locator(".tile").first.click()
        page.keyboard.press("1")
        eventually(lambda: len(names(inbox, NEW)), 11)
