"""Tests predictions of folders: a stable order, decoding ahead, memory that does not grow."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.answer import Prediction
from runtime.classifier import Classifier
from runtime.errors import CheckFailed, ImageRefused
from runtime.images.preprocessing import Preprocessing
from runtime.shared.prediction_output import are_many, predict_images
from runtime.sources.base import Frame, open_source
from runtime.sources.paths import expand

ROOT = Path(__file__).parents[3]
INT8, FP32 = "model.int8.tflite", "model.fp32.onnx"
PEAK = """
import resource, sys
from contextlib import redirect_stdout
from io import StringIO
from runtime.commands.table import main
with redirect_stdout(StringIO()) as shown:
    code = main(["predict", *sys.argv[1:]])
print(code, shown.getvalue().count("\\n"), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
GROWTH = """
import os, sys
from pathlib import Path
from runtime import Classifier
def size():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
classifier = Classifier(sys.argv[1], threads=1)
for number in range(4000):
    if number == 1000:
        first, files = size(), len(os.listdir("/proc/self/fd"))
    classifier.classify(sys.argv[2])
print(size() - first, len(os.listdir("/proc/self/fd")) - files)
"""


def run(code: str, *arguments: Path | str) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [int(word) for word in done.stdout.split()]


@pytest.fixture
def small_photo(photo: Path, tmp_path: Path) -> Path:
    """A photo that is decoded soon, because thousands are; kept, each would take 12 KB."""
    path = tmp_path / "small.png"
    with Image.open(photo) as image:
        image.resize((64, 64)).save(path)
    return path


@pytest.fixture(scope="module")
def big_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Decoded it takes over 256 MB."""
    path = tmp_path_factory.mktemp("big") / "big.png"
    Image.new("RGBA", (8000, 7000)).save(path, compress_level=1)
    return path


def red(pixels: np.ndarray) -> tuple[Prediction, ...]:
    return (Prediction(str(pixels[0, 0, 0]), 1.0),)


def test_answers_are_in_the_order_of_the_files_and_each_is_of_its_own_image(tmp_path: Path) -> None:
    """Every fifth file is a large one that takes long to decode, every seventh is none."""
    for index in range(40):
        path = tmp_path / f"{index:03}.png"
        if index % 7 == 6:
            path.write_bytes(b"hello")
        else:
            Image.new("RGB", (1500, 1500) if index % 5 == 0 else (8, 8), (index, 0, 0)).save(path)
    outcomes = list(predict_images(red, Preprocessing(8, 8), expand([tmp_path])))
    assert [path.name for path, _ in outcomes] == [f"{index:03}.png" for index in range(40)]
    for index, (path, outcome) in enumerate(outcomes):
        if index % 7 == 6:
            assert isinstance(outcome, ImageRefused)
            assert outcome.thing == str(path)
        else:
            assert outcome == (Prediction(str(index), 1.0),)


def test_folder_names_what_it_refuses_leaves_out_and_uses_with_a_remark(
    exported: Path, photo: Path, run_cli, tmp_path: Path
) -> None:
    Image.open(photo).convert("RGB").save(tmp_path / "cut.jpg")
    cut = (tmp_path / "cut.jpg").read_bytes()[:-2]
    (tmp_path / "cut.jpg").write_bytes(cut)
    (tmp_path / "half.jpg").write_bytes(cut[:-100])
    for name in (".DS_Store", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"x")
    done = run_cli("runtime", "predict", exported, tmp_path, "--json")
    rows = {Path(row["image"]).name: row for row in map(json.loads, done.stdout.splitlines())}
    assert (done.returncode, set(rows)) == (2, {"cut.jpg", "half.jpg"})
    assert "predictions" in rows["cut.jpg"]
    error = rows["half.jpg"]["error"]
    assert (error["thing"], error["exit_code"]) == (f"{tmp_path}/half.jpg", 2)
    assert f"{tmp_path}/half.jpg: broken (truncated: the end of its image data" in done.stderr
    assert f"{tmp_path}/cut.jpg: lacks the JPEG end marker" in done.stderr
    assert (
        "2 left out: hidden, of a file manager, or a link to a folder above it (the first:"
        f" {tmp_path}/.DS_Store" in done.stderr
    )
    listed = run_cli("runtime", "predict", exported, tmp_path, "--verbose").stderr
    assert all(f"{tmp_path}/{name}: left out" in listed for name in (".DS_Store", "Thumbs.db"))


@pytest.mark.parametrize("throughput", [False, True])
@pytest.mark.parametrize("file", [INT8, FP32])
def test_folder_s_answers_are_those_of_the_images_one_at_a_time(
    exported: Path, cells: Path, file: str, throughput: bool
) -> None:
    classifier = Classifier(exported / file, throughput=throughput)
    images = sorted(cells.rglob("*.png"))[:200]
    together = list(
        predict_images(
            classifier.answer, classifier.preprocessing, images, streams=classifier.streams
        )
    )
    alone = Classifier(exported / file)
    assert together == [(image, alone.classify(image)) for image in images]


def test_as_many_answers_are_given_at_once_as_there_are_streams() -> None:
    """No answer ends before a second one has begun: one at a time, none would come."""
    begun: list[int] = []
    two_have_begun = threading.Event()

    def answer(pixels: np.ndarray) -> tuple[Prediction, ...]:
        begun.append(1)
        if len(begun) >= 2:
            two_have_begun.set()
        assert two_have_begun.wait(120), "no second answer began"
        return red(pixels)

    frames = [
        Frame(str(shade), Image.new("RGB", (8, 8), (shade, 0, 0)), 0.0) for shade in range(16)
    ]
    answers = list(predict_images(answer, Preprocessing(8, 8), frames, streams=2))
    assert answers == [(frame, (Prediction(frame.name, 1.0),)) for frame in frames]


def test_what_one_of_several_streams_raises_comes_in_its_turn() -> None:
    def answer(pixels: np.ndarray) -> tuple[Prediction, ...]:
        if pixels[0, 0, 0] == 3:
            raise CheckFailed("model", "the model answered NaN or infinity")
        return red(pixels)

    frames = [Frame(str(shade), Image.new("RGB", (8, 8), (shade, 0, 0)), 0.0) for shade in range(6)]
    answers = predict_images(answer, Preprocessing(8, 8), frames, streams=2)
    assert [next(answers)[0] for _ in range(3)] == frames[:3]
    with pytest.raises(CheckFailed):
        next(answers)


def test_what_stands_for_several_images(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    photo = str(tmp_path / "photo.jpg")
    several = ([photo, photo], [str(tmp_path)], [f"{tmp_path}/*.jpg"], ["clip.mp4"])
    assert [are_many(list(map(open_source, words))) for words in several] == [True] * 4
    assert [
        are_many(list(map(open_source, words)))
        for words in ([photo], ["missing.jpg"], ["-"], [photo, "-"])
    ] == [False] * 4


def test_first_answer_needs_few_files_of_many(photo: Path) -> None:
    looked_at = 0

    def files() -> Iterator[Path]:
        nonlocal looked_at
        while True:
            looked_at += 1
            yield photo

    answers = predict_images(red, Preprocessing(8, 8), files())
    next(answers)
    answers.close()
    assert looked_at < 1000


def test_memory_of_a_long_folder_is_that_of_a_short_one(
    exported: Path, small_photo: Path, tmp_path: Path
) -> None:
    peaks = []
    for count in (200, 4000):
        folder = tmp_path / str(count)
        folder.mkdir()
        for index in range(count):
            (folder / f"{index:05}.png").symlink_to(small_photo)
        code, lines, peak_kb = run(PEAK, exported / INT8, folder)
        assert (code, lines) == (0, count)
        peaks.append(peak_kb)
    assert peaks[1] - peaks[0] < 4096, "the 4,000 lines printed are kept by this test: 0.4 MB"


@pytest.mark.parametrize("file", [INT8, FP32])
def test_thousands_of_inferences_leave_memory_and_open_files_as_they_were(
    exported: Path, small_photo: Path, file: str
) -> None:
    growth_kb, files = run(GROWTH, exported / file, small_photo)
    assert growth_kb < 2048
    assert files == 0


@pytest.mark.parametrize("limit_kb", [200_000, 240_000, 300_000, 600_000])
def test_little_memory_is_enough_or_said_in_one_line(
    exported: Path, photo: Path, big_image: Path, limit_kb: int
) -> None:
    """One core is used, as threads take addresses too."""
    command = 'ulimit -v "$1"; shift; exec "$@"'
    words = [
        sys.executable,
        "-m",
        "runtime",
        "predict",
        exported / INT8,
        photo,
        big_image,
    ]
    done = subprocess.run(
        ["bash", "-c", command, "bash", str(limit_kb), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
    )
    assert done.returncode == 4, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert any(word in done.stderr for word in ("memory", "thread"))
