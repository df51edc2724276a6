"""ONNX Runtime, the interpreter of `.onnx` files (package onnxruntime)."""

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from runtime.errors import InputRefused

LOG_NOTHING_BUT_FATAL = 4


class ONNXBackend:
    """An `.onnx` classifier: one uint8 input (1, height, width, 3) of raw RGB pixels, one float output (1, classes)."""

    def __init__(self, name: str, content: bytes, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = LOG_NOTHING_BUT_FATAL
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises types of its own (Fail, InvalidProtobuf, ...) that share no base but Exception
            raise InputRefused(name, f"ONNX Runtime cannot load it: {' '.join(str(error).split())[:300]}") from error
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        found = f"{[f'{part.type} {part.shape}' for part in inputs]} -> {[f'{part.type} {part.shape}' for part in outputs]}"
        if len(inputs) != 1 or inputs[0].type != "tensor(uint8)" or len(inputs[0].shape) != 4 or inputs[0].shape[3] != 3:
            raise InputRefused(name, f"expected one input uint8 [1, height, width, 3], found {found}")
        if len(outputs) != 1 or outputs[0].type != "tensor(float)" or len(outputs[0].shape) != 2:
            raise InputRefused(name, f"expected one output float [1, classes], found {found}")
        self.input_shape = tuple(inputs[0].shape)
        self.classes = outputs[0].shape[1]
        self._name, self._input = name, inputs[0].name

    def predict(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(height, width, 3) uint8 RGB -> (classes,) float32 scores."""
        try:
            scores: NDArray[np.float32] = self._session.run(None, {self._input: pixels[np.newaxis]})[0][0]
        except Exception as error:  # as above
            raise InputRefused(self._name, f"fails when it is run: {' '.join(str(error).split())[:300]}") from error
        return scores
