"""python -m benchmarks.claims.big_pictures BUNDLE PHOTO...: from the files of big photos to labels, against the script a user would write.

The script opens each picture with Pillow, converts and resizes it, and runs LiteRT on all cores. Ours is what `python -m runtime predict`
does. Both have their model loaded; photos are given as files or folders (9 to 12 million pixels, to be the claim that is stated).
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from statistics import median

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from benchmarks.claims import Claim, run, show
from benchmarks.claims.alternate import median_ratio, tflite_file, times_of
from runtime.classifier import Classifier
from runtime.predictions import answer_pictures
from runtime.sources.files import expand
from runtime.threads import allowed_cores

ROUNDS, PHOTOS = 7, 24
BAR = 4


def main() -> int:
    """Prints the ratio; 3 if it does not hold."""
    bundle = Path(sys.argv[1])
    found = list(expand([Path(word) for word in sys.argv[2:]]))
    photos = (found * -(-PHOTOS // len(found)))[: max(PHOTOS, len(found))]
    classifier, script = Classifier(bundle, throughput=True), Script(tflite_file(bundle), bundle / "labels.txt")
    times = times_of({"script": lambda: script.run(photos), "ours": lambda: _ours(classifier, photos)}, ROUNDS)
    figure, processor = median_ratio(times["script"], times["ours"])
    speed = len(photos) / median(times["ours"].clock)
    what = f"times the script's pictures a second (in processor time {processor:.2f}; {len(found)} photos, {speed:.1f} a second)"
    return show(Claim("big-pictures", figure, what, BAR, least=True))


class Script:
    """What a user would write."""

    def __init__(self, model: Path, labels: Path) -> None:
        self.interpreter = Interpreter(str(model), num_threads=allowed_cores())
        self.interpreter.allocate_tensors()
        self.input, self.output = self.interpreter.get_input_details()[0], self.interpreter.get_output_details()[0]
        self.labels = labels.read_text().splitlines()

    def run(self, photos: Iterable[Path]) -> list[str]:
        """The label of each photo."""
        height, width = self.input["shape"][1:3]
        found = []
        for photo in photos:
            pixels = np.asarray(Image.open(photo).convert("RGB").resize((width, height)))
            self.interpreter.set_tensor(self.input["index"], pixels[np.newaxis])
            self.interpreter.invoke()
            found.append(self.labels[self.interpreter.get_tensor(self.output["index"])[0].argmax()])
        return found


def _ours(classifier: Classifier, photos: Iterable[Path]) -> None:
    for photo, answer in answer_pictures(classifier.answer, classifier.preprocessing, photos, streams=classifier.streams):
        if not isinstance(answer, tuple):
            raise SystemExit(f"{photo}: {answer}")


if __name__ == "__main__":
    run(__spec__.name, main)
