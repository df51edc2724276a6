"""The command line exports the session's network in the forms of external models."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export.graph.input_normalization import split_input_normalization

LOOSE = ("--max-drop", "0.2", "--min-agreement", "0.8")


@pytest.fixture(scope="module")
def beside(opened, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """labels.txt, the run's test images in a folder per class, its training images in one."""
    folder = tmp_path_factory.mktemp("beside")
    (folder / "calib").mkdir()
    for image in opened.split("test"):
        (folder / "verify" / image.label).mkdir(parents=True, exist_ok=True)
        shutil.copy(opened.data / image.path, folder / "verify" / image.label)
    for image in opened.split("train"):
        shutil.copy(opened.data / image.path, folder / "calib" / image.path.replace("/", "-"))
    (folder / "labels.txt").write_bytes(b"\xef\xbb\xbf0 mono\r\n1 poly\r\n\r\n")
    return {"labels": folder / "labels.txt", "verify": folder / "verify", "calib": folder / "calib"}


@pytest.fixture(scope="module")
def options(beside: dict[str, Path]) -> list[str]:
    return [word for flag, path in beside.items() for word in (f"--{flag}", str(path))]


@pytest.fixture(scope="module")
def models(keras_model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """nested.keras, bare.keras (no normalization), logits.keras (no softmax) and a SavedModel."""
    folder = tmp_path_factory.mktemp("models")
    size = keras_model.input_shape[1:]
    augment = keras.Sequential(
        [keras.Input(size), keras.layers.RandomFlip(), keras.layers.RandomZoom(0.1)], name="augment"
    )
    keras.Sequential([keras.Input(size), augment, keras_model], name="nested").save(
        folder / "nested.keras"
    )
    _, bare = split_input_normalization(keras_model)
    again = keras.Input(size)
    keras.Model(again, bare(again)).save(folder / "bare.keras")
    scores = keras_model.layers[-1]
    logits = keras.layers.Dense(2, name="logits")
    model = keras.Model(keras_model.input, logits(scores.input))
    logits.set_weights(scores.get_weights())
    model.save(folder / "logits.keras")
    keras_model.export(folder / "saved", verbose=False)
    return folder


def test_a_nested_model_gives_what_the_run_of_the_same_network_gives(
    models, options, exported, run_cli, export_here, monkeypatch, tmp_path: Path
) -> None:
    command = ("tflite", models / "nested.keras", *options, *LOOSE)
    done = run_cli("export", *command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path)
    bundle = tmp_path / "bundles" / "nested"
    run_parity, external_parity = (
        json.loads((path / "parity.json").read_text())["artifacts"]["model.int8.tflite"]["parity"]
        for path in (exported, bundle)
    )
    assert external_parity["candidate_accuracy"] == pytest.approx(
        run_parity["candidate_accuracy"], abs=0.1
    )
    assert external_parity["reference_accuracy"] == run_parity["reference_accuracy"]
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert (manifest["name"], manifest["labels"]) == ("nested", ["mono", "poly"])
    assert manifest["preprocessing"] == {"height": 64, "width": 64, "fit": "crop"}
    assert (
        str(models)
        not in (bundle / "manifest.json").read_text() + (bundle / "parity.json").read_text()
    )
    again = export_here(*command)
    assert "already there, made by this command" in again.stdout
    different = export_here(*command, "--fit", "squash")
    assert (different.returncode, "another trained model" in different.stderr) == (2, True), (
        different.stderr
    )
    assert run_cli("runtime", "verify", bundle).returncode == 0


def test_the_normalization_given_by_flag_becomes_the_quantized_input(
    models, options, export_here, tmp_path: Path
) -> None:
    done = export_here(
        "tflite",
        models / "bare.keras",
        *options,
        *LOOSE,
        "--normalize",
        "127,128",
        "-o",
        tmp_path / "bundle",
    )
    assert done.returncode == 0, done.stderr
    (details,) = Interpreter(str(tmp_path / "bundle" / "model.int8.tflite")).get_input_details()
    assert details["quantization"] == (1 / 128, 127)


def test_a_saved_model_goes_into_both_formats(
    models, options, run_cli, export_here, tmp_path: Path
) -> None:
    for kind in ("tflite", "onnx"):
        done = export_here(kind, models / "saved", *options, *LOOSE, "-o", tmp_path / "bundle")
        assert done.returncode == 0, done.stderr
    (details,) = Interpreter(str(tmp_path / "bundle" / "model.int8.tflite")).get_input_details()
    assert (details["dtype"], details["quantization"]) == (np.uint8, (1.0, 0))
    assert run_cli("runtime", "verify", tmp_path / "bundle").returncode == 0


def test_logits_are_refused_rather_than_guessed_and_taken_with_the_flag(
    models, options, export_here, tmp_path: Path
) -> None:
    place = ("-o", tmp_path / "bundle")
    done = export_here("onnx", models / "logits.keras", *options, *place)
    assert (done.returncode, done.stdout) == (2, "")
    assert "not probabilities" in done.stderr.splitlines()[-1]
    assert "--scores logits" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "bundle").exists()
    done = export_here(
        "onnx", models / "logits.keras", *options, *place, "--scores", "logits", *LOOSE
    )
    assert done.returncode == 0, done.stderr
    done = export_here(
        "onnx", models / "nested.keras", *options, "-o", tmp_path / "other", "--scores", "logits"
    )
    assert "leave out --scores logits" in done.stderr.splitlines()[-1]


STATED = ["--labels", "{labels}", "--test-data", "{verify}"]
REFUSED = {
    "needs --labels FILE": ["--test-data", "{verify}"],
    "needs --test-data FOLDER": ["--labels", "{labels}"],
    "--normalize: expected none, tf, torch, caffe": [*STATED, "--normalize", "imagenet"],
    "--input-size: expected SIDE": [*STATED, "--input-size", "big"],
    "--data: expected with a run folder": [*STATED, "--data", "{calib}"],
    "--qat: expected with a run folder": [*STATED, "--qat"],
    "no such file": ["--labels", "{calib}/none.txt", "--test-data", "{verify}"],
    "holds no images to calibrate with": [*STATED, "--calibration-data", "{empty}"],
    "expected a folder of images for each class": [
        "--labels",
        "{labels}",
        "--test-data",
        "{calib}",
    ],
}


@pytest.mark.parametrize("reason", REFUSED)
def test_wrong_options_are_refused_in_one_line_before_keras_is_loaded(
    models, beside, run_cli, tmp_path: Path, reason: str
) -> None:
    (tmp_path / "empty").mkdir()
    names = {**beside, "empty": tmp_path / "empty"}
    words = [word.format(**names) for word in REFUSED[reason]]
    done = run_cli("export", "tflite", models / "nested.keras", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stderr
    assert reason in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_options_of_a_external_model_are_refused_with_a_run_folder(
    trained: Path, beside, run_cli
) -> None:
    done = run_cli("export", "tflite", trained, "--labels", beside["labels"])
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "--labels: " in done.stderr


def test_a_wrong_number_of_labels_is_refused_with_both_numbers(
    models, beside, export_here, tmp_path: Path
) -> None:
    (tmp_path / "labels.txt").write_text("mono\npoly\nother\n")
    labels = ("--labels", tmp_path / "labels.txt", "--test-data", beside["verify"])
    done = export_here("onnx", models / "nested.keras", *labels, "-o", tmp_path / "bundle")
    assert done.returncode == 2
    assert "has 3 labels, but the model has 2 outputs" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("place", "code", "reason"),
    [("file", 2, "is a file"), ("link", 2, "a link to"), ("model", 2, "the model itself")],
)
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    models, options, export_here, tmp_path, place, code, reason
) -> None:
    """FAULTS E14."""
    (tmp_path / "file").write_text("the only copy")
    (tmp_path / "link").symlink_to("/nowhere/out")
    shutil.copy(models / "nested.keras", tmp_path / "model")
    model = tmp_path / "model.keras"
    (tmp_path / "model").rename(model)
    target = model if place == "model" else tmp_path / place
    before = model.read_bytes()
    done = export_here("onnx", model, *options, "-o", target)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert reason in done.stderr.splitlines()[-1]
    assert "convert" not in done.stderr
    assert model.read_bytes() == before
    assert (tmp_path / "file").read_text() == "the only copy"
