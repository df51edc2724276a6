"""python -m runtime camera: what is printed, the state of the source, and how it ends; on a real model, stream and process."""

import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import onnx
import pytest

from runtime.confidence import Confidence
from runtime.manifest import Manifest

ROOT = Path(__file__).parents[3]
AT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"


def test_pictures_are_answered_one_by_one_and_only_changes_are_told(onnx_model, colours, run_cli) -> None:
    folder = colours("red", "red", "lime", "grey", "grey", "blue")
    done = run_cli("runtime", "camera", onnx_model(), "--source", folder, "--min-score", "0.6")
    assert done.returncode == 0
    answers = [re.fullmatch(f"{folder}/(.*): {AT} (.*)", line).groups() for line in done.stdout.splitlines()]
    assert answers == [
        ("000-red.jpg", "red 0.996"),
        ("002-lime.jpg", "green 1.000"),
        ("003-grey.jpg", "unknown (red 0.502)"),
        ("005-blue.jpg", "blue 0.996"),
    ]
    assert done.stderr.splitlines() == [f"python -m runtime: {folder}: ended after 6 frames, 4 changes"]


def test_json_says_the_same_for_programs(onnx_model, colours, run_cli) -> None:
    done = run_cli("runtime", "camera", onnx_model(), "--source", colours("red", "grey"), "--min-score", "0.6", "--json")
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["schema"], first["state"], first["label"], first["before"], first["model"]) == (1, "running", "red", None, "small.onnx")
    assert first["frame"].endswith("000-red.jpg")
    assert (second["label"], second["before"], second["score"]) == (None, "red", pytest.approx(0.502, abs=1e-3))
    assert second["predictions"][0] == {"label": "red", "score": second["score"]}
    assert re.fullmatch(AT + r"\.\d{3}[+-]\d\d:\d\d", first["at"])


def test_hysteresis_and_window_are_taken_from_the_command_line(onnx_model, colours, run_cli) -> None:
    flicker = colours("red", "red", "red", "lime", "red", "lime", "lime", "lime")
    done = run_cli("runtime", "camera", onnx_model(), "--source", flicker, "--stable", "3", "--window", "1", "--json")
    assert [json.loads(line)["frame"][-11:] for line in done.stdout.splitlines()] == ["002-red.jpg", "07-lime.jpg"]
    done = run_cli("runtime", "camera", onnx_model(), "--source", flicker, "--stable", "1", "--window", "4", "--json")
    averaged = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["frame"][-11:] for one in averaged] == ["000-red.jpg", "05-lime.jpg"], (
        "two of the last four are lime, and lime is the brighter"
    )
    assert averaged[1]["score"] == pytest.approx(0.5, abs=0.01)


def test_the_threshold_of_the_model_file_is_the_default_and_the_flag_goes_before_it(onnx_model, colours, run_cli) -> None:
    path = onnx_model()
    model = onnx.load(path)
    (entry,) = model.metadata_props
    fitted = Confidence(temperature=1.0, min_score=0.6, pictures=100, right_kept=0.95, wrong_refused=0.5)
    entry.value = replace(Manifest.from_json(entry.value, "test"), confidence=fitted).to_json()
    onnx.save(model, path)
    pictures, answers = colours("blue", "grey"), {}
    for words in ((), ("--min-score", "0"), ("--min-score", "1")):
        done = run_cli("runtime", "camera", path, "--source", pictures, "--json", *words)
        assert done.returncode == 0, done.stderr
        answers[words] = [json.loads(line)["label"] for line in done.stdout.splitlines()]
    assert answers[()] == ["blue", None]
    assert answers["--min-score", "0"] == ["blue", "red"]
    assert answers["--min-score", "1"] == [None]


def test_a_model_without_a_threshold_says_so(onnx_model, colours, run_cli) -> None:
    done = run_cli("runtime", "camera", onnx_model(), "--source", colours("grey"))
    assert done.stdout.endswith("red 0.502\n")
    assert "--min-score" in done.stderr.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--min-score", "1.5"], "from 0 to 1"),
        (["--stable", "0"], "--stable"),
        (["--on-change", "no-such-program x"], "no such program: no-such-program"),
        (["--on-change", "'"], "not a command"),
        (["--on-change", ""], "found nothing"),
        (["--save-uncertain", "x"], "--min-score"),
        (["--source", "ftp://x"], "ftp"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused_before_anything_is_watched(onnx_model, colours, run_cli, words: list[str], said: str) -> None:
    done = run_cli("runtime", "camera", onnx_model(), "--source", colours("red"), *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_broken_pictures_are_named_and_the_exit_code_tells(onnx_model, colours, run_cli) -> None:
    folder = colours("red", "lime")
    (folder / "0005.jpg").write_bytes(b"no picture")
    done = run_cli("runtime", "camera", onnx_model(), "--source", folder, "--min-score", "0.6")
    assert done.returncode == 2
    assert [line.split()[2] for line in done.stdout.splitlines()] == ["red", "green"]
    assert "0005.jpg" in done.stderr
    assert "1 refused" in done.stderr


def test_a_stream_is_followed_and_its_loss_is_told_at_once(onnx_model, stream, watch) -> None:
    running = watch(onnx_model(), "--source", stream.url, "--min-score", "0.6")
    running.line(" red 0.99")
    stream.colour = "blue"
    running.line(" blue 0.99")
    stream.unplug()
    running.line(" lost: ", seconds=5)
    running.error("python -m runtime: http://127.0.0.1", "lost", "trying again")
    assert len(running.lines) == 3
    stream.plug()
    running.until(lambda: len(running.lines) == 4)
    assert " blue " in running.lines[3], "the answer counts anew after a loss"
    assert running.end()[0] == 143


def test_a_stalled_stream_is_not_shown_as_fresh(onnx_model, stream, watch) -> None:
    running = watch(onnx_model(), "--source", stream.url, "--min-score", "0.6", "--json")
    running.line('"red"')
    stream.stalled = True
    lost = json.loads(running.line('"lost"', seconds=15))
    assert (lost["label"], lost["score"], lost["before"], lost["predictions"]) == (None, None, "red", [])
    stream.stalled, stream.colour = False, "lime"
    running.line('"green"')


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
@pytest.mark.parametrize("state", ["running", "stalled", "unplugged"])
def test_a_signal_ends_it_in_time_with_a_whole_line_and_the_camera_freed(onnx_model, stream, watch, number, code, state) -> None:
    running = watch(onnx_model(), "--source", stream.url, "--min-score", "0.6")
    running.line(" red ")
    if state == "stalled":
        stream.stalled = True
    elif state == "unplugged":
        stream.unplug()
        running.line(" lost")
    ended, seconds = running.end(number)
    assert ended == code
    assert seconds < 5, "2 s are asked for, of a machine that does nothing else"
    assert all(line.endswith("\n") for line in running.lines)
    assert "Traceback" not in "".join(running.errors)
    stream.stalled = False
    running_out = time.monotonic() + 3
    while stream.viewers and time.monotonic() < running_out:
        time.sleep(0.02)
    assert stream.viewers == 0


def test_nohup_keeps_it_running_over_a_hangup(onnx_model, stream, watch) -> None:
    running = watch(
        onnx_model(), "--source", stream.url, "--min-score", "0.6", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    running.line(" red ")
    running.process.send_signal(signal.SIGHUP)
    stream.colour = "lime"
    running.line(" green ")


def test_a_reader_that_goes_ends_it_quietly(onnx_model, stream) -> None:
    """`camera | head -1`, and a change after that (FAULTS R19)."""
    command = [sys.executable, "-m", "runtime", "camera", str(onnx_model()), "--source", stream.url, "--min-score", "0.6"]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert " red " in running.stdout.readline()
    running.stdout.close()
    stream.colour = "lime"
    assert running.wait(20) == 141
    assert running.stderr is not None
    assert running.stderr.read() == ""
    running.stderr.close()


def test_a_full_disk_behind_standard_output_is_exit_4(onnx_model, stream) -> None:
    command = [sys.executable, "-m", "runtime", "camera", str(onnx_model()), "--source", stream.url, "--min-score", "0.6"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (4, "python -m runtime: standard output: No space left on device\n")


@pytest.mark.parametrize(("source", "package"), [("clip.mp4", "av"), ("camera:0", "linuxpy"), ("rtsp://127.0.0.1/x", "av")])
def test_a_missing_package_is_exit_4_also_for_one_who_waits(onnx_model, run_cli, refuses, source: str, package: str) -> None:
    if find_spec(package):
        pytest.skip(f"{package} is installed")
    refuses(run_cli("runtime", "camera", onnx_model(), "--source", source, "--wait"), 4, f": {source}: needs the package '{package}'")


def test_a_camera_that_is_not_there_is_exit_4_in_one_line(onnx_model, stream, run_cli, refuses) -> None:
    stream.close()
    refuses(run_cli("runtime", "camera", onnx_model(), "--source", stream.url, "--min-score", "0.6"), 4, f"127.0.0.1:{stream.port}")


def test_a_model_replaced_while_it_runs_answers_next_and_each_line_says_whose_it_is(onnx_model, stream, watch, tmp_path: Path) -> None:
    """FAULTS R25: the swap is one rename; a broken one leaves the old running."""
    model = onnx_model()
    running = watch(model, "--source", stream.url, "--min-score", "0.6", "--json")
    first = json.loads(running.line('"red"'))
    model.rename(tmp_path / "used.onnx")
    other = onnx_model(labels=("rot", "gruen", "blau"))
    second = json.loads(running.line('"rot"'))
    assert second["id"] != first["id"]
    running.error("python -m runtime: ", second["id"], "has taken the place of", first["id"])
    (tmp_path / "broken").write_bytes(other.read_bytes()[:100])
    (tmp_path / "broken").rename(model)
    running.error("is not used", second["id"], "goes on")
    stream.colour = "lime"
    assert json.loads(running.line('"gruen"'))["id"] == second["id"]
