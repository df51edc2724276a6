"""Runs the script that a user would write at first.

Pillow squashes the image to the model's size, LiteRT runs it, and labels.txt beside the model names
the class.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image


def load(model: str, threads: int) -> Callable[[str], str]:
    """Returns a function from an image file to its label, for models that take uint8 pixels."""
    interpreter = Interpreter(model, num_threads=threads)
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    if inputs["dtype"] != np.uint8:
        dtype = np.dtype(inputs["dtype"]).name
        raise SystemExit(f"expected a model that takes uint8 pixels, found {dtype}")
    _, height, width, _ = inputs["shape"]
    labels = Path(model).with_name("labels.txt").read_text().splitlines()

    def classify(image: str) -> str:
        pixels = np.asarray(Image.open(image).convert("RGB").resize((width, height)))
        interpreter.set_tensor(inputs["index"], pixels[np.newaxis])
        interpreter.invoke()
        return labels[int(interpreter.get_tensor(outputs["index"])[0].argmax())]

    return classify
