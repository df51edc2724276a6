"""Keras -> ONNX in every precision, fed raw uint8 RGB pixels (1, height, width, 3), with the manifest in metadata_props."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from export.formats.onnx_names import rename_everything
from export.kind import Kind
from runtime.backends import EMBEDDED_MANIFEST
from runtime.manifest import Manifest
from runtime.quiet import quiet

OPSET = 17
"""Read by ONNX Runtime from 1.12 on; tf2onnx 1.17 writes up to 18."""
INPUT = "pixels"

Pictures = NDArray[np.uint8]


def convert(model: keras.Model, kind: Kind, calibration: Pictures, manifest: Manifest) -> bytes:
    """The model as an `.onnx` in one file, the same bytes for the same model and calibration.

    Args:
        model: float RGB pixels 0..255 -> probabilities.
        kind: its precision is a key of PRECISIONS.
        calibration: (n, height, width, 3) uint8 RGB, the representative dataset; used for int8 only.
        manifest: written inside.
    """
    with tempfile.TemporaryDirectory() as folder, quiet(1, 2):
        prepared = Path(folder) / "prepared.onnx"
        onnx.save(_from_keras(model), prepared)
        quant_pre_process(
            prepared, prepared, skip_symbolic_shape=True
        )  # folds BatchNorm into the convolutions, which tf2onnx leaves beside depthwise ones
        converted = PRECISIONS[kind.precision](prepared, calibration)
    rename_everything(converted)
    del converted.metadata_props[:]
    onnx.helper.set_model_props(converted, {EMBEDDED_MANIFEST: manifest.to_json()})
    onnx.checker.check_model(converted)
    content: bytes = converted.SerializeToString(deterministic=True)
    return content


def _from_keras(model: keras.Model) -> onnx.ModelProto:
    def from_pixels(pixels: tf.Tensor) -> tf.Tensor:
        return model(tf.cast(pixels, tf.float32), training=False)

    signature = [tf.TensorSpec((1, *model.input_shape[1:]), tf.uint8, name=INPUT)]
    converted, _ = tf2onnx.convert.from_function(tf.function(from_pixels), signature, opset=OPSET)
    return converted


def _fp32(prepared: Path, calibration: Pictures) -> onnx.ModelProto:
    return onnx.load(prepared)


def _fp16(prepared: Path, calibration: Pictures) -> onnx.ModelProto:
    """Half the size; on CPUs usually slower than fp32."""
    return convert_float_to_float16(onnx.load(prepared), keep_io_types=True)


def _dynamic(prepared: Path, calibration: Pictures) -> onnx.ModelProto:
    """Weights in int8, activations quantized anew for each picture: small, and slow where there are convolutions."""
    target = prepared.with_name("dynamic.onnx")
    quantize_dynamic(prepared, target, per_channel=True, weight_type=QuantType.QUInt8)
    return onnx.load(target)


def _int8(prepared: Path, calibration: Pictures) -> onnx.ModelProto:
    """Static QDQ: uint8 activations, int8 weights per channel, of which 7 bits are used.

    With all 8, products of a pair overflow the 16-bit sums of x86 processors without VNNI, and one file gives other labels
    on them than on ARM (ONNX Runtime's documentation of quantization, on saturation).
    """
    target = prepared.with_name("int8.onnx")
    quantize_static(
        prepared,
        target,
        _Reader(calibration),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        calibrate_method=CalibrationMethod.MinMax,
    )
    return onnx.load(target)


PRECISIONS: dict[str, Callable[[Path, Pictures], onnx.ModelProto]] = {"fp32": _fp32, "fp16": _fp16, "dynamic": _dynamic, "int8": _int8}


class _Reader(CalibrationDataReader):
    """The representative dataset, one picture at a time."""

    def __init__(self, calibration: Pictures) -> None:
        self._pictures: Iterator[Any] = iter(calibration)

    def get_next(self) -> dict[str, Pictures] | None:
        pixels = next(self._pictures, None)
        return None if pixels is None else {INPUT: pixels[np.newaxis]}
