"""runtime.backends.onnx: models that are not a uint8 RGB classifier are refused in one sentence."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from runtime.backends.onnx import ONNXBackend
from runtime.errors import InputRefused

MakeModel = Callable[..., Path]


def load(path: Path) -> ONNXBackend:
    return ONNXBackend("small.onnx", path.read_bytes(), 1)


def test_reads_shape_classes_and_metadata_and_answers_float32(onnx_model: MakeModel) -> None:
    backend = load(onnx_model())
    assert (backend.input_shape, backend.classes, list(backend.metadata)) == ((1, 8, 8, 3), 3, ["quince.json"])
    scores = backend.predict(np.full((8, 8, 3), (255, 0, 51), np.uint8))
    assert scores.shape == (3,)
    assert scores.dtype == np.float32
    assert scores.tolist() == pytest.approx([1, 0, 0.2])


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": (1, 8, 8, 4)},
        {"shape": (1, 8, 8)},
        {"shape": (1, 3, 8, 8)},
        {"kind": TensorProto.FLOAT},
        {"kind": TensorProto.INT8},
        {"keepdims": 1},
        {"second_output": True},
    ],
    ids=str,
)
def test_other_inputs_and_outputs_are_refused_with_what_was_found(onnx_model: MakeModel, wrong: dict[str, object]) -> None:
    with pytest.raises(InputRefused, match=r"small\.onnx: expected one (input|output) .*, found .*tensor"):
        load(onnx_model(**wrong))


def test_unknown_operator_is_named(onnx_model: MakeModel) -> None:
    refusal = r"small\.onnx: ONNX Runtime cannot load it: the operator QuantumLayer of the domain 'com\.example' is not one it knows$"
    with pytest.raises(InputRefused, match=refusal):
        load(onnx_model(op="QuantumLayer", domain="com.example"))


def test_weights_in_another_file_are_refused_though_it_lies_there(
    onnx_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = onnx.load(onnx_model())
    onnx.save(model, tmp_path / "outside.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    monkeypatch.chdir(tmp_path)
    assert (tmp_path / "w.bin").exists()
    with pytest.raises(InputRefused, match=r"small\.onnx: the data of its tensor 'factor' lie in another file; save the model as one file"):
        load(tmp_path / "outside.onnx")


def test_several_pictures_a_call_all_get_the_one_picture(onnx_model: MakeModel) -> None:
    backend = load(onnx_model(shape=(4, 8, 8, 3)))
    assert backend.input_shape == (1, 8, 8, 3)
    assert backend.predict(np.full((8, 8, 3), (255, 0, 51), np.uint8)).tolist() == pytest.approx([1, 0, 0.2])


def test_floats_are_taken_only_with_our_manifest(onnx_model: MakeModel) -> None:
    path = onnx_model(shape=(1, 3, 8, 6), kind=TensorProto.FLOAT, axes=(2, 3), factor=255)
    backend = load(path)
    assert backend.input_shape == (1, 8, 6, 3)
    assert backend.predict(np.full((8, 6, 3), (255, 0, 51), np.uint8)).tolist() == pytest.approx([1, 0, 0.2])
    model = onnx.load(path)
    del model.metadata_props[:]
    with pytest.raises(InputRefused, match=r"expected one input uint8 .*, found .*tensor\(float\)"):
        ONNXBackend("small.onnx", model.SerializeToString(), 1)


def test_opset_of_the_future_is_refused(onnx_model: MakeModel) -> None:
    with pytest.raises(InputRefused, match="cannot load it"):
        load(onnx_model(opset=999))


def test_cut_file_is_refused_without_noise(exported: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = (exported / "model.fp32.onnx").read_bytes()
    for end in (10, 1000, len(content) // 2, len(content) - 1):
        with pytest.raises(InputRefused, match="cannot load it"):
            ONNXBackend("cut.onnx", content[:end], 1)
    assert capfd.readouterr() == ("", "")
