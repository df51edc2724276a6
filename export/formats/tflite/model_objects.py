"""Reads a TFLite flatbuffer as objects that can be changed, and writes them again.

The objects are those of TensorFlow Lite's schema, as LiteRT's package brings them. Its own writer
loses the 16-byte alignment of the weights, so the buffers are written here.
"""

import zipfile
from io import BytesIO
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

IDENTIFIER = b"TFL3"
ALIGNMENT = 16
"""Of the weights, in bytes: the schema asks for it, and kernels read the weights in place."""


class AlignedBuffer(schema.BufferT):  # type: ignore[misc]
    """A buffer whose bytes begin at a multiple of ALIGNMENT."""

    def Pack(self, builder: flatbuffers.Builder) -> int:
        """Writes the buffer; returns its offset."""
        data = b"" if self.data is None else np.asarray(self.data, np.uint8).tobytes()
        offset = None
        if data:
            builder.StartVector(1, len(data), ALIGNMENT)
            builder.head -= len(data)
            builder.Bytes[builder.head : builder.head + len(data)] = data
            offset = builder.EndVector()
        schema.BufferStart(builder)
        if offset is not None:
            schema.BufferAddData(builder, offset)
        place: int = schema.BufferEnd(builder)
        return place


def read_model(content: bytes) -> Any:
    """Returns the `ModelT` of a TFLite flatbuffer; what follows the flatbuffer is left out."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    model.buffers = [new_buffer(buffer.data) for buffer in model.buffers]
    return model


def write_model(model: Any) -> bytes:
    """Returns the flatbuffer of a `ModelT`."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def new_buffer(data: Any) -> AlignedBuffer:
    """Returns a buffer of these bytes, or an empty one for None."""
    buffer = AlignedBuffer()
    buffer.data = data
    return buffer


def zip_start(content: bytes) -> int:
    """Returns where the zip begins that TFLite Metadata appends to the flatbuffer, if it has one.

    Without a zip it is the length of the file.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            return min(member.header_offset for member in archive.infolist())
    except zipfile.BadZipFile:
        return len(content)


def add_metadata(content: bytes, name: str, data: bytes) -> bytes:
    """Returns the TFLite model with `data` in a new metadata buffer called `name`."""
    model = read_model(content)
    entry = schema.MetadataT()
    entry.name, entry.buffer = name, len(model.buffers)
    model.buffers.append(new_buffer(np.frombuffer(data, np.uint8)))
    model.metadata = [*(model.metadata or []), entry]
    return write_model(model)
