"""python -m benchmarks.claims.scripts.memory BUNDLE [INFERENCES]

Measures the memory that Quince takes beside the bare interpreter, and whether it grows. First comes
the peak memory of fresh processes in turn: one imports numpy and LiteRT, loads the model and
invokes it; the other makes a `Classifier` and classifies the first golden image from its file. If
the bundle has an ONNX file, the resident memory with it is compared in the same way; its peak is
that of reading the model, whose bytes we must check. Then one process classifies that image 100,000
times, and its resident memory after the first 1,000 is compared with that at the end.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.claims.base import Claim, print_claims, run_claim
from benchmarks.claims.interleave import golden_image, tflite_file
from runtime.bundles.bundle import Bundle
from runtime.system.cgroups import allowed_cores

ROUNDS, INFERENCES, FIRST = 5, 100_000, 1_000
BAR_MB, BAR_GROWTH_MB = 8, 2
SIZE = """
def size(key):
    lines = open("/proc/self/status")
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))
"""
BARE = f"""{SIZE}
import sys
import numpy
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(sys.argv[1], num_threads=int(sys.argv[2]))
interpreter.allocate_tensors()
interpreter.invoke()
print(size("VmHWM"))
"""
BARE_ONNX = f"""{SIZE}
import sys
import numpy
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads, options.inter_op_num_threads = int(sys.argv[2]), 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
(entry,) = session.get_inputs()
session.run(None, {{entry.name: numpy.zeros(entry.shape, numpy.uint8)}})
print(size("VmRSS"))
"""
OURS = f"""{SIZE}
import sys
from runtime import Classifier
classifier = Classifier(sys.argv[1])
classifier.classify(sys.argv[2])
print(size("VmHWM"))
print(size("VmRSS"))
"""
MANY = f"""{OURS}
for number in range(int(sys.argv[3])):
    if number == int(sys.argv[4]):
        first = size("VmRSS")
    classifier.classify(sys.argv[2])
print(size("VmRSS") - first)
"""


def main() -> int:
    """Prints the claims; returns 3 if one does not hold."""
    bundle = Path(sys.argv[1])
    inferences = int(sys.argv[2]) if len(sys.argv) > 2 else INFERENCES
    image = golden_image(bundle)
    file = tflite_file(bundle)
    bare, ours = [], []
    for _ in range(ROUNDS):
        bare += _printed(BARE, file, allowed_cores())
        ours.append(_printed(OURS, bundle, image)[0])
    claims = [_difference("memory", "the bare interpreter's peak", ours, bare)]
    onnx_files = [
        bundle / artifact.file
        for artifact in Bundle.open(bundle).exported()
        if artifact.format == "onnx"
    ]
    if onnx_files:
        bare, ours = [], []
        for _ in range(ROUNDS):
            ours.append(_printed(OURS, onnx_files[0], image)[1])
            bare += _printed(BARE_ONNX, onnx_files[0], allowed_cores())
        claims.append(_difference("memory-onnx", "the bare one's resident memory", ours, bare))
    *_, growth = _printed(MANY, bundle, image, inferences, min(FIRST, inferences - 1))
    unit = f"MB from inference {FIRST} to {inferences}"
    claims.append(Claim("memory-growth", growth, unit, BAR_GROWTH_MB, least=False))
    return print_claims(*claims)


def _difference(name: str, base: str, ours: Sequence[float], bare: Sequence[float]) -> Claim:
    unit = f"MB over {base} ({median(ours):.1f} and {median(bare):.1f} MB)"
    return Claim(name, median(ours) - median(bare), unit, BAR_MB, least=False)


def _printed(code: str, *arguments: object) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return [float(line) for line in done.stdout.splitlines()]


if __name__ == "__main__":
    run_claim(__spec__.name, main)
