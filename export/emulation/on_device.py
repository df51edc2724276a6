"""Scores images on the device with nothing but the runtime; the emulated Python runs this script.

Takes the path of a JSON object with files (model files) and images (image files). Prints one JSON
list for each image: the scores of each model file.
"""

import json
import sys
from pathlib import Path

from runtime.classifier import Classifier
from runtime.images.decoding import read_image
from runtime.images.preprocessing import preprocess


def main(job_path: Path) -> None:
    """Prints the scores, one image after another."""
    job = json.loads(job_path.read_text())
    classifiers = [Classifier(Path(file), threads=1, checked=True) for file in job["files"]]
    for image in job["images"]:
        content = read_image(Path(image))
        scores = [
            classifier.scores(preprocess(content, classifier.preprocessing)).tolist()
            for classifier in classifiers
        ]
        print(json.dumps(scores), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
