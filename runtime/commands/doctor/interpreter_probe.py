"""Runs a tiny convolutional network with one package: python interpreter_probe.py MODULE.

`interpreters` runs this in a process of its own: onnxruntime 1.21 ended with an illegal instruction
on a Raspberry Pi 4, and tflite-runtime can be imported beside numpy 2 but builds no interpreter. It
imports nothing of Quince, and no backend, so that it tests the package alone.
"""

import importlib
import json
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

IMAGE = tuple((37 * index + index * index // 5) % 256 for index in range(8 * 8 * 3))
"""(8, 8, 3) pixels, 0..255, flattened."""
SCORES = (0.00666, 0.73647, 0.25687)
"""The network's scores for IMAGE, computed with numpy in test_tiny_models.py."""


def main(module: str) -> None:
    """Prints one JSON object: version, scores, and the seconds of the import and of the run."""
    start = time.perf_counter()
    package = importlib.import_module(module)
    imported = time.perf_counter()
    scores = run_onnx(package) if module == "onnxruntime" else run_tflite(package)
    done = time.perf_counter()
    answer = {
        "version": package_version(module),
        "scores": scores,
        "import_s": round(imported - start, 3),
        "run_s": round(done - imported, 3),
    }
    print(json.dumps(answer), flush=True)


def package_version(module: str) -> str:
    """Returns the version of the distribution that contains this module."""
    return metadata.version(module.split(".")[0].replace("_", "-"))


def run_tflite(package: Any) -> list[float]:
    """Returns the scores of tiny.tflite."""
    interpreter = package.Interpreter(model_content=_read("tiny.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    (model_input,) = interpreter.get_input_details()
    (model_output,) = interpreter.get_output_details()
    interpreter.set_tensor(model_input["index"], _pixels())
    interpreter.invoke()
    scale, zero_point = model_output["quantization"]
    (values,) = interpreter.get_tensor(model_output["index"])
    return [float(scale * (int(value) - zero_point)) for value in values]


def run_onnx(package: Any) -> list[float]:
    """Returns the scores of tiny.onnx."""
    options = package.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = package.InferenceSession(
        _read("tiny.onnx"), options, providers=["CPUExecutionProvider"]
    )
    (scores,) = session.run(None, {"pixels": _pixels()})
    return [float(score) for score in scores[0]]


def _read(name: str) -> bytes:
    return Path(__file__).with_name(name).read_bytes()


def _pixels() -> Any:
    import numpy as np  # after the package, so that its import time includes numpy

    return np.array(IMAGE, np.uint8).reshape(1, 8, 8, 3)


if __name__ == "__main__":
    main(sys.argv[1])
