"""python -m benchmarks.claims.scripts.gate_speed RUN

Compares the parity gate with a bare loop that does the same decoding and inference. Both sides take
every test image of the run from its file to the scores of the bundle's int8 TFLite model and of the
Keras model, on all cores. The bare loop is what a person would write: a pool of threads with an
interpreter each, then Keras in batches. A third claim, export-all, is how long `python -m export
all` takes, which checks each model on every test image.
"""

import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from workstation.keras_setup import prepare_tensorflow

prepare_tensorflow()

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from benchmarks.claims.base import Claim, print_claims, run_claim
from benchmarks.claims.interleave import median_ratio, times_of
from export.inputs.keras_loader import scores
from export.inputs.trained_run import TrainedRun, open_run
from export.parity.evaluate import BATCH, Outputs, Reference, score_all
from runtime.errors import CHECK_FAILED, DONE, MachineError
from runtime.file_formats.read_model_file import read_model_file
from runtime.images.preprocessing import preprocess
from runtime.system.cgroups import allowed_cores

ROUNDS = 5
BAR, BAR_EXPORT_S = 0.9, 300


def main() -> int:
    """Prints the claims; returns 3 if one does not hold."""
    export_s = _export_all(sys.argv[1])
    run = open_run(Path(sys.argv[1]), None)
    file = run.path / "bundle" / "model.int8.tflite"
    read_model_file(file)  # refuses a run without one
    model = keras.models.load_model(run.path / "model.keras", compile=False)
    zeros = np.zeros((BATCH, len(run.manifest.labels)), np.float32)
    return print_claims(
        _claim("gate-speed", run, file, lambda pixels: scores(model, pixels)),
        _claim("gate-speed-without-keras", run, file, lambda pixels: zeros[: len(pixels)]),
        Claim("export-all", export_s, "s", BAR_EXPORT_S, least=False),
    )


def _export_all(run: str) -> float:
    """Returns the seconds that the command takes in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["-m", "export", "all", run, "-o", f"{folder}/bundle"]
        start = time.monotonic()
        code = subprocess.run([sys.executable, *words]).returncode
        if code not in (DONE, CHECK_FAILED):  # a refused file takes its time, too
            raise MachineError("export all", f"ended with exit code {code}")
        return time.monotonic() - start


def _claim(name: str, run: TrainedRun, file: Path, reference: Reference) -> Claim:
    images = run.split("test")

    def outputs(pixels: NDArray[np.uint8]) -> Outputs:
        return Outputs(reference(pixels), None)

    times = times_of(
        {
            "bare": lambda: _bare(run, file, reference),
            "gate": lambda: score_all(run, images, outputs, [file]),
        },
        ROUNDS,
    )
    ratio, _ = median_ratio(times["bare"], times["gate"])
    return Claim(name, ratio, "of the bare loop's images a second", BAR, least=True)


def _bare(run: TrainedRun, file: Path, reference: Reference) -> None:
    idle: SimpleQueue[Interpreter] = SimpleQueue()
    for _ in range(allowed_cores()):
        interpreter = Interpreter(str(file), num_threads=1)
        interpreter.allocate_tensors()
        idle.put(interpreter)
    input_index = interpreter.get_input_details()[0]["index"]
    output_index = interpreter.get_output_details()[0]["index"]

    def classify(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        pixels = preprocess(path, run.manifest.preprocessing)
        interpreter = idle.get()
        interpreter.set_tensor(input_index, pixels[np.newaxis])
        interpreter.invoke()
        output = interpreter.get_tensor(output_index)
        idle.put(interpreter)
        return pixels, output

    with ThreadPoolExecutor(allowed_cores()) as pool:
        answers = list(pool.map(classify, [run.data / image.path for image in run.split("test")]))
    for start in range(0, len(answers), BATCH):
        reference(np.stack([pixels for pixels, _ in answers[start : start + BATCH]]))


if __name__ == "__main__":
    run_claim(__spec__.name, main)
