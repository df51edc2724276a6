"""Runs `.tflite` files with LiteRT or tflite-runtime."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from time import perf_counter_ns
from typing import Any

import numpy as np

from runtime.arrays import NDArray
from runtime.backends.tflite_interpreter import NAME, VERSION, build_interpreter
from runtime.errors import InputRefused, MachineError
from runtime.file_formats.appended_zip import texts_in_tail
from runtime.file_formats.tensors import Quantization, Tensor, unique_names
from runtime.system.memory import address_space_left

EDGE_TPU = "edgetpu-custom-op"
NO_RUNTIME = "failed to create XNNPACK runtime"
"""LiteRT's message for a model that it cannot compute, and for too little memory."""


class TFLiteBackend:
    """Runs a `.tflite` model; see `runtime.backends.base.Backend`."""

    VERSION = f"{NAME} {VERSION}".strip()
    """Decides, with a file's hash, whether the file was tried already."""

    def __init__(self, name: str, content: bytes, threads: int) -> None:
        self._name, self._content, self._threads = name, content, threads
        self.metadata = texts_in_tail(content)
        interpreter = self._build()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        if len(inputs) != 1 or not outputs:
            given, returned = (
                [str(_tensor(name, part)) for part in parts] for parts in (inputs, outputs)
            )
            raise InputRefused(
                name, f"expected one input and some output, found {given} -> {returned}"
            )
        self.input, self._input = _tensor(name, inputs[0]), inputs[0]["index"]
        self._outputs = unique_names([(str(part["name"]), part) for part in outputs])
        if len(outputs) == 1:
            self.outputs = {key: _tensor(name, part) for key, part in self._outputs.items()}
        else:
            self.outputs = dict(_usable_tensors(name, self._outputs))
        if not self.outputs:
            raise InputRefused(name, f"has {len(outputs)} outputs, and none of them is one tensor")
        self.choose_output(next(iter(self.outputs)))
        self._shape = tuple(inputs[0]["shape"])
        self._idle = [(interpreter, self._shape)]
        """Interpreters that no thread uses, each with the shape of its input.

        `pop` and `append` of a list are atomic, so threads need no lock.
        """
        self.invoked = (0, 0)

    def choose_output(self, name: str) -> None:
        """Makes `run` return this one of `outputs`."""
        self.output, self._output = self.outputs[name], self._outputs[name]["index"]
        self.output_number = list(self._outputs).index(name)

    def run(self, values: NDArray[Any]) -> NDArray[Any]:
        """Returns the model's output for `values`; see `Backend.run`."""
        return self._run(values, (self._output,))[0]

    def run_both(self, values: NDArray[Any], second: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Returns the chosen output and the one called `second`, both of one run."""
        first, other = self._run(values, (self._output, self._outputs[second]["index"]))
        return first, other

    def _run(self, values: NDArray[Any], indices: tuple[int, ...]) -> list[NDArray[Any]]:
        try:
            interpreter, shape = self._idle.pop()
        except IndexError:  # other threads use all of them
            interpreter, shape = self._build(), self._shape
        try:
            if values.shape != shape:
                interpreter.resize_tensor_input(self._input, values.shape, strict=True)
                interpreter.allocate_tensors()
            interpreter.set_tensor(self._input, values)
            start = perf_counter_ns()
            interpreter.invoke()
            self.invoked = (start, perf_counter_ns())
        except (RuntimeError, ValueError) as error:
            raise InputRefused(self._name, f"fails when it is run: {_reason(error)}") from error
        outputs = [interpreter.get_tensor(index) for index in indices]
        self._idle.append((interpreter, values.shape))
        return outputs

    def _build(self) -> Any:
        try:
            return build_interpreter(self._name, self._content, self._threads)
        except (ValueError, RuntimeError) as error:
            if NO_RUNTIME in str(error) and address_space_left() is not None:
                raise MachineError(
                    self._name, "not enough memory for it; ulimit -v is too low"
                ) from error
            raise InputRefused(self._name, f"{NAME} cannot load it: {_reason(error)}") from error


def _tensor(name: str, details: dict[str, Any]) -> Tensor:
    signature = details["shape_signature"]
    sides = signature if len(signature) == len(details["shape"]) else details["shape"]
    shape = tuple(None if side < 0 else int(side) for side in sides)
    parameters = details["quantization_parameters"]
    scales, zero_points = parameters["scales"], parameters["zero_points"]
    if len(scales) > 1:
        raise InputRefused(
            name, f"expected one scale for all of an input or output, found {len(scales)}"
        )
    quantization = None
    if len(scales) and scales[0] > 0:
        quantization = Quantization(float(scales[0]), int(zero_points[0]))
    return Tensor(shape, np.dtype(details["dtype"]).type, quantization)


def _usable_tensors(name: str, parts: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, Tensor]]:
    for key, part in parts.items():
        with suppress(InputRefused):
            yield key, _tensor(name, part)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if EDGE_TPU in text:
        return (
            f"the operator {EDGE_TPU} needs a Coral accelerator; "
            "take the file that was not compiled for one (without _edgetpu)"
        )
    return text[:300]
