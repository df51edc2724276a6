"""Writes TFLite Metadata, from which MediaPipe, ML Kit and Netron read a model's labels and input.

It is a flatbuffer with the labels, the colours and the normalization. Field numbers are those of
TensorFlow Lite's metadata_schema.fbs (file identifier M001), written with plain flatbuffers.
"""

from collections.abc import Callable

from flatbuffers import Builder

from export.graph.input_quantization import InputQuantization
from runtime.models.manifest import Manifest
from runtime.models.outputs import SIMILARITY

METADATA_NAME = "TFLITE_METADATA"
LABELS_FILE = "labels.txt"
IDENTIFIER = b"M001"
MIN_PARSER_VERSION = "1.0.0"
TENSOR_AXIS_LABELS = 2
"""A value of the enum AssociatedFileType."""
COLOURS = {3: 1, 1: 2}
"""The values of the enum ColorSpaceType for RGB and grey, by the number of channels."""
FEATURE_PROPERTIES, IMAGE_PROPERTIES = 1, 2
"""Values of the union ContentProperties."""
NORMALIZATION_OPTIONS = 1
"""A value of the union ProcessUnitOptions."""

AddField = Callable[[], None]
"""Writes one field of the table that the builder has started."""


def metadata_buffer(
    manifest: Manifest, normalization: InputQuantization, *, similarity: bool = False
) -> bytes:
    """Returns the ModelMetadata of a classifier of one image, with one probability a label.

    With `similarity` it has a second output, the similarity to each class, with the same labels.

    `normalization` gives the model's real-valued input of a pixel: value = (pixel - mean) / std.
    """
    b, channels = Builder(1024), manifest.preprocessing.channels
    mean, std = _floats(b, [normalization.zero_point]), _floats(b, [1 / normalization.scale])
    options = _table(
        b,
        2,
        {
            0: lambda: b.PrependUOffsetTRelativeSlot(0, mean, 0),
            1: lambda: b.PrependUOffsetTRelativeSlot(1, std, 0),
        },
    )
    unit = _union(b, 2, 0, NORMALIZATION_OPTIONS, options)
    size = _table(
        b,
        2,
        {
            0: lambda: b.PrependUint32Slot(0, manifest.preprocessing.width, 0),
            1: lambda: b.PrependUint32Slot(1, manifest.preprocessing.height, 0),
        },
    )
    properties = _table(
        b,
        2,
        {
            0: lambda: b.PrependInt8Slot(0, COLOURS[channels], 0),
            1: lambda: b.PrependUOffsetTRelativeSlot(1, size, 0),
        },
    )
    image = _tensor(
        b,
        "image",
        f"the upright image, {'RGB' if channels == 3 else 'grey'}",
        _union(b, 3, 0, IMAGE_PROPERTIES, properties),
        process_units=[unit],
    )

    described = [("probability", "of each class")]
    if similarity:
        described.append((SIMILARITY, "to the training images of each class, a cosine"))
    inputs = _vector(b, [image])
    outputs = _vector(b, [_labelled_output(b, *output) for output in described])
    subgraph = _table(b, 10, _offsets(b, {2: inputs, 3: outputs}))
    model = _strings(
        b, {0: manifest.name, 1: "image classifier, made with Quince", 7: MIN_PARSER_VERSION}
    )
    model[3] = _vector(b, [subgraph])
    b.Finish(_table(b, 8, _offsets(b, model)), IDENTIFIER)
    return bytes(b.Output())


def _tensor(
    b: Builder,
    name: str,
    description: str,
    content: int,
    process_units: list[int] | None = None,
    associated_files: list[int] | None = None,
) -> int:
    parts = _strings(b, {0: name, 1: description})
    parts[3] = content
    if process_units:
        parts[4] = _vector(b, process_units)
    if associated_files:
        parts[6] = _vector(b, associated_files)
    return _table(b, 7, _offsets(b, parts))


def _table(b: Builder, slots: int, fields: dict[int, AddField]) -> int:
    b.StartObject(slots)
    for add in fields.values():
        add()
    return int(b.EndObject())


def _labelled_output(b: Builder, name: str, description: str) -> int:
    labels = _strings(b, {0: LABELS_FILE, 1: "class names in output order"})
    file = _table(
        b, 5, {**_offsets(b, labels), 2: lambda: b.PrependInt8Slot(2, TENSOR_AXIS_LABELS, 0)}
    )
    properties = _union(b, 3, 0, FEATURE_PROPERTIES, _table(b, 0, {}))
    return _tensor(b, name, description, properties, associated_files=[file])


def _union(b: Builder, slots: int, slot: int, member: int, value: int) -> int:
    """Writes a table with a union field: its member at `slot` and its value at `slot + 1`."""
    b.StartObject(slots)
    b.PrependUint8Slot(slot, member, 0)
    b.PrependUOffsetTRelativeSlot(slot + 1, value, 0)
    return int(b.EndObject())


def _offsets(b: Builder, parts: dict[int, int]) -> dict[int, AddField]:
    def field(slot: int, part: int) -> AddField:
        return lambda: b.PrependUOffsetTRelativeSlot(slot, part, 0)

    return {slot: field(slot, part) for slot, part in parts.items()}


def _strings(b: Builder, texts: dict[int, str]) -> dict[int, int]:
    return {slot: b.CreateString(text) for slot, text in texts.items()}


def _vector(b: Builder, tables: list[int]) -> int:
    b.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        b.PrependUOffsetTRelative(table)
    return int(b.EndVector())


def _floats(b: Builder, values: list[float]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependFloat32(value)
    return int(b.EndVector())
