"""python -m benchmarks.claims.memory BUNDLE [INFERENCES]: what Quince takes beside the bare interpreter, and that it does not grow.

Peak memory of fresh processes, alternately: one that imports numpy and LiteRT, loads the model and invokes it, and one that makes a
`Classifier` and classifies the first golden picture, from its file. The same with the bundle's first ONNX file, if it has one, for what is
resident then: the peak is that of reading the model, whose bytes we have to check them. Then one process classifies that picture 100,000
times: resident memory after the first 1,000 and at the end.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.claims import Claim, run, show
from benchmarks.claims.alternate import golden_picture, tflite_file
from runtime.bundle import Bundle
from runtime.threads import allowed_cores

ROUNDS, INFERENCES, FIRST = 5, 100_000, 1_000
BAR_MB, BAR_GROWTH_MB = 10, 2
SIZE = """
def size(key):
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith(key))
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
    """Prints both figures; 3 if one does not hold."""
    bundle, inferences = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else INFERENCES
    picture = golden_picture(bundle)
    bare, ours = [], []
    for _ in range(ROUNDS):
        bare += _printed(BARE, tflite_file(bundle), allowed_cores())
        ours.append(_printed(OURS, bundle, picture)[0])
    *_, growth = _printed(MANY, bundle, picture, inferences, min(FIRST, inferences - 1))
    of_onnx = [bundle / artifact.file for artifact in Bundle.open(bundle).exported() if artifact.format == "onnx"][:1]
    resident = [
        (_printed(OURS, file, picture)[1], _printed(BARE_ONNX, file, allowed_cores())[0]) for file in of_onnx for _ in range(ROUNDS)
    ]
    return show(
        _over("memory", "the bare interpreter's peak", ours, bare),
        *([_over("memory-onnx", "what is resident of the bare one", *zip(*resident, strict=True))] if resident else []),
        Claim("memory-growth", growth, f"MB from inference {FIRST} to {inferences}", BAR_GROWTH_MB, least=False),
    )


def _over(name: str, what: str, ours: Sequence[float], bare: Sequence[float]) -> Claim:
    both = f"({median(ours):.1f} and {median(bare):.1f} MB)"
    return Claim(name, median(ours) - median(bare), f"MB over {what} {both}", BAR_MB, least=False)


def _printed(code: str, *arguments: object) -> list[float]:
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return [float(line) for line in done.stdout.splitlines()]


if __name__ == "__main__":
    run(__spec__.name, main)
