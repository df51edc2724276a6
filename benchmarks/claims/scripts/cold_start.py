"""python -m benchmarks.claims.scripts.cold_start BUNDLE

Compares a fresh `python -m runtime predict`, up to its first label, with a bare script. The script
imports numpy, Pillow and LiteRT, loads the model, opens, converts and resizes the image, and prints
the label. Both take the first golden image of the bundle, in fresh processes in turn. Everything is
compiled to bytecode, as it is after an installation. The label ends the measurement.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.claims.base import Claim, print_claims, run_claim
from benchmarks.claims.interleave import golden_image, median_ratio, tflite_file, times_of
from runtime.system.cgroups import allowed_cores

ROUNDS = 25
BAR = 1.05
SCRIPT = """
import sys
import numpy as np
from PIL import Image
from ai_edge_litert.interpreter import Interpreter
model, labels, image, threads = sys.argv[1:]
interpreter = Interpreter(model, num_threads=int(threads))
interpreter.allocate_tensors()
input, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
height, width = input["shape"][1:3]
pixels = np.asarray(Image.open(image).convert("RGB").resize((width, height)))
interpreter.set_tensor(input["index"], pixels[np.newaxis])
interpreter.invoke()
scores = interpreter.get_tensor(output["index"])[0]
print(open(labels).read().splitlines()[scores.argmax()], scores.max(), flush=True)
"""


def main() -> int:
    """Prints the ratio; returns 3 if it does not hold."""
    bundle = Path(sys.argv[1])
    image, cores = golden_image(bundle), str(allowed_cores())
    bare = ["-c", SCRIPT, str(tflite_file(bundle)), str(bundle / "labels.txt"), str(image), cores]
    ours = ["-m", "runtime", "predict", str(bundle), str(image)]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        times = times_of(
            {
                "bare": lambda: _run_to_label(bare, environment),
                "ours": lambda: _run_to_label(ours, environment),
            },
            ROUNDS,
        )
    figure, processor = median_ratio(times["ours"], times["bare"])
    seconds = " and ".join(f"{median(times[side].clock):.3f}" for side in ("ours", "bare"))
    unit = (
        f"times the bare script's seconds (in processor time {processor:.3f}; medians {seconds} s)"
    )
    return print_claims(Claim("cold-start", figure, unit, BAR, least=False))


def _run_to_label(words: list[str], environment: dict[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        if not (process.stdout and process.stdout.readline()):
            raise SystemExit(f"expected a label, found none: python {' '.join(words[:3])}")
        process.kill()


if __name__ == "__main__":
    run_claim(__spec__.name, main)
