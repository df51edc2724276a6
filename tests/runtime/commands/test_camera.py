"""Tests the answers, options and errors of `python -m runtime camera` with a real model."""

import json
import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import onnx
import pytest

from runtime.cli.output import JSON_SCHEMA
from runtime.models.confidence import Confidence
from runtime.models.manifest import Manifest

AT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"


def test_only_changes_between_images_are_printed(onnx_model, colours, run_cli) -> None:
    folder = colours("red", "red", "lime", "grey", "grey", "blue")
    done = run_cli("runtime", "camera", onnx_model(), "--source", folder, "--min-score", "0.6")
    assert done.returncode == 0
    answers = [
        re.fullmatch(f"{folder}/(.*): {AT} (.*)", line).groups()
        for line in done.stdout.splitlines()
    ]
    assert answers == [
        ("000-red.jpg", "red 0.996"),
        ("002-lime.jpg", "green 1.000"),
        ("003-grey.jpg", "unknown (red 0.502)"),
        ("005-blue.jpg", "blue 0.996"),
    ]
    assert done.stderr.splitlines() == [
        f"python -m runtime: {folder}: ended after 6 frames, 4 changes"
    ]


def test_json_has_the_same_answers(onnx_model, colours, run_cli) -> None:
    done = run_cli(
        "runtime",
        "camera",
        onnx_model(),
        "--source",
        colours("red", "grey"),
        "--min-score",
        "0.6",
        "--json",
    )
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["schema"], first["state"]) == (JSON_SCHEMA, "running")
    assert (first["predicted"], first["predicted_before"], first["artifact"]) == (
        "red",
        None,
        "small.onnx",
    )
    assert first["frame"].endswith("000-red.jpg")
    assert (second["predicted"], second["predicted_before"], second["score"]) == (
        None,
        "red",
        pytest.approx(0.502, abs=1e-3),
    )
    assert second["predictions"][0] == {"label": "red", "score": second["score"]}
    assert re.fullmatch(AT + r"\.\d{3}[+-]\d\d:\d\d", first["at"])


def test_stable_and_window_options_are_applied(onnx_model, colours, run_cli) -> None:
    flicker = colours("red", "red", "red", "lime", "red", "lime", "lime", "lime")
    done = run_cli(
        "runtime",
        "camera",
        onnx_model(),
        "--source",
        flicker,
        "--stable",
        "3",
        "--window",
        "1",
        "--json",
    )
    assert [json.loads(line)["frame"][-11:] for line in done.stdout.splitlines()] == [
        "002-red.jpg",
        "07-lime.jpg",
    ]
    done = run_cli(
        "runtime",
        "camera",
        onnx_model(),
        "--source",
        flicker,
        "--stable",
        "1",
        "--window",
        "4",
        "--json",
    )
    averaged = [json.loads(line) for line in done.stdout.splitlines()]
    assert [change["frame"][-11:] for change in averaged] == ["000-red.jpg", "05-lime.jpg"], (
        "two of the last four frames are lime, and lime is brighter"
    )
    assert averaged[1]["score"] == pytest.approx(0.5, abs=0.01)


def test_threshold_of_the_model_file_is_the_default_and_the_option_overrides_it(
    onnx_model, colours, run_cli
) -> None:
    path = onnx_model()
    model = onnx.load(path)
    (entry,) = model.metadata_props
    fitted = Confidence(
        temperature=1.0, min_score=0.6, images=100, right_kept=0.95, wrong_refused=0.5
    )
    entry.value = replace(Manifest.from_json(entry.value, "test"), confidence=fitted).to_json()
    onnx.save(model, path)
    images, answers = colours("blue", "grey"), {}
    for words in ((), ("--min-score", "0"), ("--min-score", "1")):
        done = run_cli("runtime", "camera", path, "--source", images, "--json", *words)
        assert done.returncode == 0, done.stderr
        answers[words] = [json.loads(line)["predicted"] for line in done.stdout.splitlines()]
    assert answers[()] == ["blue", None]
    assert answers["--min-score", "0"] == ["blue", "red"]
    assert answers["--min-score", "1"] == [None]


def test_model_without_a_threshold_is_reported(onnx_model, colours, run_cli) -> None:
    done = run_cli("runtime", "camera", onnx_model(), "--source", colours("grey"))
    assert done.stdout.endswith("red 0.502\n")
    assert "--min-score" in done.stderr.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--min-score", "1.5"], "from 0 to 1"),
        (["--stable", "0"], "--stable"),
        (["--on-change", "no-such-program x"], "no such program: no-such-program"),
        (["--on-change", "'"], "not a valid command"),
        (["--on-change", ""], "found nothing"),
        (["--collect", __file__], "found a file"),
        (["--save-uncertain", __file__, "--save-most", "9"], "found a file"),
        (["--source", "ftp://x"], "ftp"),
    ],
    ids=str,
)
def test_invalid_options_are_refused_before_the_start(
    onnx_model, colours, run_cli, words: list[str], message: str
) -> None:
    done = run_cli("runtime", "camera", onnx_model(), "--source", colours("red"), *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_broken_images_are_named_and_change_the_exit_code(onnx_model, colours, run_cli) -> None:
    folder = colours("red", "lime")
    (folder / "0005.jpg").write_bytes(b"no image")
    done = run_cli("runtime", "camera", onnx_model(), "--source", folder, "--min-score", "0.6")
    assert done.returncode == 2
    assert [line.split()[2] for line in done.stdout.splitlines()] == ["red", "green"]
    assert "0005.jpg" in done.stderr
    assert "1 refused" in done.stderr


@pytest.mark.parametrize(
    ("source", "package"),
    [("clip.mp4", "av"), ("camera:0", "linuxpy"), ("rtsp://127.0.0.1/x", "av")],
)
def test_missing_package_is_exit_4_even_with_wait(
    onnx_model, run_cli, refuses, source: str, package: str
) -> None:
    if find_spec(package):
        pytest.skip(f"{package} is installed")
    refuses(
        run_cli("runtime", "camera", onnx_model(), "--source", source, "--wait"),
        4,
        f": {source}: needs the package '{package}'",
    )


def test_missing_camera_is_exit_4_in_one_line(onnx_model, stream, run_cli, refuses) -> None:
    stream.close()
    refuses(
        run_cli("runtime", "camera", onnx_model(), "--source", stream.url, "--min-score", "0.6"),
        4,
        f"127.0.0.1:{stream.port}",
    )


def test_replaced_model_answers_next_and_each_line_has_its_id(
    onnx_model, stream, watch, tmp_path: Path
) -> None:
    """FAULTS R25: the swap is one rename; a broken model leaves the old one running."""
    model = onnx_model()
    running = watch(model, "--source", stream.url, "--min-score", "0.6", "--json")
    first = json.loads(running.line('"red"'))
    model.rename(tmp_path / "used.onnx")
    german = onnx_model(labels=("rot", "gruen", "blau"))
    second = json.loads(running.line('"rot"'))
    assert second["bundle_id"] != first["bundle_id"]
    old, new = first["bundle_id"], second["bundle_id"]
    running.error("python -m runtime: ", new, "has taken the place of", old)
    (tmp_path / "broken").write_bytes(german.read_bytes()[:100])
    (tmp_path / "broken").rename(model)
    running.error("is not used", second["bundle_id"], "goes on")
    stream.colour = "lime"
    assert json.loads(running.line('"gruen"'))["bundle_id"] == second["bundle_id"]


@pytest.mark.parametrize("command", ["camera", "predict"])
def test_min_similarity_of_a_file_without_similarities_is_refused(
    onnx_model, colours, run_cli, command: str
) -> None:
    images = colours("grey")
    words = ["--source", images] if command == "camera" else [images]
    done = run_cli("runtime", command, onnx_model(), *words, "--min-similarity", "0.5")
    assert done.returncode == 2
    assert "--min-similarity" in done.stderr
    assert not done.stdout
