"""Runs the script that a user would write at first with OpenVINO, which reads our `.tflite`.

Pillow squashes the image to the model's size, and labels.txt beside the model names the class.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from openvino import Core
from PIL import Image


def load(model: str, threads: int) -> Callable[[str], str]:
    """Returns a function from an image file to its label, for models that take uint8 pixels."""
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    network = Core().compile_model(model, "CPU", settings)
    request = network.create_infer_request()
    _, height, width, _ = network.input(0).shape
    labels = Path(model).with_name("labels.txt").read_text().splitlines()

    def classify(image: str) -> str:
        pixels = np.asarray(Image.open(image).convert("RGB").resize((width, height)))
        request.infer([pixels[np.newaxis]])
        return labels[int(request.get_output_tensor(0).data.argmax())]

    return classify
