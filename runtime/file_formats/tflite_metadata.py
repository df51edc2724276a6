"""Reads TFLite Metadata, the flatbuffer that describes the image and the scores of a TFLite file.

Field numbers are those of TensorFlow Lite's metadata_schema.fbs (file identifier M001), which
`export` writes too.
"""

import struct
from dataclasses import dataclass

from runtime.file_formats.flatbuffer import byte, field, floats, root, table_at, tables, text
from runtime.file_formats.tflite import read_metadata_buffer

NAME = "TFLITE_METADATA"
SUBGRAPHS = 3
INPUTS, OUTPUTS = 2, 3
PROCESS_UNITS, FILES = 4, 6
UNIT_TYPE, UNIT_OPTIONS, NORMALIZATION_OPTIONS = 0, 1, 1
MEAN, STD = 0, 1
FILE_NAME, FILE_TYPE, FILE_LOCALE, TENSOR_AXIS_LABELS = 0, 2, 3, 2


@dataclass(frozen=True)
class TFLiteMetadata:
    """Names the labels file and holds the normalization, (pixel - mean) / std.

    labels_file: the name in the zip archive that is appended to the model, or "".
    mean, std: one number, or one per channel; empty if the metadata have none.
    """

    labels_file: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


def read_tflite_metadata(content: bytes) -> TFLiteMetadata | None:
    """Returns the metadata of a TFLite model; None if it has none, or damaged ones."""
    buffer = read_metadata_buffer(content, NAME)
    if buffer[4:8] != b"M001":
        return None
    try:
        (graph, *_) = tables(buffer, root(buffer), SUBGRAPHS)
        mean, std = _normalization(buffer, graph)
        return TFLiteMetadata(_labels_file(buffer, graph), mean, std)
    except (ValueError, IndexError, struct.error):
        return None


def _normalization(buffer: bytes, graph: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    for tensor in tables(buffer, graph, INPUTS)[:1]:
        for unit in tables(buffer, tensor, PROCESS_UNITS):
            options = table_at(buffer, unit, UNIT_OPTIONS)
            if byte(buffer, unit, UNIT_TYPE) == NORMALIZATION_OPTIONS and options is not None:
                return floats(buffer, options, MEAN), floats(buffer, options, STD)
    return (), ()


def _labels_file(buffer: bytes, graph: int) -> str:
    """Returns the file without a language if there is one file per language, else the first."""
    files = [
        file
        for tensor in tables(buffer, graph, OUTPUTS)[:1]
        for file in tables(buffer, tensor, FILES)
        if byte(buffer, file, FILE_TYPE) == TENSOR_AXIS_LABELS
    ]
    without_locale = [file for file in files if field(buffer, file, FILE_LOCALE) is None]
    for file in (*without_locale, *files):
        return text(buffer, file, FILE_NAME)
    return ""
