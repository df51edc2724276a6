"""python probe.py MODULE: builds the interpreter of one package, runs a tiny convolutional network with it, and says what came of it.

Run by `runtime.doctor.interpreters` in a process of its own: onnxruntime 1.21 ended with an illegal instruction on a Raspberry Pi 4, and
tflite-runtime can be imported beside numpy 2 but builds no interpreter. It uses nothing of Quince, and not its backends, so that a
package is judged by itself.
"""

import importlib
import json
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

PICTURE = tuple((37 * place + place * place // 5) % 256 for place in range(8 * 8 * 3))
"""(8, 8, 3) pixels, 0..255, in a row."""
SCORES = (0.00666, 0.73647, 0.25687)
"""What the tiny network gives for it, computed with numpy (tests/runtime/doctor/test_tiny.py)."""


def main(module: str) -> None:
    """Prints one JSON object: version, scores, and the seconds that the import and the rest took."""
    start = time.perf_counter()
    package = importlib.import_module(module)
    imported = time.perf_counter()
    scores = run_onnx(package) if module == "onnxruntime" else run_tflite(package)
    done = time.perf_counter()
    answer = {"scores": scores, "import_s": round(imported - start, 3), "run_s": round(done - imported, 3)}
    print(json.dumps({"version": version(module), **answer}), flush=True)


def version(module: str) -> str:
    """Of the distribution that has this module."""
    return metadata.version(module.split(".")[0].replace("_", "-"))


def run_tflite(package: Any) -> list[float]:
    """The scores of tiny.tflite."""
    import numpy as np

    interpreter = package.Interpreter(model_content=Path(__file__).with_name("tiny.tflite").read_bytes(), num_threads=1)
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(taken["index"], np.array(PICTURE, np.uint8).reshape(1, 8, 8, 3))
    interpreter.invoke()
    scale, zero_point = given["quantization"]
    return [float(scale * (int(value) - zero_point)) for value in interpreter.get_tensor(given["index"])[0]]


def run_onnx(package: Any) -> list[float]:
    """The scores of tiny.onnx."""
    import numpy as np

    options = package.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = package.InferenceSession(Path(__file__).with_name("tiny.onnx").read_bytes(), options, providers=["CPUExecutionProvider"])
    return [float(value) for value in session.run(None, {"pixels": np.array(PICTURE, np.uint8).reshape(1, 8, 8, 3)})[0][0]]


if __name__ == "__main__":
    main(sys.argv[1])
