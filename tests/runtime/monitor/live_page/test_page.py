"""The page in a browser: headless Chromium, driven by Playwright."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from runtime.answer import Prediction
from runtime.images.region import read_region
from runtime.monitor.live_page.live_page import LivePage
from runtime.monitor.live_page.page_update import PageUpdate
from runtime.monitor.smoothing import SmoothedAnswer

TOKEN = "a-token-of-this-test"
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(2)</script>',
    "{{7*7}} &lt;b&gt; \u202eevil",
    "line\nbreak\x1b[31m",
    "n" * 3000,
    "javascript:alert(3)",
)


def wait_for(page, condition: str) -> None:
    """Waits for a condition; Playwright's own wait uses eval, which the page's policy forbids."""
    end = time.monotonic() + 30
    while not page.evaluate(condition):  # once only: the next frame may make it false again
        assert time.monotonic() < end, condition
        page.wait_for_timeout(50)


def set_hidden(page, hidden: str) -> None:
    page.evaluate(
        f"Object.defineProperty(document, 'hidden', {{value: {hidden}, configurable: true}})"
    )
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def text(page, selector: str) -> str:
    return page.locator(selector).inner_text()


LOADED = (
    "document.querySelector('.image').naturalWidth > 0 && !document.querySelector('.image').hidden"
)


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_the_page_shows_image_answer_and_figures(
    live: LivePage, frame: Callable[..., PageUpdate], visit, width: int, scheme: str
) -> None:
    live.show(frame(arrived_s=time.monotonic() + 60))  # fresh even on a slow machine
    page = visit(live, viewport={"width": width, "height": 800}, color_scheme=scheme)
    wait_for(page, LOADED)
    assert text(page, ".label") == "banana"
    assert text(page, ".bars").split("\n")[:2] == ["banana", "90.0 %"]
    meters = page.locator("[role=meter]").evaluate_all(
        "nodes => nodes.map(node => ['aria-label', 'aria-valuenow'].map(name => "
        "node.getAttribute(name)))"
    )
    assert meters == [["banana", "90.0"], ["orange", "6.0"], ["lemon", "3.0"]]
    assert (
        text(page, ".fps"),
        text(page, ".latency"),
        text(page, ".bundle"),
        text(page, ".state"),
    ) == ("15.0", "8.4 ms", "fruit", "live")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_by_role("heading", name="banana").get_attribute("aria-live") == "polite"
    assert page.complaints == []


def test_the_button_shows_the_heat_map_of_the_newest_frame(
    live: LivePage, frame: Callable[..., PageUpdate], visit
) -> None:
    live.show(frame(arrived_s=time.monotonic() + 60))
    page = visit(live)
    wait_for(page, LOADED)
    assert page.locator(".ask-why").is_hidden(), "this frame has no map"
    picture = BytesIO()
    Image.new("RGB", (648, 380), "red").save(picture, "PNG")
    maps = [picture.getvalue(), b""]
    live.show(frame(arrived_s=time.monotonic() + 60, explain=lambda: maps.pop(0)))
    page.get_by_role("button", name="Why?").click()
    wait_for(page, "document.querySelector('.map').naturalWidth === 648")
    assert page.locator(".map").is_visible()
    page.get_by_role("button", name="Why?").click()
    wait_for(page, "document.querySelector('.why-note').textContent.startsWith('no heat map')")
    assert page.locator(".ask-why").is_enabled()
    assert [line for line in page.complaints if "503" not in line] == []


def test_new_frame_replaces_the_old_one_and_unknown_is_shown(
    live: LivePage, frame: Callable[..., PageUpdate], visit
) -> None:
    page = visit(live)
    wait_for(page, "document.querySelector('.state').textContent === 'waiting for the source'")
    assert text(page, ".notice") == "no image yet"
    live.show(frame())
    wait_for(page, LOADED)
    first = page.locator(".image").get_attribute("src")
    live.show(
        frame(30, predictions=(Prediction("lemon", 0.5), Prediction("kiwi", 0.25)), stable=None)
    )
    wait_for(page, "document.querySelector('.label').textContent === 'unknown'")
    assert text(page, ".bars").split("\n") == ["lemon", "50.0 %", "kiwi", "25.0 %"]
    assert page.locator(".image").get_attribute("src") != first
    assert page.complaints == []


def test_a_model_of_one_class_shows_a_similarity_and_no_percentage(
    live: LivePage, frame: Callable[..., PageUpdate], visit
) -> None:
    live.show(frame(predictions=(Prediction("good-parts", 0.8125),)))
    page = visit(live)
    wait_for(page, LOADED)
    assert text(page, ".bars").split("\n") == ["similarity to good-parts", "0.813"]


def test_stale_frame_is_grey_with_its_age(
    live: LivePage, frame: Callable[..., PageUpdate], visit
) -> None:
    live.show(frame(arrived_s=time.monotonic() - 100))
    page = visit(live)
    wait_for(page, LOADED)
    wait_for(page, "document.querySelector('.panel').classList.contains('stale')")
    assert "grayscale(1)" in page.locator(".image").evaluate(
        "node => getComputedStyle(node).filter"
    )
    assert text(page, ".state") == "no new images"
    age = text(page, ".notice")
    assert age.startswith("no image for 1 min")
    wait_for(page, f"document.querySelector('.notice').innerText !== {age!r}")
    live.report_state("lost")
    wait_for(page, "document.querySelector('.state').textContent === 'source lost'")
    live.show(frame(arrived_s=time.monotonic() + 60))
    wait_for(page, "document.querySelector('.state').textContent === 'live'")
    assert not page.locator(".caption").is_visible()


def test_image_is_grey_when_the_server_is_gone(frame: Callable[..., PageUpdate], visit) -> None:
    with LivePage(port=0) as live:
        live.show(frame(arrived_s=time.monotonic() + 60))
        page = visit(live)
        wait_for(page, LOADED)
        port = live.port
    wait_for(page, "document.querySelector('.state').textContent.startsWith('no connection')")
    assert "grayscale(1)" in page.locator(".image").evaluate(
        "node => getComputedStyle(node).filter"
    )
    with LivePage(port=port) as live:
        live.show(frame(arrived_s=time.monotonic() + 60))
        wait_for(page, "document.querySelector('.state').textContent === 'live'")


def test_hostile_labels_are_text(live: LivePage, frame: Callable[..., PageUpdate], visit) -> None:
    predictions = tuple(Prediction(label, 0.5) for label in HOSTILE)
    page = visit(live, viewport={"width": 360, "height": 800})
    for label in HOSTILE:
        live.show(
            frame(
                predictions=predictions,
                stable=SmoothedAnswer(label, 0.5),
                title=label,
                arrived_s=time.monotonic() + 60,
            )
        )
        wait_for(page, f"document.querySelector('.bundle').textContent === {json.dumps(label)}")
        assert page.locator(".label").evaluate(
            "node => [node.textContent, node.children.length]"
        ) == [label, 0]
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    wait_for(page, LOADED)
    names = page.locator(".bars bdi").evaluate_all(
        "nodes => nodes.map(node => [node.textContent, node.children.length])"
    )
    assert names == [[label, 0] for label in HOSTILE[:5]]
    assert page.locator("img").count() == 2, "the frame, and the place of its heat map"
    assert page.locator("script").count() == 1
    assert page.complaints == []


def test_a_thousand_classes_fit(live: LivePage, frame: Callable[..., PageUpdate], visit) -> None:
    predictions = tuple(
        Prediction(
            f"n{number:08} a class with a rather long name, as in ImageNet", 1 / (number + 2)
        )
        for number in range(1000)
    )
    live.show(frame(predictions=predictions))
    page = visit(live, viewport={"width": 360, "height": 800})
    wait_for(page, LOADED)
    assert page.locator(".bars li").count() == 5
    assert text(page, ".more") == "and 995 more"
    assert page.locator(".bars li").last.bounding_box()["height"] < 50, "one line each"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_token_moves_from_the_address_to_a_cookie(frame: Callable[..., PageUpdate], visit) -> None:
    with LivePage(port=0, token=TOKEN) as live:
        live.show(frame())
        page = visit(live)
        wait_for(page, LOADED)
        assert page.url == f"http://127.0.0.1:{live.port}/"
        assert TOKEN not in str(page.context.cookies())
        page.reload(wait_until="domcontentloaded")
        wait_for(page, LOADED)


def test_page_asks_for_a_missing_token(frame: Callable[..., PageUpdate], visit) -> None:
    with LivePage(port=0, token=TOKEN) as live:
        live.show(frame())
        page = visit(live, f"http://127.0.0.1:{live.port}/")
        wait_for(page, "document.querySelector('.state').textContent === 'token needed'")
        page.get_by_label("token").fill("wrong-wrong-wrong-wrong")
        page.get_by_role("button").click()
        page.get_by_label("token").fill(TOKEN)
        page.get_by_role("button").click()
        wait_for(page, LOADED)
        assert page.url == f"http://127.0.0.1:{live.port}/"


def test_hidden_page_requests_nothing(live: LivePage, feeding, visit, eventually, get) -> None:
    with feeding(live) as shown:

        def wait_for_frames(count: int) -> None:
            end = shown[0] + count
            eventually(lambda: shown[0] > end, True)

        page = visit(live)
        wait_for(page, LOADED)
        set_hidden(page, "true")
        eventually(lambda: get(live, "/health").json()["viewers"], 0)
        wait_for_frames(20)
        before = live.encoded
        wait_for_frames(40)
        assert live.encoded == before
        set_hidden(page, "false")
        eventually(lambda: live.encoded > before, True)


def test_stream_alone_is_an_image_in_a_browser(live: LivePage, feeding, visit) -> None:
    with feeding(live):
        page = visit(live, f"{live.url}stream", "commit")
        wait_for(page, "document.images.length === 1 && document.images[0].naturalWidth === 64")


def test_each_source_has_a_place_and_each_region_an_answer_and_a_rectangle(
    frame: Callable[..., PageUpdate], visit
) -> None:
    with LivePage(port=0, source_names=("gate", "yard")) as live:
        wide = replace(frame(arrived_s=time.monotonic() + 60), image=Image.new("RGB", (400, 200)))
        for name, region, label in (
            ("gate/left", (0, 0.5, 0.25, 0.5), "banana"),
            ("gate/right", (0.5, 0, 0.5, 1), HOSTILE[0]),
        ):
            stable = SmoothedAnswer(label, 0.9)
            live.show(replace(wide, view=name, region=region, stable=stable), "gate")
        live.show(replace(wide, view="yard", stable=SmoothedAnswer("kiwi", 0.9)), "yard")
        page = visit(live)
        wait_for(page, "document.querySelectorAll('.panel .label').length === 3")
        wait_for(page, "document.querySelectorAll('rect').length === 2")
        gate, yard = page.locator(".panel").all()
        assert gate.locator(".label").all_inner_texts() == ["banana", HOSTILE[0]]
        assert gate.locator(".view").all_inner_texts() == ["gate/left", "gate/right"]
        assert yard.locator(".label").all_inner_texts() == ["kiwi"]
        image = gate.locator(".image").bounding_box()
        left = gate.locator("rect").first.bounding_box()
        assert left["x"] == pytest.approx(image["x"], abs=2)
        assert left["y"] == pytest.approx(image["y"] + image["height"] / 2, abs=2)
        assert left["width"] == pytest.approx(image["width"] / 4, abs=3)
        live.report_state("lost", "yard")
        wait_for(page, "document.querySelectorAll('.panel.stale').length === 1")
        assert yard.locator(".state").inner_text() == "source lost"
        live.show(replace(wide, view="gate", stable=SmoothedAnswer("lemon", 0.9)), "gate")
        assert page.complaints == []


@pytest.mark.parametrize("size", [(400, 200), (200, 400), (64, 64)])
def test_region_is_drawn_with_the_mouse_and_gives_the_option(
    frame: Callable[..., PageUpdate], visit, size: tuple[int, int]
) -> None:
    """Also where the image has bars beside it, and beyond its edge."""
    with LivePage(port=0) as live:
        live.show(
            replace(frame(arrived_s=time.monotonic() + 60), image=Image.new("RGB", size, "blue"))
        )
        page = visit(live, viewport={"width": 1000, "height": 500})
        wait_for(page, LOADED)
        wait_for(page, "'key' in document.querySelector('.regions').dataset")

        def drag(*points: tuple[float, float]) -> str:
            page.get_by_role("button", name="Draw a region").click()  # this may scroll
            box = page.locator(".image").bounding_box()
            scale = min(box["width"] / size[0], box["height"] / size[1])
            corner = (
                box["x"] + (box["width"] - scale * size[0]) / 2,
                box["y"] + (box["height"] - scale * size[1]) / 2,
            )
            pixels = [
                (corner[0] + x * scale * size[0], corner[1] + y * scale * size[1])
                for x, y in points
            ]
            page.mouse.move(*pixels[0])
            page.mouse.down()
            page.mouse.move(*pixels[1], steps=3)
            page.mouse.up()
            return page.locator(".drawn").input_value()

        for points, expected in (
            (((0.75, 0.9), (0.25, 0.4)), (0.25, 0.4, 0.5, 0.5)),
            (((0.5, 0.5), (1.3, 1.2)), (0.5, 0.5, 0.5, 0.5)),
        ):
            option, _, text_ = drag(*points).partition(" ")
            assert option == "--region"
            assert read_region(text_) == pytest.approx(expected, abs=0.01)
        assert page.locator("rect.new").count() == 1
        assert page.locator(".draw").get_attribute("aria-pressed") == "false"
        assert page.complaints == []
