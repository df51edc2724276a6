"""Tests that export reads the files of Hugging Face beside a Keras model, as the runtime does."""

import json
from argparse import Namespace
from pathlib import Path

import keras
import pytest

from export.commands.external_model_arguments import FLAGS, ONNX_FLAGS, external_options
from export.inputs.external_model import ExternalModelOptions
from runtime.errors import InputRefused
from runtime.models.normalization import TF, Normalization

PROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "size": {"height": 16, "width": 16},
    "resample": 3,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    layers = [keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    path = tmp_path / "m.keras"
    keras.Sequential(layers).save(path)
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "cat", "1": "dog"}}))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return path


def options(path: Path, **stated: object) -> ExternalModelOptions:
    words = dict.fromkeys((*FLAGS, *ONNX_FLAGS)) | {
        "test_data": path.parent,
        "data": None,
    }
    found = external_options(Namespace(run=path, **(words | stated)))
    assert found
    return found


def test_they_state_labels_size_fit_and_normalization(model: Path) -> None:
    found = options(model)
    assert (found.labels, found.fit) == (("cat", "dog"), "squash")
    assert (found.preparation.normalization, found.preparation.input_size) == (TF, (16, 16))
    assert "it resizes with bicubic, Quince bilinear" in found.remark


def test_the_options_come_first(model: Path) -> None:
    labels = model.parent / "labels.txt"
    found = options(model, labels=labels, normalize="0,255", fit="pad")
    assert (found.labels, found.fit, found.remark) == (labels, "pad", "")
    assert found.preparation.normalization == Normalization((0.0,), (255.0,))
    assert options(model, normalize="none").preparation.normalization is None


def test_a_damaged_file_is_refused(model: Path) -> None:
    processor = model.parent / "preprocessor_config.json"
    processor.write_text(json.dumps(PROCESSOR | {"image_std": [0, 0, 0]}))
    with pytest.raises(InputRefused, match=r"preprocessor_config\.json: expected image_std"):
        options(model)
