"""Classifies pictures on the device, with nothing but the runtime: a script of its own, which the emulated Python is given by path.

Takes the path of a JSON object: files (model files), pictures (files). Prints one JSON list a picture: for each model file its scores.
"""

import json
import sys
from pathlib import Path

from runtime.classifier import Classifier
from runtime.opening import read_picture
from runtime.preprocess import preprocess


def main(job: Path) -> None:
    """Does the job, a picture at a time."""
    asked = json.loads(job.read_text())
    classifiers = [Classifier(Path(file), threads=1) for file in asked["files"]]
    for picture in asked["pictures"]:
        content = read_picture(Path(picture))
        answers = [classifier.scores(preprocess(content, classifier.preprocessing)).tolist() for classifier in classifiers]
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
