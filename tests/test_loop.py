"""The whole loop with real photos: a third object comes, is collected, labelled, and then named."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image

from runtime.inbox.note import read_note

av = pytest.importorskip("av", reason="the package av (extra 'video') is not installed")
SIDE, FRAMES_A_PHOTO, PHOTOS = 224, 3, 20
ROOT = Path(__file__).parent.parent
TOKEN = "a-token-of-this-test"
QUICK = ("--epochs", "0", "--variants", "1", "--augment", "0", "--input-size", "96")
FEW_IMAGES = ("--max-drop", "0.2", "--min-agreement", "0.8")


def write_clip(path: Path, photos: Sequence[Path]) -> Path:
    """Writes a clip that shows each photo for a moment, as a camera sees what is put before it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = SIDE
        stream.pix_fmt, stream.bit_rate = "yuv420p", 8_000_000
        for photo in photos:
            with Image.open(photo) as image:
                frame = av.VideoFrame.from_image(image.convert("RGB").resize((SIDE, SIDE)))
            for _ in range(FRAMES_A_PHOTO):
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture
def photos(grocery: Path) -> Callable[..., list[Path]]:
    def first(split: str, label: str, count: int = PHOTOS) -> list[Path]:
        return sorted((grocery / split / label).glob("*.jpg"))[:count]

    return first


class LabelPage:
    """The page of `label`, in a browser."""

    def __init__(self, page) -> None:
        self._page = page
        page.locator(".tile").first.wait_for()

    def label(self, images: Sequence[Path], name: str) -> None:
        """Chooses neighbours with a click and a shift-click, and writes the name of the class."""
        self._tile(images[0]).click()
        self._tile(images[-1]).click(modifiers=["Shift"])
        self._page.get_by_text(f"{len(images)} images chosen", exact=True).wait_for()
        self._page.locator("#name").fill(name)
        self._page.get_by_role("button", name="Label").click()
        self._page.get_by_role("button", name=f"{name} {len(images)}").wait_for()

    def _tile(self, image: Path):
        return self._page.locator(f'.tile:has(img[alt="{image.name}"])')


@pytest.fixture
def label_page(browser) -> Iterator[Callable[[Path], LabelPage]]:
    """Opens the page of `python -m runtime label INBOX`, which ends with the test."""
    with ExitStack() as opened:

        def open_page(inbox: Path) -> LabelPage:
            process = opened.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "runtime", "label", inbox, "--live-port", "0"],
                    env={**os.environ, "PYTHONPATH": str(ROOT), "QUINCE_LIVE_TOKEN": TOKEN},
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            opened.callback(process.kill)
            url = process.stderr.readline().split()[-1]
            assert process.stderr.readline().endswith(f"python -m train {inbox}/labelled\n")
            page = browser.new_page()
            opened.callback(page.close)
            page.set_default_timeout(60_000)
            page.goto(f"{url}?token={TOKEN}", wait_until="domcontentloaded")
            return LabelPage(page)

        yield open_page


def new_images(inbox: Path, clip: Path, frames: range) -> list[Path]:
    """Returns what was kept of some frames of a clip, in the order of the page."""
    numbers = {f"{clip} #{number + 1}" for number in frames}
    kept = sorted((inbox / "new").iterdir())
    return [path for path in kept if read_note(path.read_bytes())["frame"] in numbers]


def test_third_object_is_collected_labelled_trained_compared_installed_and_named(
    photos, label_page, run_cli, tmp_path: Path
) -> None:
    def run(*words: str | Path) -> str:
        done = run_cli(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def seen_by_camera(clip: Path, *words: str | Path) -> list[dict]:
        answers = run("runtime", "camera", "fruit", "--source", clip, "--json", *words)
        return [json.loads(line) for line in answers.splitlines()]

    inbox, count = tmp_path / "inbox", PHOTOS * FRAMES_A_PHOTO
    bananas, kiwis = photos("train", "Banana"), photos("train", "Kiwi")
    two = write_clip(tmp_path / "two.mp4", bananas + photos("train", "Pomegranate"))
    third = write_clip(tmp_path / "third.mp4", bananas[:5] + kiwis)
    later = write_clip(tmp_path / "later.mp4", kiwis[:5] + bananas[:5])

    run("runtime", "collect", "--source", two, "-o", inbox)
    page = label_page(inbox)
    page.label(new_images(inbox, two, range(count)), "banana")
    page.label(new_images(inbox, two, range(count, 2 * count)), "pomegranate")
    run("train", "inbox/labelled", "-o", "runs/fruit", *QUICK)
    run("export", "tflite", "runs/fruit", *FEW_IMAGES)
    run("runtime", "install", "runs/fruit/bundle", "fruit")

    answers = seen_by_camera(third, "--collect", inbox)
    assert "banana" in [answer["predicted"] for answer in answers]
    collected = new_images(inbox, third, range(5 * FRAMES_A_PHOTO, 5 * FRAMES_A_PHOTO + count))
    reasons = [read_note(path.read_bytes())["reason"] for path in collected]
    assert "unknown" in reasons
    assert len(collected) >= PHOTOS / 2
    page.label(collected, "kiwi")

    grown = run_cli("train", "--from", "runs/fruit", "--add", "inbox/labelled", cwd=tmp_path)
    assert grown.stderr.endswith(f"{tmp_path}/runs/fruit-2 --against runs/fruit/bundle\n")
    compared = run("export", "tflite", "runs/fruit-2", "--against", "fruit", *FEW_IMAGES)
    assert "images of new classes are right" in compared
    run("runtime", "install", "runs/fruit-2/bundle", "fruit")
    named = [answer["predicted"] for answer in seen_by_camera(later) if answer["predicted"]]
    assert named[0] == "kiwi"
    assert "banana" in named
