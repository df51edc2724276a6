"""Runs Ultralytics' `YOLO(model, task="classify")(image)`, on an `.onnx` file with its metadata.

Ours has that metadata.
"""

import os
import sys
from collections.abc import Callable

os.environ |= {"YOLO_CONFIG_DIR": sys.prefix, "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}

from ultralytics import YOLO


def load(model: str, threads: int) -> Callable[[str], str]:
    """Returns a function from an image file to its label.

    Ultralytics takes no number of threads and decides itself.
    """
    classifier = YOLO(model, task="classify")

    def classify(image: str) -> str:
        result = classifier.predict(image, verbose=False, save=False, device="cpu")[0]
        return str(result.names[result.probs.top1])

    return classify
