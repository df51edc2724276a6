"""Runs `.onnx` files with ONNX Runtime (package onnxruntime)."""

import re
from time import perf_counter_ns
from typing import Any

import numpy as np
import onnxruntime

from runtime.arrays import NDArray
from runtime.backends.base import EMBEDDED_MANIFEST
from runtime.errors import InputRefused, MachineError, QuinceError
from runtime.file_formats.onnx import OnnxGraph, read_onnx_file, read_onnx_graph
from runtime.file_formats.tensors import Quantization, Tensor
from runtime.system.memory import trim_heap

LOG_NOTHING_BUT_FATAL = 4
OUT_OF_MEMORY = ("bad_alloc", "pthread_create failed", "Failed to allocate memory")
"""Messages of ONNX Runtime when the machine is at fault, not the model."""
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
    """Runs an `.onnx` model; see `runtime.backends.base.Backend`."""

    VERSION = f"ONNX Runtime {onnxruntime.__version__}"
    """Decides, with a file's hash, whether the file was tried already."""

    def __init__(self, name: str, content: bytes, threads: int) -> None:
        if external := read_onnx_file(name, content).external:
            raise InputRefused(
                name,
                f"the data of its tensor '{external[0]}' lie in another file; "
                "save the model as one file",
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = LOG_NOTHING_BUT_FATAL
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its error types share no base class but Exception
            raise _refusal(name, "ONNX Runtime cannot load it", error) from error
        # The session keeps the file to start again with another provider: as much memory again.
        self._session._model_bytes = None
        trim_heap()  # reading and optimizing the model took twice the size of the file
        self._name = name
        try:
            self._describe(content)
        except UnicodeDecodeError as error:
            raise InputRefused(
                name,
                "a name or text of its metadata, input or output is not UTF-8; "
                "copy it again, or export it again",
            ) from error
        self.invoked = (0, 0)

    def run(self, values: NDArray[Any]) -> NDArray[Any]:
        """Returns the model's output for `values`; see `Backend.run`."""
        (output,) = self._run(values, self._wanted)
        if keys := self._tables.get(self._wanted[0]):  # a ZipMap gives one table an image
            output = np.array([[table[key] for key in keys] for table in output], np.float32)
        scores: NDArray[Any] = output
        return scores

    def run_both(self, values: NDArray[Any], second: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Returns the chosen output and the one called `second`, both of one run."""
        first, other = self._run(values, [*self._wanted, second])
        return first, other

    def _run(self, values: NDArray[Any], names: list[str]) -> list[Any]:
        try:
            start = perf_counter_ns()
            outputs: list[Any] = self._session.run(names, {self._input: values})
            self.invoked = (start, perf_counter_ns())
        except Exception as error:  # its error types share no base class but Exception
            raise _refusal(self._name, "fails when it is run", error) from error
        return outputs

    def choose_output(self, name: str) -> None:
        """Makes `run` return this one of `outputs`."""
        self.output, self._wanted = self.outputs[name], [name]
        self.output_number = self._names.index(name)

    def _describe(self, content: bytes) -> None:
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        graph = OnnxGraph() if EMBEDDED_MANIFEST in self.metadata else read_onnx_graph(content)
        self._names = [part.name for part in outputs]
        self._tables = {name: keys for name in self._names if (keys := _zipmap_keys(graph, name))}
        self.outputs = {
            part.name: self._output_tensor(part, graph)
            for part in outputs
            if part.type in DTYPES or part.name in self._tables
        }
        if len(inputs) != 1 or not self.outputs:
            given, returned = (
                [f"{part.type} {part.shape}" for part in parts] for parts in (inputs, outputs)
            )
            raise InputRefused(
                self._name,
                f"expected one input and an output of numbers, found {given} -> {returned}",
            )
        self._input = inputs[0].name
        self.input = self._tensor(inputs[0], graph.input_quantization(inputs[0].name))
        self.choose_output(next(iter(self.outputs)))

    def _output_tensor(self, part: Any, graph: OnnxGraph) -> Tensor:
        if keys := self._tables.get(part.name):
            return Tensor((None, len(keys)), np.float32)
        return self._tensor(part, graph.output_quantization(part.name))

    def _tensor(self, part: Any, quantization: Quantization | None) -> Tensor:
        if part.type not in DTYPES:
            raise InputRefused(self._name, f"expected tensors of numbers, found {part.type}")
        sides = part.shape or ()
        shape = tuple(side if isinstance(side, int) and side >= 0 else None for side in sides)
        axes = tuple(side if isinstance(side, str) else "" for side in sides)
        return Tensor(shape, DTYPES[part.type], quantization, axes if any(axes) else ())


def _zipmap_keys(graph: OnnxGraph, name: str) -> tuple[str, ...] | tuple[int, ...]:
    """Returns the keys of the table in a ZipMap's output; () if two are equal, so one is lost."""
    keys = graph.zipmap_classes(name)
    return keys if len(set(keys)) == len(keys) else ()


def _refusal(name: str, what: str, error: Exception) -> QuinceError:
    if any(sign in str(error) for sign in OUT_OF_MEMORY):
        return MachineError(name, "not enough memory for it on this machine now")
    return InputRefused(name, f"{what}: {_reason(error)}")


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if newer := re.search(r"official support for domain (\S+) is till opset (\d+)", text):
        return f"its operator set is newer than this version reads: {newer[1]} to opset {newer[2]}"
    unknown = re.search(r"(\S+):(\w+)\(-?\d+\) is not a registered function/op", text)
    if unknown:
        return f"it does not know the operator {unknown[2]} of the domain '{unknown[1]}'"
    return text[:300]
