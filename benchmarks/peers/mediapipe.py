"""MediaPipe's `ImageClassifier`, which reads labels and normalisation from the metadata in the `.tflite`."""

from collections.abc import Callable

import mediapipe as mp
from mediapipe.tasks.python import BaseOptions, vision


def load(model: str, threads: int) -> Callable[[str], str]:
    """From a picture file to its label. MediaPipe takes no number of threads and decides itself."""
    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=model), max_results=3)
    classifier = vision.ImageClassifier.create_from_options(options)
    return lambda picture: str(classifier.classify(mp.Image.create_from_file(picture)).classifications[0].categories[0].category_name)
