"""python -m benchmarks.claims.gate_speed RUN: the parity gate against the bare loop that does the same decoding and inference.

Both sides take every test picture of the run from its file to the scores of the bundle's int8 TFLite model and of the Keras model, on all
cores. The bare loop is what a person would write: a pool of threads with an interpreter each, then Keras in batches.
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from statistics import median

from runtime.quiet import prepare_tensorflow

prepare_tensorflow()

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from benchmarks.claims import Claim, run, show
from export.answers import BATCH, Reference, collect
from export.keras_model import scores
from export.trained import Run, open_run
from runtime.model_file import read_model_file
from runtime.preprocess import preprocess
from runtime.threads import allowed_cores

ROUNDS = 5
BAR = 0.9


def main() -> int:
    """Prints both ratios; 3 if one does not hold."""
    run = open_run(Path(sys.argv[1]), None)
    file = run.path / "bundle" / "model.int8.tflite"
    read_model_file(file)  # refuses a run without one
    model = keras.models.load_model(run.path / "model.keras", compile=False)
    nothing = np.zeros((BATCH, len(run.manifest.labels)), np.float32)
    return show(
        _ratio("gate-speed", run, file, lambda pixels: scores(model, pixels)),
        _ratio("gate-speed-without-keras", run, file, lambda pixels: nothing[: len(pixels)]),
    )


def _ratio(name: str, run: Run, file: Path, reference: Reference) -> Claim:
    pictures = run.split("test")
    sides: dict[str, Callable[[], object]] = {
        "bare": lambda: _bare(run, file, reference),
        "gate": lambda: collect(run, pictures, reference, [file]),
    }
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(ROUNDS + 1):
        for side, work in sides.items():
            start = time.perf_counter()
            work()
            if number:  # the first round warms up
                seconds[side].append(time.perf_counter() - start)
    print({side: [round(one, 2) for one in times] for side, times in seconds.items()})
    figure = median(bare / gate for bare, gate in zip(seconds["bare"], seconds["gate"], strict=True))
    return Claim(name, figure, "of the bare loop's pictures a second", BAR, least=True)


def _bare(run: Run, file: Path, reference: Reference) -> None:
    free: SimpleQueue[Interpreter] = SimpleQueue()
    for _ in range(allowed_cores()):
        interpreter = Interpreter(str(file), num_threads=1)
        interpreter.allocate_tensors()
        free.put(interpreter)
    index_in, index_out = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def one(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        pixels = preprocess(path, run.manifest.preprocessing)
        interpreter = free.get()
        interpreter.set_tensor(index_in, pixels[np.newaxis])
        interpreter.invoke()
        out = interpreter.get_tensor(index_out)
        free.put(interpreter)
        return pixels, out

    with ThreadPoolExecutor(allowed_cores()) as pool:
        answers = list(pool.map(one, [run.data / picture.path for picture in run.split("test")]))
    for start in range(0, len(answers), BATCH):
        reference(np.stack([pixels for pixels, _ in answers[start : start + BATCH]]))


if __name__ == "__main__":
    run(__spec__.name, main)
