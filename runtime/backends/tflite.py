"""LiteRT or tflite-runtime, the interpreters of `.tflite` files."""

from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.backends.tflite_interpreter import NAME, build
from runtime.errors import InputRefused, MachineError
from runtime.memory import addresses_left
from runtime.quantization import Quantization
from runtime.tensors import Tensor
from runtime.zip_tail import texts_in_tail

EDGE_TPU = "edgetpu-custom-op"
NO_RUNTIME = "failed to create XNNPACK runtime"
"""What LiteRT says of a model that it cannot compute, and of too little memory for one that it can."""


class TFLiteBackend:
    """A `.tflite` model, loaded: see `runtime.backends.Backend`."""

    def __init__(self, name: str, content: bytes, threads: int) -> None:
        self._name, self._content, self._threads = name, content, threads
        self.metadata = texts_in_tail(content)
        interpreter = self._build()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            found = f"{[str(_tensor(name, part)) for part in inputs]} -> {[str(_tensor(name, part)) for part in outputs]}"
            raise InputRefused(name, f"expected one input and one output, found {found}")
        self.input, self.output = _tensor(name, inputs[0]), _tensor(name, outputs[0])
        self._input, self._output, self._shape = inputs[0]["index"], outputs[0]["index"], tuple(inputs[0]["shape"])
        self._idle = [(interpreter, self._shape)]
        """With the shape of its input. A list gives and takes in one step, whatever threads ask."""
        self.invoked = (0, 0)

    def run(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of the input's dtype and shape (sizes the file leaves open are as given) -> the output as the model gives it."""
        try:
            interpreter, shape = self._idle.pop()
        except IndexError:  # other threads are using those that there are
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
        output: NDArray[Any] = interpreter.get_tensor(self._output)
        self._idle.append((interpreter, values.shape))
        return output

    def _build(self) -> Any:
        try:
            return build(self._name, self._content, self._threads)
        except (ValueError, RuntimeError) as error:
            if NO_RUNTIME in str(error) and addresses_left() is not None:
                raise MachineError(self._name, "not enough memory for it; ulimit -v is too low") from error
            raise InputRefused(self._name, f"{NAME} cannot load it: {_reason(error)}") from error


def _tensor(name: str, details: dict[str, Any]) -> Tensor:
    signature = details["shape_signature"]
    sides = signature if len(signature) == len(details["shape"]) else details["shape"]
    shape = tuple(None if side < 0 else int(side) for side in sides)
    scales, zero_points = details["quantization_parameters"]["scales"], details["quantization_parameters"]["zero_points"]
    if len(scales) > 1:
        raise InputRefused(name, f"expected one scale for all of an input or output, found {len(scales)}")
    quantization = Quantization(float(scales[0]), int(zero_points[0])) if len(scales) and scales[0] > 0 else None
    return Tensor(shape, np.dtype(details["dtype"]).type, quantization)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if EDGE_TPU in text:
        return f"the operator {EDGE_TPU} needs a Coral accelerator; take the file that was not compiled for one (without _edgetpu)"
    return text[:300]
