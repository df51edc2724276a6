"""Asks the interpreter installed beside it what it can read, and prints that as a row of targets.json.

A TFLite interpreter refuses a file that lists an operator in a version it has no kernel for, even where nothing uses it: so each
operator is tried in one version after another. ONNX Runtime refuses operator sets and IR versions above those it knows. In an
environment of the runtime's own:

    pip install tflite-runtime==2.14.0 'numpy<2' flatbuffers       and   python export/targets_probe.py tflite_runtime
    pip install onnxruntime==1.16.3 'numpy<2'                      and   python export/targets_probe.py onnxruntime
"""

import importlib
import json
import platform
import re
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Any

LAST_BUILTIN, CUSTOM, PLACEHOLDER = 230, 32, 127
"""Codes of TensorFlow Lite's enum BuiltinOperator: the highest tried (206 exist in 2.21), custom operators, and the value that the
old one-byte field holds for codes above it."""
NO_SUCH_VERSION, HIGHEST_VERSION = 1000, 40
HIGHEST_OPSET, HIGHEST_IR = 40, 30
ONNX_FLOAT, OPSET_OF_SIGMOID = 1, 13
"""The one data type it uses, and the operator set in which Sigmoid, the operator it uses, last changed."""


def probe(package: str) -> dict[str, Any]:
    """What the installed interpreter `package` reads: {"operators": {code: [name, highest version]}} or {"opset": ..., "ir": ...}."""
    module = "onnxruntime" if package == "onnxruntime" else f"{package}.interpreter"
    interpreter = importlib.import_module(module)
    name = package.replace("_", "-")
    found = {"package": f"{name} {metadata.version(name)}", "python": platform.python_version(), "machine": platform.machine()}
    if package == "onnxruntime":
        return {**found, **_onnx(lambda model: interpreter.InferenceSession(model, providers=["CPUExecutionProvider"]))}
    return {**found, "operators": _operators(lambda model: interpreter.Interpreter(model_content=model))}


def _operators(load: Callable[[bytes], Any]) -> dict[str, Any]:
    found = {}
    for code in range(LAST_BUILTIN + 1):
        refusal = _complaint(load, _tflite(code, NO_SUCH_VERSION))
        name = re.search(r"builtin opcode '(\w+)'", refusal)
        if code == CUSTOM or not name:
            continue
        versions = [version for version in range(1, HIGHEST_VERSION + 1) if not _complaint(load, _tflite(code, version))]
        if versions:
            found[str(code)] = [name[1], max(versions)]
    if not found:
        raise SystemExit(f"no model loads at all: {_complaint(load, _tflite(0, 1))}")
    return found


def _onnx(load: Callable[[bytes], Any]) -> dict[str, Any]:
    opsets = [opset for opset in range(7, HIGHEST_OPSET + 1) if not _complaint(load, _sigmoid(opset, 8))]
    return {
        "opset": max(opsets),
        "ir": max(ir for ir in range(3, HIGHEST_IR + 1) if not _complaint(load, _sigmoid(OPSET_OF_SIGMOID, ir))),
    }


def _complaint(load: Callable[[bytes], Any], model: bytes) -> str:
    try:
        load(model)
    except Exception as error:  # each interpreter raises types of its own
        return str(error)
    return ""


def _tflite(code: int, version: int) -> bytes:
    """A model with no tensors and no operators that lists the operator `code` in `version`; field numbers are those of schema.fbs."""
    from flatbuffers import Builder

    b = Builder(256)

    def table(slots: int, **fields: int) -> int:
        b.StartObject(slots)
        for slot, offset in fields.items():
            b.PrependUOffsetTRelativeSlot(int(slot[1:]), offset, 0)
        return int(b.EndObject())

    def vector(*tables: int) -> int:
        b.StartVector(4, len(tables), 4)
        for one in reversed(tables):
            b.PrependUOffsetTRelative(one)
        return int(b.EndVector())

    b.StartObject(4)
    b.PrependInt8Slot(0, min(code, PLACEHOLDER), 0)
    b.PrependInt32Slot(2, version, 1)
    b.PrependInt32Slot(3, code, 0)
    listed = vector(b.EndObject())
    graph = vector(table(5, f0=vector(), f1=vector(), f2=vector(), f3=vector()))
    buffers = vector(table(1))
    b.StartObject(8)
    b.PrependUint32Slot(0, 3, 0)
    for slot, offset in ((1, listed), (2, graph), (4, buffers)):
        b.PrependUOffsetTRelativeSlot(slot, offset, 0)
    b.Finish(b.EndObject(), b"TFL3")
    return bytes(b.Output())


def _sigmoid(opset: int, ir: int) -> bytes:
    """An ONNX model of one Sigmoid, in protobuf's wire format; field numbers are those of onnx.proto."""

    def number(field: int, value: int) -> bytes:
        return bytes([field << 3, value])

    def message(field: int, *parts: bytes) -> bytes:
        content = b"".join(parts)
        return bytes([field << 3 | 2, len(content)]) + content

    def value(field: int, name: bytes) -> bytes:
        shape = message(2, message(1, number(1, 1)))
        return message(field, message(1, name), message(2, message(1, number(1, ONNX_FLOAT), shape)))

    node = message(1, message(1, b"x"), message(2, b"y"), message(4, b"Sigmoid"))
    graph = message(7, node, message(2, b"g"), value(11, b"x"), value(12, b"y"))
    return number(1, ir) + graph + message(8, number(2, opset))


if __name__ == "__main__":
    print(json.dumps(probe(sys.argv[1])))
