"""Converts float ONNX classifiers of any maker to ONNX files of ours.

The file gets pixels as input: normalization, the order of channels and the layout go into it. Its
scores become probabilities.
"""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.formats.artifact_spec import ArtifactSpec
from export.formats.layer_error import LayerError
from export.formats.onnx.convert import convert_graphs, graph_errors
from export.formats.onnx.graph import IN_FLOAT, INPUT
from export.formats.registry import Conversion
from export.graph.input_quantization import RAW, InputQuantization
from export.graph.onnx_folding import fold
from export.graph.onnx_model import OnnxModel
from runtime.models.manifest import Manifest
from runtime.models.normalization import UNNORMALIZED, Normalization

BGR = np.array([2, 1, 0], np.int64)
SCORES = "scores"
TOLERANCE = 1e-6


def convert(
    model: OnnxModel, spec: ArtifactSpec, calibration: NDArray[np.uint8], manifest: Manifest
) -> Conversion:
    """Returns an external classifier as one `.onnx` file; see `export.formats.onnx.convert`."""
    return convert_graphs(OnnxGraphs(model), spec, calibration, manifest)


def layer_errors(
    model: OnnxModel, calibration: NDArray[np.uint8], spec: ArtifactSpec
) -> list[LayerError]:
    """Returns what `export.formats.onnx.convert.graph_errors` does."""
    return graph_errors(OnnxGraphs(model), calibration, spec)


class OnnxGraphs:
    """Makes the graphs of an ONNX classifier; see `export.formats.onnx.convert.FloatGraphs`."""

    def __init__(self, model: OnnxModel) -> None:
        self._model = model

    def of_bytes(self, batch: int, scratch: Path) -> onnx.ModelProto:
        """Returns the graph on uint8 planes of raw pixels."""
        return self._wrapped(TensorProto.UINT8, self._normalization, scratch)

    def of_floats(self, batch: int, scratch: Path) -> onnx.ModelProto:
        """Returns the graph on float planes of raw pixels."""
        return self._wrapped(TensorProto.FLOAT, self._normalization, scratch)

    def split(self, batch: int, scratch: Path) -> tuple[InputQuantization, onnx.ModelProto]:
        """Returns the normalization of the pixels, and the graph on float planes of its results."""
        quantization = input_quantization(self._normalization)
        rest = self._normalization if quantization == RAW else UNNORMALIZED
        return quantization, self._wrapped(TensorProto.FLOAT, rest, scratch)

    @property
    def _normalization(self) -> Normalization:
        return self._model.input.normalization or UNNORMALIZED

    def _wrapped(self, dtype: int, normalization: Normalization, scratch: Path) -> onnx.ModelProto:
        model: onnx.ModelProto = onnx.load(self._model.file)
        wrapper = _Wrapper(model, self._model)
        wrapper.add_input(dtype, normalization)
        wrapper.add_scores()
        return fold(model, scratch)


def input_quantization(normalization: Normalization) -> InputQuantization:
    """Returns the scale and zero point that stand for a normalization; RAW if none do.

    One scale and zero point serve all channels, and 0 must be a whole pixel value.
    """
    means, stds = set(normalization.mean), set(normalization.std)
    mean, std = normalization.mean[0], normalization.std[0]
    is_whole = abs(mean - round(mean)) < TOLERANCE and 0 <= mean <= 255
    if len(means) > 1 or len(stds) > 1 or std <= 0 or not is_whole:
        return RAW
    return InputQuantization(1 / std, round(mean))


class _Wrapper:
    """Adds nodes around a cleaned model, in place."""

    def __init__(self, model: onnx.ModelProto, about: OnnxModel) -> None:
        self._model, self._graph, self._about = model, model.graph, about

    def add_input(self, dtype: int, normalization: Normalization) -> None:
        """Puts planes INPUT of this dtype before the model; it normalizes and arranges them."""
        (image,) = self._graph.input
        batch, *sides = (side.dim_value for side in image.type.tensor_type.shape.dim)
        if self._about.input.layout == "nhwc":
            sides = [sides[2], *sides[:2]]
        nodes: list[onnx.NodeProto] = []

        def add(operator: str, *constants: NDArray[np.generic], **attributes: object) -> None:
            number = len(nodes)
            names = [f"{IN_FLOAT}input{number}_{index}" for index in range(len(constants))]
            for name, values in zip(names, constants, strict=True):
                self._graph.initializer.append(numpy_helper.from_array(values, name))
            value = nodes[-1].output[0] if nodes else INPUT
            name = f"{IN_FLOAT}{operator}{number}"
            nodes.append(helper.make_node(operator, [value, *names], [name], name, **attributes))

        if dtype != TensorProto.FLOAT:
            add("Cast", to=TensorProto.FLOAT)
        if self._about.input.bgr:
            add("Gather", BGR, axis=1)
        for operator, values, neutral in (
            ("Sub", normalization.mean, 0.0),
            ("Div", normalization.std, 1.0),
        ):
            if set(values) != {neutral}:
                add(operator, np.array(values, np.float32).reshape(1, -1, 1, 1))
        if self._about.input.layout == "nhwc":
            add("Transpose", perm=[0, 2, 3, 1])
        if not nodes:
            add("Identity")
        nodes[-1].output[0] = image.name
        for node in reversed(nodes):
            self._graph.node.insert(0, node)
        image.CopyFrom(helper.make_tensor_value_info(INPUT, dtype, [batch, *sides]))

    def add_scores(self) -> None:
        """Makes the output (batch, classes) probabilities."""
        (output,) = self._graph.output
        batch = self._graph.input[0].type.tensor_type.shape.dim[0].dim_value
        about, value = self._about, output.name
        shape = np.array([batch, 1 if about.is_single else about.classes], np.int64)
        value = self._add("Reshape", [value, self._constant("shape", shape)])
        if about.is_single:
            if about.input.softmax:
                value = self._add("Sigmoid", [value])
            one = self._constant("one", np.array(1, np.float32))
            value = self._add("Concat", [self._add("Sub", [one, value]), value], axis=1)
        elif about.input.softmax:
            value = self._add("Softmax", [value], axis=1)
        self._graph.node[-1].output[0] = SCORES
        output.CopyFrom(
            helper.make_tensor_value_info(SCORES, TensorProto.FLOAT, [batch, about.classes])
        )

    def _add(self, operator: str, inputs: list[str], **attributes: object) -> str:
        name = f"{IN_FLOAT}{operator}_of_scores"
        self._graph.node.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def _constant(self, name: str, values: NDArray[np.generic]) -> str:
        full_name = f"{IN_FLOAT}{name}"
        self._graph.initializer.append(numpy_helper.from_array(values, full_name))
        return full_name
