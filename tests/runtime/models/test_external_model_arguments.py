"""Tests external models on the command line: a line names what is missing, options give it."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from runtime.shared.external_model_arguments import add_external_model_arguments

MakeModel = Callable[..., Path]


@pytest.fixture
def image(tmp_path: Path, colour: Image.Image) -> Path:
    colour.save(tmp_path / "image.png")
    return tmp_path / "image.png"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    (tmp_path / "labels.txt").write_bytes(b"\xef\xbb\xbf0 red\r\n1 green\r\n2 blue\r\n")
    return tmp_path / "labels.txt"


def test_every_option_reaches_the_model(
    external_onnx: MakeModel, image: Path, labels: Path, run_cli
) -> None:
    model = external_onnx(shape=(1, 3, "h", "w"))
    words = [
        "--labels",
        labels,
        "--normalize",
        "0,255",
        "--input-size",
        "6x8",
        "--fit",
        "pad",
        "--layout",
        "nchw",
        "--channel-order",
        "bgr",
    ]
    done = run_cli(
        "runtime", "predict", model, image, "--json", "--scores", "probabilities", *words
    )
    assert (done.returncode, done.stderr) == (0, "")
    predictions = json.loads(done.stdout)["predictions"]
    scores = {prediction["label"]: prediction["score"] for prediction in predictions}
    assert list(scores) == ["blue", "green", "red"]
    assert scores["blue"] > scores["green"] > scores["red"]


@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        ("--labels", ["--labels FILE"]),
        ("--normalize", ["float32", "--normalize"]),
        ("--input-size", ["(1, 3, ?, ?)", "--input-size"]),
    ],
    ids=["labels", "normalize", "input-size"],
)
def test_what_is_missing_is_asked_for(
    external_onnx: MakeModel, image: Path, labels: Path, run_cli, refuses, left_out, words
) -> None:
    model = external_onnx(shape=(1, 3, "h", "w"))
    options = {"--labels": labels, "--normalize": "tf", "--input-size": "8"}
    options = [
        word for option, value in options.items() if option != left_out for word in (option, value)
    ]
    refuses(run_cli("runtime", "predict", model, image, *options), 2, "external.onnx", *words)


def test_count_that_differs_names_both_numbers(
    external_onnx: MakeModel, image: Path, tmp_path: Path, run_cli, refuses
) -> None:
    (tmp_path / "two.txt").write_text("a\nb\n")
    done = run_cli(
        "runtime",
        "predict",
        external_onnx(),
        image,
        "--labels",
        tmp_path / "two.txt",
        "--normalize",
        "tf",
    )
    refuses(done, 2, "two.txt", "has 2 labels, but the model has 3 outputs")


def test_model_of_ours_takes_none_of_them(
    onnx_model: MakeModel, image: Path, labels: Path, run_cli, refuses
) -> None:
    refuses(
        run_cli("runtime", "predict", onnx_model(), image, "--labels", labels),
        2,
        "stores its labels and preprocessing itself",
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--normalize", "imagenet"],
        ["--input-size", "0"],
        ["--labels", "missing.txt"],
        ["--channel-order", "grb"],
    ],
    ids=" ".join,
)
def test_option_that_is_not_understood_is_refused(
    external_onnx: MakeModel, image: Path, run_cli, refuses, words
) -> None:
    refuses(run_cli("runtime", "predict", external_onnx(), image, *words), 2, words[1])


def test_options_of_earlier_versions_still_work() -> None:
    parser = argparse.ArgumentParser()
    add_external_model_arguments(parser)
    old = parser.parse_args(["--channels", "bgr", "--output", "scores"])
    assert old == parser.parse_args(["--channel-order", "bgr", "--scores-output", "scores"])
    assert not {"--channels", "--output"} & set(parser.format_help().split())
