"""Runs the script that a user would write at first with ONNX Runtime.

Pillow squashes the image to the model's size, and labels.txt beside the model names the class.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image


def load(model: str, threads: int) -> Callable[[str], str]:
    """Returns a function from an image file to its label, for models that take uint8 pixels."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (pixels_in,), scores_out = session.get_inputs(), session.get_outputs()[0].name
    _, height, width, _ = pixels_in.shape
    labels = Path(model).with_name("labels.txt").read_text().splitlines()

    def classify(image: str) -> str:
        pixels = np.asarray(Image.open(image).convert("RGB").resize((width, height)))
        scores = session.run([scores_out], {pixels_in.name: pixels[np.newaxis]})[0]
        return labels[int(scores.argmax())]

    return classify
