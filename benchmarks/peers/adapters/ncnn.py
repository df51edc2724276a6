"""Runs the script that a user would write at first with ncnn, on the files that pnnx made of ours.

Pillow squashes the image to the model's size, and labels.txt beside the model names the class.
"""

import json
from collections.abc import Callable
from pathlib import Path

import ncnn
import numpy as np
from PIL import Image


def load(model: str, threads: int) -> Callable[[str], str]:
    """Returns a function from an image file to its label."""
    network = ncnn.Net()
    network.opt.num_threads = threads
    network.load_param(model)
    network.load_model(f"{model}.bin")
    entrance, exit_ = network.input_names()[0], network.output_names()[0]
    labels = Path(model).with_name("labels.txt").read_text().splitlines()
    wanted = json.loads(Path(model).with_name("manifest.json").read_text())["preprocessing"]
    width, height = wanted["width"], wanted["height"]

    def classify(image: str) -> str:
        pixels = np.asarray(Image.open(image).convert("RGB").resize((width, height)))
        planes = ncnn.Mat.from_pixels(pixels, ncnn.Mat.PixelType.PIXEL_RGB, width, height)
        planes.substract_mean_normalize([], [1 / 255] * 3)
        extractor = network.create_extractor()
        extractor.input(entrance, planes)
        return labels[int(np.asarray(extractor.extract(exit_)[1]).argmax())]

    return classify
