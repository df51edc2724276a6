"""Tests which folders a training of one class takes, and which it refuses in one line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workstation.keras_setup import prepare_tensorflow

prepare_tensorflow()

import keras

from runtime.errors import InputRefused
from train.configuration.options import TrainOptions
from train.data.image_folder import scan_image_folder

SMALL = ("--one-class", "--input-size", "64")


def train(run_cli, data: Path, run: Path, *options: str):
    return run_cli("train", data, "-o", run, *SMALL, *options)


def refusal(done) -> str:
    assert done.returncode == 2, done.stderr
    return done.stderr.splitlines()[-1]


def test_flat_folder_is_a_class_and_a_second_command_reuses_the_run(
    run_cli, cells: Path, tmp_path: Path
) -> None:
    done = train(run_cli, cells / "mono", tmp_path / "run", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["auroc"] is None
    assert figures["train_images"] + figures["val_images"] + figures["test_images"] == 60
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["labels"] == ["mono"]
    again = train(run_cli, cells / "mono", tmp_path / "run", "--json")
    assert json.loads(again.stdout) == {**figures, "reused": True}


def test_two_folders_of_good_parts_are_refused(run_cli, cells: Path, tmp_path: Path) -> None:
    line = refusal(train(run_cli, cells, tmp_path / "run"))
    assert "expected one folder of good parts with --one-class, found 2 ('mono', 'poly')" in line


def test_one_image_is_refused(run_cli, cells: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    shutil.copy(next((cells / "mono").iterdir()), tmp_path / "data")
    line = refusal(train(run_cli, tmp_path / "data", tmp_path / "run"))
    assert "has 1 usable images; at least 5 are needed" in line


def test_training_folder_without_a_class_is_refused(run_cli, cells: Path, tmp_path: Path) -> None:
    shutil.copytree(cells / "mono", tmp_path / "data" / "Training")
    shutil.copytree(cells, tmp_path / "data" / "Test")
    line = refusal(train(run_cli, tmp_path / "data", tmp_path / "run"))
    assert "put the images of Training into a folder of their class, as Training/good" in line
    assert "--one-class" in refusal(run_cli("train", cells / "mono", "-o", tmp_path / "run"))


def test_weights_that_are_no_numbers_are_refused(run_cli, cells: Path, tmp_path: Path) -> None:
    network = keras.applications.MobileNetV2((96, 96, 3), include_top=False, weights=None)
    weights = network.get_weights()
    weights[-3][:] = np.nan
    network.set_weights(weights)
    file = tmp_path / "nan.weights.h5"
    network.save_weights(file)
    options = ("--backbone", "mobilenet-v2", "--weights", str(file))
    done = train(run_cli, cells / "mono", tmp_path / "run", *options)
    assert done.returncode == 3
    assert "the network answered NaN or infinity" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "run").exists()


def test_images_that_are_all_alike_are_refused(run_cli, cells: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    photo = next((cells / "mono").iterdir())
    for number in range(12):  # other bytes, the same pixels
        with Image.open(photo) as image:
            image.save(tmp_path / "data" / f"{number}.png", compress_level=number % 10)
        with (tmp_path / "data" / f"{number}.png").open("ab") as file:
            file.write(bytes([number]))
    line = refusal(train(run_cli, tmp_path / "data", tmp_path / "run"))
    assert "training images all look the same" in line
    assert not (tmp_path / "run").exists()


def test_bad_parts_belong_into_test(tmp_path: Path, fill) -> None:
    for folder in ("Training/good", "Test/good", "Test/scratch", "Validation/good"):
        fill(tmp_path / folder, 2)
    found = scan_image_folder(tmp_path, one_class=True)
    assert found.labels == ("good",)
    splits = {(folder.split, folder.label) for folder in found.class_folders}
    assert splits == {
        ("train", "good"),
        ("val", "good"),
        ("test", "good"),
        ("strange", "scratch"),
    }
    with pytest.raises(InputRefused, match="only one class, 'good'.*--one-class"):
        scan_image_folder(tmp_path)
    fill(tmp_path / "Validation/scratch", 1)
    with pytest.raises(InputRefused, match="the training folder does not have"):
        scan_image_folder(tmp_path, one_class=True)


@pytest.mark.parametrize(
    ("option", "value"), [("epochs", 3), ("flip", "both"), ("features", "blocks")]
)
def test_options_of_a_training_have_no_effect(option: str, value: object) -> None:
    with pytest.raises(InputRefused, match=f"--{option}: has no effect with --one-class"):
        TrainOptions(one_class=True, **{option: value})  # type: ignore[arg-type]


def test_network_that_learnt_nothing_is_refused() -> None:
    with pytest.raises(InputRefused, match="expected pretrained weights"):
        TrainOptions(one_class=True, weights="none")
