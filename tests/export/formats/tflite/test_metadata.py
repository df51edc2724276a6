"""Checks that MediaPipe's ImageClassifier reads our .tflite, and that metadata change no bytes."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from export.formats.artifact_spec import ArtifactSpec
from export.formats.tflite.convert import PRECISIONS, convert
from export.formats.tflite.model_objects import ALIGNMENT, add_metadata
from export.formats.tflite.similarity import with_similarity
from runtime.classifier import Classifier
from workstation.similarity.prototypes import Prototypes

MEDIAPIPE = """
import json, sys
import mediapipe
from mediapipe.tasks.python import BaseOptions, vision
def answers(model, *files):
    base_options = BaseOptions(model_asset_path=model)
    options = vision.ImageClassifierOptions(base_options=base_options, max_results=1)
    with vision.ImageClassifier.create_from_options(options) as classifier:
        for file in files:
            result = classifier.classify(mediapipe.Image.create_from_file(file))
            best = result.classifications[0].categories[0]
            yield best.category_name
for line in sys.stdin:
    try:
        answer = list(answers(*json.loads(line)))
    except Exception as error:
        answer = str(error)
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture(scope="module")
def ask_mediapipe() -> Iterator[Callable[..., list[str] | str]]:
    """Asks a process, whose imports take 4 s, for the labels of images, or for its refusal."""
    with subprocess.Popen(
        [sys.executable, "-c", MEDIAPIPE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:

        def ask(*model_and_images: Path) -> list[str] | str:
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps(list(map(str, model_and_images))) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield ask


@pytest.mark.parametrize("precision", ["int8", "fp32", "fp16", "dynamic"])
def test_mediapipe_gives_our_labels(
    precision: str, keras_model, calibration, manifest, opened, ask_mediapipe, tmp_path: Path
) -> None:
    model = tmp_path / "model.tflite"
    content = convert(keras_model, ArtifactSpec("tflite", precision), calibration, manifest).content
    size = keras_model.layers[-1].input.shape[-1]
    table = np.ones((len(manifest.labels), 1, size), np.float32)
    model.write_bytes(with_similarity(content, Prototypes(table)))
    ours = Classifier(model)
    files = []
    for number, image in enumerate(opened.split("test")):
        # As RGB, because MediaPipe does not convert a grey PNG.
        files.append(tmp_path / f"{number}.png")
        Image.open(opened.data / image.path).convert("RGB").save(files[-1])
    theirs = ask_mediapipe(model, *files)
    own = [ours.classify(file, top=1)[0].label for file in files]
    same = [label == answer for label, answer in zip(theirs, own, strict=True)]
    assert np.mean(same) >= 0.9, "their resizer does not smooth, which explains fewer differences"
    assert set(theirs) == set(manifest.labels)


def test_mediapipe_takes_no_int8_input(
    keras_model, calibration, manifest, ask_mediapipe, tmp_path: Path
) -> None:
    """The README says so about `--io int8`; change it when this fails."""
    model = tmp_path / "model.tflite"
    model.write_bytes(
        convert(
            keras_model, ArtifactSpec("tflite", "int8", io="int8"), calibration, manifest
        ).content
    )
    assert "Requested one of these types: uint8/float32, got INT8" in ask_mediapipe(model)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_gives_nearly_the_same_finite_scores(
    precision: str, keras_model, calibration, manifest, tmp_path: Path
) -> None:
    model = tmp_path / "model.tflite"
    spec = ArtifactSpec(
        "tflite", precision, float_layers=("conv1",) if precision == "mixed" else ()
    )
    model.write_bytes(convert(keras_model, spec, calibration, manifest).content)
    classifier = Classifier(model)
    expected = keras_model.predict_on_batch(calibration.astype(np.float32))
    scores = np.stack([classifier.scores(pixels) for pixels in calibration])
    tolerance = {
        "int8": 0.15,
        "mixed": 0.15,
        "dynamic": 0.05,
        "fp16": 1e-2,
        "int16x8": 2e-2,
        "fp32": 1e-5,
    }[precision]
    np.testing.assert_allclose(scores, expected, atol=tolerance)


def test_weights_in_fewer_bits_make_smaller_files(keras_model, calibration, manifest) -> None:
    size = {
        precision: len(
            convert(keras_model, ArtifactSpec("tflite", precision), calibration, manifest).content
        )
        for precision in PRECISIONS
    }
    assert size["int8"] < size["fp16"] < size["fp32"]


def test_an_added_buffer_leaves_the_others_and_their_alignment(
    keras_model, calibration, manifest
) -> None:
    from tensorflow.lite.python import schema_py_generated as schema

    content = convert(keras_model, ArtifactSpec("tflite", "int8"), calibration, manifest).content
    more = add_metadata(content, "second", b"hello" * 7)
    read = schema.Model.GetRootAs(more, 0)
    for number in range(read.BuffersLength()):
        if length := read.Buffers(number).DataLength():
            values = read.Buffers(number).DataAsNumpy()
            place = more.index(values.tobytes()) if length > 64 else 0
            assert place % ALIGNMENT == 0
    model = schema.ModelT.InitFromPackedBuf(more, 0)
    names = {
        entry.name.decode(): bytes(model.buffers[entry.buffer].data) for entry in model.metadata
    }
    assert names["second"] == b"hello" * 7
    assert names["TFLITE_METADATA"][4:8] == b"M001"
    before, after = (Interpreter(model_content=file) for file in (content, more))
    assert [tensor["name"] for tensor in before.get_tensor_details()] == [
        tensor["name"] for tensor in after.get_tensor_details()
    ]
