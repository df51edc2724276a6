"""Tests predict on clips, patterns and standard input, with a model of colour means."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    folder = tmp_path / "colours"
    folder.mkdir()
    for name in ("red", "lime", "blue"):
        Image.new("RGB", (16, 16), name).save(folder / f"{name}.png")
    return folder


def labels(output: str) -> list[str]:
    """Returns the label of each image that was not refused."""
    answers = [json.loads(line) for line in output.splitlines()]
    return [answer["predictions"][0]["label"] for answer in answers if "error" not in answer]


def test_pattern_is_expanded_where_the_shell_did_not(
    onnx_model: Callable[..., Path], colours: Path, run_cli
) -> None:
    done = run_cli("runtime", "predict", onnx_model(), f"{colours}/*e*.png", "--json")
    assert (done.returncode, labels(done.stdout)) == (0, ["blue", "green", "red"])
    none = run_cli("runtime", "predict", onnx_model(), f"{colours}/*.tiff")
    assert (none.returncode, none.stdout) == (2, "")
    assert none.stderr == f"python -m runtime: {colours}/*.tiff: matches no files\n"


def test_what_was_found_before_a_source_that_fails_is_answered(
    onnx_model: Callable[..., Path], colours: Path, run_cli
) -> None:
    done = run_cli(
        "runtime",
        "predict",
        onnx_model(),
        colours / "red.png",
        "none.png",
        f"{colours}/*.tiff",
        colours,
        "--json",
    )
    assert (done.returncode, labels(done.stdout)) == (2, ["red"])
    names = [line.split(": ")[1] for line in done.stderr.splitlines()]
    assert names == ["none.png", f"{colours}/*.tiff"]


def test_closed_standard_input_names_nothing(onnx_model: Callable[..., Path]) -> None:
    command = f"{sys.executable} -m runtime predict {onnx_model()} - <&-"
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "python -m runtime: standard input: holds no files\n"


def test_paths_on_a_pipe_are_answered_as_they_come(
    onnx_model: Callable[..., Path], colours: Path
) -> None:
    command = [sys.executable, "-m", "runtime", "predict", onnx_model(), "-", "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for name, label in (("red", "red"), ("blue", "blue")):
            process.stdin.write(os.fsencode(colours / f"{name}.png") + b"\n")
            process.stdin.flush()
            assert labels(process.stdout.readline().decode()) == [label]
        process.stdin.write(b"missing.png\n")
        process.stdin.close()
        assert process.wait(60) == 2
        errors = process.stderr.read().decode().splitlines()
    assert errors == [
        "python -m runtime: missing.png: No such file or directory",
        "python -m runtime: refused 1 of 3 files",
    ]


def test_clip_is_answered_frame_by_frame(
    onnx_model: Callable[..., Path], tmp_path: Path, run_cli
) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for name in ("red", "lime", "blue"):
            container.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (64, 64), name))))
        container.mux(stream.encode())
    done = run_cli("runtime", "predict", onnx_model(), path, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert labels(done.stdout) == ["red", "green", "blue"]
    assert json.loads(done.stdout.splitlines()[2])["image"] == f"{path} #3"


@pytest.mark.parametrize("source", ["camera:0", "http://127.0.0.1:1/stream"])
def test_camera_is_for_the_camera_command(
    onnx_model: Callable[..., Path], run_cli, refuses, source: str
) -> None:
    refuses(
        run_cli("runtime", "predict", onnx_model(), source), 2, source, "python -m runtime camera"
    )
