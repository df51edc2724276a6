"""TFLite Metadata: the flatbuffer in which a TFLite file says what its picture and its scores are.

Field numbers are those of TensorFlow Lite's metadata_schema.fbs (file identifier M001); `export` writes the same.
"""

import struct
from dataclasses import dataclass

from runtime.flatbuffer import byte, field, floats, root, table_at, tables, text
from runtime.tflite_file import read_metadata_buffer

NAME = "TFLITE_METADATA"
SUBGRAPHS = 3
INPUTS, OUTPUTS = 2, 3
PROCESS_UNITS, FILES = 4, 6
UNIT_TYPE, UNIT_OPTIONS, NORMALIZATION_OPTIONS = 0, 1, 1
MEAN, STD = 0, 1
FILE_NAME, FILE_TYPE, FILE_LOCALE, TENSOR_AXIS_LABELS = 0, 2, 3, 2


@dataclass(frozen=True)
class TFLiteMetadata:
    """The name of the labels file in the zip archive behind the model, or ""; and what becomes of a pixel, (pixel - mean) / std.

    mean and std have one number or one a channel, and are empty where the metadata do not say.
    """

    labels_file: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


def read_tflite_metadata(content: bytes) -> TFLiteMetadata | None:
    """What the metadata of a TFLite model say, or None where it has none, or damaged ones."""
    buffer = read_metadata_buffer(content, NAME)
    if buffer[4:8] != b"M001":
        return None
    try:
        (graph, *_) = tables(buffer, root(buffer), SUBGRAPHS)
        mean, std = _normalisation(buffer, graph)
        return TFLiteMetadata(_labels_file(buffer, graph), mean, std)
    except (ValueError, IndexError, struct.error):
        return None


def _normalisation(buffer: bytes, graph: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    for tensor in tables(buffer, graph, INPUTS)[:1]:
        for unit in tables(buffer, tensor, PROCESS_UNITS):
            options = table_at(buffer, unit, UNIT_OPTIONS)
            if byte(buffer, unit, UNIT_TYPE) == NORMALIZATION_OPTIONS and options is not None:
                return floats(buffer, options, MEAN), floats(buffer, options, STD)
    return (), ()


def _labels_file(buffer: bytes, graph: int) -> str:
    """Of several, as one a language, the one that names no language, else the first."""
    found = [
        file
        for tensor in tables(buffer, graph, OUTPUTS)[:1]
        for file in tables(buffer, tensor, FILES)
        if byte(buffer, file, FILE_TYPE) == TENSOR_AXIS_LABELS
    ]
    plain = [file for file in found if field(buffer, file, FILE_LOCALE) is None]
    return text(buffer, (plain or found)[0], FILE_NAME) if found else ""
