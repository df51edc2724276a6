"""Tests which images are saved, their names, the limits, and a disk that refuses."""

import re
import time
from argparse import Namespace
from pathlib import Path

import pytest
from PIL import Image

from runtime.answer import Thresholds
from runtime.errors import InputRefused
from runtime.monitor.sinks.save_uncertain import folder_name, open_uncertain

NAME = re.compile(r"\d{8}T\d{6}\.\d{3}Z_0\.500_unsure(_\d)?\.jpg")


def options(folder: Path, most: int = 500, megabytes: int = 200) -> Namespace:
    return Namespace(save_uncertain=folder, save_most=most, save_megabytes=megabytes)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_image_below_the_threshold_is_saved_under_its_top_label(
    context, frame_result, tmp_path: Path
) -> None:
    with open_uncertain(options(tmp_path / "new/unsure"), context(live=False)) as sink:
        for label, score in (("apple", 0.5), ("apple", 0.7), ("apple", 0.6), ("banana", 0.5)):
            sink.on_frame(frame_result(label, score, size=(321, 200)))
    kept = files(tmp_path)
    assert [path.parent.name for path in kept] == ["apple", "banana"]
    assert all(NAME.fullmatch(path.name) for path in kept)
    with Image.open(kept[0]) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (321, 200), "RGB")


def test_saved_folder_can_be_checked_by_train(
    context, frame_result, tmp_path: Path, run_cli
) -> None:
    with open_uncertain(options(tmp_path), context(live=False)) as sink:
        for number in range(12):
            sink.on_frame(
                frame_result(
                    ("apple", "banana")[number % 2],
                    size=(60 + number, 64),
                    mode=("L", "RGBA", "P", "CMYK")[number % 4],
                )
            )
    done = run_cli("train", "check", tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"apple +\d", done.stdout + done.stderr)
    assert not list(tmp_path.rglob(".*")), "no temporary files may be left"


def test_camera_saves_one_image_per_interval(
    context, frame_result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.monitor.sinks.save_uncertain.INTERVAL_S", 3600)
    with open_uncertain(options(tmp_path), context(live=True)) as sink:
        sink.on_frame(frame_result())
        deadline = time.monotonic() + 20
        while not files(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.01)
        for _ in range(5):
            sink.on_frame(frame_result())
    assert len(files(tmp_path)) == 1


def test_number_limit_counts_existing_files(context, frame_result, tmp_path: Path, capsys) -> None:
    (tmp_path / "apple").mkdir()
    (tmp_path / "apple/old.jpg").write_bytes(b"x")
    with open_uncertain(options(tmp_path, most=3), context(live=False)) as sink:
        for _ in range(6):
            sink.on_frame(frame_result())
    assert len(files(tmp_path)) == 3
    errors = capsys.readouterr().err.splitlines()
    assert errors == [f"prog: {tmp_path}: holds 3 images; no more are saved (--save-most 3)"]


def test_size_limit_counts_existing_files(context, frame_result, tmp_path: Path, capsys) -> None:
    (tmp_path / "old").write_bytes(bytes(999_000))
    with open_uncertain(options(tmp_path, megabytes=1), context(live=False)) as sink:
        for _ in range(6):
            sink.on_frame(frame_result())
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 10**6
    assert "--save-megabytes 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "label",
    [
        "../../etc",
        "/etc/passwd",
        "a/b",
        "..",
        ".",
        ".hidden",
        "x\0y",
        "a\nb\x1b[31m",
        "\ud800",
        "猫" * 300,
        "x" * 1000,
        "é" * 119 + "/",
    ],
    ids=ascii,
)
def test_hostile_label_is_one_folder_below_the_requested_one(
    context, frame_result, tmp_path: Path, label: str
) -> None:
    with open_uncertain(options(tmp_path / "unsure"), context(live=False)) as sink:
        sink.on_frame(frame_result(label))
    (kept,) = files(tmp_path)
    assert kept.parent.parent == tmp_path / "unsure"
    assert not kept.parent.name.startswith(".")
    assert kept.parent.name.isprintable()


def test_folder_name_is_the_label_if_possible_and_long_ones_stay_distinct() -> None:
    for label in ("banana", "café noir", "猫", "a=b", "<b>x", "100%", "x" * 120):
        assert folder_name(label) == label
    assert folder_name("x" * 200) != folder_name("x" * 201)


def test_disk_that_refuses_is_reported_and_the_run_continues(onnx_model, colours, run_cli) -> None:
    """Nobody can create a folder in /sys."""
    folder = Path("/sys/unsure")
    words = [
        "--source",
        colours("grey", "red", "grey", "lime"),
        "--min-score",
        "0.6",
        "--save-uncertain",
        folder,
    ]
    done = run_cli("runtime", "camera", onnx_model(), *words)
    assert [line.split()[2] for line in done.stdout.splitlines()] == [
        "unknown",
        "red",
        "unknown",
        "green",
    ]
    first, last = done.stderr.splitlines()
    assert first.startswith(f"python -m runtime: {folder}: cannot be written: ")
    assert any(
        reason in first
        for reason in ("Read-only file system", "Operation not permitted", "Permission denied")
    )
    assert "ended after 4 frames" in last
    assert done.returncode == 0


def test_file_instead_of_a_folder_and_missing_threshold_are_refused(
    context, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for folder, threshold, reason in (
        (tmp_path / "file", 0.6, "found a file"),
        (tmp_path / "new", 0.0, "--min-score"),
    ):
        with (
            pytest.raises(InputRefused, match=reason),
            open_uncertain(options(folder), context(thresholds=Thresholds(threshold))),
        ):
            pass
