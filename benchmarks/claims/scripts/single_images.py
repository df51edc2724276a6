"""python -m benchmarks.claims.scripts.single_images BUNDLE... IMAGES...

Compares one image at a time, from file to label, with the script that a user would write. That
script opens the image with Pillow, converts and resizes it, runs LiteRT or ONNX Runtime on all
cores, and takes the highest score. Ours is `Classifier.classify` with the same file and threads. A
row is a model file (int8 or fp32) with an IMAGE, a file or a folder. Each side is a process that
has its model loaded, and they work in turn. Where a model lies in memory changes the time of a
process by 2 %, so several pairs of processes are measured; the ratio is the median over all rounds.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from benchmarks.claims.base import Claim, print_claims, run_claim
from benchmarks.claims.interleave import Times, median_ratio
from runtime.bundles.bundle import MANIFEST, Bundle
from runtime.errors import InputRefused, MachineError
from runtime.models.manifest import Artifact
from runtime.sources.paths import expand
from runtime.system.cgroups import allowed_cores
from runtime.system.subprocesses import child_environment, python_command

PAIRS, ROUNDS, TURN_S, MAX_IMAGES = 6, 5, 0.25, 100
PAUSE_S = 0.03
"""Between turns: the threads of an interpreter wait actively for a while after its last image."""
BAR = 1.0
PRECISIONS = ("int8", "fp32")
ANSWER = """
import json
import sys
import time
for line in sys.stdin:
    clock, processor = time.perf_counter(), time.process_time()
    answers = [classify(image) for image in json.loads(line)]
    print(json.dumps([time.perf_counter() - clock, time.process_time() - processor]), flush=True)
"""
SCRIPT = f"""
import sys
import numpy as np
from PIL import Image
model, labels, threads = sys.argv[1], open(sys.argv[2]).read().splitlines(), int(sys.argv[3])
if model.endswith(".onnx"):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    input = session.get_inputs()[0]
    height, width = input.shape[1:3]
    def run(values):
        return session.run(None, {{input.name: values}})[0]
else:
    from ai_edge_litert.interpreter import Interpreter
    interpreter = Interpreter(model, num_threads=threads)
    interpreter.allocate_tensors()
    input, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    height, width = input["shape"][1:3]
    def run(values):
        interpreter.set_tensor(input["index"], values)
        interpreter.invoke()
        return interpreter.get_tensor(output["index"])
def classify(image):
    pixels = np.asarray(Image.open(image).convert("RGB").resize((width, height)))
    return labels[run(pixels[np.newaxis])[0].argmax()]
{ANSWER}"""
OURS = f"""
import sys
from pathlib import Path
from runtime import Classifier
model = Path(sys.argv[1])
classifier = Classifier(model.parent, artifact=model.name, threads=int(sys.argv[3]))
def classify(image):
    return classifier.classify(image)[0].label
{ANSWER}"""


def main() -> int:
    """Prints a claim for each row; returns 3 if one does not hold."""
    paths = [Path(word) for word in sys.argv[1:]]
    bundles = [path for path in paths if (path / MANIFEST).is_file()]
    groups = [path for path in paths if path not in bundles]
    claims = [
        _compare(Bundle.open(bundle), artifact, group)
        for bundle in bundles
        for artifact in Bundle.open(bundle).exported()
        if artifact.precision in PRECISIONS
        for group in groups
    ]
    return print_claims(*claims)


def _compare(bundle: Bundle, artifact: Artifact, group: Path) -> Claim:
    images = [str(path) for path in islice(expand([group]), MAX_IMAGES)]
    if not images:
        raise InputRefused(str(group), "expected images")
    words = (bundle.path / artifact.file, bundle.path / "labels.txt", allowed_cores())
    codes = {"script": SCRIPT, "ours": OURS}
    times = {name: Times([], []) for name in codes}
    for _ in range(PAIRS):
        sides = {name: _Side(code, words) for name, code in codes.items()}
        per_image_s = max(side.seconds(images)[0] for side in sides.values()) / len(images)
        turn = list(islice(cycle(images), max(1, round(TURN_S / per_image_s))))
        for number in range(ROUNDS):
            for name in sorted(sides, reverse=number % 2 == 1):
                clock, processor = sides[name].seconds(turn)
                times[name].clock.append(clock / len(turn))
                times[name].processor.append(processor / len(turn))
        for side in sides.values():
            side.close()
    figure, processor = median_ratio(times["script"], times["ours"])
    theirs_ms, ours_ms = (1e3 * median(times[name].clock) for name in codes)
    unit = (
        f"times the script's images a second (in processor time {processor:.2f}; "
        f"{theirs_ms:.3g} and {ours_ms:.3g} ms)"
    )
    size = bundle.manifest.preprocessing.height
    name = f"single-images {size} px {artifact.file} {group.name}"
    return Claim(name, figure, unit, BAR, least=True)


class _Side:
    """Holds a process that classifies images when it is asked to."""

    def __init__(self, code: str, words: Sequence[object]) -> None:
        self._process = subprocess.Popen(
            python_command("-c", code, *map(str, words)),
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def seconds(self, images: Sequence[str]) -> tuple[float, float]:
        """Returns the seconds that the images took, one by one: clock and processor time."""
        assert self._process.stdin
        assert self._process.stdout
        time.sleep(PAUSE_S)
        self._process.stdin.write(json.dumps(images) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise MachineError("claims", f"a side ended with exit code {self._process.wait()}")
        clock, processor = json.loads(line)
        return clock, processor

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


if __name__ == "__main__":
    run_claim(__spec__.name, main)
