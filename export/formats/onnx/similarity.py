"""Adds a second output to an ONNX classifier: its features, or the similarity to each class.

The nodes that make the scores stay as they are, so no score changes.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.formats.onnx.graph import add_reduction
from runtime.models.outputs import FEATURES, SIMILARITY
from workstation.similarity.prototypes import SMALLEST, Prototypes

PASSED = frozenset(
    {
        *("Softmax", "Sigmoid", "Reshape", "Flatten", "Squeeze", "Identity", "Cast", "Add", "Mul"),
        *("QuantizeLinear", "DequantizeLinear"),
    }
)
"""Operators between the last layer with a kernel and the scores. Add is a bias, and Mul the scale
of a product of integers."""
HEADS = ("MatMul", "Gemm", "MatMulInteger", "Conv")


def with_features(content: bytes) -> bytes | None:
    """Returns the file with the input of its last layer as second output, in float32.

    Returns None if the file does not end with a dense layer, or a 1x1 convolution of one pixel.
    """
    graft = _Graft(content)
    if graft.features is None:
        return None
    return graft.finish(graft.float_features(), FEATURES, None)


def with_similarity(content: bytes, prototypes: Prototypes) -> bytes:
    """Returns the file with (batch, classes) float32 similarities, -1..1, as second output."""
    graft = _Graft(content)
    classes, looks, size = prototypes.table.shape
    features = graft.float_features()
    length = graft.reduce("ReduceL2", features, 1, keep=True)
    smallest = graft.constant("smallest", np.array(SMALLEST, np.float32))
    unit = graft.add("Div", [features, graft.add("Max", [length, smallest])])
    table = graft.constant("prototypes", prototypes.table.reshape(-1, size).T.copy())
    result = graft.add("MatMul", [unit, table])
    if looks > 1:
        shape = graft.constant("looks", np.array([0, classes, looks], np.int64))
        reshaped = graft.add("Reshape", [result, shape])
        result = graft.reduce("ReduceMax", reshaped, 2, keep=False)
    return graft.finish(result, SIMILARITY, classes)


class _Graft:
    """Holds a model that gets new nodes after its features."""

    def __init__(self, content: bytes) -> None:
        self.model = onnx.load_from_string(content)
        self._graph = self.model.graph
        self._writers = {output: node for node in self._graph.node for output in node.output}
        self._constants = {weight.name for weight in self._graph.initializer}
        for node in self._graph.node:  # what is computed from constants alone
            if node.input and all(name in self._constants for name in node.input if name):
                self._constants.update(node.output)
        self.features = self._find_features()

    def _find_features(self) -> str | None:
        """Returns the value that the last layer with a kernel reads, before its quantization."""
        value = self._graph.output[0].name
        while value in self._writers:
            node = self._writers[value]
            sources = [name for name in node.input if name and name not in self._constants]
            if node.op_type in HEADS:
                return self._before_quantization(sources[0])
            if node.op_type not in PASSED or not sources:
                return None
            value = sources[0]
        return None

    def _before_quantization(self, value: str) -> str:
        writer = self._writers.get(value)
        if writer is None or writer.op_type != "DynamicQuantizeLinear":
            return value
        return str(writer.input[0])

    def float_features(self) -> str:
        """Returns the features as a float32 matrix (batch, size).

        A DequantizeLinear is repeated: with a second reader its first one could not be fused.
        """
        value = self.features
        assert value is not None
        writer = self._writers.get(value)
        if writer is not None and writer.op_type == "DequantizeLinear":
            value = self.add("DequantizeLinear", list(writer.input))
        flat = self.add("Flatten", [value], axis=1)
        return self.add("Cast", [flat], to=TensorProto.FLOAT)

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """Adds a constant; returns its name."""
        full_name = f"{SIMILARITY}/{name}"
        self._graph.initializer.append(numpy_helper.from_array(values, full_name))
        return full_name

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        """Adds a node; returns the name of its output."""
        name = f"{SIMILARITY}/{operator}_{len(self._graph.node)}"
        self._graph.node.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def reduce(self, operator: str, value: str, axis: int, *, keep: bool) -> str:
        """Adds a reduction over one axis; returns the name of its output."""
        name = f"{SIMILARITY}/{operator}"
        add_reduction(self.model, operator, value, name, [axis], keep=keep)
        return name

    def finish(self, value: str, name: str, width: int | None) -> bytes:
        """Returns the file with this value as second output."""
        self._graph.node[-1].output[0] = name
        batch = self._graph.output[0].type.tensor_type.shape.dim[0]
        info = helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width])
        info.type.tensor_type.shape.dim[0].CopyFrom(batch)
        self._graph.output.append(info)
        content: bytes = self.model.SerializeToString(deterministic=True)
        return content
