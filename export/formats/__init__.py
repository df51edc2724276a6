"""One file per format, one row here."""

from dataclasses import dataclass

from runtime.plugins import Plugin


@dataclass(frozen=True)
class Format:
    """convert: loads (model, kind, calibration, manifest) -> bytes; precisions: what it can make, the default first."""

    convert: Plugin
    precisions: tuple[str, ...]


FORMATS = {
    "tflite": Format(Plugin("export.formats.tflite:convert", extra="export"), ("int8", "fp32", "fp16", "dynamic", "int16x8")),
    "onnx": Format(Plugin("export.formats.onnx:convert", extra="export"), ("fp32", "int8", "fp16", "dynamic")),
}
