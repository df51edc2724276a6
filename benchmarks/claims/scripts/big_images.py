"""python -m benchmarks.claims.scripts.big_images BUNDLE PHOTO...

Compares the classification of big photos, from file to label, with the script a user would write.
That script (benchmarks/peers/adapters/plain.py) opens each photo with Pillow, converts and resizes
it, and runs LiteRT on all cores. Ours is what `python -m runtime predict` does. Both have their
model loaded. The claim is about photos of 9 to 12 million pixels, passed as files or folders.
"""

import sys
from collections.abc import Iterable
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from benchmarks.claims.base import Claim, print_claims, run_claim
from benchmarks.claims.interleave import median_ratio, tflite_file, times_of
from benchmarks.peers.adapters.plain import load
from runtime.classifier import Classifier
from runtime.shared.prediction_output import predict_images
from runtime.sources.paths import expand
from runtime.system.cgroups import allowed_cores

ROUNDS, MIN_PHOTOS = 7, 24
BAR = 4


def main() -> int:
    """Prints the ratio; returns 3 if it does not hold."""
    bundle = Path(sys.argv[1])
    files = list(expand([Path(word) for word in sys.argv[2:]]))
    photos = list(islice(cycle(files), max(MIN_PHOTOS, len(files))))
    classifier = Classifier(bundle, throughput=True)
    plain = load(str(tflite_file(bundle)), allowed_cores())
    times = times_of(
        {
            "script": lambda: [plain(str(photo)) for photo in photos],
            "ours": lambda: _classify(classifier, photos),
        },
        ROUNDS,
    )
    figure, processor = median_ratio(times["script"], times["ours"])
    speed = len(photos) / median(times["ours"].clock)
    unit = (
        f"times the script's images a second "
        f"(in processor time {processor:.2f}; {len(files)} photos, {speed:.1f} a second)"
    )
    return print_claims(Claim("big-images", figure, unit, BAR, least=True))


def _classify(classifier: Classifier, photos: Iterable[Path]) -> None:
    for photo, answer in predict_images(
        classifier.answer, classifier.preprocessing, photos, streams=classifier.streams
    ):
        if not isinstance(answer, tuple):
            raise SystemExit(f"{photo}: {answer}")


if __name__ == "__main__":
    run_claim(__spec__.name, main)
