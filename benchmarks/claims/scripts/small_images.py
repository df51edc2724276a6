"""python -m benchmarks.claims.scripts.small_images BUNDLE IMAGES...

Compares a small image, from file to label, with the bare `invoke` of the interpreter. The bare side
is `invoke` and nothing else, on all cores, once per image. Ours goes from the images' files to
labels: as `python -m runtime predict` does with a folder (one image per core), and one at a time
with `Classifier.classify` (all cores on one image).
"""

import sys
from pathlib import Path
from statistics import median

from ai_edge_litert.interpreter import Interpreter

from benchmarks.claims.base import Claim, print_claims, run_claim
from benchmarks.claims.interleave import Times, median_difference, tflite_file, times_of
from runtime.classifier import Classifier
from runtime.shared.prediction_output import predict_images
from runtime.sources.paths import expand
from runtime.system.cgroups import allowed_cores

ROUNDS, IMAGES = 9, 500
BAR_MS = 0.3
SIDES = {"small-images": "folder", "small-images-one-at-a-time": "one at a time"}
"""Which side each claim is about."""


def main() -> int:
    """Prints both claims; returns 3 if one does not hold."""
    bundle = Path(sys.argv[1])
    images = list(expand([Path(word) for word in sys.argv[2:]]))
    images = images[:: max(1, len(images) // IMAGES)][:IMAGES]
    single, folder = Classifier(bundle), Classifier(bundle, throughput=True)
    interpreter = Interpreter(str(tflite_file(bundle)), num_threads=allowed_cores())
    interpreter.allocate_tensors()

    def predict_folder() -> None:
        list(predict_images(folder.answer, folder.preprocessing, images, streams=folder.streams))

    times = times_of(
        {
            "invoke": lambda: [interpreter.invoke() for _ in images],
            "folder": predict_folder,
            "one at a time": lambda: [single.classify(image) for image in images],
        },
        ROUNDS,
    )
    return print_claims(
        *(_claim(name, times[side], times["invoke"], len(images)) for name, side in SIDES.items())
    )


def _claim(name: str, ours: Times, invoke: Times, images: int) -> Claim:
    clock, processor = (1e3 * seconds / images for seconds in median_difference(ours, invoke))
    bare = 1e3 * median(invoke.clock) / images
    unit = (
        f"ms an image over the {bare:.3f} ms of bare invoke "
        f"(in processor time {processor:.3f} ms; {images} images)"
    )
    return Claim(name, clock, unit, BAR_MS, least=False)


if __name__ == "__main__":
    run_claim(__spec__.name, main)
