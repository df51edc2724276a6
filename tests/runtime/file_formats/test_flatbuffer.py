"""Tests the flatbuffer reader against the flatbuffers package, and on damaged bytes."""

import flatbuffers
import numpy as np
import pytest

from runtime.file_formats import flatbuffer


def _content() -> bytes:
    builder = flatbuffers.Builder(0)
    name = builder.CreateString("naïve")
    numbers = builder.CreateNumpyVector(np.array([-1, 7], np.int32))
    values = builder.CreateNumpyVector(np.array([0.5, -2], np.float32))
    builder.StartObject(1)
    builder.PrependUint32Slot(0, 9, 0)
    inner = builder.EndObject()
    builder.StartVector(4, 1, 4)
    builder.PrependUOffsetTRelative(inner)
    children = builder.EndVector()
    builder.StartObject(8)
    for slot, part in ((0, name), (1, numbers), (2, values), (3, children)):
        builder.PrependUOffsetTRelativeSlot(slot, part, 0)
    builder.PrependUint8Slot(4, 200, 0)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())


def _read(content: bytes) -> list[object]:
    table = flatbuffer.root(content)
    found: list[object] = [
        flatbuffer.text(content, table, 0),
        flatbuffer.integers(content, table, 1),
        flatbuffer.floats(content, table, 2),
    ]
    found += [
        flatbuffer.unsigned(content, child, 0) for child in flatbuffer.tables(content, table, 3)
    ]
    return [
        *found,
        flatbuffer.byte(content, table, 4),
        flatbuffer.unsigned(content, table, 6, 5),
        flatbuffer.text(content, table, 7),
    ]


def test_reads_what_the_flatbuffers_package_wrote() -> None:
    assert _read(_content()) == ["naïve", [-1, 7], (0.5, -2.0), 9, 200, 5, ""]


def test_damaged_bytes_raise_the_documented_errors_soon() -> None:
    content, generator, raised = _content(), np.random.default_rng(4), 0
    for number in range(2000):
        broken = (
            bytearray(content[: int(generator.integers(1, len(content)))])
            if number % 4 == 0
            else bytearray(content)
        )
        for _ in range(2):
            broken[int(generator.integers(len(broken)))] = int(generator.integers(256))
        try:
            _read(bytes(broken))
        except (ValueError, IndexError, flatbuffer.struct.error):
            raised += 1
    assert 200 < raised < 2000


def test_vector_longer_than_the_file_is_refused_before_it_is_read() -> None:
    content = bytearray(_content())
    table = flatbuffer.root(content)
    place = flatbuffer.table_at(content, table, 1)
    content[place : place + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(ValueError, match="past the end"):
        flatbuffer.integers(bytes(content), table, 1)
