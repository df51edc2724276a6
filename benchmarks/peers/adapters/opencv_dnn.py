"""Runs OpenCV's DNN module on our `.onnx`, which takes the pixels as OpenCV resizes them.

labels.txt beside the model names the class.
"""

import json
from collections.abc import Callable
from pathlib import Path

import cv2


def load(model: str, threads: int) -> Callable[[str], str]:
    """Returns a function from an image file to its label, for models that take uint8 pixels."""
    cv2.setNumThreads(threads)
    network = cv2.dnn.readNetFromONNX(model)
    outputs = network.getUnconnectedOutLayersNames()
    labels = Path(model).with_name("labels.txt").read_text().splitlines()
    wanted = json.loads(Path(model).with_name("manifest.json").read_text())["preprocessing"]
    size = wanted["width"], wanted["height"]

    def classify(image: str) -> str:
        pixels = cv2.imread(image)
        if pixels is None:
            raise ValueError("no image")
        pixels = cv2.cvtColor(cv2.resize(pixels, size), cv2.COLOR_BGR2RGB)
        network.setInput(pixels[None])
        return labels[int(network.forward(outputs)[0].argmax())]

    return classify
