"""ONNX Runtime, the interpreter of `.onnx` files (package onnxruntime)."""

import re

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from runtime.backends import EMBEDDED_MANIFEST
from runtime.errors import InputRefused
from runtime.onnx_file import read_onnx_file

LOG_NOTHING_BUT_FATAL = 4


class ONNXBackend:
    """An `.onnx` classifier: one uint8 input (batch, height, width, 3) of raw RGB pixels, one float output (batch, classes).

    A file with our manifest may take floats in 0..1 instead, in planes (batch, 3, height, width): `--io float` of export makes such.
    A file that takes several pictures a call gets the one picture in every place: right, but slow; such files are for other programs.
    """

    def __init__(self, name: str, content: bytes, threads: int) -> None:
        if external := read_onnx_file(name, content).external:
            raise InputRefused(name, f"the data of its tensor '{external[0]}' lie in another file; save the model as one file")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = LOG_NOTHING_BUT_FATAL
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises types of its own (Fail, InvalidProtobuf, ...) that share no base but Exception
            raise InputRefused(name, f"ONNX Runtime cannot load it: {_reason(error)}") from error
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        found = f"{[f'{part.type} {part.shape}' for part in inputs]} -> {[f'{part.type} {part.shape}' for part in outputs]}"
        self._floats = EMBEDDED_MANIFEST in self.metadata and len(inputs) == 1 and inputs[0].type == "tensor(float)"
        dtype, channels = ("tensor(float)", 1) if self._floats else ("tensor(uint8)", 3)
        if len(inputs) != 1 or inputs[0].type != dtype or len(inputs[0].shape) != 4 or inputs[0].shape[channels] != 3:
            raise InputRefused(name, f"expected one input uint8 [batch, height, width, 3], found {found}")
        if len(outputs) != 1 or outputs[0].type != "tensor(float)" or len(outputs[0].shape) != 2:
            raise InputRefused(name, f"expected one output float [batch, classes], found {found}")
        self._batch = inputs[0].shape[0] if isinstance(inputs[0].shape[0], int) else 1
        self.input_shape = (1, *(size for axis, size in enumerate(inputs[0].shape) if axis not in (0, channels)), 3)
        self.classes = outputs[0].shape[1]
        self._name, self._input = name, inputs[0].name

    def predict(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(height, width, 3) uint8 RGB -> (classes,) float32 scores."""
        picture = pixels.transpose(2, 0, 1).astype(np.float32) / 255 if self._floats else pixels
        try:
            scores: NDArray[np.float32] = self._session.run(None, {self._input: np.repeat(picture[np.newaxis], self._batch, axis=0)})[0][0]
        except Exception as error:  # as above
            raise InputRefused(self._name, f"fails when it is run: {' '.join(str(error).split())[:300]}") from error
        return scores


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    unknown = re.search(r"(\S+):(\w+)\(-?\d+\) is not a registered function/op", text)
    return f"the operator {unknown[2]} of the domain '{unknown[1]}' is not one it knows" if unknown else text[:300]
