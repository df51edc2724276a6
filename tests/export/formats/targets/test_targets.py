"""Checks which runtime reads which file, with tables that the runtimes themselves report."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from export.formats.artifact_spec import ArtifactSpec
from export.formats.onnx.from_keras import convert as convert_to_onnx
from export.formats.targets.probe import probe
from export.formats.targets.targets import (
    DEFAULT_TARGETS,
    check_targets,
    choose_targets,
    known_targets,
    targets_of_format,
)
from export.formats.tflite.convert import PRECISIONS, convert
from export.formats.tflite.flatbuffer import operators
from export.formats.tflite.target_check import FULLY_CONNECTED
from runtime.errors import InputRefused

OLD = "tflite-runtime==2.14"


def test_default_targets_are_those_of_the_exported_formats() -> None:
    assert choose_targets((), ["tflite", "onnx"]) == DEFAULT_TARGETS
    assert choose_targets((), ["onnx"]) == ("onnxruntime==1.31",)


def test_a_named_target_replaces_only_the_default_of_its_format() -> None:
    assert choose_targets(["tflite-runtime==2.14.0", OLD], ["tflite", "onnx"]) == (
        OLD,
        "onnxruntime==1.31",
    )


def test_an_unknown_target_is_refused_with_a_list() -> None:
    with pytest.raises(
        InputRefused,
        match=r"==2\.4: no such target; there are .*did you mean 'tflite-runtime==2\.14'\?",
    ):
        choose_targets(["tflite-runtime==2.4"], ["tflite"])


def test_a_target_of_another_format_is_refused() -> None:
    with pytest.raises(
        InputRefused, match=r"--target onnxruntime==1\.16: runs \.onnx files, and none is made here"
    ):
        choose_targets(["onnxruntime==1.16"], ["tflite"])


@pytest.mark.parametrize(
    ("package", "name"), [("ai_edge_litert", "ai-edge-litert"), ("onnxruntime", "onnxruntime")]
)
def test_the_table_is_what_the_installed_runtime_reports(package: str, name: str) -> None:
    row = probe(package)
    version = ".".join(row["package"].split()[1].split(".")[:2])
    target = known_targets()[f"{name}=={version}"]
    operators_here = {int(code): tuple(entry) for code, entry in row.get("operators", {}).items()}
    assert target.operators == operators_here
    assert (target.opset, target.ir) == (row.get("opset", 0), row.get("ir", 0))


def test_newer_runtimes_read_no_less() -> None:
    for package in ("ai-edge-litert", "onnxruntime"):
        rows = [target for name, target in known_targets().items() if name.startswith(package)]
        for older, newer in pairwise(rows):
            assert older.opset <= newer.opset
            assert all(
                newer.operators[code][1] >= version
                for code, (_, version) in older.operators.items()
            )


@pytest.fixture(scope="module")
def dynamic(manifest):
    """Returns a function: targets -> a .tflite with a Dense layer large enough to be quantized."""
    import keras
    from keras import layers

    inputs = keras.Input((64, 64, 3))
    x = layers.Conv2D(32, 3, strides=16)(layers.Rescaling(1 / 128, -127 / 128)(inputs))
    model = keras.Model(
        inputs, layers.Dense(2, activation="softmax")(layers.Dense(64)(layers.Flatten()(x)))
    )

    def make(*targets: str) -> bytes:
        return convert(
            model, ArtifactSpec("tflite", "dynamic", targets=targets), None, manifest
        ).content

    return make


def test_an_operator_version_that_a_target_cannot_read_is_refused(dynamic) -> None:
    content = dynamic("ai-edge-litert==2.3")
    check_targets("model.tflite", content, targets_of_format(["ai-edge-litert==2.3"], "tflite"))
    with pytest.raises(
        InputRefused,
        match=r"FULLY_CONNECTED in version 12; tflite-runtime==2\.14 reads it up to version 10",
    ):
        check_targets("model.tflite", content, targets_of_format([OLD], "tflite"))


def test_dense_layers_are_quantized_per_tensor_for_an_old_target(dynamic) -> None:
    content = dynamic(OLD, "ai-edge-litert==2.3")
    versions = {operator.code: operator.version for operator in operators(content)}
    assert versions[FULLY_CONNECTED] <= known_targets()[OLD].operators[FULLY_CONNECTED][1]
    check_targets("model.tflite", content, targets_of_format([OLD], "tflite"))


@pytest.mark.parametrize("precision", sorted(PRECISIONS))
def test_every_precision_of_a_small_network_suits_the_oldest_tflite_target(
    precision: str, keras_model, calibration, manifest
) -> None:
    content = convert(
        keras_model, ArtifactSpec("tflite", precision, targets=(OLD,)), calibration, manifest
    ).content
    check_targets(
        "model.tflite",
        content,
        [target for target in known_targets().values() if target.format == "tflite"],
    )


def test_the_oldest_target_reads_our_onnx_and_no_newer_operator_set(
    keras_model, calibration, manifest
) -> None:
    import onnx

    content = convert_to_onnx(
        keras_model, ArtifactSpec("onnx", "fp32"), calibration, manifest
    ).content
    (oldest, *_) = [target for target in known_targets().values() if target.format == "onnx"]
    check_targets("model.onnx", content, [oldest])
    model = onnx.load_from_string(content)
    model.opset_import[0].version = oldest.opset + 1
    with pytest.raises(
        InputRefused,
        match=rf"has operator set {oldest.opset + 1}; {oldest.name} reads up to {oldest.opset}",
    ):
        check_targets("model.onnx", model.SerializeToString(), [oldest])
    model.opset_import[0].version, model.ir_version = 17, oldest.ir + 1
    with pytest.raises(
        InputRefused,
        match=rf"has IR version {oldest.ir + 1}; {oldest.name} reads up to {oldest.ir}",
    ):
        check_targets("model.onnx", model.SerializeToString(), [oldest])


def test_the_record_has_the_targets_and_a_refusal_is_one_line_with_exit_2(
    trained: Path, run_cli, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    loose = ("--max-drop", "1", "--min-agreement", "0")
    refused = run_cli(
        "export", "tflite", trained, "-o", bundle, "--target", "onnxruntime==1.16", *loose
    )
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert not bundle.exists()
    done = run_cli(
        "export",
        "onnx",
        trained,
        "-o",
        bundle,
        "--target",
        "onnxruntime==1.16",
        "--target",
        "onnxruntime==1.32",
        *loose,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads((bundle / "parity.json").read_text())["artifacts"]["model.fp32.onnx"]
    assert record["made_by"]["spec"]["targets"] == ["onnxruntime==1.16", "onnxruntime==1.32"]
    again = run_cli("export", "all", trained, "-o", bundle, "--target", "onnxruntime==1.16", *loose)
    assert again.returncode == 2, "made by another command"
