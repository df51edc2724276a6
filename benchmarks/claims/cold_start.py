"""python -m benchmarks.claims.cold_start BUNDLE: a fresh `python -m runtime predict` up to its first label, against a bare script.

The script imports numpy, Pillow and LiteRT, loads the model, opens, converts and resizes the picture, and prints the label. Both take the
first golden picture of the bundle, in fresh processes alternately, with everything compiled to bytecode as it
is once installed. The label ends the measurement.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.claims import Claim, run, show
from benchmarks.claims.alternate import golden_picture, median_ratio, tflite_file, times_of
from runtime.threads import allowed_cores

ROUNDS = 25
BAR = 1.15
SCRIPT = """
import sys
import numpy as np
from PIL import Image
from ai_edge_litert.interpreter import Interpreter
model, labels, picture, threads = sys.argv[1:]
interpreter = Interpreter(model, num_threads=int(threads))
interpreter.allocate_tensors()
put, got = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
height, width = put["shape"][1:3]
pixels = np.asarray(Image.open(picture).convert("RGB").resize((width, height)))
interpreter.set_tensor(put["index"], pixels[np.newaxis])
interpreter.invoke()
scores = interpreter.get_tensor(got["index"])[0]
print(open(labels).read().splitlines()[scores.argmax()], scores.max(), flush=True)
"""


def main() -> int:
    """Prints the ratio; 3 if it does not hold."""
    bundle = Path(sys.argv[1])
    picture = golden_picture(bundle)
    bare: list[str | Path] = [sys.executable, "-c", SCRIPT, tflite_file(bundle), bundle / "labels.txt", picture, str(allowed_cores())]
    ours: list[str | Path] = [sys.executable, "-m", "runtime", "predict", bundle, picture]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def run(command: list[str | Path]) -> None:
            with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
                if not (running.stdout and running.stdout.readline()):
                    raise SystemExit(f"no label from {command[:4]}")
                running.kill()

        times = times_of({"bare": lambda: run(bare), "ours": lambda: run(ours)}, ROUNDS)
    figure, processor = median_ratio(times["ours"], times["bare"])
    seconds = " and ".join(f"{median(times[side].clock):.3f}" for side in ("ours", "bare"))
    what = f"times the bare script's seconds (in processor time {processor:.3f}; medians {seconds} s)"
    return show(Claim("cold-start", figure, what, BAR, least=False))


if __name__ == "__main__":
    run(__spec__.name, main)
