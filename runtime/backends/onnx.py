"""ONNX Runtime, the interpreter of `.onnx` files (package onnxruntime)."""

import re
from time import perf_counter_ns
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from runtime.backends import EMBEDDED_MANIFEST
from runtime.errors import InputRefused, MachineError, QuinceError
from runtime.memory import give_back
from runtime.onnx_file import read_onnx_file
from runtime.onnx_graph import Graph, read_graph
from runtime.quantization import Quantization
from runtime.tensors import Tensor

LOG_NOTHING_BUT_FATAL = 4
OUT_OF_MEMORY = ("bad_alloc", "pthread_create failed", "Failed to allocate memory")
"""What ONNX Runtime says where the machine, not the model, is at fault."""
DTYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int16)": np.int16,
    "tensor(uint16)": np.uint16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}


class ONNXBackend:
    """An `.onnx` model, loaded: see `runtime.backends.Backend`."""

    def __init__(self, name: str, content: bytes, threads: int) -> None:
        if external := read_onnx_file(name, content).external:
            raise InputRefused(name, f"the data of its tensor '{external[0]}' lie in another file; save the model as one file")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = LOG_NOTHING_BUT_FATAL
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises types of its own (Fail, InvalidProtobuf, ...) that share no base but Exception
            raise _refusal(name, "ONNX Runtime cannot load it", error) from error
        self._session._model_bytes = None  # it keeps them to begin anew with another provider: as much memory as the file is large
        give_back()  # what reading and optimizing the model took: twice the file
        self._name = name
        try:
            self._describe(content)
        except UnicodeDecodeError as error:
            raise InputRefused(
                name, "a name or text of its metadata, input or output is not UTF-8; copy it again, or export it again"
            ) from error
        self.invoked = (0, 0)

    def run(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of the input's dtype and shape (sizes the file leaves open are as given) -> the output as the model gives it."""
        fed = {self._input: values}
        try:
            start = perf_counter_ns()
            (output,) = self._session.run(None, fed)
            self.invoked = (start, perf_counter_ns())
        except Exception as error:  # as above
            raise _refusal(self._name, "fails when it is run", error) from error
        scores: NDArray[Any] = output
        return scores

    def _describe(self, content: bytes) -> None:
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            found = f"{[f'{part.type} {part.shape}' for part in inputs]} -> {[f'{part.type} {part.shape}' for part in outputs]}"
            raise InputRefused(self._name, f"expected one input and one output, found {found}")
        self._input = inputs[0].name
        graph = Graph() if EMBEDDED_MANIFEST in self.metadata else read_graph(content)
        self.input = self._tensor(inputs[0], graph.input_quantization(inputs[0].name))
        self.output = self._tensor(outputs[0], graph.output_quantization(outputs[0].name))

    def _tensor(self, part: Any, quantization: Quantization | None) -> Tensor:
        if part.type not in DTYPES:
            raise InputRefused(self._name, f"expected tensors of numbers, found {part.type}")
        shape = tuple(side if isinstance(side, int) and side >= 0 else None for side in part.shape or ())
        return Tensor(shape, DTYPES[part.type], quantization)


def _refusal(name: str, what: str, error: Exception) -> QuinceError:
    if any(sign in str(error) for sign in OUT_OF_MEMORY):
        return MachineError(name, "not enough memory for it on this machine now")
    return InputRefused(name, f"{what}: {_reason(error)}")


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if newer := re.search(r"official support for domain (\S+) is till opset (\d+)", text):
        return f"its operator set is newer than this version reads: {newer[1]} to opset {newer[2]}"
    unknown = re.search(r"(\S+):(\w+)\(-?\d+\) is not a registered function/op", text)
    return f"the operator {unknown[2]} of the domain '{unknown[1]}' is not one it knows" if unknown else text[:300]
