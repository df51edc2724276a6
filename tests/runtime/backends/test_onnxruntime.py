"""Tests that runtime.backends.onnxruntime refuses other models in one sentence."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from runtime import Classifier
from runtime.backends.onnxruntime import ONNXBackend
from runtime.errors import InputRefused
from runtime.models.model_spec import ModelSpec

MakeModel = Callable[..., Path]


def load(path: Path) -> ONNXBackend:
    return ONNXBackend("small.onnx", path.read_bytes(), 1)


def test_reads_shape_classes_and_metadata_and_answers_float32(onnx_model: MakeModel) -> None:
    backend = load(onnx_model())
    assert (str(backend.input), str(backend.output), list(backend.metadata)) == (
        "uint8 (1, 8, 8, 3)",
        "float32 (1, 3)",
        ["quince.json"],
    )
    (scores,) = backend.run(np.full((1, 8, 8, 3), (255, 0, 51), np.uint8))
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
        {"second_output": True},
    ],
    ids=str,
)
def test_other_inputs_and_outputs_are_refused_with_what_was_found(
    onnx_model: MakeModel, wrong: dict[str, object]
) -> None:
    with pytest.raises(
        InputRefused,
        match=r"small\.onnx: (expected|its input is)"
        r" .*(\(1, \d, \d.*\)|int8 \(1, 8, 8, 3\)|tensor)",
    ):
        Classifier(onnx_model(**wrong))


def test_unknown_operator_is_named(onnx_model: MakeModel) -> None:
    refusal = (
        r"small\.onnx: ONNX Runtime cannot load it:"
        r" it does not know the operator QuantumLayer of the domain 'com\.example'$"
    )
    with pytest.raises(InputRefused, match=refusal):
        load(onnx_model(op="QuantumLayer", domain="com.example"))


def test_weights_in_another_file_are_refused_though_it_lies_there(
    onnx_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = onnx.load(onnx_model())
    onnx.save(
        model,
        tmp_path / "outside.onnx",
        save_as_external_data=True,
        location="w.bin",
        size_threshold=0,
    )
    monkeypatch.chdir(tmp_path)
    assert (tmp_path / "w.bin").exists()
    with pytest.raises(
        InputRefused,
        match=r"small\.onnx: the data of its tensor 'factor' lie in another file;"
        r" save the model as one file",
    ):
        load(tmp_path / "outside.onnx")


def test_several_images_a_call_all_get_the_one_image(onnx_model: MakeModel) -> None:
    classifier = Classifier(onnx_model(shape=(4, 8, 8, 3)))
    assert classifier.scores(np.full((8, 8, 3), (255, 0, 51), np.uint8)).tolist() == pytest.approx(
        [1, 0, 0.2]
    )


def test_floats_are_in_0_to_1_only_with_our_manifest(onnx_model: MakeModel) -> None:
    path = onnx_model(shape=(1, 3, 8, 8), kind=TensorProto.FLOAT, axes=(2, 3), factor=255)
    assert Classifier(path).scores(
        np.full((8, 8, 3), (255, 0, 51), np.uint8)
    ).tolist() == pytest.approx([1, 0, 0.2])
    model = onnx.load(path)
    del model.metadata_props[:]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputRefused, match="takes float32 and does not state how to normalize"):
        Classifier(path, spec=ModelSpec(("a", "b", "c")))


def test_content_of_the_file_is_not_kept(exported: Path) -> None:
    content = (exported / "model.fp32.onnx").read_bytes()
    before = sys.getrefcount(content)
    backend = ONNXBackend("model.onnx", content, 1)
    assert sys.getrefcount(content) == before
    assert backend.run(np.zeros((1, *backend.input.shape[1:]), np.uint8)).shape == (1, 2)


def test_opset_of_the_future_is_refused(onnx_model: MakeModel) -> None:
    with pytest.raises(InputRefused, match="cannot load it"):
        load(onnx_model(opset=999))


def test_cut_file_is_refused_without_noise(
    exported: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content = (exported / "model.fp32.onnx").read_bytes()
    for end in (10, 1000, len(content) // 2, len(content) - 1):
        with pytest.raises(InputRefused, match="cannot load it"):
            ONNXBackend("cut.onnx", content[:end], 1)
    assert capfd.readouterr() == ("", "")


def test_onnx_runtime_is_told_not_to_report_and_does_not_complain_of_a_home_it_cannot_write_to(
    onnx_model, photo: Path, run_cli
) -> None:
    """Without ORT_DISABLE_TELEMETRY it writes a warning to standard error there (FAULTS R20)."""
    done = run_cli(
        "runtime", "predict", onnx_model(), photo, env={"HOME": "/sys", "XDG_CACHE_HOME": "/sys"}
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text", [b"red", b"pixels", b"quince.json"], ids=["value", "input", "key"])
def test_text_that_is_not_utf_8_is_refused(
    onnx_model: MakeModel, run_cli, refuses, photo: Path, text: bytes
) -> None:
    """Of the same length, so that the file stays whole: ONNX Runtime itself takes any bytes."""
    path = onnx_model()
    path.write_bytes(path.read_bytes().replace(text, b"\xff" + text[1:]))
    for words in (("predict", path, photo), ("info", path)):
        refuses(run_cli("runtime", *words), 2, "small.onnx", "not UTF-8")
