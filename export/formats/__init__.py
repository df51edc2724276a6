"""One file per format, one row here."""

from dataclasses import dataclass

from runtime.plugins import Plugin


@dataclass(frozen=True)
class Format:
    """What makes its files.

    convert: loads (model, kind, calibration, manifest) -> bytes. with_manifest: loads (bytes, manifest) -> bytes, the same file with
    another manifest inside. precisions: what it can make, the default first.
    """

    convert: Plugin
    with_manifest: Plugin
    precisions: tuple[str, ...]


FORMATS = {
    "tflite": Format(
        Plugin("export.formats.tflite:convert", extra="export"),
        Plugin("export.formats.tflite:with_manifest", extra="export"),
        ("int8", "fp32", "fp16", "dynamic", "int16x8"),
    ),
    "onnx": Format(
        Plugin("export.formats.onnx:convert", extra="export"),
        Plugin("export.formats.onnx_metadata:with_manifest", extra="export"),
        ("fp32", "int8", "fp16", "dynamic"),
    ),
}
