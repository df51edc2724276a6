"""Quantizes a float `.tflite` with ai-edge-quantizer; the option names its algorithm."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe
from numpy.typing import NDArray


def quantize(source: str, images: NDArray[np.uint8], target: str, option: str) -> None:
    """Writes `target` with the library's static int8 recipe."""
    key, signature = next(iter(Interpreter(source).get_signature_list().items()))
    (name,) = signature["inputs"]
    samples = [{name: image[np.newaxis].astype(np.float32)} for image in images]
    work = quantizer.Quantizer(source)
    work.load_quantization_recipe(recipe.static_wi8_ai8(recipe.AlgorithmName[option]))
    work.quantize(work.calibrate({key: samples})).export_model(target)
