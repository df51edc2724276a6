"""Tests that runtime.backends.litert refuses other models, damaged ones and hostile metadata."""

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from runtime.backends.litert import TFLiteBackend
from runtime.errors import InputRefused
from runtime.file_formats.appended_zip import MAX_TEXT_BYTES
from runtime.models.io_adapter import InputSpec, ModelAdapter
from runtime.models.outputs import second_output

Change = Callable[[schema.ModelT], object]


@pytest.fixture(scope="module")
def content(exported: Path) -> bytes:
    return (exported / "model.int8.tflite").read_bytes()


def rewritten(content: bytes, change: Change) -> bytes:
    model = schema.ModelT.InitFromObj(
        schema.Model.GetRootAs(content[: content.index(b"PK\x03\x04")], 0)
    )
    change(model)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def load(content: bytes) -> TFLiteBackend:
    return TFLiteBackend("some.tflite", content, 1)


def model(content: bytes) -> ModelAdapter:
    """As `export`'s files are read: the pixel is the input."""
    return ModelAdapter("some.tflite", load(content), InputSpec((64, 64), "nhwc"))


def main_graph(model: schema.ModelT) -> schema.SubGraphT:
    return model.subgraphs[0]


def test_reads_shape_classes_and_metadata(content: bytes) -> None:
    backend = load(content)
    assert (str(backend.input), str(backend.output)) == ("uint8 (1, 64, 64, 3)", "float32 (1, 2)")
    assert backend.output.quantization is None
    assert set(backend.metadata) == {"labels.txt", "quince.json"}
    assert backend.metadata["labels.txt"] == "mono\npoly\n"


def test_the_scores_are_probabilities(content: bytes) -> None:
    scores = model(content).predict(np.full((64, 64, 3), 90, np.uint8))
    assert scores.dtype == np.float32
    assert scores.sum() == pytest.approx(1, abs=0.01)
    assert (scores >= 0).all()
    assert (scores <= 1).all()


def test_rewritten_model_still_answers_the_same(content: bytes) -> None:
    """So that the refusals below are refusals of the change and not of the rewriting."""
    pixels = np.full((64, 64, 3), 90, np.uint8)
    assert (
        model(rewritten(content, lambda model: None)).predict(pixels)
        == model(content).predict(pixels)
    ).all()


def test_int8_input_takes_the_pixel_less_128(content: bytes) -> None:
    """The same graph without its first QUANTIZE, which turns uint8 into int8."""

    def change(model: schema.ModelT) -> None:
        graph = main_graph(model)
        (head,) = [one for one in graph.operators if one.inputs[0] == graph.inputs[0]]
        graph.operators.remove(head)
        graph.inputs = [head.outputs[0]]

    bare = rewritten(content, change)
    with pytest.raises(ValueError, match="Got value of type UINT8 but expected type INT8"):
        interpreter = Interpreter(model_content=bare)
        interpreter.allocate_tensors()
        interpreter.set_tensor(
            interpreter.get_input_details()[0]["index"], np.zeros((1, 64, 64, 3), np.uint8)
        )
    pixels = np.random.default_rng(2).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    np.testing.assert_array_equal(model(bare).predict(pixels), model(content).predict(pixels))


def _float_input(model: schema.ModelT) -> None:
    graph = main_graph(model)
    graph.tensors[graph.inputs[0]].type = schema.TensorType.FLOAT32


def _two_outputs(model: schema.ModelT) -> None:
    graph = main_graph(model)
    graph.outputs = [*graph.outputs, graph.operators[0].outputs[0]]


def _four_dimensional_output(model: schema.ModelT) -> None:
    graph = main_graph(model)
    graph.outputs = [graph.operators[0].outputs[0]]


def test_other_outputs_are_refused_with_what_was_found(content: bytes) -> None:
    with pytest.raises(
        InputRefused,
        match=r"some\.tflite: expected the scores and at most the output similarity,"
        r" found .*uint8 \(1, 64, 64, 3\).*int8",
    ):
        second_output("some.tflite", load(rewritten(content, _two_outputs)))
    with pytest.raises(
        InputRefused,
        match=r"some\.tflite: expected one vector of class scores \(1, classes\),"
        r" found an output of \(",
    ):
        model(rewritten(content, _four_dimensional_output))


def test_float_input_is_refused(content: bytes) -> None:
    with pytest.raises(
        InputRefused,
        match=r"some\.tflite: (expected an input of float32, uint8|LiteRT cannot load it)",
    ):
        model(rewritten(content, _float_input))


def test_custom_operator_is_named(content: bytes) -> None:
    def change(model: schema.ModelT) -> None:
        code = model.operatorCodes[main_graph(model).operators[-1].opcodeIndex]
        code.deprecatedBuiltinCode = code.builtinCode = schema.BuiltinOperator.CUSTOM
        code.customCode = b"QuantumLayer"
        for operator in main_graph(model).operators:
            if model.operatorCodes[operator.opcodeIndex] is code:
                operator.builtinOptionsType, operator.builtinOptions = 0, None

    with pytest.raises(InputRefused, match=r"some\.tflite: LiteRT cannot load it: .*QuantumLayer"):
        load(rewritten(content, change))


def test_cut_model_is_refused_without_noise(
    content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = content.index(b"PK\x03\x04")
    for end in (8, 100, 1000, whole // 2, whole - 1):
        with pytest.raises(InputRefused, match="LiteRT cannot load it"):
            load(content[:end])
    assert capfd.readouterr() == ("", "")


def tail(*members: tuple[str, bytes]) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members:
            archive.writestr(name, text)
    return file.getvalue()


def test_compressed_metadata_is_read(content: bytes) -> None:
    model = content[: content.index(b"PK\x03\x04")]
    assert load(model + tail(("quince.json", b"{}"))).metadata == {"quince.json": "{}"}


def test_metadata_that_unpacks_to_more_than_the_limit_is_left_alone(content: bytes) -> None:
    model = content[: content.index(b"PK\x03\x04")]
    bomb = tail(*((f"{number}.txt", bytes(MAX_TEXT_BYTES // 4)) for number in range(5)))
    assert len(bomb) < 50_000
    assert load(model + bomb).metadata == {}


def test_damaged_metadata_is_none_and_no_crash(content: bytes) -> None:
    model, text = (
        content[: content.index(b"PK\x03\x04")],
        np.random.default_rng(1).bytes(3000).hex().encode(),
    )
    good, found = tail(("quince.json", text)), set()
    for place in range(45, len(good) - 80, 37):
        broken = bytearray(good)
        broken[place] ^= 0xFF
        found |= set(load(model + bytes(broken)).metadata)
    assert found == set(), "the checksum of a zip member is looked at"
