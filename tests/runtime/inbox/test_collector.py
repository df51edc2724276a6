"""Tests what a collector keeps and drops, its limits, and what a kill or a full card leaves."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.errors import QuinceError
from runtime.images.decoding import header_size
from runtime.inbox import collector as module
from runtime.inbox.collector import Collector, InboxLimits
from runtime.inbox.names import Reason, burst_of, reason_of
from runtime.inbox.note import Note, read_note

ROOT = Path(__file__).parents[3]


def scene(number: int, shade: float = 0.0) -> Image.Image:
    """Returns one of many scenes; `shade` changes it a little, 0..1."""
    values = np.random.default_rng(number).integers(0, 200, (6, 8, 3))
    return Image.fromarray((values + 40 * shade).astype(np.uint8)).resize((96, 72))


@pytest.fixture
def collect(tmp_path: Path) -> Callable[..., list[str]]:
    """Offers images one after another; returns the errors."""

    def run(
        seen: list[Image.Image], reasons: list[Reason] | None = None, **limits: int
    ) -> list[str]:
        errors: list[QuinceError] = []
        collector = Collector(
            tmp_path, InboxLimits(**({"free_bytes": 0} | limits)), errors.append, live=False
        )
        for image, reason in zip(seen, reasons or ["different"] * len(seen), strict=True):
            collector.offer(image, Note(reason, "clip", "clip #1"))
        collector.close()
        return [str(error) for error in errors]

    return run


@pytest.fixture(autouse=True)
def chance(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the chance that chance itself chooses an image; it is 0 at first."""

    def set_chance(value: float) -> None:
        monkeypatch.setattr(module, "RANDOM_CHANCE", value)

    set_chance(0)
    return set_chance


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "new").iterdir())


def nearest_scene(path: Path, scenes: int) -> int:
    pixels = np.asarray(Image.open(path), float)
    return min(range(scenes), key=lambda number: np.abs(pixels - np.asarray(scene(number))).mean())


def test_repeats_are_left_out_and_every_scene_stays_when_it_is_full(
    collect, tmp_path: Path
) -> None:
    crowd = [scene(0, shade) for shade in np.linspace(0, 1, 40)]
    assert collect([*crowd, *map(scene, range(1, 6)), *crowd], images=8) == []
    files = kept(tmp_path)
    assert len(files) == 8
    assert {nearest_scene(path, 6) for path in files} == set(range(6))


def test_still_scene_is_kept_once(collect, tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    pixels = np.asarray(scene(0), float)
    frames = [np.clip(pixels + noise.normal(0, 8, pixels.shape), 0, 255) for _ in range(30)]
    collect([Image.fromarray(frame.astype(np.uint8)) for frame in frames])
    assert len(kept(tmp_path)) == 1


def test_unknown_images_stay_before_known_ones(collect, tmp_path: Path) -> None:
    """All scenes are about as far from each other."""
    reasons: list[Reason] = ["unknown"] * 3 + ["different"] * 20 + ["unknown"] * 3
    collect([scene(number) for number in range(26)], reasons, images=8)
    found = [reason_of(path.name) for path in kept(tmp_path)]
    assert (len(found), found.count("unknown")) == (8, 6)


def test_chance_chooses_its_share_and_worth_does_not_drop_it(
    collect, chance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "random", random.Random(3))
    chance(0.5)
    collect([scene(0)] * 60, images=20)
    chosen = [path for path in kept(tmp_path) if reason_of(path.name) == "random"]
    assert len(chosen) == 2, "a tenth of 20, though all look the same"
    chance(0)
    collect([scene(number) for number in range(1, 40)], images=20)
    assert set(chosen) <= set(kept(tmp_path))
    assert len(kept(tmp_path)) == 20
    assert read_note(chosen[0].read_bytes())["reason"] == "random"


def test_chance_is_about_the_same_for_early_and_late_images(
    collect, chance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "random", random.Random(1))
    chance(1)
    collect([scene(number) for number in range(400)], images=200)
    order = [
        nearest_scene(path, 400) for path in kept(tmp_path) if reason_of(path.name) == "random"
    ]
    assert len(order) == 20
    assert 4 <= sum(number < 200 for number in order) <= 16


def test_size_limit_holds_and_the_images_before_count(collect, tmp_path: Path) -> None:
    collect([scene(number) for number in range(10)])
    size = sum(path.stat().st_size for path in kept(tmp_path))
    collect([scene(number) for number in range(10, 30)], size_bytes=size)
    assert sum(path.stat().st_size for path in kept(tmp_path)) <= size
    assert any(nearest_scene(path, 30) >= 10 for path in kept(tmp_path))


def test_labelled_images_are_not_collected_again(collect, tmp_path: Path) -> None:
    """A collector that runs sees what people and other collectors do to the folder."""
    errors: list[QuinceError] = []
    collector = Collector(tmp_path, InboxLimits(3, free_bytes=0), errors.append, live=False)
    collector.offer(scene(0), Note("different", "clip", ""))
    deadline = time.monotonic() + 20
    while collector.stored < 1:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (tmp_path / "labelled/apple").mkdir(parents=True)
    (first,) = kept(tmp_path)
    first.rename(tmp_path / "labelled/apple" / first.name)
    scene(1).save(tmp_path / "new/of another program.png")
    (tmp_path / "new/broken.jpg").write_bytes(b"no image")
    for image in (scene(0), scene(1), scene(2), scene(3)):
        collector.offer(image, Note("different", "clip", ""))
    collector.close()
    mine = [path for path in kept(tmp_path) if burst_of(path.name)]
    assert {nearest_scene(path, 4) for path in mine} == {2, 3}
    assert not errors


def test_files_of_the_user_are_never_removed_and_do_not_count(collect, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    own = [tmp_path / f"new/holiday {number}.png" for number in range(8)]
    for path in own:
        scene(0).save(path)
    assert collect([scene(number) for number in range(1, 12)], images=4) == []
    assert [path for path in own if not path.exists()] == []
    assert sum(bool(burst_of(path.name)) for path in kept(tmp_path)) == 4


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
def test_folder_that_lets_nothing_go_is_a_line_and_the_collector_ends(
    collect, tmp_path: Path, open_to_all
) -> None:
    collect([scene(0, shade) for shade in (0, 0.5, 1)])
    before = kept(tmp_path)
    open_to_all(tmp_path)
    os.seteuid(65534)
    try:
        errors = collect([scene(number) for number in range(1, 6)], images=3)
    finally:
        os.seteuid(0)
    assert errors == [f"{tmp_path / 'new'}: Permission denied"] * 5
    assert kept(tmp_path) == before


def test_images_of_one_scene_are_one_burst(collect, tmp_path: Path) -> None:
    shades = (0, 0.5, 1)
    collect([scene(number, shade) for number in (0, 1, 2) for shade in shades])
    bursts = [burst_of(path.name) for path in kept(tmp_path)]
    assert (len(bursts), len(set(bursts))) == (9, 3)


def test_camera_is_looked_at_in_intervals_and_at_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTERVAL_S", 3600)
    collector = Collector(tmp_path, InboxLimits(free_bytes=0), print, live=True)
    reasons: list[Reason] = ["different", "different", "unknown", "change"]
    for number, reason in enumerate(reasons):
        collector.offer(scene(number), Note(reason, "camera:0", ""))
        deadline = time.monotonic() + 20
        while reason in ("different", "change") and number != 1 and not collector._queue.empty():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    deadline = time.monotonic() + 20
    while collector.stored < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    collector.close()
    files = kept(tmp_path)
    assert [reason_of(path.name) for path in files] == ["different", "change"]
    assert len({burst_of(path.name) for path in files}) == 1


def test_a_disk_that_others_fill_takes_one_image_for_another(collect, tmp_path: Path) -> None:
    collect([scene(0, shade) for shade in (0, 0.5, 1)])
    errors = collect([scene(1), scene(2)], free_bytes=2**60)
    assert errors == []
    assert {nearest_scene(path, 3) for path in kept(tmp_path)} >= {1, 2}
    assert len(kept(tmp_path)) == 3
    assert "of the disk are free" in collect([scene(0, 0.2)] * 2, free_bytes=2**60)[0]


def test_only_the_region_counts_and_images_are_kept_whole(
    colours: Callable[..., Path], run_cli, tmp_path: Path
) -> None:
    folder = colours("black")
    for number in range(4):  # they differ in the upper half only
        image = Image.new("RGB", (64, 64))
        image.paste(scene(number).resize((64, 32)), (0, 0))
        image.save(folder / f"{number}.png")
    words = ["runtime", "collect", "--source", folder, "-o"]
    done = run_cli(*words, tmp_path, "--region", "0,0.5,1,0.5")
    assert done.returncode == 0, done.stderr
    first, *others = kept(tmp_path)
    assert {reason_of(path.name) for path in others} <= {"random"}
    content = first.read_bytes()
    assert header_size(content) == (64, 64)
    assert read_note(content)["region"] == [0.0, 0.5, 1.0, 0.5]
    refused = run_cli(*words, tmp_path, "--region", "0,0.6,1,0.5")
    assert (refused.returncode, "inside it" in refused.stderr) == (2, True)


def start(source: Path, inbox: Path, limit_bytes: int = 0) -> "subprocess.Popen[str]":
    def limit_files() -> None:
        if limit_bytes:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    return subprocess.Popen(
        [sys.executable, "-m", "runtime", "collect", "--source", str(source), "-o", str(inbox)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit_files,
    )


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    folder = tmp_path / "scenes"
    folder.mkdir()
    for number in range(60):
        scene(number).resize((640, 480)).save(folder / f"{number:03}.jpg")
    return folder


@pytest.mark.parametrize("images", [1, 7, 20])
def test_kill_leaves_whole_images_and_the_next_start_goes_on(
    scenes: Path, tmp_path: Path, images: int
) -> None:
    inbox = tmp_path / "inbox"
    process = start(scenes, inbox)
    while process.poll() is None and len(list(inbox.glob("new/[!.]*"))) < images:
        pass
    process.kill()
    process.communicate()
    files = list(inbox.glob("new/[!.]*"))
    assert images <= len(files) < 60
    for path in files:
        assert read_note(path.read_bytes())["source"] == str(scenes)
        Image.open(path).load()
    ended = start(scenes, inbox)
    assert "ended after 60 frames" in ended.communicate()[1]
    files = kept(inbox)
    assert not [path for path in files if path.name.startswith(".")]
    assert {read_note(path.read_bytes())["frame"] for path in files} == {
        str(path) for path in scenes.iterdir()
    }


def test_full_card_is_one_line_and_leaves_nothing_half(scenes: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    process = start(scenes, inbox, limit_bytes=1000)
    errors = process.communicate()[1].splitlines()
    assert process.returncode == 4
    assert "the disk is full" in errors[0]
    assert "ended after 60 frames" in errors[1]
    assert list((inbox / "new").iterdir()) == []
