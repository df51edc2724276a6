"""Adds a second output to a TFLite classifier: its features, or the similarity to each class.

The operators that make the scores stay as they are, so no score changes.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from export.formats.tflite.metadata import METADATA_NAME, metadata_buffer
from export.formats.tflite.model_objects import new_buffer, read_model, write_model, zip_start
from export.graph.input_quantization import RAW, InputQuantization
from runtime.backends.base import EMBEDDED_MANIFEST
from runtime.file_formats.appended_zip import texts_in_tail
from runtime.file_formats.output_activation import find_origin
from runtime.file_formats.tflite import ACTIVATIONS, PASSING, read_tflite_graph
from runtime.models.manifest import Manifest
from runtime.models.outputs import FEATURES, SIMILARITY
from workstation.similarity.prototypes import Prototypes

OPERATORS = schema.BuiltinOperator
HEADS = (OPERATORS.FULLY_CONNECTED, OPERATORS.CONV_2D)
DEQUANTIZE_VERSIONS = {schema.TensorType.INT16: 3, schema.TensorType.FLOAT16: 3}
DEFAULT_DEQUANTIZE_VERSION = 2
"""Of 8-bit integers. The versions are those of TensorFlow's tools/versioning/op_version.cc."""


def with_features(content: bytes) -> bytes | None:
    """Returns the file with the input of its last layer as second output, in float32.

    Returns None if the file does not end with a dense layer, or a 1x1 convolution of one pixel.
    """
    graft = _Graft(content)
    if graft.features is None:
        return None
    return graft.finish(graft.float_features(), FEATURES)


def with_similarity(content: bytes, prototypes: Prototypes) -> bytes:
    """Returns the file with (1, classes) float32 similarities, -1..1, as second output."""
    graft = _Graft(content)
    classes, looks, size = prototypes.table.shape
    unit = graft.add_operator(
        OPERATORS.L2_NORMALIZATION,
        [graft.float_features()],
        graft.feature_shape,
        options=schema.L2NormOptionsT(),
    )
    table = graft.add_constant("prototypes", prototypes.table.reshape(-1, size).astype(np.float32))
    result = graft.add_operator(
        OPERATORS.FULLY_CONNECTED,
        [unit, table, -1],
        (1, classes * looks),
        options=schema.FullyConnectedOptionsT(),
    )
    if looks > 1:
        shape = np.array([1, classes, looks], np.int32)
        reshaped = schema.ReshapeOptionsT(newShape=shape)
        inputs = [result, graft.add_constant("looks", shape)]
        result = graft.add_operator(OPERATORS.RESHAPE, inputs, tuple(shape), options=reshaped)
        axis = graft.add_constant("look_axis", np.array([2], np.int32))
        result = graft.add_operator(
            OPERATORS.REDUCE_MAX, [result, axis], (1, classes), options=schema.ReducerOptionsT()
        )
    graft.describe_similarity()
    return graft.finish(result, SIMILARITY)


class _Graft:
    """Holds a model that gets new operators after its features."""

    def __init__(self, content: bytes) -> None:
        self.model = read_model(content)
        self._tail = content[zip_start(content) :]
        (self._graph,) = self.model.subgraphs
        self.features = self._find_features(content)

    @property
    def feature_shape(self) -> tuple[int, ...]:
        return tuple(int(side) for side in self._graph.tensors[self.features].shape)

    def _find_features(self, content: bytes) -> int | None:
        """Returns the tensor that the last layer with a kernel reads."""
        graph = read_tflite_graph(content)
        logits = find_origin(graph.outputs[0], graph.producers, PASSING | ACTIVATIONS.keys())
        layer = graph.operators.get(logits)
        if layer is None or layer.code not in HEADS:
            return None
        shape = self._graph.tensors[layer.inputs[0]].shape
        return layer.inputs[0] if np.prod(shape) == shape[-1] else None

    def float_features(self) -> int:
        """Returns the features as a float32 tensor."""
        assert self.features is not None
        dtype = self._graph.tensors[self.features].type
        if dtype == schema.TensorType.FLOAT32:
            return self.features
        version = DEQUANTIZE_VERSIONS.get(dtype, DEFAULT_DEQUANTIZE_VERSION)
        return self.add_operator(
            OPERATORS.DEQUANTIZE,
            [self.features],
            self.feature_shape,
            version=version,
            options=schema.DequantizeOptionsT(),
        )

    def add_constant(self, name: str, values: NDArray[Any]) -> int:
        """Adds a constant; returns its tensor."""
        dtype = {"float32": schema.TensorType.FLOAT32, "int32": schema.TensorType.INT32}
        self.model.buffers.append(new_buffer(np.frombuffer(values.tobytes(), np.uint8)))
        buffer = len(self.model.buffers) - 1
        return self._add_tensor(
            f"{SIMILARITY}/{name}", values.shape, dtype[values.dtype.name], buffer
        )

    def add_operator(
        self,
        code: int,
        inputs: list[int],
        shape: tuple[int, ...],
        *,
        options: Any,
        version: int = 1,
    ) -> int:
        """Adds an operator with a float32 output of this shape; returns that tensor."""
        number = len(self._graph.operators)
        output = self._add_tensor(f"{SIMILARITY}/{number}", shape, schema.TensorType.FLOAT32, 0)
        operator = schema.OperatorT()
        operator.opcodeIndex = self._operator_code(code, version)
        operator.inputs = np.array(inputs, np.int32)
        operator.outputs = np.array([output], np.int32)
        kind = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        operator.builtinOptions = options
        self._graph.operators.append(operator)
        return output

    def describe_similarity(self) -> None:
        """Adds the second output to the TFLite Metadata, whose readers count the outputs."""
        manifest = Manifest.from_json(texts_in_tail(self._tail)[EMBEDDED_MANIFEST], "manifest")
        quantization = self._graph.tensors[self._graph.inputs[0]].quantization
        normalization = RAW
        scaled = quantization is not None and quantization.scale is not None
        if scaled and self._graph.tensors[self._graph.inputs[0]].type == schema.TensorType.UINT8:
            scale, zero_point = float(quantization.scale[0]), int(quantization.zeroPoint[0])
            normalization = InputQuantization(scale, zero_point)
        data = metadata_buffer(manifest, normalization, similarity=True)
        (entry,) = [entry for entry in self.model.metadata if entry.name.decode() == METADATA_NAME]
        self.model.buffers[entry.buffer] = new_buffer(np.frombuffer(data, np.uint8))

    def finish(self, output: int, name: str) -> bytes:
        """Returns the file with this tensor as second output."""
        self._graph.tensors[output].name = name
        self._graph.outputs = np.array([*self._graph.outputs, output], np.int32)
        for signature in self.model.signatureDefs or ():
            entry = schema.TensorMapT()
            entry.name, entry.tensorIndex = name, output
            signature.outputs.append(entry)
        return write_model(self.model) + self._tail

    def _add_tensor(self, name: str, shape: tuple[int, ...], dtype: int, buffer: int) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.buffer = name, dtype, buffer
        tensor.shape, tensor.hasRank = np.array(shape, np.int32), True
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def _operator_code(self, code: int, version: int) -> int:
        for index, row in enumerate(self.model.operatorCodes):
            if (_code(row), row.version) == (code, version):
                return index
        row = schema.OperatorCodeT()
        row.builtinCode, row.version = code, version
        row.deprecatedBuiltinCode = min(code, 127)
        self.model.operatorCodes.append(row)
        return len(self.model.operatorCodes) - 1


def _code(row: Any) -> int:
    return int(max(row.builtinCode, row.deprecatedBuiltinCode))
