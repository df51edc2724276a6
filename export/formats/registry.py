"""Lists the formats of model files: how each is converted and checked, and what it offers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from runtime.system.lazy_loading import LazyObject


class Conversion(NamedTuple):
    """Holds the content of a model file, and what its user should know about it."""

    content: bytes
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """Describes one format. Its name in FORMATS is also the suffix of its files.

    convert: loads (model, spec, calibration, manifest) -> Conversion of a Keras model.
    convert_onnx: the same for an `OnnxModel`. Without it no such model becomes files of the format.
    with_manifest: loads (content, manifest) -> bytes, the same file with another manifest inside.
    with_features, with_similarity: load (content) -> bytes | None and (content, prototypes) ->
        bytes, the same file with a second output (`workstation.similarity`). Without them the files
        of a format have no similarities.
    check_target: loads (file, content, target) -> None; it raises InputRefused if the target
        runtime cannot read the file.
    precisions: what `convert` can make, the default first.
    runtimes: the packages in targets.jsonl that run such files.
    default_target: the runtime that a file must run on if the user names none; "": none.
    layer_errors: loads (model, calibration, spec) -> list[LayerError]. Only with it can a format
        offer the precisions `mixed` and `auto`, which leave the worst layers in float.
    layer_errors_onnx: the same for an `OnnxModel`.
    fallbacks: the precisions that `auto` tries last, from the smallest file to the most exact.
    max_float_layers: the layers that `auto` leaves in float at most; each attempt costs one
        conversion and one pass over the test images. float_layers_growth: by what their number
        grows from one attempt to the next; with 1 it grows by one.
    fine_tunes: whether quantization-aware fine-tuning of the Keras model may come before the
        conversion. Cross-layer equalization always may, because the model stays the same function.
    other_io: each `--io` beside uint8, with the precisions that it goes with.
    max_batch: the most images a call.
    """

    convert: LazyObject
    with_manifest: LazyObject
    check_target: LazyObject
    precisions: tuple[str, ...]
    convert_onnx: LazyObject | None = None
    with_features: LazyObject | None = None
    with_similarity: LazyObject | None = None
    runtimes: tuple[str, ...] = ()
    default_target: str = ""
    layer_errors: LazyObject | None = None
    layer_errors_onnx: LazyObject | None = None
    fallbacks: tuple[str, ...] = ()
    max_float_layers: int = 6
    float_layers_growth: int = 1
    fine_tunes: bool = False
    other_io: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    max_batch: int = 1


def _load_later(target: str) -> LazyObject:
    return LazyObject(f"export.formats.{target}", extra="export")


ONNX_PRECISIONS = ("fp32", "int8", "fp16", "dynamic")

FORMATS = {
    "tflite": Format(
        convert=_load_later("tflite.convert:convert"),
        with_manifest=_load_later("tflite.convert:with_manifest"),
        with_features=_load_later("tflite.similarity:with_features"),
        with_similarity=_load_later("tflite.similarity:with_similarity"),
        check_target=_load_later("tflite.target_check:check_target"),
        precisions=("int8", "fp32", "fp16", "dynamic", "int16x8"),
        runtimes=("ai-edge-litert", "tflite-runtime"),
        default_target="ai-edge-litert==2.3",
        layer_errors=_load_later("tflite.layer_errors:layer_errors"),
        fallbacks=("dynamic", "fp16", "fp32", "int16x8"),  # int16x8 is many times slower
        fine_tunes=True,
        other_io={"int8": ("int8",)},
    ),
    "onnx": Format(
        convert=_load_later("onnx.from_keras:convert"),
        convert_onnx=_load_later("onnx.from_onnx:convert"),
        with_manifest=_load_later("onnx.metadata:with_manifest"),
        with_features=_load_later("onnx.similarity:with_features"),
        with_similarity=_load_later("onnx.similarity:with_similarity"),
        check_target=_load_later("onnx.target_check:check_target"),
        precisions=ONNX_PRECISIONS,
        runtimes=("onnxruntime",),
        default_target="onnxruntime==1.31",
        layer_errors=_load_later("onnx.from_keras:layer_errors"),
        layer_errors_onnx=_load_later("onnx.from_onnx:layer_errors"),
        fallbacks=("dynamic", "fp32"),  # fp16 is slower than fp32
        max_float_layers=64,  # a graph has several nodes where Keras has one layer
        float_layers_growth=2,
        other_io={"float": (*ONNX_PRECISIONS, "mixed")},
        max_batch=1024,
    ),
}
"""The default targets are what the README promises and pyproject.toml installs, in the oldest
version."""
