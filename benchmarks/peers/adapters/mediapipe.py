"""Runs MediaPipe's `ImageClassifier`.

It reads labels and normalization from the metadata in the `.tflite` file.
"""

from collections.abc import Callable

import mediapipe as mp
from mediapipe.tasks.python import BaseOptions, vision


def load(model: str, threads: int) -> Callable[[str], str]:
    """Returns a function from an image file to its label.

    MediaPipe takes no number of threads and decides itself.
    """
    options = vision.ImageClassifierOptions(
        base_options=BaseOptions(model_asset_path=model), max_results=3
    )
    classifier = vision.ImageClassifier.create_from_options(options)

    def classify(image: str) -> str:
        result = classifier.classify(mp.Image.create_from_file(image))
        return str(result.classifications[0].categories[0].category_name)

    return classify
