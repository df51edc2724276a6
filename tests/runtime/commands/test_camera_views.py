"""Tests `camera` with several sources and regions, --every and --on-motion, on real clips."""

import json
from pathlib import Path

import pytest
from PIL import Image

av = pytest.importorskip("av", reason="the package av (extra 'video') is not installed")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Three seconds at 10 frames a second: red at the left; at the right blue, green after 1 s."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        stream.bit_rate = 4_000_000
        for number in range(30):
            image = Image.new("RGB", (128, 64), "red")
            image.paste("blue" if number < 10 else "lime", (64, 0, 128, 64))
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())
    return path


LEFT_AND_RIGHT = ("--region", "left=0,0,0.5,1", "--region", "right=0.5,0,0.5,1")


def test_regions_and_sources_answer_in_lines_of_their_own(
    onnx_model, clip: Path, colours, run_cli
) -> None:
    words = ["--source", f"belt={clip}", "--source", f"box={colours('red', 'blue')}"]
    words += ["--region", "belt/left=0,0,0.5,1", "--region", "belt/right=0.5,0,0.5,1"]
    done = run_cli("runtime", "camera", onnx_model(), *words, "--min-score", "0.6", "--json")
    assert done.returncode == 0, done.stderr
    changes = [json.loads(line) for line in done.stdout.splitlines()]
    answers = {name: [] for name in ("belt/left", "belt/right", "box")}
    for change in changes:
        answers[change["view"]].append(change["predicted"])
    assert answers == {
        "belt/left": ["red"],
        "belt/right": ["blue", "green"],
        "box": ["red", "blue"],
    }
    assert {change["source"] for change in changes if change["view"] == "belt/left"} == {str(clip)}
    belt, box = done.stderr.splitlines()
    assert f"{clip}: ended after 30 frames, 3 changes" in belt
    assert "ended after 2 frames, 2 changes" in box


def test_clip_is_looked_at_every_second_of_its_own_time(onnx_model, clip: Path, run_cli) -> None:
    words = ["--source", clip, "--every", "1", "--region", "0.5,0,0.5,1", "--min-score", "0.6"]
    done = run_cli("runtime", "camera", onnx_model(), *words, "--json")
    frames = [json.loads(line)["frame"] for line in done.stdout.splitlines()]
    assert frames == [f"{clip} #1", f"{clip} #11"]
    assert "ended after 3 frames, 2 changes, 27 not looked at" in done.stderr


def test_clip_is_looked_at_when_its_region_changes(onnx_model, clip: Path, run_cli) -> None:
    words = ["--source", clip, "--on-motion", "--min-score", "0.6", *LEFT_AND_RIGHT]
    done = run_cli("runtime", "camera", onnx_model(), *words)
    assert [line.split(":")[0] + line.split()[-2] for line in done.stdout.splitlines()] == [
        *("leftred", "rightblue", "rightgreen")
    ]
    assert "ended after 12 frames, 3 changes, 18 not looked at" in done.stderr, (
        "six at the start and six at the motion, until the answer is stable"
    )


def test_collector_looks_when_the_camera_would(clip: Path, run_cli, tmp_path: Path) -> None:
    words = ("runtime", "collect", "--source", clip, "-o", tmp_path / "inbox")
    done = run_cli(*words, "--every", "1")
    assert "ended after 3 frames" in done.stderr
    done = run_cli(*words, "--on-motion", "--region", "0.5,0,0.5,1")
    assert "ended after 2 frames" in done.stderr, "blue, then green"


def test_one_source_that_is_lost_does_not_stop_the_other(onnx_model, stream, watch, camera) -> None:
    """The wait before it is opened again is its own, too."""
    running = watch(
        *(onnx_model(), "--source", f"gate={stream.url}", "--min-score", "0.6", "--json"),
        *("--source", f"yard={camera.url('steady')}"),
    )
    running.line('"red"', '"view": "gate"')
    running.line('"view": "yard"')
    stream.unplug()
    running.line('"lost"', '"view": "gate"')
    yard = len([line for line in running.lines if '"view": "yard"' in line])
    running.until(lambda: len([line for line in running.lines if "yard" in line]) > yard)
    stream.colour = "lime"
    stream.plug()
    running.line('"green"', '"view": "gate"')
    assert not any('"lost"' in line and '"view": "yard"' in line for line in running.lines)
    code, _ = running.end()
    assert code == 143


def test_source_that_cannot_be_opened_ends_the_start_with_its_name(
    onnx_model, stream, colours, run_cli
) -> None:
    port = stream.port
    stream.close()
    words = ["--source", f"gate={stream.url}", "--source", f"box={colours('red')}"]
    done = run_cli("runtime", "camera", onnx_model(), *words, "--min-score", "0.6")
    assert done.returncode == 4
    assert f"127.0.0.1:{port}" in done.stderr.splitlines()[-1]


def test_clock_at_1970_changes_no_decision(onnx_model, stream, watch, in_1970) -> None:
    words = ("--source", stream.url, "--min-score", "0.6", "--every", "0.2", "--on-motion")
    running = watch(onnx_model(), *words, env=in_1970)
    assert running.line(" red ").startswith("1970-")
    stream.colour = "lime"
    running.line(" green ")
    stream.unplug()
    running.line(" lost: ")
