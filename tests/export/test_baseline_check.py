"""A model with labels in the wrong order, or other pixel values, is refused with what to type."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from export.commands.export import main
from export.parity.baseline import PoorModel

pytestmark = pytest.mark.usefixtures("loaded_here")
LOOSE = ("--max-drop", "0.2", "--min-agreement", "0.8", "--precision", "fp32")


@pytest.fixture(scope="module")
def beside(opened, keras_model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """model.keras, its test images in a folder per class, and its labels in both orders."""
    folder = tmp_path_factory.mktemp("baseline")
    for image in opened.split("test"):
        (folder / "verify" / image.label).mkdir(parents=True, exist_ok=True)
        shutil.copy(opened.data / image.path, folder / "verify" / image.label)
    keras_model.save(folder / "model.keras")
    keras_model.export(folder / "saved", verbose=False)
    (folder / "right.txt").write_text("mono\npoly\n")
    (folder / "wrong.txt").write_text("poly\nmono\n")
    return folder


def words(beside: Path, bundle: Path, labels: str, *options: str, model: str = "model.keras"):
    paths = ("--labels", beside / labels, "--test-data", beside / "verify", "-o", bundle)
    return [str(word) for word in ("onnx", beside / model, *paths, *LOOSE, *options)]


def test_labels_in_another_order_are_refused_and_the_right_file_is_written(
    beside, tmp_path: Path, capsys
) -> None:
    bundle = tmp_path / "bundle"
    with pytest.raises(PoorModel, match="the labels in reversed order it gains") as refused:
        main(words(beside, bundle, "wrong.txt"))
    assert not bundle.exists()
    written = tmp_path / "model.labels-reversed.txt"
    assert f"use --labels {written}" in str(refused.value)
    assert written.read_text() == (beside / "right.txt").read_text()
    capsys.readouterr()
    assert main(words(beside, bundle, str(written))) == 0
    record = json.loads((bundle / "parity.json").read_text())["artifacts"]["model.fp32.onnx"]
    assert record["poor_model"] == ""
    assert "poor" not in capsys.readouterr().err + (bundle / "README.md").read_text()


@pytest.mark.parametrize("model", ["model.keras", "saved"])
def test_a_second_normalization_is_named_before_the_work_and_after_it(
    beside, tmp_path: Path, capsys, model: str
) -> None:
    """Pixels of a few hundredths look all the same to the network."""
    twice = ("--normalize", "0,25500")
    with pytest.raises(PoorModel, match="With --normalize none it gains"):
        main(words(beside, tmp_path / "bundle", "right.txt", *twice, model=model))
    assert "--normalize scales them once more" in capsys.readouterr().err


def test_a_normalization_under_which_all_scores_are_the_same_is_named(
    beside, tmp_path: Path
) -> None:
    """Huge values saturate the softmax; the model must not be called useless."""
    with pytest.raises(PoorModel, match="With --normalize none it gains"):
        main(words(beside, tmp_path / "bundle", "right.txt", "--normalize", "0,0.00001"))


@pytest.mark.parametrize("mistake", ["labels", "normalize"])
def test_a_mistake_that_leaves_a_model_of_use_is_a_warning(
    tmp_path: Path, capsys, mistake: str
) -> None:
    """Two of four labels that change places, or a lost normalization, leave half of the answers.

    The model is made by hand: its scores are the channels' means, and all of them less.
    """
    generator = np.random.default_rng(0)
    for index, label in enumerate(("red", "green", "blue", "dark")):
        folder = tmp_path / "verify" / label
        folder.mkdir(parents=True)
        for number in range(20):
            pixels = generator.integers(0, 60, (32, 32, 3), np.uint8)
            pixels[..., index : index + 1] += 140  # none for the fourth
            Image.fromarray(pixels).save(folder / f"{number}.png")
    inputs = keras.Input((32, 32, 3))
    dense = keras.layers.Dense(4, activation="softmax")
    means = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, dense(means))
    dense.set_weights([10 * np.eye(3, 4, dtype="f4"), np.array([0, 0, 0, -2], "f4")])
    model.save(tmp_path / "model.keras")  # for pixels of -1 to 1
    right = ["red", "green", "blue", "dark"]
    swapped = ["green", "red", "blue", "dark"]
    labels = swapped if mistake == "labels" else right
    (tmp_path / "labels.txt").write_text("\n".join(labels))
    normalize = "tf" if mistake == "labels" else "none"
    options = ("--normalize", normalize)
    bundle = tmp_path / "bundle"
    assert main(words(tmp_path, bundle, "labels.txt", *options)) == 0
    warning = capsys.readouterr().err
    record = json.loads((bundle / "parity.json").read_text())["artifacts"]["model.fp32.onnx"]
    if mistake == "labels":
        written = tmp_path / "model.labels-fitted.txt"
        assert "the Keras model is right on 50% of the test images" in warning
        assert f"gains 50 points (40 of 40 right): use --labels {written}" in warning
        assert written.read_text().split() == right
    else:
        assert "With --normalize tf it gains 25 points" in warning
    assert any("it gains" in line for line in record["warnings"])


def test_a_model_with_the_same_scores_for_every_image_is_published_on_request(
    beside, tmp_path: Path, capsys
) -> None:
    model = keras.models.load_model(beside / "model.keras")
    model.layers[-1].set_weights([0 * part for part in model.layers[-1].get_weights()])
    model.save(tmp_path / "model.keras")
    shutil.copytree(beside / "verify", tmp_path / "verify")
    shutil.copy(beside / "right.txt", tmp_path)
    command = words(tmp_path, tmp_path / "bundle", "right.txt", "--allow-poor-model")
    assert main(command) == 0
    assert "published all the same" in capsys.readouterr().err


def test_a_poor_model_is_published_only_on_request_and_every_record_says_so(
    beside, export_here, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    refused = export_here(*words(beside, bundle, "wrong.txt"))
    assert refused.returncode == 3, refused.stderr
    assert refused.stderr.splitlines()[-1].endswith("--allow-poor-model publishes it as it is")
    done = export_here(*words(beside, bundle, "wrong.txt", "--allow-poor-model"))
    assert done.returncode == 0, done.stderr
    assert "published all the same (--allow-poor-model)" in done.stderr
    record = json.loads((bundle / "parity.json").read_text())["artifacts"]["model.fp32.onnx"]
    assert record["limits"]["allow_poor_model"] is True
    assert "the Keras model itself is right on" in record["poor_model"]
    assert "published with --allow-poor-model" in (bundle / "report.html").read_text()
    assert "**A poor model**" in (bundle / "README.md").read_text()
