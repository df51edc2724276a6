"""What the exported .onnx files are made of."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest

from export.formats.onnx import OPSET, convert
from export.kind import Kind


@pytest.fixture(scope="module")
def content(keras_model, calibration, manifest) -> bytes:
    return convert(keras_model, Kind("onnx", "fp32"), calibration[:0], manifest)


def test_takes_one_raw_uint8_picture_and_gives_keras_scores(content: bytes, keras_model, calibration) -> None:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (pixels,) = session.get_inputs()
    assert (pixels.type, pixels.shape) == ("tensor(uint8)", [1, 64, 64, 3])
    scores = session.run(None, {pixels.name: calibration[:1]})[0]
    np.testing.assert_allclose(scores, keras_model.predict_on_batch(calibration[:1].astype(np.float32)), atol=1e-5)


def test_is_one_file_of_standard_ops_with_the_manifest_inside(content: bytes, manifest) -> None:
    model = onnx.load_from_string(content)
    assert {entry.domain: entry.version for entry in model.opset_import if entry.domain == ""} == {"": OPSET}
    assert all(node.domain == "" for node in model.graph.node)
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert tuple(json.loads(properties["quince.json"])["labels"]) == manifest.labels
