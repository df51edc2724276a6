"""Keras -> ONNX in every precision, fed raw uint8 RGB pixels (batch, height, width, 3), with the manifest in metadata_props.

Nothing of the pixels' layout is left but one Transpose at the head, of bytes. In int8 what it gives *is* the quantized input, as in
TFLite, where the model begins with a plain normalisation.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnx
import tensorflow as tf
from numpy.typing import NDArray
from onnxruntime.transformers.float16 import convert_float_to_float16

from export.formats.onnx_dynamic import quantize_weights
from export.formats.onnx_graph import body, leave_only_what_is_used, take_pictures
from export.formats.onnx_int8 import quantize
from export.formats.onnx_metadata import write_metadata
from export.formats.onnx_names import rename_everything
from export.formats.onnx_rows import check_rows
from export.kind import Kind
from export.normalisation import split_normalisation
from runtime.errors import InputRefused
from runtime.manifest import Manifest
from runtime.quantization import Quantization
from runtime.quiet import quiet

Pictures = NDArray[np.uint8]


def convert(model: keras.Model, kind: Kind, calibration: Pictures, manifest: Manifest) -> bytes:
    """The model as an `.onnx` in one file, the same bytes for the same model and calibration.

    Args:
        model: float RGB pixels 0..255 -> probabilities.
        kind: its precision is a key of PRECISIONS.
        calibration: (n, height, width, 3) uint8 RGB, the representative dataset; used for int8 only.
        manifest: written inside.

    Raises:
        CheckFailed: a picture's scores depend on its place in the batch.
    """
    with tempfile.TemporaryDirectory() as folder, quiet(1, 2):
        converted = PRECISIONS[kind.precision](model, kind, calibration, Path(folder))
    take_pictures(converted, floats=kind.io == "float")
    leave_only_what_is_used(converted)
    rename_everything(converted)
    write_metadata(converted, manifest, kind.batch)
    onnx.checker.check_model(converted)
    content: bytes = converted.SerializeToString(deterministic=True)
    if kind.batch > 1:
        check_rows(content, calibration)
    return content


def _fp32(model: keras.Model, kind: Kind, calibration: Pictures, scratch: Path) -> onnx.ModelProto:
    return body(model, tf.uint8, kind.batch, scratch)


def _fp16(model: keras.Model, kind: Kind, calibration: Pictures, scratch: Path) -> onnx.ModelProto:
    """Half the size; on CPUs usually slower than fp32."""
    return convert_float_to_float16(_fp32(model, kind, calibration, scratch), keep_io_types=True)


def _dynamic(model: keras.Model, kind: Kind, calibration: Pictures, scratch: Path) -> onnx.ModelProto:
    """Weights in int8: see `export.formats.onnx_dynamic`."""
    return quantize_weights(_fp32(model, kind, calibration, scratch), scratch)


def _int8(model: keras.Model, kind: Kind, calibration: Pictures, scratch: Path) -> onnx.ModelProto:
    """Activations and weights in 8 bits, static: see `export.formats.onnx_int8`."""
    try:
        normalisation, inner = split_normalisation(model)
    except InputRefused:  # no plain normalisation at the head: its arithmetic stays
        prepared = body(model, tf.uint8, kind.batch, scratch)
        return quantize(prepared, calibration, kind, None, scratch)
    prepared = body(inner, tf.float32, kind.batch, scratch)
    return quantize(prepared, calibration, kind, Quantization(normalisation.scale, normalisation.zero_point), scratch)


PRECISIONS: dict[str, Callable[[keras.Model, Kind, Pictures, Path], onnx.ModelProto]] = {
    "fp32": _fp32,
    "fp16": _fp16,
    "dynamic": _dynamic,
    "int8": _int8,
}
