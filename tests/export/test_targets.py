"""export.targets: which runtime reads which file, by tables that the runtimes themselves gave."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from export.formats import onnx as onnx_format
from export.formats import tflite
from export.formats.tflite_file import operators
from export.kind import Kind
from export.targets import DEFAULTS, FULLY_CONNECTED, check_targets, choose_targets, known_targets, of_format
from export.targets_probe import probe
from runtime.errors import InputRefused

OLD = "tflite-runtime==2.14"


def test_default_targets_are_those_of_the_formats_that_are_made() -> None:
    assert choose_targets((), ["tflite", "onnx"]) == DEFAULTS
    assert choose_targets((), ["onnx"]) == ("onnxruntime==1.31",)


def test_a_named_target_takes_the_place_of_the_default_of_its_format_only() -> None:
    assert choose_targets(["tflite-runtime==2.14.0", OLD], ["tflite", "onnx"]) == (OLD, "onnxruntime==1.31")


def test_unknown_target_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputRefused, match=r"tflite-runtime==2\.4: no such target; there are .*did you mean 'tflite-runtime==2\.14'\?"):
        choose_targets(["tflite-runtime==2.4"], ["tflite"])


def test_target_of_a_format_that_is_not_made_is_refused() -> None:
    with pytest.raises(InputRefused, match=r"--target onnxruntime==1\.16: runs \.onnx files, and none is made here"):
        choose_targets(["onnxruntime==1.16"], ["tflite"])


@pytest.mark.parametrize(("package", "name"), [("ai_edge_litert", "ai-edge-litert"), ("onnxruntime", "onnxruntime")])
def test_table_says_what_the_runtime_installed_here_says(package: str, name: str) -> None:
    found = probe(package)
    version = ".".join(found["package"].split()[1].split(".")[:2])
    target = known_targets()[f"{name}=={version}"]
    assert target.operators == {int(code): tuple(row) for code, row in found.get("operators", {}).items()}
    assert (target.opset, target.ir) == (found.get("opset", 0), found.get("ir", 0))


def test_newer_runtimes_read_no_less() -> None:
    for package in ("ai-edge-litert", "onnxruntime"):
        rows = [target for name, target in known_targets().items() if name.startswith(package)]
        for older, newer in pairwise(rows):
            assert older.opset <= newer.opset
            assert all(newer.operators[code][1] >= version for code, (_, version) in older.operators.items())


@pytest.fixture(scope="module")
def dynamic(manifest):
    """A .tflite with a Dense layer large enough to be quantized, for the given targets."""
    import keras
    from keras import layers

    inputs = keras.Input((64, 64, 3))
    x = layers.Conv2D(32, 3, strides=16)(layers.Rescaling(1 / 128, -127 / 128)(inputs))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.Dense(64)(layers.Flatten()(x))))

    def make(*targets: str) -> bytes:
        return tflite.convert(model, Kind("tflite", "dynamic", targets=targets), None, manifest)

    return make


def test_operator_version_above_the_targets_is_refused_with_both(dynamic) -> None:
    content = dynamic("ai-edge-litert==2.3")
    check_targets("model.tflite", content, of_format(["ai-edge-litert==2.3"], "tflite"))
    with pytest.raises(InputRefused, match=r"FULLY_CONNECTED in version 12; tflite-runtime==2\.14 reads it up to version 10"):
        check_targets("model.tflite", content, of_format([OLD], "tflite"))


def test_dense_layers_are_made_to_fit_a_target_that_knows_no_scale_a_channel(dynamic) -> None:
    content = dynamic(OLD, "ai-edge-litert==2.3")
    versions = {operator.code: operator.version for operator in operators(content)}
    assert versions[FULLY_CONNECTED] <= known_targets()[OLD].operators[FULLY_CONNECTED][1]
    check_targets("model.tflite", content, of_format([OLD], "tflite"))


@pytest.mark.parametrize("precision", sorted(tflite.PRECISIONS))
def test_every_precision_of_a_small_network_suits_the_oldest_tflite_target(precision: str, keras_model, calibration, manifest) -> None:
    content = tflite.convert(keras_model, Kind("tflite", precision, targets=(OLD,)), calibration, manifest)
    check_targets("model.tflite", content, [target for target in known_targets().values() if target.format == "tflite"])


def test_onnx_suits_the_oldest_target_and_a_newer_operator_set_does_not(keras_model, calibration, manifest) -> None:
    import onnx

    content = onnx_format.convert(keras_model, Kind("onnx", "fp32"), calibration, manifest)
    (oldest, *_) = [target for target in known_targets().values() if target.format == "onnx"]
    check_targets("model.onnx", content, [oldest])
    model = onnx.load_from_string(content)
    model.opset_import[0].version = oldest.opset + 1
    with pytest.raises(InputRefused, match=rf"model.onnx: has operator set {oldest.opset + 1}; {oldest.name} reads up to {oldest.opset}"):
        check_targets("model.onnx", model.SerializeToString(), [oldest])
    model.opset_import[0].version, model.ir_version = 17, oldest.ir + 1
    with pytest.raises(InputRefused, match=rf"has IR version {oldest.ir + 1}; {oldest.name} reads up to {oldest.ir}"):
        check_targets("model.onnx", model.SerializeToString(), [oldest])


def test_record_names_the_targets_and_a_refusal_is_one_line_with_exit_2(trained: Path, run_cli, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    loose = ("--max-drop", "1", "--min-agreement", "0")
    refused = run_cli("export", "tflite", trained, "-o", bundle, "--target", "onnxruntime==1.16", *loose)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert not bundle.exists()
    done = run_cli("export", "onnx", trained, "-o", bundle, "--target", "onnxruntime==1.16", "--target", "onnxruntime==1.32", *loose)
    assert done.returncode == 0, done.stderr
    record = json.loads((bundle / "parity.json").read_text())["artifacts"]["model.fp32.onnx"]
    assert record["made_by"]["kind"]["targets"] == ["onnxruntime==1.16", "onnxruntime==1.32"]
    again = run_cli("export", "all", trained, "-o", bundle, "--target", "onnxruntime==1.16", *loose)
    assert again.returncode == 2, "made by another command"
