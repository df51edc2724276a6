"""Quantizes a float `.onnx` with the functions of Ultralytics' int8 export.

Its own `export` takes YOLO networks only. These are the functions that it calls in the end: one
takes an `.onnx`, the other a PyTorch module, which onnx2torch makes of the `.onnx`. onnx2torch
reads the axes of a Squeeze while the network runs, which `torch.export` refuses, so a Flatten that
does the same replaces it.
"""

import os
import sys
from pathlib import Path

os.environ |= {"YOLO_CONFIG_DIR": sys.prefix, "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx2torch import convert
from ultralytics.utils.export.litert import torch2litert
from ultralytics.utils.export.onnx import onnx_int8_quantize


def quantize(source: str, images: NDArray[np.uint8], target: str, option: str) -> None:
    """Writes `target`, in the format of its suffix."""
    planes = images.transpose(0, 3, 1, 2)[:, np.newaxis]
    if target.endswith(".onnx"):
        name = onnx.load(source).graph.input[0].name
        onnx_int8_quantize(source, target, planes, lambda image: image.astype(np.float32), name)
        return
    model = onnx.load(source)
    for node in model.graph.node:
        if node.op_type == "Squeeze":
            node.op_type = "Flatten"
            del node.input[1:]
    # It divides pixels by 255 before it calibrates; this network takes 0..255.
    batches = [{"img": torch.from_numpy(255 * image.astype(np.float32))} for image in planes]
    module, example = convert(model), batches[0]["img"] / 255
    made = torch2litert(module, example, target, quantize=8, calibration_dataset=batches)
    Path(made).rename(target)
