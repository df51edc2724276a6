"""Runs the script that a user would write at first with ExecuTorch, on the `.pte` of our network.

Pillow squashes the image to the model's size, and labels.txt beside the model names the class.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from executorch.runtime import Runtime
from PIL import Image


def load(model: str, threads: int) -> Callable[[str], str]:
    """Returns a function from an image file to its label."""
    torch.set_num_threads(threads)
    forward = Runtime.get().load_program(model).load_method("forward")
    labels = Path(model).with_name("labels.txt").read_text().splitlines()
    wanted = json.loads(Path(model).with_name("manifest.json").read_text())["preprocessing"]
    size = wanted["width"], wanted["height"]

    def classify(image: str) -> str:
        pixels = np.asarray(Image.open(image).convert("RGB").resize(size), np.float32) / 255
        planes = torch.from_numpy(pixels.transpose(2, 0, 1)[np.newaxis].copy())
        return labels[int(forward.execute([planes])[0].argmax())]

    return classify
