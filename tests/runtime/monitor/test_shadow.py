"""Tests install --shadow: both bundles on the same frames, before anything is exchanged."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundles.bundle import Bundle
from runtime.classifier import Classifier
from runtime.deployment.install import install
from runtime.monitor.capture import Capture
from runtime.monitor.shadow import ShadowedAnswer, run_shadow
from runtime.sources.base import open_source

LABELS = ("red", "green", "blue")
TURNED = ("green", "red", "blue")


@pytest.fixture
def in_use(tmp_path: Path) -> Path:
    return tmp_path / "device/fruit"


@pytest.fixture
def old(make_bundle: Callable[..., Path], in_use: Path) -> Path:
    path = make_bundle("old", LABELS, provenance={"exported": "2026-01-01T12:00:00Z"})
    install(path, in_use)
    return path


@pytest.fixture
def new(make_bundle: Callable[..., Path], old: Path) -> Path:
    """Names red what is green, and the other way round."""
    return make_bundle("new", TURNED, provenance={"exported": "2026-01-02T12:00:00Z"})


def test_every_frame_is_counted_with_both_answers(old: Path, new: Path, colours) -> None:
    folder = colours("red", "red", "lime", "blue")
    lines: list[str] = []
    with Capture(open_source(str(folder), None)) as capture:
        report = run_shadow(capture, Classifier(old), Classifier(new), 600, lines.append)
    assert (report.frames, report.same, report.refused) == (4, 1, 0)
    assert report.differing == 0.75
    assert report.changes == (
        ShadowedAnswer("red", "green", 2),
        ShadowedAnswer("green", "red", 1),
    )
    assert [line.partition(" ")[2] for line in lines] == [
        "in use: red; new: green",
        "in use: green; new: red",
    ]


def test_a_live_source_ends_with_the_time(old: Path, new: Path, camera) -> None:
    with Capture(open_source(camera.url("steady"), None)) as capture:
        report = run_shadow(capture, Classifier(old), Classifier(new), 1.0, lambda line: None)
    assert report.frames > 0
    assert 1.0 <= report.seconds < 30


def test_the_old_bundle_is_in_use_until_the_end(
    old: Path, new: Path, in_use: Path, colours
) -> None:
    seen: list[str] = []

    def look(current: Path, staged: Path) -> None:
        seen.extend((Bundle.open(in_use).id, Bundle.open(current).id, Bundle.open(staged).id))

    install(new, in_use, before_switch=look)
    ids = Bundle.open(old).id, Bundle.open(new).id
    assert seen == [ids[0], *ids]
    assert Bundle.open(in_use).id == ids[1]


def test_the_command_reports_and_then_installs(
    old: Path, new: Path, in_use: Path, colours, run_cli
) -> None:
    folder = colours("red", "lime", "blue", "blue")
    words = ("runtime", "install", new, in_use, "--shadow", "10m", "--source", folder)
    done = run_cli(*words, "--max-differ", "0.4")
    assert done.returncode == 3
    assert "50.0% of the frames get another answer; at most 40.0% is allowed" in done.stderr
    assert Bundle.open(in_use).id == Bundle.open(old).id
    assert [file.name for file in in_use.parent.iterdir()] == ["fruit"]
    done = run_cli(*words, "--json")
    assert done.returncode == 0, done.stderr
    shadow, installed = map(json.loads, done.stdout.splitlines())
    assert (shadow["frames"], shadow["same"], len(shadow["changes"])) == (4, 2, 2)
    assert installed["bundle_id"] == Bundle.open(new).id == Bundle.open(in_use).id


@pytest.mark.parametrize("time", ["1", "h", "-1s", "nans", "1d", "0s"])
def test_a_time_has_a_unit(in_use: Path, time: str, run_cli, refuses) -> None:
    done = run_cli("runtime", "install", "new", in_use, f"--shadow={time}")
    refuses(done, 2, "expected a time such as 30s, 10m or 1h")


def test_no_frame_is_no_shadow(old: Path, new: Path, in_use: Path, camera, run_cli) -> None:
    source = ("--shadow", "2s", "--source", camera.url("drip"))
    done = run_cli("runtime", "install", new, in_use, *source)
    assert done.returncode == 3, done.stderr
    assert "not installed: no frame came" in done.stderr
    assert Bundle.open(in_use).id == Bundle.open(old).id


def test_a_source_that_is_not_there_is_one_line(
    old: Path, new: Path, in_use: Path, run_cli, refuses
) -> None:
    words = ("runtime", "install", new, in_use, "--shadow", "2s", "--source", "missing.mp4")
    refuses(run_cli(*words), 2, "missing.mp4: no such file")
    assert Bundle.open(in_use).id == Bundle.open(old).id


def test_a_new_folder_is_installed_with_a_line_that_nothing_was_compared(
    make_bundle: Callable[..., Path], in_use: Path, colours, run_cli
) -> None:
    words = ("--shadow", "2s", "--source", colours("red"))
    done = run_cli("runtime", "install", make_bundle("old", LABELS), in_use, *words)
    assert done.returncode == 0
    line = f"python -m runtime: --shadow: {in_use} had no other bundle to compare with\n"
    assert done.stderr == line
