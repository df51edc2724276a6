"""Finds the node that quantization damages, in a network made to break int8."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

from export.auto_precision import search_precision
from export.formats.artifact_spec import ArtifactSpec
from export.formats.onnx.from_onnx import convert, layer_errors
from export.inputs.model_file.onnx_classifier import OnnxClassifierOptions, open_onnx_classifier
from export.inputs.trained_run import TrainedRun
from export.options import ExportOptions
from export.parity.gate import ParityLimits
from export.publish import bundle_manifest
from export.quantization.calibration import choose_calibration
from runtime.errors import InputRefused
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import parse_normalization


@pytest.fixture(scope="module")
def widened(float_onnx, cells: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """One channel of the second convolution times 10,000, and the third divides it again."""
    model = onnx.load(float_onnx.path)
    weights = {weight.name: weight for weight in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    for number, node in enumerate(convolutions):
        node.name = f"conv{number}"
    second, third = convolutions[1:3]
    bias = numpy_helper.to_array(weights[second.input[2]]).copy()
    channel = int(np.argmax(bias))
    for name, axis, by in (
        (second.input[1], 0, 1e4),
        (second.input[2], 0, 1e4),
        (third.input[1], 1, 1e-4),
    ):
        values = numpy_helper.to_array(weights[name]).copy()
        np.moveaxis(values, axis, 0)[channel] *= np.float32(by)
        weights[name].CopyFrom(numpy_helper.from_array(values, name))
    folder = tmp_path_factory.mktemp("widened")
    onnx.save(model, folder / "wide.onnx")
    spec = ModelSpec(("mono", "poly"), normalization=parse_normalization(float_onnx.normalize))
    calib = folder / "calib"
    calib.mkdir()
    for number, photo in enumerate(sorted(cells.rglob("*.png"))):  # turned: no test image
        Image.open(photo).transpose(Image.Transpose.ROTATE_90).save(calib / f"{number}.png")
    return open_onnx_classifier(folder / "wide.onnx", OnnxClassifierOptions(spec, cells, calib))


@pytest.fixture(scope="module")
def pixels(widened: TrainedRun) -> np.ndarray:
    return choose_calibration(widened, 40, 1).pixels


def test_node_with_a_range_too_wide_comes_first(widened: TrainedRun, pixels: np.ndarray) -> None:
    errors = layer_errors(widened.onnx, pixels, ArtifactSpec("onnx", "int8"))
    assert errors[0].layer == "conv1"
    assert errors[0].lost > 0.5
    assert errors[0].input_layer == "conv0"
    assert errors[1].layer == "conv2", "its weights of that channel became too small"
    assert max(error.lost for error in errors[2:]) < 0.1
    assert {error.operator for error in errors} >= {"Conv", "Gemm"}


def test_node_in_float_has_no_error(widened: TrainedRun, pixels: np.ndarray) -> None:
    spec = ArtifactSpec("onnx", "mixed", float_layers=("conv1",))
    errors = layer_errors(widened.onnx, pixels, spec)
    assert "conv1" not in {error.layer for error in errors}
    content = convert(widened.onnx, spec, pixels, bundle_manifest(widened)).content
    int8 = convert(widened.onnx, ArtifactSpec("onnx", "int8"), pixels, bundle_manifest(widened))
    assert len(content) > len(int8.content)


def test_node_that_is_not_there_is_refused(widened: TrainedRun, pixels: np.ndarray) -> None:
    spec = ArtifactSpec("onnx", "mixed", float_layers=("nowhere",))
    with pytest.raises(InputRefused, match="no node 'nowhere'"):
        convert(widened.onnx, spec, pixels, bundle_manifest(widened))


def test_auto_leaves_the_damaged_nodes_in_float(widened: TrainedRun, tmp_path: Path) -> None:
    options = ExportOptions(limits=ParityLimits(max_drop=0.02, min_agreement=0.97))
    done = search_precision(
        widened, tmp_path / "bundle", options, overwrite=False, format_name="onnx"
    )
    names = [attempt.name for attempt in done.attempts]
    assert names[:3] == ["int8", "int8, percentile ranges", "int8, 1 layer in float"]
    assert done.attempts[0].outcome == "failed"
    assert "quantization damages layer 'conv1' most" in " ".join(done.attempts[0].reasons)
    assert done.result.artifact == "model.mixed.onnx"
    assert "conv1" in done.attempts[-1].float_layers
    assert done.attempts[-1].outcome in ("passed", "undecided")
