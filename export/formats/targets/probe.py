"""Prints a row of targets.jsonl: the model files that the interpreter installed here can read.

A TFLite interpreter refuses a file that lists an operator in a version without a kernel, even if
nothing uses it, so each operator is tried in one version after another. ONNX Runtime refuses
operator sets and IR versions above those it knows. Run it in an environment of the runtime's own:

    pip install tflite-runtime==2.14.0 'numpy<2' flatbuffers
    python export/formats/targets/probe.py tflite_runtime

    pip install onnxruntime==1.16.3 'numpy<2'
    python export/formats/targets/probe.py onnxruntime
"""

import importlib
import json
import platform
import re
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Any

LAST_BUILTIN = 230
"""The highest code tried of TensorFlow Lite's enum BuiltinOperator; 206 exist in 2.21."""
CUSTOM = 32
"""The code of custom operators."""
PLACEHOLDER = 127
"""The value of the old one-byte field for codes above it."""
NO_SUCH_VERSION, MAX_VERSION = 1000, 40
MIN_OPSET, MAX_OPSET = 7, 40
MIN_IR, MAX_IR = 3, 30
ONNX_FLOAT = 1
"""The only data type of the ONNX model that is tried."""
OPSET_OF_SIGMOID = 13
"""The operator set in which Sigmoid, the only operator of that model, last changed."""

Load = Callable[[bytes], Any]
"""Loads a model; raises whatever the interpreter raises if it cannot."""


def probe(package: str) -> dict[str, Any]:
    """Returns what the installed interpreter `package` reads.

    This is {"operators": {code: [name, highest version]}} or {"opset": ..., "ir": ...}.
    """
    is_onnx = package == "onnxruntime"
    interpreter = importlib.import_module(package if is_onnx else f"{package}.interpreter")
    name = package.replace("_", "-")
    row = {
        "package": f"{name} {metadata.version(name)}",
        "python": platform.python_version(),
        "machine": platform.machine(),
    }

    def load(model: bytes) -> Any:
        if is_onnx:
            return interpreter.InferenceSession(model, providers=["CPUExecutionProvider"])
        return interpreter.Interpreter(model_content=model)

    return {**row, **(_onnx_versions(load) if is_onnx else {"operators": _operators(load)})}


def _operators(load: Load) -> dict[str, Any]:
    operators = {}
    for code in range(LAST_BUILTIN + 1):
        error = _error(load, _tflite_model(code, NO_SUCH_VERSION))
        name = re.search(r"builtin opcode '(\w+)'", error)
        if code == CUSTOM or not name:
            continue
        versions = [
            version
            for version in range(1, MAX_VERSION + 1)
            if not _error(load, _tflite_model(code, version))
        ]
        if versions:
            operators[str(code)] = [name[1], max(versions)]
    if not operators:
        raise SystemExit(f"no model loads: {_error(load, _tflite_model(0, 1))}")
    return operators


def _onnx_versions(load: Load) -> dict[str, Any]:
    opsets = [
        opset
        for opset in range(MIN_OPSET, MAX_OPSET + 1)
        if not _error(load, _sigmoid_model(opset, 8))
    ]
    ir_versions = [
        ir
        for ir in range(MIN_IR, MAX_IR + 1)
        if not _error(load, _sigmoid_model(OPSET_OF_SIGMOID, ir))
    ]
    return {"opset": max(opsets), "ir": max(ir_versions)}


def _error(load: Load, model: bytes) -> str:
    """Returns why a model does not load; empty if it loads."""
    try:
        load(model)
    except Exception as error:  # each interpreter has its own types
        return str(error)
    return ""


def _tflite_model(code: int, version: int) -> bytes:
    """Returns a model that lists the operator `code` in `version` and has no tensors or operators.

    Field numbers are those of schema.fbs.
    """
    from flatbuffers import Builder

    b = Builder(256)

    def table(slots: int, **fields: int) -> int:
        b.StartObject(slots)
        for slot, offset in fields.items():
            b.PrependUOffsetTRelativeSlot(int(slot[1:]), offset, 0)
        return int(b.EndObject())

    def vector(*tables: int) -> int:
        b.StartVector(4, len(tables), 4)
        for offset in reversed(tables):
            b.PrependUOffsetTRelative(offset)
        return int(b.EndVector())

    b.StartObject(4)
    b.PrependInt8Slot(0, min(code, PLACEHOLDER), 0)
    b.PrependInt32Slot(2, version, 1)
    b.PrependInt32Slot(3, code, 0)
    operator_codes = vector(b.EndObject())
    graph = vector(table(5, f0=vector(), f1=vector(), f2=vector(), f3=vector()))
    buffers = vector(table(1))
    b.StartObject(8)
    b.PrependUint32Slot(0, 3, 0)
    for slot, offset in ((1, operator_codes), (2, graph), (4, buffers)):
        b.PrependUOffsetTRelativeSlot(slot, offset, 0)
    b.Finish(b.EndObject(), b"TFL3")
    return bytes(b.Output())


def _sigmoid_model(opset: int, ir: int) -> bytes:
    """Returns an ONNX model of one Sigmoid in protobuf's wire format.

    Field numbers are those of onnx.proto.
    """

    def number(field: int, value: int) -> bytes:
        return bytes([field << 3, value])

    def message(field: int, *parts: bytes) -> bytes:
        content = b"".join(parts)
        return bytes([field << 3 | 2, len(content)]) + content

    def value(field: int, name: bytes) -> bytes:
        shape = message(2, message(1, number(1, 1)))
        tensor_type = message(2, message(1, number(1, ONNX_FLOAT), shape))
        return message(field, message(1, name), tensor_type)

    node = message(1, message(1, b"x"), message(2, b"y"), message(4, b"Sigmoid"))
    graph = message(7, node, message(2, b"g"), value(11, b"x"), value(12, b"y"))
    return number(1, ir) + graph + message(8, number(2, opset))


if __name__ == "__main__":
    print(json.dumps(probe(sys.argv[1])))
