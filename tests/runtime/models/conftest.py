"""Provides small external classifiers: their scores are the means of the input channels."""

import importlib.util
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

import flatbuffers
import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

MakeModel = Callable[..., Path]
Quantized = tuple[float, int]
TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "uint8": schema.TensorType.UINT8,
    "int8": schema.TensorType.INT8,
    "int16": schema.TensorType.INT16,
    "int64": schema.TensorType.INT64,
}
OPTIONS = {
    "MEAN": (schema.BuiltinOptions.ReducerOptions, schema.ReducerOptionsT),
    "FULLY_CONNECTED": (schema.BuiltinOptions.FullyConnectedOptions, schema.FullyConnectedOptionsT),
    "RESHAPE": (schema.BuiltinOptions.ReshapeOptions, schema.ReshapeOptionsT),
}


class Flat:
    """A TFLite model in the making: one operator after the other."""

    def __init__(self) -> None:
        self.model, self.graph = schema.ModelT(), schema.SubGraphT()
        self.model.version, self.model.buffers = 3, [schema.BufferT()]
        self.model.operatorCodes, self.model.metadata = [], []
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def buffer(self, content: bytes) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(content, np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def tensor(
        self,
        shape: tuple[int, ...],
        kind: str,
        quantized: Quantized | None = None,
        values: np.ndarray | None = None,
    ) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.name = (
            [max(side, 1) for side in shape],
            f"t{len(self.graph.tensors)}".encode(),
        )
        tensor.shapeSignature = list(shape) if -1 in shape else None
        tensor.type = TYPES.get(kind, schema.TensorType.INT32)
        tensor.buffer = 0 if values is None else self.buffer(values.tobytes())
        if quantized:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = (
                [quantized[0]],
                [quantized[1]],
            )
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(
        self, name: str, inputs: list[int], output: int, custom: bytes | None = None
    ) -> int:
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = (
            schema.BuiltinOperator.CUSTOM if custom else getattr(schema.BuiltinOperator, name)
        )
        code.deprecatedBuiltinCode, code.version, code.customCode = code.builtinCode, 1, custom
        self.model.operatorCodes.append(code)
        operator.opcodeIndex, operator.inputs, operator.outputs = (
            len(self.model.operatorCodes) - 1,
            inputs,
            [output],
        )
        if name in OPTIONS:
            operator.builtinOptionsType, operator.builtinOptions = (
                OPTIONS[name][0],
                OPTIONS[name][1](),
            )
            if name == "RESHAPE":
                operator.builtinOptions.newShape = self.graph.tensors[output].shape
        elif name == "SOFTMAX":
            operator.builtinOptionsType, operator.builtinOptions = (
                schema.BuiltinOptions.SoftmaxOptions,
                schema.SoftmaxOptionsT(),
            )
            operator.builtinOptions.beta = 1.0
        self.graph.operators.append(operator)
        return output


@pytest.fixture(scope="session")
def pack_zip() -> Callable[[Mapping[str, str | bytes]], bytes]:
    """A zip archive of these members, as it stands behind a model."""

    def pack(members: Mapping[str, str | bytes]) -> bytes:
        file = BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in members.items():
                archive.writestr(name, text)
        return file.getvalue()

    return pack


@pytest.fixture
def tflite_model(tmp_path: Path, pack_zip) -> MakeModel:
    """Writes a .tflite with an input of any dtype; `weights` are (classes, channels)."""

    def make(
        *,
        shape: tuple[int, ...] = (1, 8, 8, 3),
        kind: str = "float32",
        quantized: Quantized | None = None,
        weights: np.ndarray | None = None,
        ending: str | None = "SOFTMAX",
        passing: tuple[str, ...] = (),
        out: str = "float32",
        out_quantized: Quantized | None = None,
        metadata: bytes = b"",
        tail: Mapping[str, str | bytes] | None = None,
        custom: bytes | None = None,
    ) -> Path:
        flat = Flat()
        channels = 3 if 3 in shape[1:] else shape[-1]
        weights = (
            np.eye(channels, dtype=np.float32) if weights is None else weights.astype(np.float32)
        )
        classes = len(weights)
        first = at = flat.tensor(shape, kind, quantized)
        if kind != "float32":
            at = flat.operator("DEQUANTIZE", [at], flat.tensor(shape, "float32"))
        sides = (
            [2, 3]
            if len(shape) == 4 and shape[1] == 3 and shape[3] != 3
            else list(range(1, len(shape) - 1))
        )
        axes = flat.tensor((len(sides),), "int32", values=np.array(sides, np.int32))
        at = flat.operator("MEAN", [at, axes], flat.tensor((1, channels), "float32"))
        fixed = flat.tensor(weights.shape, "float32", values=weights)
        at = flat.operator("FULLY_CONNECTED", [at, fixed, -1], flat.tensor((1, classes), "float32"))
        for name in (ending, *passing):
            if name:
                at = flat.operator(name, [at], flat.tensor((1, classes), "float32"), custom)
        if out != "float32":
            at = flat.operator("QUANTIZE", [at], flat.tensor((1, classes), out, out_quantized))
        flat.graph.inputs, flat.graph.outputs = [first], [at]
        if metadata:
            entry = schema.MetadataT()
            entry.name, entry.buffer = b"TFLITE_METADATA", flat.buffer(metadata)
            flat.model.metadata.append(entry)
        builder = flatbuffers.Builder(0)
        builder.Finish(flat.model.Pack(builder), b"TFL3")
        path = tmp_path / "external.tflite"
        path.write_bytes(bytes(builder.Output()) + (pack_zip(tail) if tail else b""))
        return path

    return make


@pytest.fixture
def crashing_model(tmp_path: Path) -> Path:
    """A .tflite whose operator IF runs the graph that it is in: LiteRT's stack overflows."""
    flat = Flat()
    pixels = flat.tensor((1, 8, 8, 3), "float32")
    condition = flat.tensor((1,), "int32", values=np.array([1], np.uint8))
    flat.graph.tensors[condition].type = schema.TensorType.BOOL
    scores = flat.operator("IF", [condition, pixels], flat.tensor((1, 3), "float32"))
    operator = flat.graph.operators[-1]
    operator.builtinOptionsType = schema.BuiltinOptions.IfOptions
    operator.builtinOptions = schema.IfOptionsT()
    flat.graph.inputs, flat.graph.outputs = [pixels], [scores]
    builder = flatbuffers.Builder(0)
    builder.Finish(flat.model.Pack(builder), b"TFL3")
    path = tmp_path / "crash.tflite"
    path.write_bytes(bytes(builder.Output()))
    return path


@pytest.fixture(scope="session")
def metadata_schema():
    """MediaPipe's own code for TFLite Metadata, without importing MediaPipe."""
    spec = importlib.util.find_spec("mediapipe")
    assert spec
    package = Path(str(spec.origin)).parent
    spec = importlib.util.spec_from_file_location(
        "metadata_schema", package / "tasks/metadata/metadata_schema_py_generated.py"
    )
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


@pytest.fixture
def external_onnx(tmp_path: Path) -> MakeModel:
    """Writes an .onnx without our metadata: channel means times `factor`, then `endings`."""

    def make(
        *,
        shape: tuple[int | str, ...] = (1, 3, 8, 8),
        kind: int = TensorProto.FLOAT,
        axes: tuple[int, int] = (2, 3),
        quantized: Quantized | None = None,
        factor: float = 1.0,
        endings: tuple[str, ...] = (),
        out_quantized: Quantized | None = None,
        props: Mapping[str, str] | None = None,
    ) -> Path:
        values = {"factor": np.float32(factor), "zero": np.int64([0, -1])}
        nodes, at = [], "pixels"
        if quantized:
            dtype = {TensorProto.UINT8: np.uint8, TensorProto.INT8: np.int8}[kind]
            values |= {"in_scale": np.float32(quantized[0]), "in_zero": dtype(quantized[1])}
            nodes.append(
                helper.make_node("DequantizeLinear", [at, "in_scale", "in_zero"], [at := "floats"])
            )
        elif kind != TensorProto.FLOAT:
            nodes.append(helper.make_node("Cast", [at], [at := "floats"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("ReduceMean", [at], ["means"], axes=axes, keepdims=0))
        nodes.append(helper.make_node("Mul", ["means", "factor"], [at := "scaled"]))
        for number, name in enumerate(endings):
            second = ["zero"] if name == "Reshape" else []
            nodes.append(helper.make_node(name, [at, *second], [at := f"e{number}"]))
        out = TensorProto.INT64 if "ArgMax" in endings else TensorProto.FLOAT
        if out_quantized:
            values |= {
                "out_scale": np.float32(out_quantized[0]),
                "out_zero": np.uint8(out_quantized[1]),
            }
            nodes.append(
                helper.make_node(
                    "QuantizeLinear", [at, "out_scale", "out_zero"], [at := "quantized"]
                )
            )
            out = TensorProto.UINT8
        inputs = [helper.make_tensor_value_info("pixels", kind, shape)]
        outputs = [helper.make_tensor_value_info(at, out, None)]
        stored = [numpy_helper.from_array(np.array(value), name) for name, value in values.items()]
        model = helper.make_model(
            helper.make_graph(nodes, "external", inputs, outputs, stored),
            opset_imports=[helper.make_opsetid("", 17)],
            ir_version=8,
        )
        helper.set_model_props(model, dict(props or {}))
        path = tmp_path / "external.onnx"
        path.write_bytes(onnx.shape_inference.infer_shapes(model).SerializeToString())
        return path

    return make


@pytest.fixture(scope="session")
def colour() -> Image.Image:
    """Even, of three values that differ."""
    return Image.new("RGB", (20, 20), (255, 102, 0))
