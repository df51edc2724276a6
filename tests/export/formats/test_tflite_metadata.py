"""Other tools read our .tflite: MediaPipe's own ImageClassifier takes it and gives our labels; the converter's bytes stay as they were."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from export.formats.tflite import PRECISIONS, convert
from export.formats.tflite_file import add_buffer
from export.kind import Kind
from runtime.classifier import Classifier

MEDIAPIPE = """
import json, sys
import mediapipe
from mediapipe.tasks.python import BaseOptions, vision
options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=sys.argv[1]), max_results=1)
with vision.ImageClassifier.create_from_options(options) as classifier:
    for file in sys.argv[2:]:
        best = classifier.classify(mediapipe.Image.create_from_file(file)).classifications[0].categories[0]
        print(json.dumps([best.category_name, best.score]))
"""


@pytest.mark.parametrize("precision", ["int8", "fp32", "fp16", "dynamic"])
def test_mediapipe_gives_our_labels(precision: str, keras_model, calibration, manifest, opened, tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(convert(keras_model, Kind("tflite", precision), calibration, manifest))
    ours = Classifier(model)
    files = []
    for number, picture in enumerate(opened.split("test")):  # as RGB: MediaPipe does not widen a grey PNG
        files.append(tmp_path / f"{number}.png")
        Image.open(opened.data / picture.path).convert("RGB").save(files[-1])
    done = subprocess.run([sys.executable, "-c", MEDIAPIPE, model, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    theirs = [json.loads(line) for line in done.stdout.splitlines()]
    own = [ours.classify(file, top=1)[0] for file in files]
    same = [label == one.label for (label, _), one in zip(theirs, own, strict=True)]
    assert np.mean(same) >= 0.9, "more than their resizer, which does not smooth, explains"
    assert {label for label, _ in theirs} == set(manifest.labels)


def test_mediapipe_takes_no_int8_input(keras_model, calibration, manifest, tmp_path: Path) -> None:
    """What the README says of `--io int8`; the day this fails, it can say better."""
    model = tmp_path / "model.tflite"
    model.write_bytes(convert(keras_model, Kind("tflite", "int8", io="int8"), calibration, manifest))
    done = subprocess.run([sys.executable, "-c", MEDIAPIPE, model], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Requested one of these types: uint8/float32, got INT8" in done.stderr


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_is_the_same_classifier_and_finite(precision: str, keras_model, calibration, manifest, tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    kind = Kind("tflite", precision, float_layers=("conv1",) if precision == "mixed" else ())
    model.write_bytes(convert(keras_model, kind, calibration, manifest))
    classifier = Classifier(model)
    expected = keras_model.predict_on_batch(calibration.astype(np.float32))
    found = np.stack([classifier.scores(pixels) for pixels in calibration])
    tolerance = {"int8": 0.15, "mixed": 0.15, "dynamic": 0.05, "fp16": 1e-2, "int16x8": 2e-2, "fp32": 1e-5}[precision]
    np.testing.assert_allclose(found, expected, atol=tolerance)


def test_weights_in_fewer_bits_make_smaller_files(keras_model, calibration, manifest) -> None:
    size = {precision: len(convert(keras_model, Kind("tflite", precision), calibration, manifest)) for precision in PRECISIONS}
    assert size["int8"] < size["fp16"] < size["fp32"]


def test_added_buffer_leaves_the_converters_bytes_and_their_alignment(keras_model, calibration, manifest) -> None:
    from tensorflow.lite.python import schema_py_generated as schema

    content = convert(keras_model, Kind("tflite", "int8"), calibration, manifest)
    more = add_buffer(content, "second", b"hello" * 7)
    assert more.endswith(content)
    assert (len(more) - len(content)) % 16 == 0
    model = schema.ModelT.InitFromPackedBuf(more, 0)
    names = {entry.name.decode(): bytes(model.buffers[entry.buffer].data) for entry in model.metadata}
    assert names["second"] == b"hello" * 7
    assert names["TFLITE_METADATA"][4:8] == b"M001"
    before, after = (Interpreter(model_content=one).get_tensor_details() for one in (content, more))
    assert [tensor["name"] for tensor in before] == [tensor["name"] for tensor in after]
