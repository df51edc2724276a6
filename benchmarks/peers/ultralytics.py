"""Ultralytics' `YOLO(model, task="classify")(picture)`, on an `.onnx` that carries its metadata: ours does."""

import os
import sys
from collections.abc import Callable

os.environ |= {"YOLO_CONFIG_DIR": sys.prefix, "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}

from ultralytics import YOLO


def load(model: str, threads: int) -> Callable[[str], str]:
    """From a picture file to its label. Ultralytics takes no number of threads and decides itself."""
    classifier = YOLO(model, task="classify")

    def classify(picture: str) -> str:
        result = classifier.predict(picture, verbose=False, save=False, device="cpu")[0]
        return str(result.names[result.probs.top1])

    return classify
