"""python -m benchmarks.claims.small_pictures BUNDLE PICTURE...: what a small picture costs beside the interpreter's bare `invoke`.

The bare side is `invoke` and nothing else, on all cores, as often as there are pictures. Ours goes from the pictures' files to labels: as
`python -m runtime predict` does a folder (a picture a core), and one at a time with `Classifier.classify` (all cores on one picture).
"""

import sys
from pathlib import Path
from statistics import median

from ai_edge_litert.interpreter import Interpreter

from benchmarks.claims import Claim, run, show
from benchmarks.claims.alternate import Times, median_difference, tflite_file, times_of
from runtime.classifier import Classifier
from runtime.predictions import answer_pictures
from runtime.sources.files import expand
from runtime.threads import allowed_cores

ROUNDS, PICTURES = 9, 500
BAR_MS = 0.3
NAMES = {"small-pictures": "folder", "small-pictures-one-at-a-time": "alone"}


def main() -> int:
    """Prints both figures; 3 if one does not hold."""
    bundle = Path(sys.argv[1])
    pictures = list(expand([Path(word) for word in sys.argv[2:]]))
    pictures = pictures[:: max(1, len(pictures) // PICTURES)][:PICTURES]
    classifier, many = Classifier(bundle), Classifier(bundle, throughput=True)
    interpreter = Interpreter(str(tflite_file(bundle)), num_threads=allowed_cores())
    interpreter.allocate_tensors()
    times = times_of(
        {
            "invoke": lambda: [interpreter.invoke() for _ in pictures],
            "folder": lambda: list(answer_pictures(many.answer, many.preprocessing, pictures, streams=many.streams)),
            "alone": lambda: [classifier.classify(picture) for picture in pictures],
        },
        ROUNDS,
    )
    return show(*(_claim(name, times[side], times["invoke"], len(pictures)) for name, side in NAMES.items()))


def _claim(name: str, ours: Times, invoke: Times, pictures: int) -> Claim:
    clock, processor = (1e3 * seconds / pictures for seconds in median_difference(ours, invoke))
    bare = 1e3 * median(invoke.clock) / pictures
    what = f"ms a picture over the {bare:.3f} ms of bare invoke (in processor time {processor:.3f} ms; {pictures} pictures)"
    return Claim(name, clock, what, BAR_MS, least=False)


if __name__ == "__main__":
    run(__spec__.name, main)
