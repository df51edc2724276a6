"""LiteRT, the interpreter of `.tflite` files (package ai-edge-litert)."""

import zipfile
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from runtime.errors import InputRefused
from runtime.quantization import Quantization, dequantize, pixel_table
from runtime.quiet import quiet

MAX_TEXT_BYTES = 8 * 2**20
TAKEN = (np.uint8, np.int8, np.int16)


class TFLiteBackend:
    """A `.tflite` classifier: one input (1, height, width, 3), one output (1, classes).

    A uint8 input takes the raw RGB pixels, an int8 one the same less 128: the normalisation is in their scale and zero point. An int16
    one takes pixels quantized by its own scale and zero point. Both of these through a table of 256.
    """

    def __init__(self, name: str, content: bytes, threads: int) -> None:
        self._name = name
        self.metadata = _texts_in_tail(content)
        try:
            with quiet():
                self._interpreter = Interpreter(model_content=content, num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise InputRefused(name, f"LiteRT cannot load it: {' '.join(str(error).split())}") from error
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        found = f"{[_describe(part) for part in inputs]} -> {[_describe(part) for part in outputs]}"
        if len(inputs) != 1 or inputs[0]["dtype"] not in TAKEN or len(inputs[0]["shape"]) != 4 or inputs[0]["shape"][3] != 3:
            raise InputRefused(name, f"expected one input uint8, int8 or int16 (1, height, width, 3), found {found}")
        if len(outputs) != 1 or len(outputs[0]["shape"]) != 2:
            raise InputRefused(name, f"expected one output (1, classes), found {found}")
        self.input_shape = tuple(int(side) for side in inputs[0]["shape"])
        self.classes = int(outputs[0]["shape"][1])
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self._table = _table(inputs[0])
        self._scores = Quantization(*outputs[0]["quantization"]) if outputs[0]["dtype"] is not np.float32 else None

    def predict(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(height, width, 3) uint8 RGB -> (classes,) float32 scores."""
        values = pixels if self._table is None else self._table[pixels]
        self._interpreter.set_tensor(self._input, values[np.newaxis])
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise InputRefused(self._name, f"fails when it is run: {' '.join(str(error).split())[:300]}") from error
        scores: NDArray[np.float32] = self._interpreter.get_tensor(self._output)[0]
        return scores if self._scores is None else dequantize(scores, self._scores)


def _table(tensor: dict[str, Any]) -> NDArray[Any] | None:
    """(256,) what each pixel value is for this input tensor, or None where it is itself."""
    if tensor["dtype"] is np.uint8:
        return None
    if tensor["dtype"] is np.int8:
        return (np.arange(256) - 128).astype(np.int8)
    return pixel_table(Quantization(*tensor["quantization"]), tensor["dtype"])


def _describe(tensor: dict[str, object]) -> str:
    return f"{np.dtype(tensor['dtype']).name} {tuple(int(side) for side in tensor['shape'])}"  # type: ignore[call-overload, attr-defined]


def _texts_in_tail(content: bytes) -> dict[str, str]:
    """The text files in the zip archive that TFLite Metadata appends to a model; none if they are over 8 MB together."""
    if not zipfile.is_zipfile(BytesIO(content)):
        return {}
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_TEXT_BYTES:
                return {}
            return {member.filename: archive.read(member).decode(errors="replace") for member in archive.infolist()}
    except (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, EOFError, OSError, RuntimeError):
        return {}
