"""The script one writes at first: Pillow squashes the picture to the model's size, LiteRT runs it, labels.txt beside the model names it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image


def load(model: str, threads: int) -> Callable[[str], str]:
    """From a picture file to its label; for models that take uint8 pixels as they are."""
    interpreter = Interpreter(model, num_threads=threads)
    interpreter.allocate_tensors()
    put, got = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    if put["dtype"] != np.uint8:
        raise SystemExit(f"expected a model that takes uint8 pixels, found {np.dtype(put['dtype']).name}")
    _, height, width, _ = put["shape"]
    labels = Path(model).with_name("labels.txt").read_text().splitlines()

    def classify(picture: str) -> str:
        pixels = np.asarray(Image.open(picture).convert("RGB").resize((width, height)))
        interpreter.set_tensor(put["index"], pixels[np.newaxis])
        interpreter.invoke()
        return labels[int(interpreter.get_tensor(got["index"])[0].argmax())]

    return classify
